{#
What Great Expectations judges of a layer: of the tables in which something has changed since they
were last judged, one row per table, part, column and day with measures over all rows.

Days are judged once they are whole (shares of the day that has begun already), beside the weeks
before them: rows beside those of the same weekday in the four weeks before, nulls and means beside
the 28 days before; score dates beside the four score dates before. Too few rows (the var
quality_least_rows) or days say nothing, and the measure is null. psi comes from int_drifts__<layer>.

    273 rows on a Saturday, 310, 290, 300 and 280 on those before -> row_count_ratio 273 / 295 = 0.93
#}
{% macro judged(layer) %}
{% set model_name = "int_quality__" ~ layer %}
{% set last, suite = last_judgement(model_name), suite_fingerprint(model_name) %}
{% set of_loads = layer in ["raw", "staging"] %}
with

profile as (
    select * from {{ ref("int_profile__" ~ layer) }}
),

-- The last whole day of each source system, or of the scores.
last_dates as (
    {% if of_loads %}
    select
        source_system,
        cast({{ dbt.dateadd("day", -1, "max(newest_loaded_at)") }} as date) as last_date
    from {{ ref("int_raw_rows") }}
    group by source_system
    {% else %}
    select
        '' as source_system,
        max(score_date) as last_date
    from {{ ref("int_score_dates") }}
    {% endif %}
),

due_tables as (
    select distinct table_name
    from profile
    {% if last.suite == suite %}
    where written_at > {{ mark(model_name) }}
    {% endif %}
),

dated as (
    select
        profile.*,
        profile.profile_date > cast('0001-01-01' as date) as is_dated,
        coalesce(
            last_dates.last_date,
            max(profile.profile_date) over (partition by profile.source_system)
        ) as last_date
    from profile
    left join last_dates on profile.source_system = last_dates.source_system
    {% if not of_loads %}
    where
        profile.rhythm = 'day'
        or profile.profile_date in (select score_date from {{ ref("int_score_dates") }})
    {% endif %}
),

recent as (
    select
        table_name,
        source_system,
        rhythm,
        part,
        column_name,
        profile_date,
        is_dated,
        last_date,
        row_count,
        filled_count,
        least,
        greatest,
        mean
    from dated
    where
        (
            rhythm != 'day'
            or not is_dated
            or profile_date > {{ dbt.dateadd("day", -63, "last_date") }}
        )
        and table_name in (select due_tables.table_name from due_tables)
),

-- A table without rows on a whole day on which others of its system have some had none.
empty_days as (
    select
        tables.table_name,
        tables.source_system,
        'day' as rhythm,
        tables.part,
        '*' as column_name,
        days.profile_date,
        true as is_dated,
        tables.last_date,
        0 as row_count,
        0 as filled_count,
        cast(null as {{ type_double() }}) as least,
        cast(null as {{ type_double() }}) as greatest,
        cast(null as {{ type_double() }}) as mean
    from (
        select distinct table_name, source_system, part, last_date
        from recent
        where rhythm = 'day' and is_dated
    ) as tables
    inner join (
        select distinct source_system, profile_date
        from dated
        where rhythm = 'day' and is_dated and profile_date <= last_date
    ) as days
        on tables.source_system = days.source_system
        and days.profile_date > {{ dbt.dateadd("day", -63, "tables.last_date") }}
    left join recent
        on tables.table_name = recent.table_name
        and tables.part = recent.part
        and days.profile_date = recent.profile_date
        and recent.column_name = '*'
    where recent.table_name is null
),

-- Days by their number; score dates seven apart, so that the four before lie within 28, too.
placed as (
    select
        every_day.*,
        case
            when rhythm = 'day' then {{ dbt.datediff(
                "cast('2001-01-01' as date)", "profile_date", "day"
            ) }}
            else 7 * dense_rank() over (
                partition by table_name, part, column_name order by profile_date
            )
        end as place
    from (
        select * from recent
        union all
        select * from empty_days
    ) as every_day
),

compared as (
    select
        placed.*,
        count(*) over alike as alike_count,
        sum(row_count) over alike as alike_sum,
        min(row_count) over alike as alike_least,
        max(row_count) over alike as alike_greatest,
        sum(row_count) over last_week as week_rows,
        count(*) over weeks_before as weeks_before_count,
        sum(row_count) over weeks_before as weeks_before_rows,
        count(*) over before as before_count,
        sum(row_count) over before as before_rows,
        sum(filled_count) over before as before_filled,
        sum(mean * filled_count) over before as before_total
    from placed
    window
        alike as (
            partition by table_name, part, column_name, place % 7
            order by place range between 28 preceding and 7 preceding
        ),
        last_week as (
            partition by table_name, part, column_name
            order by place range between 6 preceding and current row
        ),
        weeks_before as (
            partition by table_name, part, column_name
            order by place range between 34 preceding and 7 preceding
        ),
        before as (
            partition by table_name, part, column_name
            order by place range between 28 preceding and 1 preceding
        )
),

measured as (
    select
        compared.*,
        case
            when alike_count = 4 then (alike_sum - alike_least - alike_greatest) / 2.0e0
        end as usual_row_count,
        case when weeks_before_count >= 20 then weeks_before_rows / 4.0e0 end as usual_week_rows,
        1.0e0 - filled_count / cast(row_count as {{ type_double() }}) as null_share,
        case
            when before_count >= 4 and before_rows >= {{ var("quality_least_rows") }}
                then 1.0e0 - before_filled / cast(before_rows as {{ type_double() }})
        end as usual_null_share,
        case
            when before_count >= 4 and before_filled >= {{ var("quality_least_rows") }}
                then before_total / before_filled
        end as usual_mean
    from compared
),

to_judge as (
    select
        measured.*,
        profile_date <= last_date or not is_dated as is_whole
    from measured
    where
        not is_dated
        or profile_date between last_date and {{ dbt.dateadd("day", 1, "last_date") }}
        {% if last.until %}
        or (profile_date > cast('{{ last.until }}' as date) and profile_date < last_date)
        {% endif %}
),

drifts as (
    select * from {{ ref("int_drifts__" ~ layer) }}
),

judged as (
    select
        to_judge.table_name,
        to_judge.part,
        to_judge.column_name,
        case when to_judge.is_dated then to_judge.profile_date end as profile_date,
        to_judge.row_count,
        case
            when to_judge.column_name = '*'
                and to_judge.is_whole
                and to_judge.usual_row_count >= {{ var("quality_least_rows") }}
                then to_judge.row_count / to_judge.usual_row_count
        end as row_count_ratio,
        case
            when to_judge.column_name = '*'
                and to_judge.is_whole
                and to_judge.usual_week_rows >= {{ var("quality_least_rows") }}
                then to_judge.week_rows / to_judge.usual_week_rows
        end as week_count_ratio,
        case
            when to_judge.row_count >= {{ var("quality_least_rows") }} then to_judge.null_share
        end as null_share,
        case
            when to_judge.row_count >= {{ var("quality_least_rows") }}
                then to_judge.null_share - to_judge.usual_null_share
        end as null_share_change,
        to_judge.least,
        to_judge.greatest,
        case
            when to_judge.filled_count >= {{ var("quality_least_rows") }} then to_judge.mean
        end as mean,
        case
            when to_judge.filled_count >= {{ var("quality_least_rows") }}
                then to_judge.mean - to_judge.usual_mean
        end as mean_change,
        case
            when to_judge.is_whole
                and to_judge.profile_date = max(
                    case when to_judge.is_whole then to_judge.profile_date end
                ) over (partition by to_judge.table_name, to_judge.part, to_judge.column_name)
                then drifts.psi
        end as psi,
        '{{ suite }}' as suite_fingerprint
    from to_judge
    left join drifts
        on to_judge.table_name = drifts.table_name
        and to_judge.part = drifts.part
        and to_judge.column_name = drifts.column_name
)

select * from judged
{% endmacro %}


{# The newest day that a layer was judged for, and by which suite; nothing, where it is judged anew. #}
{% macro last_judgement(model_name) %}
    {% if not adds_to(model_name) %}{{ return({"until": none, "suite": none}) }}{% endif %}
    {% set rows = run_query(
        "select max(profile_date), max(case when run_at = last_run_at then suite_fingerprint end)"
        ~ " from (select *, max(run_at) over () as last_run_at from " ~ relation_of(model_name)
        ~ ") as results"
    ).rows %}
    {{ return({"until": rows[0][0], "suite": rows[0][1]}) }}
{% endmacro %}


{# What tells one suite of expectations from another. #}
{% macro suite_fingerprint(model_name) %}
    {% set node = graph.nodes["model." ~ project_name ~ "." ~ model_name] if execute else none %}
    {{ return(local_md5(tojson(node.config.meta.suite if node else none))) }}
{% endmacro %}
