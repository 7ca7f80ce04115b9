-- Over 100 lines: every way in which an address or a card belongs to somebody stands in one place.
{{ config(materialized="ephemeral") }}
-- depends_on: {{ ref("stg_crm__erasure_requests") }}

with

merged as (
    select * from {{ ref("int_erasure_accounts") }}
),

customers as (
    select
        customer_id,
        lower(trim(email)) as email,
        {{ hash_email("email") }} as email_hash
    from {{ source("raw_crm", "customers") }}
    where {{ somebody_asked() }}
    {% set seen = seen_by_staging("stg_crm__customers") %}
    {% if seen %}
    union
    select
        customer_id,
        cast(null as {{ dbt.type_string() }}) as email,
        email_hash
    from {{ seen }}
    where {{ somebody_asked() }}
    {% endif %}
    {{ and_remembered_emails("account") }}
),

members as (
    select
        member_id,
        customer_id,
        lower(trim(email)) as email,
        {{ hash_email("email") }} as email_hash
    from {{ source("raw_loyalty", "members") }}
    where {{ somebody_asked() }}
    {% set seen = seen_by_staging("stg_loyalty__members") %}
    {% if seen %}
    union
    select
        member_id,
        customer_id,
        cast(null as {{ dbt.type_string() }}) as email,
        email_hash
    from {{ seen }}
    where {{ somebody_asked() }}
    {% endif %}
),

receipts as (
    select
        member_id,
        customer_id
    from {{ source("raw_loyalty", "transactions") }}
    where member_id is not null and {{ somebody_asked() }}
    {% set seen = seen_by_staging("stg_loyalty__transactions") %}
    {% if seen %}
    union
    select
        member_id,
        customer_id
    from {{ seen }}
    where member_id is not null and {{ somebody_asked() }}
    {% endif %}
),

-- What any version of a row has ever said counts: identifiers keep their earlier owners.
claims as (
    select
        'email' as identifier_type,
        email as identifier,
        email_hash as identifier_hash,
        customer_id,
        'raw_crm.customers' as found_in
    from customers
    where email_hash is not null and customer_id is not null
    union
    select
        'email' as identifier_type,
        email as identifier,
        email_hash as identifier_hash,
        customer_id,
        'raw_loyalty.members' as found_in
    from members
    where email_hash is not null and customer_id is not null
    union
    select
        'card' as identifier_type,
        member_id as identifier,
        {{ hash_identifier("member_id") }} as identifier_hash,
        customer_id,
        'raw_loyalty.members' as found_in
    from members
    where customer_id is not null and member_id is not null
    union
    select
        'card' as identifier_type,
        member_id as identifier,
        {{ hash_identifier("member_id") }} as identifier_hash,
        customer_id,
        'raw_loyalty.transactions' as found_in
    from receipts
    where customer_id is not null
),

owned as (
    select
        claims.*,
        {{ hash_login("claims.customer_id") }} as account_hash,
        coalesce(merged.person, {{ hash_login("claims.customer_id") }}) as person
    from claims
    left join merged on {{ hash_login("claims.customer_id") }} = merged.account_hash
),

-- A card without an account is the one's who has its address; else a person known by the address.
loose_cards as (
    select
        'card' as identifier_type,
        members.member_id as identifier,
        {{ hash_identifier("members.member_id") }} as identifier_hash,
        owned.customer_id,
        'raw_loyalty.members' as found_in,
        owned.account_hash,
        coalesce(owned.person, members.email_hash) as person
    from members
    left join owned
        on members.email_hash = owned.identifier_hash
        and owned.identifier_type = 'email'
    where
        members.customer_id is null
        and members.member_id is not null
        and members.email_hash is not null
),

cards as (
    select * from owned
    where identifier_type = 'card'
    union
    select * from loose_cards
),

every_card as (
    select member_id from members
    union
    select member_id from receipts
),

anonymous_cards as (
    select
        'card' as identifier_type,
        member_id as identifier,
        {{ hash_identifier("member_id") }} as identifier_hash,
        cast(null as {{ dbt.type_string() }}) as customer_id,
        'raw_loyalty.members' as found_in,
        cast(null as {{ dbt.type_string() }}) as account_hash,
        {{ hash_identifier("member_id") }} as person
    from every_card
    where member_id is not null and member_id not in (select cards.identifier from cards)
),

card_emails as (
    select
        member_id,
        email,
        email_hash
    from members
    {{ and_remembered_emails("card") }}
),

emails_of_cards as (
    select
        'email' as identifier_type,
        card_emails.email as identifier,
        card_emails.email_hash as identifier_hash,
        cards.customer_id,
        'raw_loyalty.members' as found_in,
        cards.account_hash,
        cards.person
    from card_emails
    inner join cards on card_emails.member_id = cards.identifier
    where card_emails.email_hash is not null
)

select * from owned
where identifier_type = 'email'
union
select * from emails_of_cards
union
select * from cards
union
select * from anonymous_cards
