with

score_dates as (
    select * from {{ ref("int_score_dates") }}
),

days as (
    {{ days_between(
        "(select min(score_date) from score_dates)",
        "(select max(score_date) from score_dates)",
    ) }}
),

calendar as (
    select
        days.calendar_date,
        min(score_dates.score_date) as score_date
    from days
    inner join score_dates on days.calendar_date <= score_dates.score_date
    group by days.calendar_date
)

select * from calendar
