{% set catalogue = activity_catalogue() %}
{% set channels = engagement_channels() %}
{% set amounts = {} %}
{% for activity, kind in catalogue.items() %}
    {% do amounts.update({activity ~ "_count": "case when spans.activity = '" ~ activity ~ "' then 1.0 else 0.0 end"}) %}
    {% if kind.has_duration %}
        {% do amounts.update({
            activity ~ "_seconds": "case when spans.activity = '" ~ activity ~ "' then coalesce(spans.engaged_seconds, 0) else 0.0 end"
        }) %}
    {% endif %}
{% endfor %}

with

activities as (
    select
        customer_id,
        channel,
        activity,
        engaged_seconds,
        activity_date as counts_from,
        counts_until
    from {{ ref("int_activities") }}
    where
        excluded_reason is null
        and activity in ('{{ catalogue.keys() | join("', '") }}')
),

changes as (
    {{ span_changes("activities", amounts) }}
),

last_dates as (
    select
        activities.customer_id,
        calendar.score_date_number
        {% for channel in channels %}
        , max(case when activities.channel = '{{ channel }}' then activities.counts_from end) as {{ channel }}_last_date
        {% endfor %}
    from activities
    inner join {{ ref("int_calendar") }} as calendar
        on calendar.calendar_date = greatest(
            activities.counts_from, (select min(calendar_date) from {{ ref("int_calendar") }})
        )
    where activities.activity in ({{ engagements() }})
    group by activities.customer_id, calendar.score_date_number
),

with_last_dates as (
    select
        changes.*
        {% for channel in channels %}
        , last_dates.{{ channel }}_last_date
        {% endfor %}
    from changes
    left join last_dates
        on changes.customer_id = last_dates.customer_id
        and changes.score_date_number = last_dates.score_date_number
)

select * from with_last_dates
