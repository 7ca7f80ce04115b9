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

score_dates as (
    select * from {{ ref("int_score_dates") }}
),

moves as (
    select
        segments.score_date,
        segments.scorecard_version,
        coalesce(previous_segments.engagement_level, 'not scored') as from_level,
        segments.engagement_level as to_level,
        cast(count(*) as integer) as customers
    from segments
    inner join score_dates on segments.score_date = score_dates.score_date
    left join segments as previous_segments
        on segments.customer_id = previous_segments.customer_id
        and segments.scorecard_version = previous_segments.scorecard_version
        and score_dates.previous_score_date = previous_segments.score_date
    where score_dates.previous_score_date is not null
    group by segments.score_date, segments.scorecard_version, from_level, to_level
)

select * from moves
