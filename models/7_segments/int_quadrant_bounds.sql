with

frozen as (
    select
        scorecard_version,
        max(case when name = 'score' then value end) as score_bound,
        max(case when name = 'spend' then value end) as spend_bound
    from {{ ref("calibration") }}
    where
        kind = 'quadrant'
        and {{ var("use_calibration") }}
    group by scorecard_version
),

versions as (
    select * from {{ ref("int_scorecard_versions") }}
    where scorecard_version not in (select frozen.scorecard_version from frozen)
),

reference_rows as (
    select
        scores.scorecard_version,
        scores.score,
        customer_value.spend
    from {{ ref("int_scores") }} as scores
    inner join versions
        on scores.scorecard_version = versions.scorecard_version
        and scores.score_date between versions.reference_start_date and versions.reference_end_date
    inner join {{ ref("int_score_dates") }} as score_dates
        on scores.score_date = score_dates.score_date
    inner join {{ ref("int_customer_value") }} as customer_value
        on scores.customer_id = customer_value.customer_id
        and scores.score_date = customer_value.score_date
    where
        score_dates.is_period_end
        and scores.score is not null
),

fitted as (
    select
        scorecard_version,
        percentile_cont(0.5) within group (order by score) as score_bound,
        percentile_cont(0.5) within group (order by spend) as spend_bound
    from reference_rows
    group by scorecard_version
),

bounds as (
    select * from frozen
    union all
    select * from fitted
)

select * from bounds
