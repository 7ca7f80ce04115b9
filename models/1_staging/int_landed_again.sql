{{ config(incremental_strategy="landed_keys") }}
-- depends_on: {{ ref("int_raw_rows") }}

with

versions as (
    {% for raw in newly_landed_tables() %}
    select
        '{{ raw.source_name }}' as source_system,
        '{{ raw.table_name }}' as table_name,
        row_key,
        _is_deleted,
        is_erased,
        content,
        row_number() over (
            partition by row_key order by {{ version_order(raw.source_name, raw.table_name) }}
        ) as version_number,
        lag(content) over (
            partition by row_key order by {{ version_order(raw.source_name, raw.table_name) }}
        ) as next_content
    from (
        select
            *,
            {{ row_key(raw.source_name, raw.table_name) }} as row_key,
            {{ row_content(raw.source_name, raw.table_name) }} as content,
            {{ is_erased(contract_columns(raw.source_name, raw.table_name)) }} as is_erased
        from {{ source(raw.source_name, raw.table_name) }}
        where
            _rejected is null
            and {{ key_hash(row_key(raw.source_name, raw.table_name)) }} in (
                select {{ key_hash(row_key(raw.source_name, raw.table_name)) }}
                from {{ source(raw.source_name, raw.table_name) }} as again
                where again._rejected is null
                {% if is_incremental() %}
                    and {{ raw.condition }}
                {% else %}
                group by {{ key_hash(row_key(raw.source_name, raw.table_name)) }}
                having count(*) > 1 or max(case when again._is_deleted then 1 end) = 1
                {% endif %}
            )
    ) as landed
    {{ "union all" if not loop.last }}
    {% else %}
    select
        cast(null as {{ dbt.type_string() }}) as source_system,
        cast(null as {{ dbt.type_string() }}) as table_name,
        cast(null as {{ dbt.type_string() }}) as row_key,
        cast(null as boolean) as _is_deleted,
        cast(null as boolean) as is_erased,
        cast(null as {{ dbt.type_string() }}) as content,
        cast(null as bigint) as version_number,
        cast(null as {{ dbt.type_string() }}) as next_content
    where false
    {% endfor %}
),

counted as (
    select
        source_system,
        table_name,
        {{ hash_identifier("row_key") }} as row_key_hash,
        count(case when version_number > 1 and content != next_content then 1 end)
            as rows_superseded,
        count(case when version_number > 1 and content = next_content then 1 end)
            as rows_duplicate,
        count(case when version_number = 1 and _is_deleted then 1 end) as rows_deleted
    from versions
    where not is_erased
    group by source_system, table_name, row_key
    having
        max(version_number) > 1
        or count(case when version_number = 1 and _is_deleted then 1 end) = 1
)

select * from counted
