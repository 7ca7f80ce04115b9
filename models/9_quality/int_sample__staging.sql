{{ config(materialized="view") }}

{% set tables = {
    "stg_crm__customers": {
        "relation": ref("stg_crm__customers"),
        "key": "customer_id",
        "texts": ["country", "market"],
    },
    "stg_loyalty__transactions": {
        "relation": ref("stg_loyalty__transactions"),
        "key": "transaction_id",
        "day": "transacted_at",
        "texts": ["sales_channel", "currency"],
    },
    "stg_web__events": {
        "relation": ref("stg_web__events"),
        "key": "event_id",
        "day": "event_at",
        "numbers": ["engaged_seconds"],
        "texts": ["event_name"],
    },
    "stg_app__events": {
        "relation": ref("stg_app__events"),
        "key": "event_id",
        "day": "event_at",
        "numbers": ["engaged_seconds"],
        "texts": ["event_name"],
    },
} %}
{% for table in tables.values() %}
{% set last_week = table.day ~ " > (select " ~ dbt.dateadd("day", -8, "max(newest_loaded_at)")
    ~ " from " ~ ref("int_raw_rows") ~ ")" %}
{% do table.update({
    "where": "replaced_at is null" ~ (" and " ~ last_week if table.day else ""),
}) %}
{% endfor %}

{{ sample_of(tables) }}
