-- Over 100 lines: what identifies a person is followed through all systems in one place.
{{ config(incremental_strategy="append", full_refresh=false) }}

with recursive

requests as (
    select * from {{ ref("stg_crm__erasure_requests") }}
),

customers as (
    select
        customer_id,
        lower(trim(email)) as email
    from {{ source("raw_crm", "customers") }}
    where exists (select 1 from requests)
),

members as (
    select
        member_id,
        customer_id,
        lower(trim(email)) as email
    from {{ source("raw_loyalty", "members") }}
    where exists (select 1 from requests)
),

account_merges as (
    select
        from_customer_id,
        into_customer_id
    from {{ source("raw_crm", "customer_merges") }}
    where exists (select 1 from requests)
),

devices as (
    select
        device_id,
        customer_id
    from {{ source("raw_app", "devices") }}
    where exists (select 1 from requests)
),

named as (
    select customer_id as account_id from customers
    where
        {{ hash_identifier("customer_id") }} in (select requests.account_hash from requests)
        or {{ hash_identifier("email") }} in (select requests.email_hash from requests)
    union
    select customer_id as account_id from members
    where
        {{ hash_identifier("customer_id") }} in (select requests.account_hash from requests)
        or {{ hash_identifier("member_id") }} in (select requests.card_hash from requests)
    union
    select customer_id as account_id from devices
    where {{ hash_identifier("customer_id") }} in (select requests.account_hash from requests)
    union
    select from_customer_id as account_id from account_merges
    where {{ hash_identifier("from_customer_id") }} in (select requests.account_hash from requests)
    union
    select into_customer_id as account_id from account_merges
    where {{ hash_identifier("into_customer_id") }} in (select requests.account_hash from requests)
),

-- Whoever was merged with them, in either direction, is the same person.
neighbours as (
    select
        from_customer_id as account_id,
        into_customer_id as neighbour_id
    from account_merges
    union
    select
        into_customer_id as account_id,
        from_customer_id as neighbour_id
    from account_merges
),

reached as (
    select
        account_id,
        0 as merge_count
    from named
    union all
    select
        neighbours.neighbour_id as account_id,
        reached.merge_count + 1 as merge_count
    from reached
    inner join neighbours on reached.account_id = neighbours.account_id
    where reached.merge_count < {{ var("longest_merge_chain") }}
),

accounts as (
    select distinct account_id from reached
    where account_id is not null
),

-- What somebody else has too stays: a family's e-mail address, a shared device.
emails as (
    select email from customers
    where email is not null
    group by email
    having
        count(*) = count(
            case when customer_id in (select accounts.account_id from accounts) then 1 end
        )
),

cards as (
    select distinct member_id from members
    where
        customer_id in (select accounts.account_id from accounts)
        or (customer_id is null and email in (select emails.email from emails))
        or {{ hash_identifier("member_id") }} in (select requests.card_hash from requests)
        or (
            customer_id is null
            and {{ hash_identifier("email") }} in (select requests.email_hash from requests)
        )
),

logins as (
    select lower(trim(account_id)) as login from accounts
    union
    select email as login from emails
),

visits as (
    select
        anonymous_id as visitor_id,
        session_id,
        lower(trim(login_id)) as login
    from {{ source("raw_web", "events") }}
    where
        login_id is not null
        and exists (select 1 from requests)
    union
    select
        device_id as visitor_id,
        session_id,
        lower(trim(login_id)) as login
    from {{ source("raw_app", "events") }}
    where
        login_id is not null
        and exists (select 1 from requests)
    union
    select
        device_id as visitor_id,
        cast(null as {{ dbt.type_string() }}) as session_id,
        lower(trim(customer_id)) as login
    from devices
),

visitors as (
    select visitor_id from visits
    group by visitor_id
    having count(*) = count(case when login in (select logins.login from logins) then 1 end)
),

sessions as (
    select {{ session_of("visitor_id") }} as session_name from visits
    where login in (select logins.login from logins)
),

contacts as (
    select contact_id from {{ source("raw_crm", "campaign_contacts") }}
    where customer_id in (select accounts.account_id from accounts)
),

receipts as (
    select transaction_id from {{ source("raw_loyalty", "transactions") }}
    where
        customer_id in (select accounts.account_id from accounts)
        or member_id in (select cards.member_id from cards)
),

identifiers as (
    {% for kind, identifier, found_in in [
        ["account", "account_id", "accounts"],
        ["account", dbt.concat(["'card:'", "member_id"]), "cards"],
        ["email", "email", "emails"],
        ["card", "member_id", "cards"],
        ["visitor", "visitor_id", "visitors"],
        ["session", "session_name", "sessions"],
        ["contact", "contact_id", "contacts"],
        ["receipt", "transaction_id", "receipts"],
    ] %}
    select
        '{{ kind }}' as identifier_type,
        {{ hash_identifier(identifier) }} as identifier_hash
    from {{ found_in }}
    union
    {% endfor %}
    {% for kind in ["account", "card", "email"] %}
    select
        '{{ kind }}' as identifier_type,
        {{ kind }}_hash as identifier_hash
    from requests
    {{ "union" if not loop.last }}
    {% endfor %}
),

new_identifiers as (
    select
        identifiers.*,
        {{ run_time() }} as written_at
    from identifiers
    where
        identifiers.identifier_hash is not null
        and {{ "false" if nobody_asked() else "true" }}
    {% if is_incremental() %}
        and (identifiers.identifier_type, identifiers.identifier_hash) not in (
            select
                identifier_type,
                identifier_hash
            from {{ this }}
        )
    {% endif %}
)

select * from new_identifiers
