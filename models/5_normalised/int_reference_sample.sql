{{ config(post_hook=after_commit("{{ check_reference() }}")) }}

with

variables as (
    select * from {{ ref("int_engagement_variables") }}
),

frozen as (
    {{ calibrated_versions() }}
),

-- Nothing is fitted again for a version that is calibrated.
versions as (
    select * from {{ ref("int_scorecard_versions") }}
    where scorecard_version not in (select frozen.scorecard_version from frozen)
),

period_ends as (
    select * from {{ ref("int_score_dates") }}
    where is_period_end
),

in_reference as (
    select
        versions.scorecard_version,
        variables.customer_id,
        variables.score_date
    from versions
    inner join period_ends
        on versions.reference_start_date <= period_ends.score_date
        and versions.reference_end_date >= period_ends.score_date
    inner join variables on period_ends.score_date = variables.score_date
),

-- In the order of a hash, so that neither the engine nor the order of rows matters.
sampled as (
    select * from in_reference
    qualify row_number() over (
            partition by scorecard_version
            order by
                md5({{ dbt.concat(["customer_id", "'|'", as_text("score_date")]) }}), customer_id
        ) <= {{ var("reference_sample_rows") }}
),

with_variables as (
    select
        sampled.scorecard_version,
        variables.*
    from sampled
    inner join {{ few_of(
        ref("int_engagement_variables"), "customer_id, score_date",
        "select customer_id, score_date from sampled",
    ) }} as variables
        on sampled.customer_id = variables.customer_id
        and sampled.score_date = variables.score_date
)

select * from with_variables
