-- Over 100 lines: what accounts and cards say of a customer stands in one place.
{{ config(unique_key="customer_id") }}

with

{% if is_incremental() %}
looked_at as (
    select customer_id from {{ ref("int_customer_accounts") }}
    where written_at > {{ mark() }}
    union
    select accounts.customer_id
    from {{ ref("int_customer_accounts") }} as accounts
    inner join {{ ref("stg_crm__customers") }} as crm_customers
        on accounts.account_id = crm_customers.customer_id
    where crm_customers.written_at > {{ mark() }}
    union
    select accounts.customer_id
    from {{ ref("int_customer_accounts") }} as accounts
    inner join {{ ref("int_identifier_versions") }} as versions
        on accounts.account_id = versions.holder_id
    where versions.written_at > {{ mark() }}
    union
    select customer_id from {{ ref("int_card_customers") }}
    where written_at > {{ mark() }}
),

{% endif %}
accounts as (
    select * from {{ ref("int_customer_accounts") }}
    where replaced_at is null
    {% if is_incremental() %}
        and customer_id in (select customer_id from looked_at)
    {% endif %}
),

crm_customers as (
    select * from {{ ref("stg_crm__customers") }}
    where replaced_at is null
),

-- When accounts were opened that were merged away and whose CRM rows have been deleted since.
former_accounts as (
    select
        holder_id as account_id,
        min(opened_at) as registered_at
    from {{ ref("int_identifier_versions") }}
    where
        holder_type = 'account'
        and replaced_at is null
    group by holder_id
),

surviving_accounts as (
    select crm_customers.*
    from crm_customers
    inner join accounts
        on crm_customers.customer_id = accounts.account_id
        and crm_customers.customer_id = accounts.customer_id
),

from_crm as (
    select
        accounts.customer_id,
        max(surviving_accounts.market) as market,
        max(surviving_accounts.country) as country,
        max(surviving_accounts.birth_year) as birth_year,
        max(surviving_accounts.household_id) as household_id,
        min(coalesce(crm_customers.registered_at, former_accounts.registered_at))
            as registered_at,
        max(case when crm_customers.is_test then 1 else 0 end) = 1 as is_test,
        max(case when crm_customers.is_employee then 1 else 0 end) = 1 as is_employee
    from accounts
    left join crm_customers on accounts.account_id = crm_customers.customer_id
    left join former_accounts on accounts.account_id = former_accounts.account_id
    left join surviving_accounts on accounts.customer_id = surviving_accounts.customer_id
    group by accounts.customer_id
    having count(crm_customers.customer_id) > 0
),

from_cards as (
    select
        customer_id,
        min(joined_at) as joined_at,
        max_by(tier, {{ dbt.concat([as_text("joined_at"), "' '", "member_id"]) }}) as tier
    from {{ ref("int_card_customers") }}
    where
        customer_id is not null
        and replaced_at is null
    {% if is_incremental() %}
        and customer_id in (select customer_id from looked_at)
    {% endif %}
    group by customer_id
),

customers as (
    select
        coalesce(from_crm.customer_id, from_cards.customer_id) as customer_id,
        from_crm.market,
        from_crm.country,
        from_crm.birth_year,
        from_crm.household_id,
        from_cards.tier,
        from_crm.customer_id is not null as is_in_crm,
        from_cards.customer_id is not null as is_member,
        coalesce(from_crm.is_test, false) as is_test,
        coalesce(from_crm.is_employee, false) as is_employee,
        least(
            coalesce(from_crm.registered_at, from_cards.joined_at),
            coalesce(from_cards.joined_at, from_crm.registered_at)
        ) as registered_at
    from from_crm
    full outer join from_cards on from_crm.customer_id = from_cards.customer_id
)

{{ keep_replaced("customers", "select customer_id from looked_at") }}
