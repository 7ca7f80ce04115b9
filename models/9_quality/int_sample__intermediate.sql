{{ config(materialized="view") }}

{% set as_of = "(select max(score_date) from " ~ ref("int_score_dates") ~ ")" %}
{{ sample_of({
    "int_activities": {
        "relation": ref("int_activities"),
        "key": dbt.concat([
            "coalesce(customer_id, unidentified_as, '')", "'|'", "activity", "'|'",
            as_text("activity_at"),
        ]),
        "where": "activity_date > " ~ dbt.dateadd("day", -28, as_of),
        "numbers": ["engaged_seconds"],
        "texts": ["channel"],
    },
    "int_engagement_variables": {
        "relation": ref("int_engagement_variables"),
        "key": "customer_id",
        "where": "score_date = " ~ as_of,
        "numbers": [
            "recency_days", "decayed_active_days", "channel_diversity", "email_opens",
            "web_visits", "app_visits", "store_visits",
        ],
    },
}) }}
