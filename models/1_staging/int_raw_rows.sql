{{ config(
    incremental_strategy="delete+insert",
    unique_key=["source_system", "table_name", "load_date"],
) }}

{% set load_date = "coalesce(cast(_loaded_at as date), cast('0001-01-01' as date))" %}
{% set counted_until = {} %}
{% if is_incremental() and execute %}
{% for row in run_query(
    "select source_system, table_name, max(load_date) from " ~ this ~ " group by 1, 2"
).rows %}
{% do counted_until.update({row[0] ~ "." ~ row[1]: row[2]}) %}
{% endfor %}
{% endif %}

with

{% set sources = raw_sources() %}
counted as (
    {% for raw in sources %}
    {% set required = required_columns(raw.source_name, raw.name) %}
    {% set from_date = counted_until.get(raw.source_name ~ "." ~ raw.name) %}
    select
        '{{ raw.source_name }}' as source_system,
        '{{ raw.name }}' as table_name,
        {{ load_date }} as load_date,
        count(*) as rows_in,
        count(
            case
                when not coalesce(_is_deleted, false)
                    and ({{ required | join(" is null or ") }} is null)
                    then 1
            end
        ) as rows_unusable,
        count(case when _is_deleted then 1 end) as rows_deleted_at_source,
        count(_unreadable) as rows_with_unreadable_values,
        max(_loaded_at) as newest_loaded_at
    from {{ source(raw.source_name, raw.name) }}
    {% if from_date %}
    where
        _loaded_at is null
        or _loaded_at >= cast({{ dbt.dateadd(
            "minute", -var("load_overlap_minutes"), "cast('" ~ from_date ~ "' as timestamp)"
        ) }} as date)
    {% endif %}
    group by {{ load_date }}
    {{ "union all" if not loop.last }}
    {% else %}
    select
        cast(null as {{ dbt.type_string() }}) as source_system
    {% endfor %}
)

select * from counted
{% if is_incremental() %}
except
select * from {{ this }}
{% endif %}
