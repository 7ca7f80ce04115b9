{{ config(materialized="view") }}

with

customer_value as (
    select * from {{ ref("int_customer_value") }}
),

newest as (
    select max(score_date) as score_date from {{ ref("int_customer_value") }}
),

measured as (
    select
        customer_value.customer_id,
        customer_value.score_date,
        customer_value.score_date = newest.score_date as is_latest,
        '{{ var("reporting_currency") | upper }}' as currency,
        customer_value.spend,
        customer_value.order_count,
        customer_value.return_count,
        customer_value.spend / nullif(customer_value.order_count, 0) as average_order_value,
        customer_value.unconverted_count
    from customer_value
    cross join newest
)

select * from measured
