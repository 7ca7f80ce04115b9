{% set states = {"preferences_given": "preference_given", "member": "member"} %}
{% do states.update({"web_visitor": "web_visitor", "app_user": "app_user"}) %}
{% for channel in consent_channels() %}
{% do states.update({channel ~ "_granted": channel ~ "_granted"}) %}
{% do states.update({channel ~ "_left": channel ~ "_left"}) %}
{% endfor %}

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
        {{ dbt.concat(["channel", "'_withdrawn'"]) }} as state,
        counts_from,
        cast(null as date) as counts_until
    from consents
    where consent_state != 'granted'
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

changes as (
    {{ span_changes("spans", {"state_count": "1.0e0"}, by=["state"], newest="last_date") }}
),

pivoted as (
    select
        customer_id,
        {% for column, state in states.items() %}
        sum(case when state = '{{ state }}' then state_count else 0 end) as {{ column }},
        {% endfor %}
        {% for channel in consent_channels() %}
        max(case when state = '{{ channel }}_withdrawn' then last_date end)
            as {{ channel }}_withdrawn_date,
        {% endfor %}
        score_date_number
    from changes
    group by customer_id, score_date_number
)

select * from pivoted
