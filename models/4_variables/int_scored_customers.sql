with

customers as (
    select
        customer_id,
        market,
        {{ local_date("registered_at") }} as registered_date
    from {{ ref("int_customers") }}
    where
        not is_test
        and not is_employee
),

first_activities as (
    select
        customer_id,
        min(activity_date) as first_activity_date
    from {{ ref("int_activities") }}
    where
        excluded_reason is null
        and activity in ({{ engagements() }})
    group by customer_id
),

started as (
    select
        customers.customer_id,
        customers.market,
        first_activities.first_activity_date,
        least(
            coalesce(customers.registered_date, first_activities.first_activity_date),
            coalesce(first_activities.first_activity_date, customers.registered_date)
        ) as scored_from_date
    from customers
    left join first_activities on customers.customer_id = first_activities.customer_id
),

scored as (
    select
        started.customer_id,
        started.market,
        started.first_activity_date,
        started.scored_from_date,
        calendar.score_date_number as first_score_date_number
    from started
    inner join {{ ref("int_calendar") }} as calendar
        on calendar.calendar_date = greatest(
            started.scored_from_date, (select min(calendar_date) from {{ ref("int_calendar") }})
        )
    where started.scored_from_date is not null
)

select * from scored
