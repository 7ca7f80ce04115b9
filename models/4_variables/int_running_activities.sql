-- Over 100 lines: what a company runs at a date is told from four things in one place.
{{ config(
    materialized=incremental_or_table(),
    incremental_strategy="keep_replaced",
    unique_key="score_date",
) }}

{% set catalogue, from_the_start = activity_catalogue(), activities_from_the_start() %}
{% set is_looked_for = "activity not in ('" ~ from_the_start | join("', '") ~ "')"
    if from_the_start | length < catalogue | length else "false" %}

with

score_dates as (
    select * from {{ ref("int_score_dates") }}
),

channels as (
    select * from {{ ref("channels") }}
),

first_consents as (
    select
        channel,
        min(counts_from) as first_date
    from {{ ref("int_consents") }}
    where consent_state = 'granted'
    group by channel
),

first_answers as (
    select
        category,
        min(activity_date) as first_date
    from {{ ref("int_activities") }}
    where
        activity = 'preference_given'
        and excluded_reason is null
        and counts_until > activity_date
    group by category
),

activity_dates as (
    select
        activity,
        min(activity_date) as first_date,
        min(case when engaged_seconds > 0 then activity_date end) as first_timed_date
    from {{ ref("int_activities") }}
    where
        excluded_reason is null
        and counts_until > activity_date
        and {{ is_looked_for }}
    group by activity
    {% for activity in from_the_start %}
    union all
    select
        '{{ activity }}' as activity,
        min(score_date) as first_date,
        min(score_date) as first_timed_date
    from score_dates
    {% endfor %}
),

first_dates as (
    select
        {% for activity, kind in catalogue.items() %}
        min(case when activity = '{{ activity }}' then first_date end) as {{ activity }},
        {% if kind.has_duration %}
        min(case when activity = '{{ activity }}' then first_timed_date end)
            as {{ activity }}_seconds,
        {% endif %}
        {% endfor %}
        min(first_date) as first_date
    from activity_dates
),

closed_channels as (
    select
        {% for channel in catalogue.values() | map(attribute="channel") | unique %}
        max(case when channels.channel = '{{ channel }}' then 1 else 0 end) = 1
            as is_{{ channel }}_closed,
        {% endfor %}
        score_dates.score_date
    from score_dates
    left join channels
        on score_dates.score_date < channels.runs_from
        or score_dates.score_date >= channels.runs_until
    group by score_dates.score_date
),

running as (
    select
        (
            select count(*) from first_answers
            where first_answers.first_date <= score_dates.score_date
        ) as attributes_asked,
        {% for channel in consent_channels() %}
        (
            select count(*) from first_consents
            where
                first_consents.channel = '{{ channel }}'
                and first_consents.first_date <= score_dates.score_date
        ) > 0 as is_{{ channel }}_consent_kept,
        {% endfor %}
        {% for activity, kind in catalogue.items() %}
        coalesce(first_dates.{{ activity }} <= score_dates.score_date, false)
        and not closed_channels.is_{{ kind.channel }}_closed as has_{{ activity }},
        {% if kind.has_duration %}
        coalesce(first_dates.{{ activity }}_seconds <= score_dates.score_date, false)
        and not closed_channels.is_{{ kind.channel }}_closed as has_{{ activity }}_seconds,
        {% endif %}
        {% endfor %}
        score_dates.score_date
    from score_dates
    inner join closed_channels on score_dates.score_date = closed_channels.score_date
    cross join first_dates
)

{{ keep_replaced("running") }}
