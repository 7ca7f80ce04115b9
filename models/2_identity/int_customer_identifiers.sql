with

accounts as (
    select * from {{ ref("int_customer_accounts") }}
),

crm_customers as (
    select * from {{ ref("stg_crm__customers") }}
),

identifiers as (
    select
        {{ hash_identifier("account_id") }} as identifier_hash,
        'crm_id' as identifier_type,
        customer_id
    from accounts
    union all
    select
        crm_customers.email_hash as identifier_hash,
        'email' as identifier_type,
        accounts.customer_id
    from crm_customers
    inner join accounts on crm_customers.customer_id = accounts.account_id
    where crm_customers.email_hash is not null
),

per_identifier as (
    select
        identifier_hash,
        min(identifier_type) as identifier_type,
        case when min(customer_id) = max(customer_id) then min(customer_id) end as customer_id,
        min(customer_id) != max(customer_id) as is_ambiguous
    from identifiers
    group by identifier_hash
)

select * from per_identifier
