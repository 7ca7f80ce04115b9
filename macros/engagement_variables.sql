{#
The engagement variables and the dimension of each, {name: dimension}, in order: the columns of
int_engagement_variables that its YAML gives a dimension. Empty while dbt parses.
#}
{% macro variable_dimensions() %}
    {% set dimensions = {} %}
    {% if execute %}
        {% set model = graph.nodes["model." ~ project_name ~ ".int_engagement_variables"] %}
        {% for column in model.columns.values() if column.config.meta.get("dimension") %}
            {% do dimensions.update({column.name: column.config.meta.dimension}) %}
        {% endfor %}
    {% endif %}
    {{ return(dimensions) }}
{% endmacro %}


{# The names of the engagement variables, of one dimension or of all. #}
{% macro engagement_variables(dimension=none) %}
    {% set names = [] %}
    {% for name, its_dimension in variable_dimensions().items() %}
        {% if dimension in (none, its_dimension) %}{% do names.append(name) %}{% endif %}
    {% endfor %}
    {{ return(names) }}
{% endmacro %}


{# The dimensions of every scorecard: the same for all, so that score_<dimension> is. #}
{% macro dimensions() %}
    {{ return(["recency", "frequency", "depth", "diversity", "participation", "advocacy"]) }}
{% endmacro %}
