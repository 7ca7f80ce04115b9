{#
Dates and times on Spark, in place of dbt-spark's own way, which stops at nulls. Seconds are whole
seconds of the clock that lie between, as elsewhere.
#}
{% macro spark__datediff(first_date, second_date, datepart) %}
    {% if datepart == "day" %}
        {{- return("datediff(" ~ second_date ~ ", " ~ first_date ~ ")") -}}
    {% elif datepart == "second" %}
        {{- return(
            "(unix_timestamp(" ~ second_date ~ ") - unix_timestamp(" ~ first_date ~ "))"
        ) -}}
    {% else %}
        {% do exceptions.raise_compiler_error("datediff on Spark: day or second only") %}
    {% endif %}
{% endmacro %}

{% macro spark__dateadd(datepart, interval, from_date_or_timestamp) %}
    {{- return(
        "timestampadd(" ~ datepart ~ ", " ~ interval ~ ", " ~ from_date_or_timestamp ~ ")"
    ) -}}
{% endmacro %}
