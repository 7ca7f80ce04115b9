{{ config(unique_key="identifier_hash") }}

with

accounts as (
    select * from {{ ref("int_customer_accounts") }}
),

crm_customers as (
    select * from {{ ref("stg_crm__customers") }}
),

{% if is_incremental() %}
looked_at as (
    select account_hash as identifier_hash from accounts
    where written_at > {{ mark() }}
    union
    select email_hash as identifier_hash from crm_customers
    where written_at > {{ mark() }}
    union
    select crm_customers.email_hash as identifier_hash
    from crm_customers
    inner join accounts on crm_customers.customer_id = accounts.account_id
    where accounts.written_at > {{ mark() }}
),

{% endif %}
identifiers as (
    select
        account_hash as identifier_hash,
        'crm_id' as identifier_type,
        customer_id
    from accounts
    where replaced_at is null
    union all
    select
        crm_customers.email_hash as identifier_hash,
        'email' as identifier_type,
        accounts.customer_id
    from crm_customers
    inner join accounts on crm_customers.customer_id = accounts.account_id
    where
        crm_customers.email_hash is not null
        and crm_customers.replaced_at is null
        and accounts.replaced_at is null
),

per_identifier as (
    select
        identifier_hash,
        min(identifier_type) as identifier_type,
        case when min(customer_id) = max(customer_id) then min(customer_id) end as customer_id,
        min(customer_id) != max(customer_id) as is_ambiguous
    from identifiers
    {% if is_incremental() %}
    where identifier_hash in (select identifier_hash from looked_at)
    {% endif %}
    group by identifier_hash
)

{{ keep_replaced("per_identifier", "select identifier_hash from looked_at") }}
