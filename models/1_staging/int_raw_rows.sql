{{ config(incremental_strategy="load_dates") }}
-- depends_on: {{ ref("int_erased_identifiers") }}

with

counted as (
    {% for raw in newly_landed_tables() %}
    select
        '{{ raw.source_name }}' as source_system,
        '{{ raw.table_name }}' as table_name,
        {{ load_date() }} as load_date,
        count(*) as rows_in,
        count(
            case
                when {{ is_erased(contract_columns(raw.source_name, raw.table_name)) }} then 1
            end
        ) as rows_erased,
        max(_loaded_at) as newest_loaded_at
    from {{ source(raw.source_name, raw.table_name) }}
    where {{ raw.condition }}
    group by {{ load_date() }}
    {{ "union all" if not loop.last }}
    {% else %}
    select
        cast(null as {{ dbt.type_string() }}) as source_system,
        cast(null as {{ dbt.type_string() }}) as table_name,
        cast(null as date) as load_date,
        cast(null as bigint) as rows_in,
        cast(null as bigint) as rows_erased,
        cast(null as timestamp) as newest_loaded_at
    where false
    {% endfor %}
)

select * from counted
