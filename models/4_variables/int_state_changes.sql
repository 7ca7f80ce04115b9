{% set channels = consent_channels() %}

with

consents as (
    select * from {{ ref("int_consents") }}
),

preferences as (
    select
        customer_id,
        activity,
        activity_date as counts_from,
        lead(activity_date) over (partition by customer_id, category order by activity_at, activity)
            as counts_until
    from {{ ref("int_activities") }}
    where
        excluded_reason is null
        and activity in ('preference_given', 'preference_withdrawn')
),

spans as (
    select
        customer_id,
        {{ dbt.concat(["channel", "'_'", "consent_state"]) }} as state,
        counts_from,
        counts_until
    from consents
    union all
    select
        customer_id,
        activity as state,
        counts_from,
        counts_until
    from preferences
    union all
    select
        customer_id,
        'member' as state,
        {{ local_date("min(joined_at)") }} as counts_from,
        cast(null as date) as counts_until
    from {{ ref("int_card_customers") }}
    where customer_id is not null
    group by customer_id
    union all
    select
        customer_id,
        'app_user' as state,
        {{ local_date("min(known_at)") }} as counts_from,
        cast(null as date) as counts_until
    from {{ ref("int_visitor_customers") }}
    where channel = 'app'
    group by customer_id
    union all
    select
        customer_id,
        'web_visitor' as state,
        min(activity_date) as counts_from,
        cast(null as date) as counts_until
    from {{ ref("int_activities") }}
    where
        channel = 'web'
        and excluded_reason is null
    group by customer_id
),

{% set amounts = {
    "preferences_given": "case when spans.state = 'preference_given' then 1.0 else 0.0 end",
    "member": "case when spans.state = 'member' then 1.0 else 0.0 end",
    "web_visitor": "case when spans.state = 'web_visitor' then 1.0 else 0.0 end",
    "app_user": "case when spans.state = 'app_user' then 1.0 else 0.0 end",
} %}
{% for channel in channels %}
    {% do amounts.update({
        channel ~ "_granted": "case when spans.state = '" ~ channel ~ "_granted' then 1.0 else 0.0 end",
        channel ~ "_left": "case when spans.state = '" ~ channel ~ "_left' then 1.0 else 0.0 end",
    }) %}
{% endfor %}
changes as (
    {{ span_changes("spans", amounts) }}
),

withdrawals as (
    select
        consents.customer_id,
        calendar.score_date_number
        {% for channel in channels %}
        , max(case when consents.channel = '{{ channel }}' then consents.counts_from end) as {{ channel }}_withdrawn_date
        {% endfor %}
    from consents
    inner join {{ ref("int_calendar") }} as calendar
        on calendar.calendar_date = greatest(
            consents.counts_from, (select min(calendar_date) from {{ ref("int_calendar") }})
        )
    where consents.consent_state != 'granted'
    group by consents.customer_id, calendar.score_date_number
),

with_withdrawals as (
    select
        coalesce(changes.customer_id, withdrawals.customer_id) as customer_id,
        coalesce(changes.score_date_number, withdrawals.score_date_number) as score_date_number
        {% for column in amounts %}
        , changes.{{ column }}
        {% endfor %}
        {% for channel in channels %}
        , withdrawals.{{ channel }}_withdrawn_date
        {% endfor %}
    from changes
    full outer join withdrawals
        on changes.customer_id = withdrawals.customer_id
        and changes.score_date_number = withdrawals.score_date_number
)

select * from with_withdrawals
