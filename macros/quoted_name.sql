{#
The name of a column, schema or table as an SQL identifier, whatever characters it has.
adapter.quote() leaves a quote inside a name as it is, which would end the identifier.
#}
{% macro quoted_name(name) %}
    {% set mark = adapter.quote("")[0] %}
    {{- return(adapter.quote((name | string).replace(mark, mark ~ mark))) -}}
{% endmacro %}
