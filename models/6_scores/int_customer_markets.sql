with

customers as (
    select * from {{ ref("int_scored_customers") }}
),

weights as (
    select * from {{ ref("int_scorecard_weights") }}
),

everywhere as (
    select * from weights
    where market = '*'
),

assigned as (
    select
        customers.customer_id,
        everywhere.scorecard_version,
        coalesce(weights.market, everywhere.market) as market
    from customers
    cross join everywhere
    left join weights
        on everywhere.scorecard_version = weights.scorecard_version
        and customers.market = weights.market
)

select * from assigned
