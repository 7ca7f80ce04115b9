{{ config(materialized="view") }}

with

customers as (
    select * from {{ ref("int_customers") }}
    where replaced_at is null
),

scored as (
    select * from {{ ref("int_scored_customers") }}
),

described as (
    select
        customers.customer_id,
        customers.market,
        customers.country,
        cast(customers.birth_year as integer) as birth_year,
        customers.household_id,
        customers.tier,
        customers.is_in_crm,
        customers.is_member,
        customers.is_test,
        customers.is_employee,
        scored.customer_id is not null as is_scored,
        {{ local_date("customers.registered_at") }} as registered_date,
        scored.first_activity_date,
        scored.scored_from_date
    from customers
    left join scored on customers.customer_id = scored.customer_id
)

select * from described
