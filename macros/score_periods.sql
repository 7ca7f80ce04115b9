{#
The end of the score period that a date lies in. Marts tell period ends and what came before from
the dates of their own rows, so that they fit together whatever model a run ends after.
#}
{% macro period_end(date) %}{{- return(dbt.last_day(date, var("score_period"))) -}}{% endmacro %}


{# The end of the period before the one that a date lies in. #}
{% macro previous_period_end(date) %}
    {{- return(
        "cast(" ~ dbt.dateadd("day", -1, dbt.date_trunc(var("score_period"), date)) ~ " as date)"
    ) -}}
{% endmacro %}
