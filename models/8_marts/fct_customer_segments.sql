{{ config(materialized="view") }}

with

segments as (
    select * from {{ ref("int_customer_segments") }}
),

scores as (
    select * from {{ ref("int_scores") }}
),

newest as (
    select max(score_date) as score_date from {{ ref("int_customer_segments") }}
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
            when scores.score is null or customer_value.spend is null then null
            when bounds.score_bound is null or bounds.spend_bound is null then null
            when scores.score > bounds.score_bound and customer_value.spend > bounds.spend_bound
                then 'core'
            when scores.score > bounds.score_bound then 'opportunity'
            when customer_value.spend > bounds.spend_bound then 'risk'
            else 'peripheral'
        end as value_quadrant,
        segments.score_date = {{ period_end("segments.score_date") }} as is_period_end,
        segments.score_date = newest.score_date as is_latest
    from segments
    cross join newest
    -- A run that stops on the way leaves scores or spend of other dates: then no quadrant is known.
    left join scores
        on segments.customer_id = scores.customer_id
        and segments.score_date = scores.score_date
        and segments.scorecard_version = scores.scorecard_version
    left join customer_value
        on segments.customer_id = customer_value.customer_id
        and segments.score_date = customer_value.score_date
    left join bounds on segments.scorecard_version = bounds.scorecard_version
)

select * from placed
