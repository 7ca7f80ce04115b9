{#
The rows of a raw table that count: the latest load of each key, unless deleted at its source.

A row without a value in a column that the contract requires is left out (rpt_raw_rows counts it).
key: the columns that tell one row from another. id: the optional column that does so where it is
filled; it comes back as row_key, made from the key columns where it is empty.

    current_rows("raw_crm", "surveys", id="survey_id", key=["customer_id", "survey_type", "answered_at"])
#}
{% macro current_rows(source_name, table_name, key, id=none) %}
    {% set cast_key %}
        {% for column in key %}coalesce(cast({{ column }} as {{ dbt.type_string() }}), ''){{ ", '|', " if not loop.last }}{% endfor %}
    {% endset %}
    select *
    from (
        select
            raw_rows.*,
            {% if id %}coalesce({{ id }}, md5(concat({{ cast_key }}))) as row_key{% else %}1 as row_key{% endif %}
        from {{ source(source_name, table_name) }} as raw_rows
        where {% for column in required_columns(source_name, table_name) %}{{ column }} is not null and {% endfor %}true
    ) as usable
    qualify row_number() over (
        partition by {{ "row_key" if id else key | join(", ") }}
        order by _loaded_at desc
    ) = 1
{% endmacro %}


{# The columns that the contract requires of a raw table, in its order. #}
{% macro required_columns(source_name, table_name) %}
    {% set columns = [] %}
    {% for node in (graph.sources.values() if execute else []) if node.source_name == source_name and node.name == table_name %}
        {% for column in node.columns.values() if column.config.meta.get("required") %}
            {% do columns.append(column.name) %}
        {% endfor %}
    {% endfor %}
    {{ return(columns) }}
{% endmacro %}
