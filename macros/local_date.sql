{#
The calendar day, in the business time zone (or another), of a moment in UTC.

    local_date("2026-03-31 23:30") in Europe/Paris -> 2026-04-01
#}
{% macro local_date(column) %}
    {{ return(adapter.dispatch("local_date")(column, var("business_timezone"))) }}
{% endmacro %}

{% macro duckdb__local_date(column, zone) %}
    {{- return("cast((" ~ column ~ " at time zone 'UTC' at time zone '" ~ zone ~ "') as date)") -}}
{% endmacro %}

{% macro spark__local_date(column, zone) %}
    {{- return("cast(from_utc_timestamp(" ~ column ~ ", '" ~ zone ~ "') as date)") -}}
{% endmacro %}
