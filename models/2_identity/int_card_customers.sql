-- Over 100 lines: every way in which a card belongs to somebody stands in one place.
{{ config(unique_key="member_id") }}

with

staged as (
    select * from {{ ref("stg_loyalty__members") }}
),

accounts as (
    select * from {{ ref("int_customer_accounts") }}
),

identifiers as (
    select * from {{ ref("int_account_identifiers") }}
    where identifier_type = 'email'
),

versions as (
    select * from {{ ref("int_identifier_versions") }}
    where holder_type = 'card'
),

{% if is_incremental() %}
changed as (
    select member_id from staged
    where written_at > {{ mark() }}
    union
    select staged.member_id
    from staged
    inner join accounts on staged.customer_id = accounts.account_id
    where accounts.written_at > {{ mark() }}
    union
    select holder_id as member_id from versions
    where written_at > {{ mark() }}
),

changed_emails as (
    select email_hash from staged
    where
        member_id in (select member_id from changed)
        and email_hash is not null
    union
    select identifier_hash as email_hash from identifiers
    where written_at > {{ mark() }}
),

-- Cards with one address belong together.
looked_at as (
    select member_id from changed
    union
    select member_id from staged
    where email_hash in (select email_hash from changed_emails)
),

{% endif %}
members as (
    select
        staged.*,
        accounts.customer_id as account_customer_id
    from staged
    left join accounts
        on staged.customer_id = accounts.account_id
        and accounts.replaced_at is null
    where
        staged.replaced_at is null
    {% if is_incremental() %}
        and staged.member_id in (select member_id from looked_at)
    {% endif %}
),

-- Since when each card has its address: who had the address then has the card.
addresses as (
    select
        members.*,
        coalesce(versions.valid_from, {{ long_ago() }}) as address_from
    from members
    left join versions
        on members.member_id = versions.holder_id
        and members.email_hash = versions.email_hash
        and versions.valid_until = {{ end_of_time() }}
        and versions.replaced_at is null
),

cards_of_accounts as (
    select
        email_hash,
        min(account_customer_id) as customer_id,
        min(account_customer_id) != max(account_customer_id) as is_ambiguous
    from members
    where account_customer_id is not null
    group by email_hash
),

firsts as (
    select
        email_hash,
        member_id
    from members
    where
        customer_id is null
        and email_hash is not null
    qualify
        row_number() over (partition by email_hash order by joined_at nulls last, member_id) = 1
),

matched as (
    select
        addresses.member_id,
        addresses.joined_at,
        addresses.tier,
        case
            when addresses.customer_id is not null then addresses.account_customer_id
            when identifiers.identifier_hash is not null then identifiers.customer_id
            when cards_of_accounts.is_ambiguous then null
            when cards_of_accounts.email_hash is not null then cards_of_accounts.customer_id
            else {{ dbt.concat(["'card:'", "coalesce(firsts.member_id, addresses.member_id)"]) }}
        end as customer_id,
        case
            when addresses.account_customer_id is not null then 'account'
            when addresses.customer_id is not null then 'unknown_account'
            when identifiers.is_ambiguous then 'ambiguous_email'
            when identifiers.identifier_hash is not null then 'email'
            when cards_of_accounts.is_ambiguous then 'ambiguous_email'
            when cards_of_accounts.email_hash is not null then 'email'
            when firsts.member_id != addresses.member_id then 'email'
            else 'card_only'
        end as matched_by
    from addresses
    left join identifiers
        on addresses.email_hash = identifiers.identifier_hash
        and {{ is_valid_at("addresses.address_from", "identifiers") }}
        and identifiers.replaced_at is null
    left join cards_of_accounts on addresses.email_hash = cards_of_accounts.email_hash
    left join firsts on addresses.email_hash = firsts.email_hash
)

{{ keep_replaced("matched", "select member_id from looked_at") }}
