{{ config(materialized="view") }}

with

raw_rows as (
    select * from {{ ref("int_raw_rows") }}
),

raw_tables as (
    {% for raw in raw_sources() %}
    select
        '{{ raw.source_name }}' as source_system,
        '{{ raw.name }}' as table_name
    {{ "union all" if not loop.last }}
    {% else %}
    select distinct
        source_system,
        table_name
    from raw_rows
    {% endfor %}
),

summed as (
    select
        raw_tables.source_system,
        raw_tables.table_name,
        cast(coalesce(sum(raw_rows.rows_in), 0) as bigint) as rows_in,
        cast(coalesce(sum(raw_rows.rows_unusable), 0) as bigint) as rows_unusable,
        cast(coalesce(sum(raw_rows.rows_deleted_at_source), 0) as bigint)
            as rows_deleted_at_source,
        cast(coalesce(sum(raw_rows.rows_with_unreadable_values), 0) as bigint)
            as rows_with_unreadable_values,
        max(raw_rows.newest_loaded_at) as newest_loaded_at
    from raw_tables
    left join raw_rows
        on raw_tables.source_system = raw_rows.source_system
        and raw_tables.table_name = raw_rows.table_name
    group by raw_tables.source_system, raw_tables.table_name
)

select * from summed
