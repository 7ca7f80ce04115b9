{{ config(materialized="view") }}

with

visits as (
    select * from {{ ref("int_visits") }}
),

identifiers as (
    select * from {{ ref("int_customer_identifiers") }}
),

owners as (
    select
        channel,
        visitor_id,
        is_ambiguous,
        min(customer_id) as customer_id
    from {{ ref("int_visitor_customers") }}
    group by channel, visitor_id, is_ambiguous
),

bots as (
    select * from {{ ref("int_bot_visitors") }}
),

-- Who each login is: the customer, or for an unknown login the login itself.
logins as (
    select
        visits.*,
        identifiers.customer_id,
        coalesce(identifiers.customer_id, visits.login_hash) as person
    from visits
    left join identifiers on visits.login_hash = identifiers.identifier_hash
),

sessions as (
    select
        *,
        min(person) over session as first_person,
        max(person) over session as last_person,
        max(customer_id) over session as session_customer_id
    from logins
    window session as (partition by channel, visitor_id, session_id)
),

-- A visit with the logins of one person is all theirs, also the part before the login.
attributed as (
    select
        channel,
        visitor_id,
        session_id,
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
    group by channel, visitor_id, session_id, person, customer_id, is_between_logins
),

recognised as (
    select
        case
            when whole_visits.is_between_logins then null
            when whole_visits.person is not null then whole_visits.customer_id
            when not owners.is_ambiguous then owners.customer_id
        end as customer_id,
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
