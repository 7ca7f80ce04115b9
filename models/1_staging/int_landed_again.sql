{{ config(incremental_strategy="landed_keys") }}
-- depends_on: {{ ref("int_raw_rows") }}

with

versions as (
    {% for raw in changed_raw_tables() %}
    {% set order = version_order(raw.source_name, raw.table_name) %}
    select
        '{{ raw.source_name }}' as source_system,
        '{{ raw.table_name }}' as table_name,
        row_key,
        identity_hash,
        _is_deleted,
        _load_date,
        is_erased,
        content,
        row_number() over (partition by row_key order by {{ order }}) as version_number,
        lag(content) over (partition by row_key order by {{ order }}) as next_content
    from (
        select
            *,
            {{ row_content(raw.source_name, raw.table_name) }} as content
        from (
            {{ keyed_rows(raw.source_name, raw.table_name, may_have_versions(raw)) }}
        ) as keyed
    ) as landed
    {{ "union all" if not loop.last }}
    {% else %}
    select
        cast(null as {{ dbt.type_string() }}) as source_system,
        cast(null as {{ dbt.type_string() }}) as table_name,
        cast(null as {{ dbt.type_string() }}) as row_key,
        {{ key_hash("''") }} as identity_hash,
        cast(null as boolean) as _is_deleted,
        cast(null as date) as _load_date,
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
        identity_hash,
        min(_load_date) as first_load_date,
        max(_load_date) as last_load_date,
        count(case when version_number > 1 and content != next_content then 1 end)
            as rows_superseded,
        count(case when version_number > 1 and content = next_content then 1 end)
            as rows_duplicate,
        count(case when version_number = 1 and _is_deleted then 1 end) as rows_deleted
    from versions
    where not is_erased
    group by source_system, table_name, row_key, identity_hash
    having
        max(version_number) > 1
        or count(case when version_number = 1 and _is_deleted then 1 end) = 1
)

select * from counted
