{# The scorecard versions that seeds/calibration.csv holds whole, as a query. #}
{% macro calibrated_versions() %}
    select scorecard_version
    from {{ ref("calibration") }}
    where {{ var("use_calibration") }}
    group by scorecard_version
    having
        count(case when kind = 'normaliser' then 1 end) > 0
        and count(case when kind like 'persona:%' then 1 end) > 0
{% endmacro %}


{#
Gate before anything is fitted: stops the run where no customer has a score in the reference period
of a scorecard version, and says why: no customer, no activity, or dates outside of the data.
#}
{% macro check_reference() %}
    {% set without = run_query(
        "select scorecard_version, reference_start_date, reference_end_date from "
        ~ ref("int_scorecard_versions") ~ " where scorecard_version not in ("
        ~ calibrated_versions() ~ ") and scorecard_version not in (select scorecard_version from "
        ~ this ~ ") order by scorecard_version"
    ).rows if execute else [] %}
    {% if without %}
        {% set customers = run_query(
            "select count(*) from " ~ relation_of("int_customers") ~ " where replaced_at is null"
        ).rows[0][0] %}
        {% set first_day, last_day, activities = run_query(
            "select min(activity_date), max(activity_date), count(*) from "
            ~ relation_of("int_activities") ~ " where excluded_reason is null"
        ).rows[0].values() %}
        {% set score_days = run_query(
            "select count(*) from " ~ relation_of("int_score_dates")
        ).rows[0][0] %}
        {% set ends = run_query(
            "select score_date from " ~ relation_of("int_score_dates")
            ~ " where is_period_end and score_date <= " ~ period_end("cast('" ~ last_day
            ~ "' as date)") ~ " order by score_date desc limit 6"
        ).columns[0].values() %}
        {% if not customers %}
            {% do exceptions.raise_compiler_error(
                "There is no customer to score: neither raw_crm.customers nor raw_loyalty.members"
                ~ " holds a usable row. The lines at the start of this run say which tables were"
                ~ " found, which are missing and what was not read."
            ) %}
        {% elif not activities %}
            {% do exceptions.raise_compiler_error(
                "{:,}".format(customers) ~ " customers are known, but no raw row became an"
                ~ " activity of one of them. The lines at the start of this run say which tables"
                ~ " were found; rpt_excluded_activities and rpt_quarantine say what was left out."
            ) %}
        {% elif not score_days %}
            {% do exceptions.raise_compiler_error(
                "There is no day to score: the activities of the data run from " ~ first_day
                ~ " to " ~ last_day ~ ". " ~ (source_behind() or "The vars score_start_date and"
                ~ " as_of_date leave no day between them.")
            ) %}
        {% else %}
            {% set periods = [] %}
            {% for row in without %}
                {% do periods.append(row[0] ~ ": from " ~ row[1] ~ " to " ~ row[2]) %}
            {% endfor %}
            {% do exceptions.raise_compiler_error(
                "The reference period holds no period end at which a customer is scored, so there"
                ~ " is nothing to normalise by:\n  - " ~ periods | join("\n  - ")
                ~ "\nThe activities of the data run from " ~ first_day ~ " to " ~ last_day
                ~ ". Set the vars reference_start_date and reference_end_date, or the scorecard's"
                ~ " own dates, to a time with whole periods (var score_period: "
                ~ var("score_period") ~ ") within the data" ~ (", e.g. "
                    ~ period_start(ends[-1]) ~ " to " ~ ends[0] ~ "." if ends else
                    ". So far they hold no whole period: score_period may be shorter.")
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}


{# The first day of the score period that a day ends. #}
{% macro period_start(day) %}
    {{ return(run_query(
        "select cast(" ~ dbt.date_trunc(var("score_period"), "cast('" ~ day ~ "' as date)")
        ~ " as date)"
    ).rows[0][0]) }}
{% endmacro %}
