{{ config(materialized="view") }}

with

running_activities as (
    select * from {{ ref("int_running_activities") }}
),

-- Levels fold on from date to date, so whatever follows the first that is new, changed or no score
-- date any more is due.
due as (
    select score_date
    from running_activities
    where
        replaced_at is null
        and score_date >= (
            select min(changed.score_date) from running_activities as changed
            where changed.written_at > {{ oldest_score_mark() }}
        )
)

select * from due
