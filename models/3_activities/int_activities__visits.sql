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

-- A visit with one login is all that customer's, also the part before the login.
logins as (
    select
        *,
        count(login_hash) over session as login_count,
        max(login_hash) over session as session_login_hash
    from visits
    window session as (partition by channel, visitor_id, session_id)
),

attributed as (
    select
        channel,
        visitor_id,
        session_id,
        started_at,
        engaged_seconds,
        case when login_count = 1 then session_login_hash else login_hash end as login_hash,
        login_count > 1 and login_hash is null as is_between_logins
    from logins
),

whole_visits as (
    select
        channel,
        visitor_id,
        login_hash,
        is_between_logins,
        min(started_at) as started_at,
        sum(engaged_seconds) as engaged_seconds
    from attributed
    group by channel, visitor_id, session_id, login_hash, is_between_logins
),

recognised as (
    select
        case
            when whole_visits.is_between_logins then null
            when whole_visits.login_hash is not null then identifiers.customer_id
            when not owners.is_ambiguous then owners.customer_id
        end as customer_id,
        whole_visits.started_at as activity_at,
        whole_visits.channel,
        {{ dbt.concat(["whole_visits.channel", "'_visited'"]) }} as activity,
        whole_visits.engaged_seconds,
        case
            when bots.visitor_id is not null then 'bot'
            when whole_visits.is_between_logins then 'ambiguous_visitor'
            when whole_visits.login_hash is null and owners.is_ambiguous then 'ambiguous_visitor'
        end as excluded_reason
    from whole_visits
    left join identifiers on whole_visits.login_hash = identifiers.identifier_hash
    left join owners
        on whole_visits.channel = owners.channel
        and whole_visits.visitor_id = owners.visitor_id
    left join bots
        on whole_visits.channel = bots.channel
        and whole_visits.visitor_id = bots.visitor_id
)

select * from recognised
