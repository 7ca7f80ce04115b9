{{ config(materialized="view") }}

with

running_activities as (
    select * from {{ ref("int_running_activities") }}
    where replaced_at is null
),

-- Levels fold on from date to date, so whatever follows the first that is due is due too.
due as (
    select score_date
    from running_activities
    where
        score_date >= (
            select min(changed.score_date) from running_activities as changed
            where changed.written_at > {{ oldest_score_mark() }}
        )
)

select * from due
