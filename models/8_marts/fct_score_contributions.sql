{{ config(materialized="view") }}

{% set variables = engagement_variables() or ["none"] %}
with

normalised as (
    select * from {{ ref("int_normalised_variables") }}
    unpivot include nulls (normalised_value for variable_name in ({{ variables | join(", ") }}))
),

variable_values as (
    select * from {{ ref("int_engagement_variables") }}
    unpivot include nulls (variable_value for variable_name in ({{ variables | join(", ") }}))
),

scorecards as (
    select * from {{ ref("int_scorecards") }}
),

scores as (
    select * from {{ ref("int_scores") }}
),

weighted as (
    select
        normalised.customer_id,
        normalised.score_date,
        normalised.scorecard_version,
        scorecards.dimension,
        normalised.variable_name,
        variable_values.variable_value,
        normalised.normalised_value,
        case
            when normalised.normalised_value is null then 0
            else coalesce(scorecards.weight / nullif(scores.measured_weight, 0), 0)
        end as effective_weight
    from normalised
    inner join scores
        on normalised.customer_id = scores.customer_id
        and normalised.score_date = scores.score_date
        and normalised.scorecard_version = scores.scorecard_version
    inner join scorecards
        on scores.scorecard_version = scorecards.scorecard_version
        and scores.market = scorecards.market
        and normalised.variable_name = scorecards.variable_name
    inner join variable_values
        on normalised.customer_id = variable_values.customer_id
        and normalised.score_date = variable_values.score_date
        and normalised.variable_name = variable_values.variable_name
),

contributions as (
    select
        *,
        100 * effective_weight * coalesce(normalised_value, 0) as contribution
    from weighted
)

select * from contributions
