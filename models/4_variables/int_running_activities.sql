{% set catalogue = activity_catalogue() %}

with

score_dates as (
    select * from {{ ref("int_score_dates") }}
),

channels as (
    select * from {{ ref("channels") }}
),

changes as (
    select * from {{ ref("int_activity_changes") }}
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
    group by category
),

first_numbers as (
    select
        {% for activity, kind in catalogue.items() %}
        min(case when {{ activity }}_count > 0 then score_date_number end) as {{ activity }},
        {% if kind.has_duration %}
        min(case when {{ activity }}_seconds > 0 then score_date_number end)
            as {{ activity }}_seconds,
        {% endif %}
        {% endfor %}
        min(score_date_number) as first_number
    from changes
),

closed_channels as (
    select
        {% for channel in catalogue.values() | map(attribute="channel") | unique %}
        max(case when channels.channel = '{{ channel }}' then 1 else 0 end) = 1
            as is_{{ channel }}_closed,
        {% endfor %}
        score_dates.score_date_number
    from score_dates
    left join channels
        on score_dates.score_date < channels.runs_from
        or score_dates.score_date >= channels.runs_until
    group by score_dates.score_date_number
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
        coalesce(first_numbers.{{ activity }} <= score_dates.score_date_number, false)
        and not closed_channels.is_{{ kind.channel }}_closed as has_{{ activity }},
        {% if kind.has_duration %}
        coalesce(first_numbers.{{ activity }}_seconds <= score_dates.score_date_number, false)
        and not closed_channels.is_{{ kind.channel }}_closed as has_{{ activity }}_seconds,
        {% endif %}
        {% endfor %}
        score_dates.score_date_number
    from score_dates
    inner join closed_channels on score_dates.score_date_number = closed_channels.score_date_number
    cross join first_numbers
)

select * from running
