{{ config(materialized="view") }}

with

scores as (
    select * from {{ ref("int_scores") }}
),

newest as (
    select max(score_date) as score_date from {{ ref("int_scores") }}
),

versions as (
    select * from {{ ref("int_scorecard_versions") }}
),

percentiles as (
    select * from {{ ref("int_score_percentiles") }}
),

compared as (
    select
        scores.customer_id,
        scores.score_date,
        scores.scorecard_version,
        scores.score,
        {% for dimension in dimensions() %}
        scores.score_{{ dimension }},
        {% endfor %}
        scores.coverage,
        previous_scores.score as previous_score,
        scores.score - previous_scores.score as score_change,
        percentiles.percentile + (scores.score - percentiles.score_step)
        * (percentiles.next_percentile - percentiles.percentile) as percentile,
        scores.score_date = {{ period_end("scores.score_date") }} as is_period_end,
        scores.score_date = newest.score_date as is_latest,
        scores.score_date < versions.reference_end_date as is_before_reference
    from scores
    cross join newest
    inner join versions on scores.scorecard_version = versions.scorecard_version
    left join scores as previous_scores
        on scores.customer_id = previous_scores.customer_id
        and scores.scorecard_version = previous_scores.scorecard_version
        and {{ previous_period_end("scores.score_date") }} = previous_scores.score_date
    left join percentiles
        on scores.scorecard_version = percentiles.scorecard_version
        and cast(floor(scores.score) as integer) = percentiles.score_step
)

select * from compared
