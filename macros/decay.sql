{#
What a day of activity still counts some days later: 0.5 ^ (days / half-life). The second date is
never before the first, so the result lies between 0 and 1 for every half-life above 0.

    decay("activity_date", "score_date"), 60 days apart, half-life 60 -> 0.5
#}
{% macro decay(from_date, to_date) %}
    {{- return("power(0.5e0, " ~ dbt.datediff(from_date, to_date, "day") ~ " / cast("
        ~ var("half_life_days") ~ " as " ~ type_double() ~ "))") -}}
{% endmacro %}
