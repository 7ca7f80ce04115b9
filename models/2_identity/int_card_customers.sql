{{ config(unique_key="member_id") }}

with

{% if is_incremental() %}
looked_at as (
    select member_id from {{ ref("stg_loyalty__members") }}
    where written_at > {{ mark() }}
    union
    select members.member_id
    from {{ ref("stg_loyalty__members") }} as members
    inner join {{ ref("int_customer_accounts") }} as accounts
        on members.customer_id = accounts.account_id
    where accounts.written_at > {{ mark() }}
    union
    select members.member_id
    from {{ ref("stg_loyalty__members") }} as members
    inner join {{ ref("int_customer_identifiers") }} as identifiers
        on members.email_hash = identifiers.identifier_hash
    where identifiers.written_at > {{ mark() }}
),

{% endif %}
members as (
    select * from {{ ref("stg_loyalty__members") }}
    where replaced_at is null
    {% if is_incremental() %}
        and member_id in (select member_id from looked_at)
    {% endif %}
),

accounts as (
    select * from {{ ref("int_customer_accounts") }}
    where replaced_at is null
),

emails as (
    select * from {{ ref("int_customer_identifiers") }}
    where
        identifier_type = 'email'
        and replaced_at is null
),

matched as (
    select
        members.member_id,
        members.joined_at,
        members.tier,
        case
            when members.customer_id is not null then accounts.customer_id
            when emails.identifier_hash is not null then emails.customer_id
            else {{ dbt.concat(["'card:'", "members.member_id"]) }}
        end as customer_id,
        case
            when accounts.customer_id is not null then 'account'
            when members.customer_id is not null then 'unknown_account'
            when emails.is_ambiguous then 'ambiguous_email'
            when emails.identifier_hash is not null then 'email'
            else 'card_only'
        end as matched_by
    from members
    left join accounts on members.customer_id = accounts.account_id
    left join emails on members.email_hash = emails.identifier_hash
)

{{ keep_replaced("matched", "select member_id from looked_at") }}
