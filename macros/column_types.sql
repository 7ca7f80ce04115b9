{# The columns of a relation that is there, but those of bookkeeping: {name: type}. #}
{% macro column_types(relation) %}
    {% set types = {} %}
    {% for column in (adapter.get_columns_in_relation(relation) if execute else []) %}
        {% if column.name not in [
            "key_hash", "lookup_hash", "loaded_at", "is_vanished", "written_at", "replaced_at"
        ] %}
            {% do types.update({column.name: column.data_type}) %}
        {% endif %}
    {% endfor %}
    {{ return(types) }}
{% endmacro %}
