-- Over 100 lines: the sums are taken in two steps that only make sense together.
{{ config(materialized="view") }}

{% set counts = activity_catalogue() %}
{% set items = ["active_weeks", "categories_bought", "preferences_held"] %}
{% for channel in ["email", "postal", "sms", "push"] %}
{% do items.extend([channel ~ "_granted", channel ~ "_left"]) %}
{% endfor %}

with

summed_scores as (
    select * from {{ ref("int_summed_scores") }}
),

spans as (
    select * from {{ ref("int_counted_spans") }}
),

calendar as (
    select * from {{ ref("int_calendar") }}
),

bounds as (
    select min(calendar_date) as first_date from calendar
),

-- What counts at the same of the score dates that are due, from starts_on to before ends_on, is
-- summed first. Days that decay count what is left of them at starts_on, so that no sum overflows.
summed as (
    select
        spans.customer_number,
        spans.item,
        starts.score_date as starts_on,
        ends.score_date as ends_on,
        sum(
            case
                when spans.item = 'decayed_days'
                    then {{ decay("spans.counts_from", "starts.score_date") }}
                else spans.units
            end
        ) as units,
        sum(spans.engaged_seconds) as engaged_seconds,
        max(spans.counts_from) as last_date
    from spans
    cross join bounds
    inner join calendar as starts
        on starts.calendar_date
        = greatest(spans.counts_from, spans.first_due_date, bounds.first_date)
    left join calendar as ends
        on spans.counts_until = ends.calendar_date
    where
        coalesce(spans.counts_until > greatest(spans.first_due_date, bounds.first_date), true)
        and coalesce(ends.score_date > starts.score_date, true)
    group by spans.customer_number, spans.item, starts.score_date, ends.score_date
),

stretches as (
    select
        customer_number,
        starts_on,
        ends_on,
        {% for activity, kind in counts.items() %}
        sum(case when item = '{{ activity }}' then units end) as {{ activity }}_count,
        {% if kind.has_duration %}
        sum(case when item = '{{ activity }}' then engaged_seconds end)
            as {{ activity }}_seconds,
        {% endif %}
        {% endfor %}
        {% for channel in engagement_channels() %}
        max(case when item in ({{ engagements(channel) }}) then last_date end)
            as {{ channel }}_last_date,
        {% endfor %}
        {% for item in items + ["decayed_days"] %}
        sum(case when item = '{{ item }}' then units end) as {{ item }},
        {% endfor %}
        count(*) as span_count
    from summed
    group by customer_number, starts_on, ends_on
),

totals as (
    select
        summed_scores.customer_id,
        summed_scores.score_date,
        {% for activity, kind in counts.items() %}
        coalesce(sum(stretches.{{ activity }}_count), 0) as {{ activity }}_count,
        {% if kind.has_duration %}
        round(coalesce(sum(stretches.{{ activity }}_seconds), 0), 3) as {{ activity }}_seconds,
        {% endif %}
        {% endfor %}
        {% for channel in engagement_channels() %}
        max(stretches.{{ channel }}_last_date) as {{ channel }}_last_date,
        {% endfor %}
        {% for item in items %}
        coalesce(sum(stretches.{{ item }}), 0) as {{ item }},
        {% endfor %}
        coalesce(
            sum(
                stretches.decayed_days
                * {{ decay("stretches.starts_on", "summed_scores.score_date") }}
            ), 0
        ) as decayed_days,
        summed_scores.is_web_visitor,
        summed_scores.is_app_user,
        summed_scores.is_member
    from summed_scores
    left join stretches
        on summed_scores.customer_number = stretches.customer_number
        and summed_scores.score_date >= stretches.starts_on
        and summed_scores.score_date < coalesce(stretches.ends_on, cast('9999-12-31' as date))
    group by
        summed_scores.customer_id,
        summed_scores.score_date,
        summed_scores.is_web_visitor,
        summed_scores.is_app_user,
        summed_scores.is_member
)

select * from totals
