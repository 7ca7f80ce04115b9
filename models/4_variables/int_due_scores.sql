{{ config(materialized="view") }}

with

score_dates as (
    select
        score_dates.score_date,
        due_dates.score_date is not null as is_due
    from {{ ref("int_score_dates") }} as score_dates
    left join {{ ref("int_due_dates") }} as due_dates
        on score_dates.score_date = due_dates.score_date
),

customers as (
    select * from {{ ref("int_scored_customers") }}
    where {{ in_batch("customer_id") }}
),

customer_dates as (
    select
        customers.*,
        score_dates.score_date
    from customers
    inner join score_dates on customers.scored_from_date <= score_dates.score_date
    where score_dates.is_due
    union all
    select
        customers.*,
        score_dates.score_date
    from customers
    inner join {{ ref("int_due_customers") }} as due_customers
        on customers.customer_id = due_customers.customer_id
    inner join score_dates
        on greatest(customers.scored_from_date, due_customers.due_from_date)
        <= score_dates.score_date
    where not score_dates.is_due
),

due as (
    select
        customer_id,
        score_date,
        coalesce(web_visitor_from <= score_date, false) as is_web_visitor,
        coalesce(app_user_from <= score_date, false) as is_app_user,
        coalesce(member_from <= score_date, false) as is_member
    from customer_dates
)

select * from due
