{{ config(unique_key=["identifier_hash", "valid_from"]) }}

with

account_identifiers as (
    select * from {{ ref("int_account_identifiers") }}
),

cards as (
    select * from {{ ref("int_card_customers") }}
),

versions as (
    select * from {{ ref("int_identifier_versions") }}
    where
        holder_type in ('card', 'erased card')
        and email_hash is not null
),

{% if is_incremental() %}
looked_at as (
    select identifier_hash from account_identifiers
    where written_at > {{ mark() }}
    union
    select email_hash as identifier_hash from versions
    where written_at > {{ mark() }}
    union
    select versions.email_hash as identifier_hash
    from versions
    inner join cards on versions.holder_id = cards.member_id
    where cards.written_at > {{ mark() }}
),

{% endif %}
of_accounts as (
    select
        identifier_hash,
        identifier_type,
        customer_id,
        is_ambiguous,
        valid_from,
        valid_until
    from account_identifiers
    where
        replaced_at is null
    {% if is_incremental() %}
        and identifier_hash in (select identifier_hash from looked_at)
    {% endif %}
),

-- An address that an account has or had is the account's, whatever card has it, too.
claims as (
    select
        versions.email_hash as identifier_hash,
        'email' as identifier_type,
        coalesce(cards.customer_id, versions.holder_id) as customer_id,
        versions.valid_from,
        versions.valid_until
    from versions
    left join cards
        on versions.holder_id = cards.member_id
        and cards.replaced_at is null
    left join of_accounts on versions.email_hash = of_accounts.identifier_hash
    where
        versions.replaced_at is null
        and (cards.customer_id is not null or versions.holder_type = 'erased card')
        and of_accounts.identifier_hash is null
    {% if is_incremental() %}
        and versions.email_hash in (select identifier_hash from looked_at)
    {% endif %}
),

{{ identifier_periods("claims") }},

identifiers as (
    select * from of_accounts
    union all
    select * from periods
)

{{ keep_replaced("identifiers", "select identifier_hash from looked_at", by="identifier_hash") }}
