{{ config(
    incremental_strategy="load_days",
    post_hook=after_commit("{{ check_quarantine() }}"),
) }}
-- depends_on: {{ ref("int_raw_rows") }}

with

set_aside as (
    {% for raw in changed_raw_tables() %}
    select
        '{{ raw.source_name }}' as source_system,
        '{{ raw.table_name }}' as table_name,
        _load_date as load_date,
        coalesce(_rejected, _set_aside) as reasons,
        _rejected is not null as is_row,
        -- Many rows may have a placeholder for a login; they are counted as one.
        case
            when _rejected is null and replace(_set_aside, 'placeholder:', '') not like '%:%'
                then null
            else {{ kept_text(raw.source_name, raw.table_name) }}
        end as raw_row,
        _loaded_at as loaded_at
    from {{ source(raw.source_name, raw.table_name) }}
    where
        coalesce(_rejected, _set_aside) is not null
        and not {{ is_erased(contract_columns(raw.source_name, raw.table_name)) }}
        and {{ raw.condition }}
    {{ "union all" if not loop.last }}
    {% else %}
    select
        cast(null as {{ dbt.type_string() }}) as source_system,
        cast(null as {{ dbt.type_string() }}) as table_name,
        cast(null as date) as load_date,
        cast(null as {{ dbt.type_string() }}) as reasons,
        cast(null as boolean) as is_row,
        cast(null as {{ dbt.type_string() }}) as raw_row,
        cast(null as timestamp) as loaded_at
    where false
    {% endfor %}
),

-- The same unusable row landed many times is one row here.
counted as (
    select
        source_system,
        table_name,
        load_date,
        split_part(split_part(reasons, ',', 1), ':', 1) as reason_code,
        nullif(split_part(split_part(reasons, ',', 1), ':', 2), '') as column_name,
        reasons,
        is_row,
        raw_row,
        count(*) as row_count,
        min(loaded_at) as first_loaded_at
    from set_aside
    group by source_system, table_name, load_date, reasons, is_row, raw_row
)

select * from counted
