-- Over 100 lines: all days from which on something of a customer holds stand in one place.
{{ config(materialized=incremental_or_table(), incremental_strategy="touched_rows") }}
-- depends_on: {{ ref("int_touched_customers") }}

with

{% if is_incremental() %}
touched as (
    select * from {{ touched_since() }} as touched
),

{% endif %}
customers as (
    select
        customer_id,
        market,
        {{ local_date("registered_at") }} as registered_date
    from {{ ref("int_customers") }}
    where
        replaced_at is null
        and not is_test
        and not is_employee
    {% if is_incremental() %}
        and customer_id in (select customer_id from touched)
    {% endif %}
),

activities as (
    select
        activities.customer_id,
        case when activities.activity in ({{ engagements() }}) then activities.activity_date end
            as first_activity_date,
        case when activities.channel = 'web' then activities.activity_date end as web_visitor_from
    from {{ ref("int_activities") }} as activities
    {% if is_incremental() %}
    inner join touched
        on activities.customer_id = touched.customer_id
        and activities.activity_date >= {{ local_date("touched.touched_from") }}
    {% endif %}
    where activities.excluded_reason is null
    {% if is_incremental() %}
    -- What came before stays as it was.
    union all
    select
        known.customer_id,
        case
            when known.first_activity_date < {{ local_date("touched.touched_from") }}
                then known.first_activity_date
        end as first_activity_date,
        case
            when known.web_visitor_from < {{ local_date("touched.touched_from") }}
                then known.web_visitor_from
        end as web_visitor_from
    from {{ this }} as known
    inner join touched on known.customer_id = touched.customer_id
    {% endif %}
),

first_activities as (
    select
        customer_id,
        min(first_activity_date) as first_activity_date,
        min(web_visitor_from) as web_visitor_from
    from activities
    group by customer_id
),

app_users as (
    select
        customer_id,
        {{ local_date("min(known_at)") }} as app_user_from
    from {{ ref("int_visitor_customers") }}
    where
        channel = 'app'
        and replaced_at is null
    group by customer_id
),

members as (
    select
        customer_id,
        {{ local_date("min(joined_at)") }} as member_from
    from {{ ref("int_card_customers") }}
    where replaced_at is null
    group by customer_id
),

scored as (
    select
        customers.customer_id,
        customers.market,
        first_activities.first_activity_date,
        first_activities.web_visitor_from,
        app_users.app_user_from,
        members.member_from,
        least(
            coalesce(customers.registered_date, first_activities.first_activity_date),
            coalesce(first_activities.first_activity_date, customers.registered_date)
        ) as scored_from_date
    from customers
    left join first_activities on customers.customer_id = first_activities.customer_id
    left join app_users on customers.customer_id = app_users.customer_id
    left join members on customers.customer_id = members.customer_id
)

select * from scored
where
    scored_from_date is not null
    and {{ "false" if is_idle(["int_touched_customers"]) else "true" }}
