-- Over 100 lines: every way in which a visitor becomes known stands in one place.
{{ config(unique_key=["channel", "visitor_id", "customer_id"]) }}

with

{% if is_incremental() %}
changed_logins as (
    select
        channel,
        visitor_id,
        login_hash,
        started_at
    from {{ ref("int_visits") }}
    where login_hash is not null and {{ is_changed("int_visits") }}
),

-- A later login of a customer who is known there says nothing new.
looked_at as (
    select
        changed_logins.channel,
        changed_logins.visitor_id
    from changed_logins
    inner join {{ few_of(
        ref("int_customer_identifiers"), "identifier_hash", "select login_hash from changed_logins",
        key="identifier_hash",
    ) }} as identifiers
        on changed_logins.login_hash = identifiers.identifier_hash
        and {{ is_valid_at("changed_logins.started_at", "identifiers") }}
    left join {{ few_of(
        this, "channel, visitor_id", "select channel, visitor_id from changed_logins",
        key="channel, visitor_id",
    ) }} as known
        on changed_logins.channel = known.channel
        and changed_logins.visitor_id = known.visitor_id
        and changed_logins.started_at > known.known_at
        and identifiers.customer_id = known.customer_id
        and known.replaced_at is null
    where
        identifiers.customer_id is not null
        and identifiers.replaced_at is null
        and known.customer_id is null
    union
    select
        visits.channel,
        visits.visitor_id
    from {{ ref("int_visits") }} as visits
    inner join {{ ref("int_customer_identifiers") }} as identifiers
        on visits.login_hash = identifiers.identifier_hash
    where {{ is_changed("int_customer_identifiers", "identifiers") }}
    union
    select
        'app' as channel,
        devices.device_hash as visitor_id
    from {{ ref("stg_app__devices") }} as devices
    where {{ is_changed("stg_app__devices", "devices") }}
    union
    select
        'app' as channel,
        devices.device_hash as visitor_id
    from {{ ref("stg_app__devices") }} as devices
    inner join {{ ref("int_customer_accounts") }} as accounts
        on devices.customer_id = accounts.account_id
    where {{ is_changed("int_customer_accounts", "accounts") }}
),

{% endif %}
visits as (
    select * from {{ few_of(
        ref("int_visits"), "channel, visitor_id", "select channel, visitor_id from looked_at",
        is_incremental(), found_by="channel, visitor_id",
    ) }}
    where login_hash is not null and replaced_at is null
),

known_uses as (
    select
        visits.channel,
        visits.visitor_id,
        identifiers.customer_id,
        visits.started_at as known_at
    from visits
    inner join {{ few_of(
        ref("int_customer_identifiers"), "identifier_hash", "select login_hash from visits",
        is_incremental(), key="identifier_hash",
    ) }} as identifiers
        on visits.login_hash = identifiers.identifier_hash
        and {{ is_valid_at("visits.started_at", "identifiers") }}
    where
        identifiers.customer_id is not null
        and identifiers.replaced_at is null
    union all
    select
        'app' as channel,
        devices.device_hash as visitor_id,
        accounts.customer_id,
        devices.installed_at as known_at
    from {{ ref("stg_app__devices") }} as devices
    inner join {{ ref("int_customer_accounts") }} as accounts
        on devices.customer_id = accounts.account_id
    where
        devices.replaced_at is null
        and accounts.replaced_at is null
    {% if is_incremental() %}
        and devices.device_hash in (select looked_at.visitor_id from looked_at)
    {% endif %}
),

per_customer as (
    select
        channel,
        visitor_id,
        customer_id,
        min(known_at) as known_at
    from known_uses
    {% if is_incremental() %}
    where (channel, visitor_id) in (select channel, visitor_id from looked_at)
    {% endif %}
    group by channel, visitor_id, customer_id
),

flagged as (
    select
        *,
        count(*) over (partition by channel, visitor_id) > 1 as is_ambiguous
    from per_customer
)

{{ keep_replaced(
    "flagged", "select channel, visitor_id from looked_at", by="channel, visitor_id"
) }}
