{# A query with one row per day, calendar_date, from one date to another, both included. #}
{% macro days_between(first_date, last_date) %}
    {{ return(adapter.dispatch("days_between")(first_date, last_date)) }}
{% endmacro %}

{% macro duckdb__days_between(first_date, last_date) %}
    select cast(unnest(generate_series({{ first_date }}, {{ last_date }}, interval 1 day)) as date)
        as calendar_date
{% endmacro %}

{% macro spark__days_between(first_date, last_date) %}
    select explode(sequence({{ first_date }}, {{ last_date }})) as calendar_date
{% endmacro %}
