{{ config(materialized="view") }}

with

raw_rows as (
    select
        source_system,
        table_name,
        sum(rows_in) as rows_in
    from {{ ref("int_raw_rows") }}
    group by source_system, table_name
),

set_aside as (
    select
        source_system,
        table_name,
        reason_code,
        column_name,
        is_row,
        row_count,
        first_loaded_at
    from {{ ref("int_quarantined_rows") }}
    union all
    select
        source_system,
        table_name,
        'unknown_reference' as reason_code,
        column_name,
        true as is_row,
        1 as row_count,
        cast(null as timestamp) as first_loaded_at
    from {{ ref("int_orphaned_rows") }}
    where replaced_at is null
),

counted as (
    select
        set_aside.source_system,
        set_aside.table_name,
        set_aside.reason_code,
        set_aside.column_name,
        set_aside.is_row,
        cast(sum(set_aside.row_count) as bigint) as row_count,
        cast(sum(set_aside.row_count) as {{ type_double() }}) / max(raw_rows.rows_in) as row_rate,
        min(set_aside.first_loaded_at) as first_loaded_at
    from set_aside
    inner join raw_rows
        on set_aside.source_system = raw_rows.source_system
        and set_aside.table_name = raw_rows.table_name
    group by
        set_aside.source_system, set_aside.table_name, set_aside.reason_code,
        set_aside.column_name, set_aside.is_row
)

select * from counted
