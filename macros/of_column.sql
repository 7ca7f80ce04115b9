{#
Of several expressions that of the column which columns.column_name names.

    of_column({"score": "sampled.score"}, "double")
    -> case columns.column_name when 'score' then sampled.score end
#}
{% macro of_column(expressions, type) %}
    {% if not expressions %}{{ return("cast(null as " ~ type ~ ")") }}{% endif %}
    case columns.column_name
        {% for column, expression in expressions.items() %}
        when '{{ column }}' then cast({{ expression }} as {{ type }})
        {% endfor %}
    end
{% endmacro %}
