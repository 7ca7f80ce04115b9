{#
The raw tables of the contract, as the source YAML declares them. Empty while dbt parses; one for
the target lint, as the style of SQL is the same for each.
#}
{% macro raw_sources() %}
    {% if not execute %}{{ return([]) }}{% endif %}
    {% set sources = graph.sources.values() | selectattr("package_name", "equalto", project_name) %}
    {{ return((sources | list)[:1] if target.name == "lint" else sources | list) }}
{% endmacro %}


{# A raw table of the contract; none while dbt parses. #}
{% macro raw_source(source_name, table_name) %}
    {% set key = ["source", project_name, source_name, table_name] | join(".") %}
    {{ return(graph.sources.get(key) if execute and graph else none) }}
{% endmacro %}

