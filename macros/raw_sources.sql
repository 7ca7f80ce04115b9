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


{#
How many rows each raw table had when the run first asked: {"raw_crm.customers": 273}. What lands
while it runs makes the next run look again, as it then has more rows than were counted.
#}
{% macro raw_row_counts() %}
    {% set known = read_once() %}
    {% if "raw_row_counts" not in known %}
        {% set counts, counted = [], {} %}
        {% for raw in raw_sources() if load_relation(source(raw.source_name, raw.name)) %}
            {% do counts.append(
                "select '" ~ raw.source_name ~ "." ~ raw.name ~ "', count(*) from "
                ~ source(raw.source_name, raw.name)
            ) %}
        {% endfor %}
        {% for row in run_query(counts | join(" union all ")).rows if counts %}
            {% do counted.update({row[0]: row[1]}) %}
        {% endfor %}
        {% do known.update({"raw_row_counts": counted}) %}
    {% endif %}
    {{ return(known.raw_row_counts) }}
{% endmacro %}
