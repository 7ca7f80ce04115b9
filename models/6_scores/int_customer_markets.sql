{{ config(materialized="view") }}

with

customers as (
    select * from {{ ref("int_scored_customers") }}
),

weights as (
    select * from {{ ref("int_scorecard_weights") }}
),

markets as (
    select distinct market from customers
),

assigned as (
    select
        markets.market as customer_market,
        weights.scorecard_version,
        weights.market
    from markets
    inner join weights
        on markets.market = weights.market
        or weights.market = '*'
    qualify row_number() over (
            partition by markets.market, weights.scorecard_version
            order by case when weights.market = '*' then 1 else 0 end
        ) = 1
)

select
    customers.customer_id,
    assigned.scorecard_version,
    assigned.market
from customers
inner join assigned on customers.market is not distinct from assigned.customer_market
