-- Nothing is scored where too much of a raw table cannot be used: the quarantine stops before this.
-- depends_on: {{ ref("int_quarantined_rows") }}

with

loads as (
    select
        source_system,
        max(newest_loaded_at) as newest_loaded_at
    from {{ ref("int_raw_rows") }}
    where newest_loaded_at is not null
    group by source_system
),

-- Over all systems: the day of the newest load, and the last day that each was loaded after.
load_dates as (
    select
        max({{ local_date("newest_loaded_at") }}) as newest_date,
        min(cast({{ dbt.dateadd("day", -1, local_date("newest_loaded_at")) }} as date))
            as whole_date
    from loads
),

activity_dates as (
    select
        min(activity_date) as first_date,
        max(activity_date) as last_date
    from {{ ref("int_activities") }}
    where excluded_reason is null
),

-- The last whole day that every system has been loaded for, or the day of the newest load.
bounds as (
    select
        {% if var("as_of_date") %}
        cast('{{ var("as_of_date") }}' as date) as as_of_date,
        {% elif var("score_today") %}
        coalesce(load_dates.newest_date, activity_dates.last_date) as as_of_date,
        {% else %}
        coalesce(load_dates.whole_date, activity_dates.last_date) as as_of_date,
        {% endif %}
        {% if var("score_start_date") %}
        cast('{{ var("score_start_date") }}' as date) as first_date
        {% else %}
        activity_dates.first_date
        {% endif %}
    from activity_dates
    cross join load_dates
),

days as (
    {{ days_between("(select first_date from bounds)", "(select as_of_date from bounds)") }}
),

score_dates as (
    select
        days.calendar_date as score_date,
        days.calendar_date = {{ dbt.last_day("days.calendar_date", var("score_period")) }}
            as is_period_end,
        days.calendar_date = bounds.as_of_date as is_latest
    from days
    cross join bounds
    where
        days.calendar_date = {{ dbt.last_day("days.calendar_date", var("score_period")) }}
        or days.calendar_date = bounds.as_of_date
),

-- The open row compares with the last period end and is nobody's predecessor: it comes last.
-- Numbers are never negative, which the fold over levels needs.
numbered as (
    select
        {{ dbt.datediff(
            "cast('0001-01-01' as date)", dbt.last_day("score_date", var("score_period")), "day"
        ) }} as score_date_number,
        score_date,
        lag(score_date) over (order by score_date) as previous_score_date,
        is_period_end,
        is_latest
    from score_dates
)

select * from numbered
