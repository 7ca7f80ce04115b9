{#
A text as an SQL literal, whatever characters it has: nothing in a file name, header, schema or var
can end the literal.

    text_literal("O'Neill") -> 'O''Neill'
#}
{% macro text_literal(text) %}
    {{- return(adapter.dispatch("text_literal")(text | string)) -}}
{% endmacro %}

{% macro default__text_literal(text) %}
    {{- return("'" ~ text.replace("'", "''") ~ "'") -}}
{% endmacro %}

{% macro spark__text_literal(text) %}
    {{- return("'" ~ text.replace("\\", "\\\\").replace("'", "\\'") ~ "'") -}}
{% endmacro %}
