{#
The rows of a raw table that count: the latest load of each key, unless deleted at its source.

A row without a value in a column that the contract requires is left out (rpt_raw_rows counts it).
key: the columns that tell one row from another. id: the optional column that does so where it is
filled; it comes back as row_key, made from the key columns where it is empty.

    current_rows("raw_crm", "surveys", key=["customer_id", "answered_at"], id="survey_id")
#}
{% macro current_rows(source_name, table_name, key, id=none) %}
    {% set key_texts = [] %}
    {% for column in key %}
        {% do key_texts.append("coalesce(" ~ as_text(column) ~ ", '')") %}
    {% endfor %}
    select *
    from (
        select
            raw_rows.*,
            {% if id %}
            coalesce({{ id }}, md5(concat({{ key_texts | join(", '|', ") }}))) as row_key
            {% else %}
            1 as row_key
            {% endif %}
        from {{ source(source_name, table_name) }} as raw_rows
        where
            true
            {% for column in required_columns(source_name, table_name) %}
            and {{ column }} is not null
            {% endfor %}
    ) as usable
    qualify row_number() over (
        partition by {{ "row_key" if id else key | join(", ") }}
        order by _loaded_at desc
    ) = 1
{% endmacro %}


{# The columns that the contract requires of a raw table, in its order. #}
{% macro required_columns(source_name, table_name) %}
    {% set columns = [] %}
    {% if execute %}
        {% set key = ["source", project_name, source_name, table_name] | join(".") %}
        {% for column in graph.sources[key].columns.values() %}
            {% if column.config.meta.get("required") %}
                {% do columns.append(column.name) %}
            {% endif %}
        {% endfor %}
    {% endif %}
    {{ return(columns) }}
{% endmacro %}
