with

members as (
    select * from {{ ref("stg_loyalty__members") }}
),

accounts as (
    select * from {{ ref("int_customer_accounts") }}
),

emails as (
    select * from {{ ref("int_customer_identifiers") }}
    where identifier_type = 'email'
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

select * from matched
