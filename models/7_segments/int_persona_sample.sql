with

sample as (
    select
        scorecard_version,
        customer_id,
        score_date
    from {{ ref("int_reference_sample") }}
),

scores as (
    select * from {{ ref("int_scores") }}
),

sampled_scores as (
    select
        scores.scorecard_version,
        scores.customer_id,
        {% for dimension in dimensions() %}
        scores.score_{{ dimension }},
        {% endfor %}
        scores.score_date
    from sample
    inner join scores
        on sample.scorecard_version = scores.scorecard_version
        and sample.customer_id = scores.customer_id
        and sample.score_date = scores.score_date
    where scores.score is not null
)

select * from sampled_scores
