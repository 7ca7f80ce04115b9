{#
Whether none of a row's references names what is known, as SQL; a reference that is empty names
nothing. references: {column: kind}; known: {kind: [relation that keeps replaced rows, column]}.
#}
{% macro are_unknown(references, known) %}
    {% set conditions = [] %}
    {% for column, kind in references.items() %}
        {% set relation, name = known[kind] %}
        {% do conditions.append(
            "(" ~ column ~ " is null or " ~ column ~ " not in (select known." ~ name ~ " from "
            ~ relation ~ " as known where known.replaced_at is null))"
        ) %}
    {% endfor %}
    {{ return(conditions | join(" and ")) }}
{% endmacro %}
