{{ config(materialized="view") }}

with

activities as (
    select * from {{ ref("int_activities") }}
),

counted as (
    select
        channel,
        activity,
        excluded_reason,
        count(*) as activity_count
    from activities
    where excluded_reason is not null
    group by channel, activity, excluded_reason
)

select * from counted
