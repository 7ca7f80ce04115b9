{{ config(
    materialized=incremental_or_table(),
    incremental_strategy="due_scores",
    meta={"due_scorecards": "int_due_scorecards"},
) }}
-- depends_on: {{ ref("int_due_scores") }}, {{ ref("int_due_dates") }}
-- depends_on: {{ ref("int_due_customers") }}, {{ ref("int_due_scorecards") }}

with

{% set normalised = ref("int_normalised_variables") %}
normalised as (
    {% if not is_incremental() %}
    select * from {{ normalised }}
    {% else %}
    {% set restated = "'" ~ due_scorecards("int_due_scorecards") | join("', '") ~ "'" %}
    select * from {{ normalised }}
    where scorecard_version in ({{ restated }})
    union all
    select due.* from {{ due_rows(normalised) }} as due
    where due.scorecard_version not in ({{ restated }})
    {% endif %}
),

weights as (
    select * from {{ ref("int_scorecard_weights") }}
),

markets as (
    select * from {{ ref("int_customer_markets") }}
),

score_dates as (
    select * from {{ ref("int_score_dates") }}
),

-- Per dimension: the weight of what is measurable, and that weight times the normalised values.
weighted as (
    select
        normalised.customer_id,
        normalised.score_date,
        normalised.scorecard_version,
        markets.market,
        {% for dimension in dimensions() %}
        0.0e0
        {% for variable in engagement_variables(dimension) %}
        + case when normalised.{{ variable }} is null then 0 else weights.{{ variable }}_weight end
        {% endfor %} as {{ dimension }}_weight,
        0.0e0
        {% for variable in engagement_variables(dimension) %}
        + coalesce(normalised.{{ variable }}, 0) * weights.{{ variable }}_weight
        {% endfor %} as {{ dimension }}_value,
        {% endfor %}
        weights.total_weight
    from normalised
    inner join markets
        on normalised.customer_id = markets.customer_id
        and normalised.scorecard_version = markets.scorecard_version
    inner join weights
        on markets.scorecard_version = weights.scorecard_version
        and markets.market = weights.market
),

scores as (
    select
        weighted.customer_id,
        weighted.score_date,
        score_dates.score_date_number,
        weighted.scorecard_version,
        weighted.market,
        {{ dimensions() | join("_weight + ") }}_weight as measured_weight,
        100 * (
            ({{ dimensions() | join("_value + ") }}_value)
            / nullif({{ dimensions() | join("_weight + ") }}_weight, 0)
        ) as score,
        {% for dimension in dimensions() %}
        100 * ({{ dimension }}_value / nullif({{ dimension }}_weight, 0)) as score_{{ dimension }},
        {% endfor %}
        ({{ dimensions() | join("_weight + ") }}_weight) / weighted.total_weight as coverage
    from weighted
    inner join score_dates on weighted.score_date = score_dates.score_date
)

select * from scores
{{ "where false" if nothing_is_due() }}
