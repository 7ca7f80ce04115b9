{{ config(
    materialized=incremental_or_table(),
    incremental_strategy="delete+insert",
    unique_key=["table_name", "part", "column_name", "profile_date"],
    meta={"measures_followers": true},
) }}

{% set as_of = "(select max(score_date) from " ~ ref("int_score_dates") ~ ")" %}
{% set recent_dates = "(select score_date from " ~ ref("int_score_dates")
    ~ " order by score_date desc limit 5)" %}
{% set tables = {
    "int_customers": {
        "relation": ref("int_customers"),
        "where": "replaced_at is null",
        "due": "exists (select 1 from " ~ ref("int_customers")
            ~ " where written_at > " ~ mark() ~ ")",
    },
    "int_consents": {
        "relation": ref("int_consents"),
        "checks": {"ends_before_it_starts": "counts_until < counts_from"},
    },
    "int_activities": {
        "relation": ref("int_activities"),
        "day": "activity_date",
        "where": "activity_date > " ~ dbt.dateadd("day", -35, as_of),
        "checks": {
            "unidentified": "coalesce(excluded_reason, '') = 'unidentified'",
            "by_a_bot": "coalesce(excluded_reason, '') = 'bot'",
        },
    },
    "int_engagement_variables": {
        "relation": ref("int_engagement_variables"),
        "rhythm": "score date",
        "day": "score_date",
        "where": "score_date in " ~ recent_dates,
    },
    "int_normalised_variables": {
        "relation": ref("int_normalised_variables"),
        "rhythm": "score date",
        "day": "score_date",
        "part": "scorecard_version",
        "where": "score_date in " ~ recent_dates,
    },
} %}
-- Where nothing is new that moves them, they are as they were.
{% if execute and is_incremental() and not written_since_mark([
    "int_touched_customers", "int_customers", "int_running_activities", "int_restated_scorecards"
]) %}
{% set tables = {} %}
{% endif %}
{% for table in tables.values() %}
{% do table.update({"types": column_types(table.relation)}) %}
{% endfor %}

{{ profile(tables) }}
