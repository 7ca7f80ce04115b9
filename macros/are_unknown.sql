{#
Whether none of a row's references names what is known, as SQL; a reference that is empty names
nothing. references: {column: kind}; known: {kind: [model that keeps replaced rows, column]}.
few: a relation with these references of few rows, so that only what they name is looked for.
#}
{% macro are_unknown(references, known, few=none) %}
    {% set conditions = [] %}
    {% for column, kind in references.items() %}
        {% set model_name, name = known[kind] %}
        {% do conditions.append(
            "(" ~ column ~ " is null or " ~ column ~ " not in (select known." ~ name ~ " from "
            ~ ref(model_name) ~ " as known where known.replaced_at is null"
            ~ (" and known." ~ name ~ " in (select " ~ column ~ " from " ~ few ~ ")" if few else "")
            ~ "))"
        ) %}
    {% endfor %}
    {{ return(conditions | join(" and ")) }}
{% endmacro %}
