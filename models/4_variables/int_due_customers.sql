{{ config(materialized="view") }}

with

touched_customers as (
    select * from {{ ref("int_touched_customers") }}
),

due as (
    select
        customer_id,
        case
            when min(touched_from) <= {{ long_ago() }} then cast({{ long_ago() }} as date)
            else {{ local_date("min(touched_from)") }}
        end as due_from_date
    from touched_customers
    where touched_at > {{ oldest_score_mark() }}
    group by customer_id
)

select * from due
