{{ config(
    materialized=incremental_or_table(),
    incremental_strategy="keep_replaced",
    unique_key="scorecard_version",
) }}

with

rules as (
    select
        scorecard_version,
        {{ dbt.concat([
            "engagement_level", "'|'", as_text("level_rank"), "'|'", as_text("lower_bound"), "'|'",
            as_text("margin"),
        ]) }} as rule
    from {{ ref("int_engagement_levels") }}
    union all
    select
        scorecard_version,
        {{ as_text("minimum_coverage") }} as rule
    from {{ ref("int_scorecard_versions") }}
    union all
    select
        scorecard_version,
        {{ dbt.concat([
            "persona", "'|'", "dimension", "'|'", "statistic", "'|'", as_text("round(value, 9)"),
        ]) }} as rule
    from {{ ref("int_persona_centroids") }}
),

segments as (
    select
        scorecard_version,
        md5({{ dbt.listagg("rule", "','", "order by rule") }}) as rules_fingerprint
    from rules
    group by scorecard_version
)

{{ keep_replaced("segments") }}
