{#
What Great Expectations judges of a layer: of the source systems in which something has changed
since the last judgement, one row per table, part, column and day with measures over all rows.

Days are judged once they are whole (shares of the day that has begun already), beside the weeks
before: a day's rows beside those of the same weekday in the four weeks before; seven days' rows,
nulls and means beside the four weeks before those; score dates beside the four before. Where a day
has fewer rows than the var quality_least_rows, the seven days up to it speak for it; where they
have fewer, too, or there are no four weeks, the measure is null. psi: see int_drifts__<layer>.

    273 rows on a Saturday, 310, 290, 300 and 280 on those before
    -> row_count_ratio 273 / 295 = 0.93
#}
{% macro judged(layer) %}
{% set model_name = "int_quality__" ~ layer %}
{% set last, suite = last_judgement(model_name), suite_fingerprint(model_name) %}
{% set least_rows = var("quality_least_rows") %}
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

-- Until which whole day each table was judged before.
judged_before as (
    {% for table_name, until in last.until.items() %}
    select
        '{{ table_name }}' as table_name,
        cast('{{ until }}' as date) as judged_until
    {{ "union all" if not loop.last }}
    {% else %}
    select
        {{ as_text("null") }} as table_name,
        cast(null as date) as judged_until
    {% endfor %}
),

-- All tables of a system in which something has changed: one that no longer comes in is among them.
due_tables as (
    select distinct table_name
    from profile
    {% if last.suite == suite %}
    where
        source_system in (
            select changed.source_system from profile as changed
            where changed.written_at > {{ mark(model_name) }}
        )
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

-- A table without rows on a whole day on which others of its system have some had none, once it is
-- there.
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
        select
            table_name,
            source_system,
            part,
            last_date,
            min(profile_date) as first_date
        from dated
        where
            rhythm = 'day'
            and is_dated
            and table_name in (select due_tables.table_name from due_tables)
        group by table_name, source_system, part, last_date
    ) as tables
    inner join (
        select distinct source_system, profile_date
        from dated
        where rhythm = 'day' and is_dated and profile_date <= last_date
    ) as days
        on tables.source_system = days.source_system
        and days.profile_date > {{ dbt.dateadd("day", -63, "tables.last_date") }}
        and days.profile_date > tables.first_date
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
        sum(filled_count) over last_week as week_filled,
        sum(mean * filled_count) over last_week as week_total,
        count(*) over weeks_before as weeks_before_count,
        sum(row_count) over weeks_before as weeks_before_rows,
        sum(filled_count) over weeks_before as weeks_before_filled,
        sum(mean * filled_count) over weeks_before as weeks_before_total
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
        )
),

-- Where a day has too few rows, the seven days up to it speak for it.
spanned as (
    select
        compared.*,
        case when row_count >= {{ least_rows }} then row_count else week_rows end as span_rows,
        case when row_count >= {{ least_rows }} then filled_count else week_filled end
            as span_filled,
        case when row_count >= {{ least_rows }} then mean * filled_count else week_total end
            as span_total
    from compared
),

measured as (
    select
        spanned.*,
        case
            when alike_count = 4 then (alike_sum - alike_least - alike_greatest) / 2.0e0
        end as usual_row_count,
        case when weeks_before_count >= 20 then weeks_before_rows / 4.0e0 end as usual_week_rows,
        case when span_rows >= {{ least_rows }} then 1 - span_filled * 1.0e0 / span_rows end
            as null_share,
        case when span_filled >= {{ least_rows }} then span_total / span_filled end as span_mean,
        case
            when weeks_before_count >= 4 and weeks_before_rows >= {{ least_rows }}
                then 1 - weeks_before_filled * 1.0e0 / weeks_before_rows
        end as usual_null_share,
        case
            when weeks_before_count >= 4 and weeks_before_filled >= {{ least_rows }}
                then weeks_before_total / weeks_before_filled
        end as usual_mean
    from spanned
),

to_judge as (
    select
        measured.*,
        column_name = '*' and (profile_date <= last_date or not is_dated) as is_of_whole_rows,
        profile_date = max(case when profile_date <= last_date then profile_date end) over (
            partition by measured.table_name, part, column_name
        ) as is_newest
    from measured
    left join judged_before on measured.table_name = judged_before.table_name
    where
        not is_dated
        or profile_date between last_date and {{ dbt.dateadd("day", 1, "last_date") }}
        or (profile_date > judged_until and profile_date < last_date)
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
        case when to_judge.is_dated then to_judge.last_date end as whole_until,
        to_judge.row_count,
        case
            when to_judge.is_of_whole_rows and to_judge.usual_row_count >= {{ least_rows }}
                then to_judge.row_count / to_judge.usual_row_count
        end as row_count_ratio,
        case
            when to_judge.is_of_whole_rows and to_judge.usual_week_rows >= {{ least_rows }}
                then to_judge.week_rows / to_judge.usual_week_rows
        end as week_count_ratio,
        to_judge.null_share,
        to_judge.null_share - to_judge.usual_null_share as null_share_change,
        to_judge.least,
        to_judge.greatest,
        to_judge.span_mean as mean,
        to_judge.span_mean - to_judge.usual_mean as mean_change,
        case when to_judge.is_newest then drifts.psi end as psi,
        '{{ suite }}' as suite_fingerprint
    from to_judge
    left join drifts
        on to_judge.table_name = drifts.table_name
        and to_judge.part = drifts.part
        and to_judge.column_name = drifts.column_name
)

select * from judged
{% endmacro %}


{# By which suite a layer was last judged, and until which whole day each table; none, if never. #}
{% macro last_judgement(model_name) %}
    {% set last = {"suite": none, "until": {}} %}
    {% if adds_to(model_name) %}
        {% for row in run_query(
            "select table_name, max(profile_date), max(case when run_at = last_run_at"
            ~ " then suite_fingerprint end) from (select *, max(run_at) over () as last_run_at"
            ~ " from " ~ relation_of(model_name) ~ ") as results group by table_name"
        ).rows %}
            {% if row[1] %}{% do last.until.update({row[0]: row[1]}) %}{% endif %}
            {% if row[2] %}{% do last.update({"suite": row[2]}) %}{% endif %}
        {% endfor %}
    {% endif %}
    {{ return(last) }}
{% endmacro %}


{# Another one where a layer is judged by another suite, reference or setting than before. #}
{% macro suite_fingerprint(model_name) %}
    {% if not execute %}{{ return("") }}{% endif %}
    {% set model = graph.nodes["model." ~ project_name ~ "." ~ model_name] %}
    {% set reference = graph.nodes["seed." ~ project_name ~ ".quality_reference"] %}
    {{ return(local_md5(tojson([
        model.config.meta.suite, reference.checksum.checksum, var("quality_least_rows"),
        var("quality_sample_rows"),
    ]))) }}
{% endmacro %}
