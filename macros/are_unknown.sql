{#
Whether none of a row's references names what is known, as SQL; a reference that is empty names
nothing. rows: the relation that holds the references; in an increment it has few rows, so that only
what they name is looked for. references: {column: kind}; known: {kind: [model that keeps replaced
rows, column]}.
#}
{% macro are_unknown(rows, references, known) %}
    {% set conditions = [] %}
    {% for column, kind in references.items() %}
        {% set model_name, name = known[kind] %}
        {% set few = few_of(
            ref(model_name), name, "select " ~ column ~ " from " ~ rows, is_incremental(), name
        ) %}
        {% do conditions.append(
            "not exists (select 1 from " ~ few ~ " as known where known." ~ name ~ " = "
            ~ rows ~ "." ~ column ~ " and known.replaced_at is null)"
        ) %}
    {% endfor %}
    {{ return(conditions | join(" and ")) }}
{% endmacro %}
