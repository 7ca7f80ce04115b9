with

known_uses as (
    select
        visits.channel,
        visits.visitor_id,
        identifiers.customer_id,
        visits.started_at as known_at
    from {{ ref("int_visits") }} as visits
    inner join {{ ref("int_customer_identifiers") }} as identifiers
        on visits.login_hash = identifiers.identifier_hash
    where identifiers.customer_id is not null
    union all
    select
        'app' as channel,
        devices.device_id as visitor_id,
        accounts.customer_id,
        devices.installed_at as known_at
    from {{ ref("stg_app__devices") }} as devices
    inner join {{ ref("int_customer_accounts") }} as accounts
        on devices.customer_id = accounts.account_id
),

per_customer as (
    select
        channel,
        visitor_id,
        customer_id,
        min(known_at) as known_at
    from known_uses
    group by channel, visitor_id, customer_id
),

flagged as (
    select
        *,
        count(*) over (partition by channel, visitor_id) > 1 as is_ambiguous
    from per_customer
)

select * from flagged
