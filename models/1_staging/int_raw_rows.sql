{{ config(incremental_strategy="counted_load_days") }}
-- depends_on: {{ ref("int_erased_identifiers") }}

with

counted as (
    {% for name, to_count in load_days_to_count().items() %}
    {% set source_name, table_name = name.split(".") %}
    {% if to_count.condition %}
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
    where {{ to_count.condition }}
    group by _load_date
    {{ "union all" if to_count.known or not loop.last }}
    {% endif %}
    {% if to_count.known %}
    select
        '{{ source_name }}' as source_system,
        '{{ table_name }}' as table_name,
        cast(load_day as date) as load_date,
        cast(rows_in as bigint) as rows_in,
        cast(0 as bigint) as rows_erased,
        cast(newest as timestamp) as newest_loaded_at,
        cast(checksum as {{ dbt.type_string() }}) as load_checksum
    from (
        values
        {% for day, (rows_in, newest, checksum) in to_count.known.items() %}
        (
            '{{ day }}',
            {{ rows_in }},
            {{ "'" ~ newest ~ "'" if newest else "null" }},
            {{ "'" ~ checksum ~ "'" if checksum else "null" }}
        ){{ "," if not loop.last }}
        {% endfor %}
    ) as known (load_day, rows_in, newest, checksum)
    {% endif %}
    {{ "union all" if to_count.known and not loop.last }}
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
