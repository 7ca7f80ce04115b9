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
            "variable_name", "'|'", "market", "'|'", "direction", "'|'", "normaliser", "'|'",
            as_text("weight"),
        ]) }} as rule
    from {{ ref("int_scorecards") }}
    union all
    select
        scorecard_version,
        {{ dbt.concat([
            "variable_name", "'|'", "statistic", "'|'", as_text("round(value, 9)"),
        ]) }} as rule
    from {{ ref("int_normalisation_parameters") }}
),

scorecards as (
    select
        scorecard_version,
        md5({{ dbt.listagg("rule", "','", "order by rule") }}) as rules_fingerprint
    from rules
    group by scorecard_version
)

{{ keep_replaced("scorecards") }}
