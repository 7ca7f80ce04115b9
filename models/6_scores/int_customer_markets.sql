{{ config(materialized="view") }}

with

customers as (
    select * from {{ ref("int_scored_customers") }}
),

weights as (
    select * from {{ ref("int_scorecard_weights") }}
),

assigned as (
    select
        customers.customer_id,
        weights.scorecard_version,
        weights.market
    from customers
    inner join weights
        on customers.market = weights.market
        or weights.market = '*'
    qualify row_number() over (
            partition by customers.customer_id, weights.scorecard_version
            order by case when weights.market = '*' then 1 else 0 end
        ) = 1
)

select * from assigned
