with

activities as (
    select * from {{ ref("int_activities") }}
    where excluded_reason is null
),

days as (
    select
        customer_id,
        activity_date,
        max(counts_until) as counts_until
    from activities
    where activity in ({{ engagements() }})
    group by customer_id, activity_date
),

category_days as (
    select
        customer_id,
        activity_date,
        category,
        max(counts_until) as counts_until
    from activities
    where activity = 'category_bought'
    group by customer_id, activity_date, category
),

-- A week or category that is met again goes on counting; only what reaches further is added.
items as (
    select
        customer_id,
        activity_date,
        counts_until,
        1.0e0 as week_count,
        0.0e0 as category_count,
        max(counts_until) over (
            partition by customer_id, {{ dbt.date_trunc("week", "activity_date") }}
            order by activity_date rows between unbounded preceding and 1 preceding
        ) as counted_until
    from days
    union all
    select
        customer_id,
        activity_date,
        counts_until,
        0.0e0 as week_count,
        1.0e0 as category_count,
        max(counts_until) over (
            partition by customer_id, category
            order by activity_date rows between unbounded preceding and 1 preceding
        ) as counted_until
    from category_days
),

spans as (
    select
        customer_id,
        activity_date as counts_from,
        counts_until,
        {{ growth("activity_date") }} as decayed_days,
        0.0e0 as week_count,
        0.0e0 as category_count
    from days
    union all
    select
        customer_id,
        greatest(activity_date, coalesce(counted_until, activity_date)) as counts_from,
        counts_until,
        0.0e0 as decayed_days,
        week_count,
        category_count
    from items
    where counted_until is null or counts_until > counted_until
),

changes as (
    {{ span_changes("spans", {
        "decayed_days": "spans.decayed_days",
        "active_weeks": "spans.week_count",
        "categories_bought": "spans.category_count",
    }) }}
),

summed as (
    select
        customer_id,
        score_date_number,
        sum(decayed_days) as decayed_days,
        sum(active_weeks) as active_weeks,
        sum(categories_bought) as categories_bought
    from changes
    group by customer_id, score_date_number
)

select * from summed
