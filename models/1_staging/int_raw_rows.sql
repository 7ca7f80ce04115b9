{{ config(incremental_strategy="counted_load_days") }}
-- depends_on: {{ ref("int_erased_identifiers") }}

with

counted as (
    {% for name, differing in load_days_to_count().items() %}
    {% set source_name, table_name = name.split(".") %}
    select
        '{{ source_name }}' as source_system,
        '{{ table_name }}' as table_name,
        _load_date as load_date,
        count(*) as rows_in,
        count(
            case
                when {{ is_erased(contract_columns(source_name, table_name)) }} then 1
            end
        ) as rows_erased,
        max(_loaded_at) as newest_loaded_at,
        {{ load_checksum() }} as load_checksum
    from {{ source(source_name, table_name) }}
    where {{ differing.condition }}
    group by _load_date
    {% for day in differing.gone %}
    union all
    select
        '{{ source_name }}' as source_system,
        '{{ table_name }}' as table_name,
        cast('{{ day }}' as date) as load_date,
        0 as rows_in,
        0 as rows_erased,
        cast(null as timestamp) as newest_loaded_at,
        cast(null as {{ dbt.type_string() }}) as load_checksum
    {% endfor %}
    {{ "union all" if not loop.last }}
    {% else %}
    select
        cast(null as {{ dbt.type_string() }}) as source_system,
        cast(null as {{ dbt.type_string() }}) as table_name,
        cast(null as date) as load_date,
        cast(null as bigint) as rows_in,
        cast(null as bigint) as rows_erased,
        cast(null as timestamp) as newest_loaded_at,
        cast(null as {{ dbt.type_string() }}) as load_checksum
    where false
    {% endfor %}
),

stamped as (
    select
        *,
        {{ run_time() }} as counted_at
    from counted
)

select * from stamped
