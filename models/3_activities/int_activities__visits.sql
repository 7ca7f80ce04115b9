-- Over 100 lines: whose a visit is, with all its cases, is told in one place.
{{ config(materialized="ephemeral") }}

with

{% if adds_to("int_activities") %}
touched as (
    select * from {{ touched_since("int_activities") }} as touched
),

{{ recent_and_early() }},

touched_visitors as (
    select
        visitors.channel,
        visitors.visitor_id,
        touched.touched_from
    from {{ ref("int_visitor_customers") }} as visitors
    inner join touched on visitors.customer_id = touched.customer_id
    where visitors.replaced_at is null
    {% for channel in ["web", "app"] %}
    union all
    select
        '{{ channel }}' as channel,
        substring(customer_id, 5) as visitor_id,
        touched_from
    from touched
    where customer_id like '{{ channel }}:%'
    {% endfor %}
),

looked_at as (
    select
        channel,
        visitor_id,
        session_id,
        started_at
    from {{ few_of(
        ref("int_visits"), "channel, visitor_id", "select channel, visitor_id from touched_visitors"
        ~ " where touched_from < (select recent_from from recent)", found_by="channel, visitor_id",
    ) }}
    where replaced_at is null
    union all
    select
        channel,
        visitor_id,
        session_id,
        started_at
    from {{ ref("int_visits") }}
    where
        replaced_at is null
        and started_at >= (select recent_from from recent)
),

-- Where no visit of a session began after that, all of it is as it was.
touched_sessions as (
    select distinct
        looked_at.channel,
        looked_at.visitor_id,
        looked_at.session_id
    from looked_at
    inner join touched_visitors
        on looked_at.channel = touched_visitors.channel
        and looked_at.visitor_id = touched_visitors.visitor_id
        and looked_at.started_at >= touched_visitors.touched_from
),

visits as (
    select * from {{ few_of(
        ref("int_visits"), "channel, visitor_id, session_id", "select * from touched_sessions",
        key="channel, visitor_id, session_id",
    ) }}
    where replaced_at is null
),

{% else %}
visits as (
    select * from {{ ref("int_visits") }}
    where replaced_at is null
),

{% endif %}
identifiers as (
    select * from {{ ref("int_customer_identifiers") }}
    where replaced_at is null
),

owners as (
    select
        channel,
        visitor_id,
        is_ambiguous,
        min(customer_id) as customer_id
    from {{ few_of(
        ref("int_visitor_customers"), "channel, visitor_id",
        "select channel, visitor_id from touched_sessions", adds_to("int_activities"),
        key="channel, visitor_id",
    ) }}
    where replaced_at is null
    group by channel, visitor_id, is_ambiguous
),

bots as (
    select * from {{ ref("int_bot_visitors") }}
    where replaced_at is null
),

-- Who each login is: the customer, or for an unknown login the login itself.
logins as (
    select
        visits.*,
        identifiers.customer_id,
        coalesce(identifiers.customer_id, visits.login_hash) as person
    from visits
    left join identifiers
        on visits.login_hash = identifiers.identifier_hash
        and {{ is_valid_at("visits.started_at", "identifiers") }}
),

sessions as (
    select
        *,
        min(person) over session as first_person,
        max(person) over session as last_person,
        max(customer_id) over session as session_customer_id
    from logins
    window session as (partition by channel, visitor_id, session_id, split_at)
),

-- A visit with the logins of one person is all theirs, also the part before the login.
attributed as (
    select
        channel,
        visitor_id,
        session_id,
        split_at,
        started_at,
        engaged_seconds,
        case when first_person = last_person then last_person else person end as person,
        case when first_person = last_person then session_customer_id else customer_id end
            as customer_id,
        person is null and first_person != last_person as is_between_logins
    from sessions
),

whole_visits as (
    select
        channel,
        visitor_id,
        person,
        customer_id,
        is_between_logins,
        min(started_at) as started_at,
        round(sum(engaged_seconds), 3) as engaged_seconds
    from attributed
    group by channel, visitor_id, session_id, split_at, person, customer_id, is_between_logins
),

recognised as (
    select
        case
            when whole_visits.is_between_logins then null
            when whole_visits.person is not null then whole_visits.customer_id
            when not owners.is_ambiguous then owners.customer_id
        end as customer_id,
        {{ dbt.concat(["whole_visits.channel", "':'", "whole_visits.visitor_id"]) }}
            as unidentified_as,
        whole_visits.started_at as activity_at,
        whole_visits.channel,
        {{ dbt.concat(["whole_visits.channel", "'_visited'"]) }} as activity,
        whole_visits.engaged_seconds,
        case
            when bots.visitor_id is not null then 'bot'
            when whole_visits.is_between_logins then 'ambiguous_visitor'
            when whole_visits.person is null and owners.is_ambiguous then 'ambiguous_visitor'
        end as excluded_reason
    from whole_visits
    left join owners
        on whole_visits.channel = owners.channel
        and whole_visits.visitor_id = owners.visitor_id
    left join bots
        on whole_visits.channel = bots.channel
        and whole_visits.visitor_id = bots.visitor_id
)

select * from recognised
