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
        cast(split_part(entry, ',', 1) as date) as load_date,
        cast(split_part(entry, ',', 2) as bigint) as rows_in,
        cast(0 as bigint) as rows_erased,
        cast(nullif(split_part(entry, ',', 3), '') as timestamp) as newest_loaded_at,
        nullif(split_part(entry, ',', 4), '') as load_checksum
    from ({{ entries_of_text(to_count.known) }}) as known
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
