{{ config(unique_key=["identifier_hash", "valid_from"]) }}

with

accounts as (
    select * from {{ ref("int_customer_accounts") }}
),

versions as (
    select * from {{ ref("int_identifier_versions") }}
    where
        holder_type in ('account', 'erased account')
        and email_hash is not null
),

{% if is_incremental() %}
looked_at as (
    select account_hash as identifier_hash from accounts
    where written_at > {{ mark() }}
    union
    select email_hash as identifier_hash from versions
    where written_at > {{ mark() }}
    union
    select versions.email_hash as identifier_hash
    from versions
    inner join accounts on versions.holder_id = accounts.account_id
    where accounts.written_at > {{ mark() }}
),

{% endif %}
every_claim as (
    select
        account_hash as identifier_hash,
        'crm_id' as identifier_type,
        customer_id,
        {{ long_ago() }} as valid_from,
        {{ end_of_time() }} as valid_until
    from accounts
    where replaced_at is null
    union all
    select
        versions.email_hash as identifier_hash,
        'email' as identifier_type,
        accounts.customer_id,
        versions.valid_from,
        versions.valid_until
    from versions
    inner join accounts on versions.holder_id = accounts.account_id
    where
        versions.replaced_at is null
        and accounts.replaced_at is null
    union all
    select
        email_hash as identifier_hash,
        'email' as identifier_type,
        holder_id as customer_id,
        valid_from,
        valid_until
    from versions
    where
        replaced_at is null
        and holder_type = 'erased account'
),

claims as (
    select * from every_claim
    {% if is_incremental() %}
    where identifier_hash in (select identifier_hash from looked_at)
    {% endif %}
),

{{ identifier_periods("claims") }}

{{ keep_replaced("periods", "select identifier_hash from looked_at", by="identifier_hash") }}
