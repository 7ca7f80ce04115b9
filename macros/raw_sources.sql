{# The raw tables of the contract, as the source YAML declares them. Empty while dbt parses. #}
{% macro raw_sources() %}
    {% if not execute %}{{ return([]) }}{% endif %}
    {% set sources = graph.sources.values() %}
    {{ return(sources | selectattr("package_name", "equalto", project_name) | list) }}
{% endmacro %}
