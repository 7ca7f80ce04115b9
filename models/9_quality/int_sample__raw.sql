{{ config(materialized="view") }}

{% set tables = {
    "raw_crm.consents": {
        "key": dbt.concat(["customer_id", "'|'", "channel", "'|'", as_text("changed_at")]),
        "texts": ["channel", "status"],
    },
    "raw_crm.campaign_contacts": {
        "key": dbt.concat(["customer_id", "'|'", "channel", "'|'", as_text("sent_at")]),
        "texts": ["channel"],
    },
    "raw_loyalty.transactions": {
        "key": "transaction_id",
        "texts": ["sales_channel", "currency"],
    },
} %}
{% for name, table in tables.items() %}
{% set source_name, table_name = name.split(".") %}
{% do table.update({
    "relation": source(source_name, table_name),
    "where": "_loaded_at is null or _loaded_at > (select " ~ dbt.dateadd(
        "day", -8, "max(newest_loaded_at)"
    ) ~ " from " ~ ref("int_raw_rows") ~ " where source_system = '" ~ source_name ~ "')",
}) %}
{% endfor %}

{{ sample_of(tables) }}
