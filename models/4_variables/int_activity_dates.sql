with

activities as (
    select * from {{ ref("int_activities") }}
    where excluded_reason is null
),

-- What consent is withdrawn from before it is given does not count on any day.
activity_dates as (
    select
        activity,
        category,
        min(activity_date) as first_date,
        max(activity_date) as last_date,
        min(case when counts_until > activity_date then activity_date end) as first_counted_date,
        min(case when counts_until > activity_date and engaged_seconds > 0 then activity_date end)
            as first_timed_date
    from activities
    group by activity, category
)

select * from activity_dates
