{{ config(
    materialized=incremental_or_table(),
    incremental_strategy="delete+insert",
    unique_key=["table_name", "part", "column_name", "profile_date"],
) }}
-- depends_on: {{ ref("int_raw_rows") }}

{% set profiled_until = {} %}
{% if is_incremental() and execute %}
{% for row in run_query(
    "select table_name, max(profile_date) from " ~ this ~ " group by table_name"
).rows %}
{% do profiled_until.update({row[0]: row[1]}) %}
{% endfor %}
{% endif %}

-- Of an increment: the load days that changed, and the last two, whatever else the run selects.
{% set tables = {} %}
{% for raw in raw_sources() %}
{% set name = raw.source_name ~ "." ~ raw.name %}
{% set types, late = {"_set_aside": "varchar"}, [] %}
{% for column in raw.columns.values() %}
{% do types.update({column.name: column.data_type}) %}
{% if column.data_type == "timestamp" and column.config.meta.get("required") %}
{% do late.append(column.name ~ " > " ~ dbt.dateadd("hour", 1, "_loaded_at")) %}
{% endif %}
{% endfor %}
{% set from_date = profiled_until.get(name) %}
{% do tables.update({name: {
    "relation": source(raw.source_name, raw.name),
    "source_system": raw.source_name,
    "rhythm": "day",
    "types": types,
    "checks": {"happened_after_its_load": late | join(" or ")} if late else {},
    "day": "_load_date",
    "due": "(" ~ changed_load_days(raw.source_name, raw.name).condition ~ " or _load_date >= cast("
        ~ dbt.dateadd("day", -1, "cast('" ~ from_date ~ "' as date)") ~ " as date))" if from_date,
}}) %}
{% endfor %}

{{ profile(tables) }}
