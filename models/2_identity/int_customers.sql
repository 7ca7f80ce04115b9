with

accounts as (
    select * from {{ ref("int_customer_accounts") }}
),

crm_customers as (
    select * from {{ ref("stg_crm__customers") }}
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
        min(crm_customers.registered_at) as registered_at,
        max(case when crm_customers.is_test then 1 else 0 end) = 1 as is_test,
        max(case when crm_customers.is_employee then 1 else 0 end) = 1 as is_employee
    from accounts
    inner join crm_customers on accounts.account_id = crm_customers.customer_id
    left join surviving_accounts on accounts.customer_id = surviving_accounts.customer_id
    group by accounts.customer_id
),

from_cards as (
    select
        customer_id,
        min(joined_at) as joined_at,
        max_by(tier, joined_at) as tier
    from {{ ref("int_card_customers") }}
    where customer_id is not null
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

select * from customers
