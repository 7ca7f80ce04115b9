{{ config(materialized="table") }}

with

{% set sources = raw_sources() %}
raw_rows as (
    {% for raw in sources %}
    {% set required = required_columns(raw.source_name, raw.name) %}
    select
        '{{ raw.source_name }}' as source_system,
        '{{ raw.name }}' as table_name,
        count(*) as rows_in,
        count(case when {{ required | join(" is null or ") }} is null then 1 end) as rows_unusable,
        count(case when _is_deleted then 1 end) as rows_deleted_at_source,
        count(_unreadable) as rows_with_unreadable_values,
        max(_loaded_at) as newest_loaded_at
    from {{ source(raw.source_name, raw.name) }}
    {{ "union all" if not loop.last }}
    {% else %}
    select
        cast(null as {{ dbt.type_string() }}) as source_system
    {% endfor %}
)

select * from raw_rows
