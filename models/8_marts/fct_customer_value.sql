{{ config(materialized="view") }}

with

customer_value as (
    select * from {{ ref("int_customer_value") }}
),

score_dates as (
    select * from {{ ref("int_score_dates") }}
),

measured as (
    select
        customer_value.customer_id,
        customer_value.score_date,
        score_dates.is_latest,
        '{{ var("reporting_currency") }}' as currency,
        customer_value.spend,
        customer_value.order_count,
        customer_value.return_count,
        customer_value.spend / nullif(customer_value.order_count, 0) as average_order_value,
        customer_value.unconverted_count
    from customer_value
    inner join score_dates on customer_value.score_date = score_dates.score_date
)

select * from measured
