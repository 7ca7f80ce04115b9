{{ config(materialized="view") }}

with

segments as (
    select
        customer_id,
        score_date,
        scorecard_version,
        coalesce(engagement_level, 'no level') as engagement_level
    from {{ ref("int_customer_segments") }}
),

oldest as (
    select min(score_date) as score_date from {{ ref("int_customer_segments") }}
),

moves as (
    select
        segments.score_date,
        segments.scorecard_version,
        coalesce(previous_segments.engagement_level, 'not scored') as from_level,
        segments.engagement_level as to_level,
        cast(count(*) as integer) as customers
    from segments
    inner join oldest on segments.score_date > oldest.score_date
    left join segments as previous_segments
        on segments.customer_id = previous_segments.customer_id
        and segments.scorecard_version = previous_segments.scorecard_version
        and {{ previous_period_end("segments.score_date") }} = previous_segments.score_date
    group by segments.score_date, segments.scorecard_version, from_level, to_level
)

select * from moves
