with

frozen as (
    select
        scorecard_version,
        cast(statistic as integer) as score_step,
        value as percentile
    from {{ ref("calibration") }}
    where
        kind = 'percentile'
        and {{ var("use_calibration") }}
),

versions as (
    select * from {{ ref("int_scorecard_versions") }}
    where scorecard_version not in (select frozen.scorecard_version from frozen)
),

reference_scores as (
    select
        scores.scorecard_version,
        cast(ceil(scores.score) as integer) as score_step,
        count(*) as score_count
    from {{ ref("int_scores") }} as scores
    inner join versions
        on scores.scorecard_version = versions.scorecard_version
        and scores.score_date between versions.reference_start_date and versions.reference_end_date
    inner join {{ ref("int_score_dates") }} as score_dates
        on scores.score_date = score_dates.score_date
    where
        score_dates.is_period_end
        and scores.score is not null
    group by scores.scorecard_version, cast(ceil(scores.score) as integer)
),

steps as (
    {% for step in range(101) %}
    select {{ step }} as score_step
    {{ "union all" if not loop.last }}
    {% endfor %}
),

fitted as (
    select
        versions.scorecard_version,
        steps.score_step,
        sum(
            case
                when reference_scores.score_step <= steps.score_step
                    then reference_scores.score_count
                else 0
            end
        ) / cast(sum(reference_scores.score_count) as {{ type_double() }}) as percentile
    from versions
    cross join steps
    left join reference_scores on versions.scorecard_version = reference_scores.scorecard_version
    group by versions.scorecard_version, steps.score_step
),

percentiles as (
    select * from frozen
    union all
    select * from fitted
),

with_next as (
    select
        *,
        coalesce(
            lead(percentile) over (partition by scorecard_version order by score_step), percentile
        ) as next_percentile
    from percentiles
)

select * from with_next
