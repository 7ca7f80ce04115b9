{# Adds what a run found to what runs before it found. #}
{% macro get_incremental_add_results_sql(arguments) %}
    {{ insert_rows(arguments) }}
{% endmacro %}
