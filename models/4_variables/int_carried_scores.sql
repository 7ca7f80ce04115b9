{{ config(materialized=incremental_or_table(), incremental_strategy="due_scores") }}
-- depends_on: {{ ref("int_due_dates") }}, {{ ref("int_score_dates") }}

{% set carried = carried_dates() %}
{% set first_day, last_day = carried.next_day, carried.score_date %}
{% set in_between = "between " ~ first_day ~ " and " ~ last_day %}

with

scored as (
    select * from {{ ref("int_scored_customers") }}
    where scored_from_date <= {{ carried.carried_from }}
),

-- Of whom something begins or ceases to count in between, or was touched. A window's end counts
-- also where a withdrawal came before it, as what was bought leaves the window then. Each condition
-- is asked alone: that costs less than all three at once.
moved as (
    {% for condition in [
        "activity_date " ~ in_between,
        "counts_until " ~ in_between,
        "activity_date between " ~ dbt.dateadd("day", "-" ~ var("window_days"), first_day)
        ~ " and " ~ dbt.dateadd("day", "-" ~ var("window_days"), last_day),
    ] %}
    select customer_id from {{ ref("int_activities") }}
    where
        customer_id is not null
        and {{ condition }}
    union all
    {% endfor %}
    select customer_id from {{ ref("int_consents") }}
    where counts_from {{ in_between }} or counts_until {{ in_between }}
    union all
    select customer_id from scored
    where
        web_visitor_from {{ in_between }}
        or app_user_from {{ in_between }}
        or member_from {{ in_between }}
    union all
    select customer_id from {{ ref("int_due_customers") }}
),

carried as (
    select
        customer_id,
        {{ carried.score_date }} as score_date,
        {{ carried.carried_from }} as carried_from
    from scored
    where customer_id not in (select moved.customer_id from moved)
)

select * from carried
