{{ config(materialized="view") }}

with

segments as (
    select * from {{ ref("int_customer_segments") }}
),

scores as (
    select * from {{ ref("int_scores") }}
),

score_dates as (
    select * from {{ ref("int_score_dates") }}
),

customer_value as (
    select * from {{ ref("int_customer_value") }}
),

bounds as (
    select * from {{ ref("int_quadrant_bounds") }}
),

placed as (
    select
        segments.customer_id,
        segments.score_date,
        segments.scorecard_version,
        segments.engagement_level,
        cast(segments.level_rank as integer) as level_rank,
        segments.persona,
        case
            when scores.score is null then null
            when scores.score > bounds.score_bound and customer_value.spend > bounds.spend_bound
                then 'core'
            when scores.score > bounds.score_bound then 'opportunity'
            when customer_value.spend > bounds.spend_bound then 'risk'
            else 'peripheral'
        end as value_quadrant,
        score_dates.is_period_end,
        score_dates.is_latest
    from segments
    inner join scores
        on segments.customer_id = scores.customer_id
        and segments.score_date = scores.score_date
        and segments.scorecard_version = scores.scorecard_version
    inner join score_dates on segments.score_date = score_dates.score_date
    inner join customer_value
        on segments.customer_id = customer_value.customer_id
        and segments.score_date = customer_value.score_date
    inner join bounds on segments.scorecard_version = bounds.scorecard_version
)

select * from placed
