{{ config(
    materialized=incremental_or_table(),
    incremental_strategy="delete+insert",
    unique_key=["table_name", "part", "column_name", "profile_date"],
    meta={"measures_followers": true},
) }}

{% set recent_dates = "(select score_date from " ~ ref("int_score_dates")
    ~ " order by score_date desc limit 5)" %}
{% set tables = {
    "dim_customers": {"relation": ref("dim_customers")},
    "fct_engagement_scores": {
        "relation": ref("fct_engagement_scores"),
        "part": "scorecard_version",
    },
    "fct_customer_segments": {
        "relation": ref("fct_customer_segments"),
        "part": "scorecard_version",
        "checks": {"without_a_level": "engagement_level is null"},
    },
    "fct_customer_value": {"relation": ref("fct_customer_value")},
} %}
-- Where nothing is new that moves them, they are as they were.
{% if execute and is_incremental() and not written_since_mark([
    "int_touched_customers", "int_customers", "int_running_activities", "int_restated_scorecards",
    "int_restated_segments", "stg_loyalty__transaction_amounts"
]) %}
{% set tables = {} %}
{% endif %}
{% for name, table in tables.items() %}
{% do table.update({"types": column_types(table.relation)}) %}
{% if name.startswith("fct_") %}
{% do table.update({
    "rhythm": "score date",
    "day": "score_date",
    "where": "score_date in " ~ recent_dates,
}) %}
{% endif %}
{% endfor %}

{{ profile(tables) }}
