{{ config(materialized="view") }}

with

due_scores as (
    select * from {{ ref("int_due_scores") }}
),

carried_scores as (
    select * from {{ ref("int_carried_scores") }}
    where score_date in (select due_dates.score_date from {{ ref("int_due_dates") }} as due_dates)
),

-- Customers are numbered: sums per customer cost less by numbers than by names.
summed as (
    select
        due_scores.*,
        dense_rank() over (order by due_scores.customer_id) as customer_number
    from due_scores
    left join carried_scores
        on due_scores.customer_id = carried_scores.customer_id
        and due_scores.score_date = carried_scores.score_date
    where carried_scores.customer_id is null
)

select * from summed
