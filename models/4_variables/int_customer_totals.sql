{{ config(materialized="view") }}

{% set sums = [] %}
{% for activity, kind in activity_catalogue().items() %}
{% do sums.append(activity ~ "_count") %}
{% if kind.has_duration %}{% do sums.append(activity ~ "_seconds") %}{% endif %}
{% endfor %}
{% set distinct_sums = ["decayed_days", "active_weeks", "categories_bought"] %}
{% set state_sums = ["preferences_given", "member", "web_visitor", "app_user"] %}
{% for channel in consent_channels() %}
{% do state_sums.extend([channel ~ "_granted", channel ~ "_left"]) %}
{% endfor %}

with

customers as (
    select * from {{ ref("int_scored_customers") }}
),

score_dates as (
    select * from {{ ref("int_score_dates") }}
),

spine as (
    select
        customers.customer_id,
        customers.first_score_date_number,
        score_dates.score_date_number,
        score_dates.score_date
    from customers
    cross join score_dates
),

totals as (
    select
        spine.customer_id,
        spine.first_score_date_number,
        spine.score_date_number,
        {% for column in sums %}
        round(coalesce(sum(activity_changes.{{ column }}) over history, 0), 3) as {{ column }},
        {% endfor %}
        {% for column in distinct_sums %}
        coalesce(sum(distinct_changes.{{ column }}) over history, 0) as {{ column }},
        {% endfor %}
        {% for column in state_sums %}
        coalesce(sum(state_changes.{{ column }}) over history, 0) as {{ column }},
        {% endfor %}
        {% for channel in engagement_channels() %}
        max(activity_changes.{{ channel }}_last_date) over history as {{ channel }}_last_date,
        {% endfor %}
        {% for channel in consent_channels() %}
        max(state_changes.{{ channel }}_withdrawn_date) over history
            as {{ channel }}_withdrawn_date,
        {% endfor %}
        spine.score_date
    from spine
    left join {{ ref("int_activity_changes") }} as activity_changes
        on spine.customer_id = activity_changes.customer_id
        and spine.score_date_number = activity_changes.score_date_number
    left join {{ ref("int_distinct_changes") }} as distinct_changes
        on spine.customer_id = distinct_changes.customer_id
        and spine.score_date_number = distinct_changes.score_date_number
    left join {{ ref("int_state_changes") }} as state_changes
        on spine.customer_id = state_changes.customer_id
        and spine.score_date_number = state_changes.score_date_number
    window history as (
        partition by spine.customer_id order by spine.score_date_number rows unbounded preceding
    )
),

-- What happened before a customer is scored counts from the first score date on.
scored as (
    select * from totals
    where score_date_number >= first_score_date_number
)

select * from scored
