{#
What a day's activity weighs against one on 1 January 2000: 2 ^ (days since then / half-life). A sum
of it divided by the growth of the score date is the sum of 0.5 ^ (age / half-life), so one running
sum serves every score date. In 64-bit floats for the next hundred years at a half-life of 60 days.

    growth("activity_date") / growth("score_date"), 60 days apart, half-life 60 -> 0.5
#}
{% macro growth(date_column) %}
    {{- return("power(2.0e0, " ~ dbt.datediff("cast('2000-01-01' as date)", date_column, "day")
        ~ " / cast(" ~ var("half_life_days") ~ " as " ~ type_double() ~ "))") -}}
{% endmacro %}
