{#
The rows of a seed on Spark, in place of dbt-spark's own way, which turns null into the text None
and breaks on quotes. A value is written as text and cast to its column's type.
#}
{% macro spark__load_csv_rows(model, agate_table) %}
    {% set types = model.config.column_types %}
    {% set rows = [] %}
    {% for row in agate_table.rows %}
        {% set values = [] %}
        {% for name in agate_table.column_names %}
            {% set type = types.get(name, adapter.convert_type(agate_table, loop.index0)) %}
            {% set text = row[name] | string | replace("\\", "\\\\") | replace("'", "\\'") %}
            {% set value = "null" if row[name] is none else "'" ~ text ~ "'" %}
            {% do values.append("cast(" ~ value ~ " as " ~ type ~ ")") %}
        {% endfor %}
        {% do rows.append("(" ~ values | join(", ") ~ ")") %}
    {% endfor %}
    {% set sql = "insert into " ~ this ~ " values " ~ rows | join(", ") %}
    {% if rows %}{% do adapter.add_query(sql, abridge_sql_log=True) %}{% endif %}
    {{ return(sql) }}
{% endmacro %}
