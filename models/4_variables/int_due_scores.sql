{{ config(materialized="view") }}

with

score_dates as (
    select
        score_dates.score_date,
        score_dates.score_date_number,
        due_dates.score_date is not null as is_due
    from {{ ref("int_score_dates") }} as score_dates
    left join {{ ref("int_due_dates") }} as due_dates
        on score_dates.score_date = due_dates.score_date
),

customers as (
    select
        scored.customer_id,
        scored.scored_from_date,
        scored.web_visitor_from,
        scored.app_user_from,
        scored.member_from,
        due_customers.due_from_date
    from {{ ref("int_scored_customers") }} as scored
    left join {{ ref("int_due_customers") }} as due_customers
        on scored.customer_id = due_customers.customer_id
    where {{ in_batch("scored.customer_id") }}
),

due as (
    select
        customers.customer_id,
        score_dates.score_date,
        coalesce(customers.web_visitor_from <= score_dates.score_date, false) as is_web_visitor,
        coalesce(customers.app_user_from <= score_dates.score_date, false) as is_app_user,
        coalesce(customers.member_from <= score_dates.score_date, false) as is_member
    from customers
    inner join score_dates
        on customers.scored_from_date <= score_dates.score_date
        and (score_dates.is_due or customers.due_from_date <= score_dates.score_date)
)

select * from due
