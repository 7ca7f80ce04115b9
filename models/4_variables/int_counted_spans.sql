-- Over 100 lines: all that counts, and from when until when, stands in one place.
{{ config(materialized="view") }}

with

due_customers as (
    select
        customer_id,
        customer_number,
        min(score_date) as first_due_date
    from {{ ref("int_summed_scores") }}
    group by customer_id, customer_number
),

-- What a customer has told counts until they tell something else.
due_activities as (
    select
        due_customers.customer_number,
        due_customers.first_due_date,
        activities.activity,
        activities.activity_at,
        activities.activity_date,
        activities.counts_until,
        activities.category,
        activities.engaged_seconds
    from {{ few_of(
        ref("int_activities"), "customer_id", "select customer_id from due_customers",
        is_due_to_few(),
    ) }} as activities
    inner join due_customers on activities.customer_id = due_customers.customer_id
    where
        activities.excluded_reason is null
        and {{ in_batch("activities.customer_id") }}
        and (
            activities.counts_until > due_customers.first_due_date
            or activities.activity in ('preference_given', 'preference_withdrawn')
        )
),

activities as (
    select * from due_activities
    where counts_until > first_due_date
),

days as (
    select
        customer_number,
        first_due_date,
        activity_date,
        max(counts_until) as counts_until
    from activities
    where activity in ({{ engagements() }})
    group by customer_number, first_due_date, activity_date
),

category_days as (
    select
        customer_number,
        first_due_date,
        activity_date,
        category,
        max(counts_until) as counts_until
    from activities
    where activity = 'category_bought'
    group by customer_number, first_due_date, activity_date, category
),

-- A week or category that is met again goes on counting; only what reaches further is added.
again as (
    select
        customer_number,
        first_due_date,
        'active_weeks' as item,
        activity_date,
        counts_until,
        max(counts_until) over (
            partition by customer_number, {{ dbt.date_trunc("week", "activity_date") }}
            order by activity_date rows between unbounded preceding and 1 preceding
        ) as counted_until
    from days
    union all
    select
        customer_number,
        first_due_date,
        'categories_bought' as item,
        activity_date,
        counts_until,
        max(counts_until) over (
            partition by customer_number, category
            order by activity_date rows between unbounded preceding and 1 preceding
        ) as counted_until
    from category_days
),

preferences as (
    select
        customer_number,
        first_due_date,
        activity,
        activity_date,
        lead(activity_date) over (
            partition by customer_number, category
            order by activity_at, activity
        ) as counts_until
    from due_activities
    where activity in ('preference_given', 'preference_withdrawn')
),

spans as (
    select
        customer_number,
        first_due_date,
        activity as item,
        activity_date as counts_from,
        counts_until,
        1.0e0 as units,
        coalesce(engaged_seconds, 0) as engaged_seconds
    from activities
    union all
    select
        customer_number,
        first_due_date,
        'decayed_days' as item,
        activity_date as counts_from,
        counts_until,
        1.0e0 as units,
        0 as engaged_seconds
    from days
    union all
    select
        customer_number,
        first_due_date,
        item,
        greatest(activity_date, coalesce(counted_until, activity_date)) as counts_from,
        counts_until,
        1.0e0 as units,
        0 as engaged_seconds
    from again
    where counted_until is null or counts_until > counted_until
    union all
    select
        customer_number,
        first_due_date,
        'preferences_held' as item,
        activity_date as counts_from,
        counts_until,
        1.0e0 as units,
        0 as engaged_seconds
    from preferences
    where activity = 'preference_given'
    union all
    select
        due_customers.customer_number,
        due_customers.first_due_date,
        {{ dbt.concat(["consents.channel", "'_'", "consents.consent_state"]) }} as item,
        consents.counts_from,
        consents.counts_until,
        1.0e0 as units,
        0 as engaged_seconds
    from {{ ref("int_consents") }} as consents
    inner join due_customers on consents.customer_id = due_customers.customer_id
)

select * from spans
