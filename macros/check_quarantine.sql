{#
After rows are set aside: stops what follows where they are too many of a raw table, naming table,
column, reason and share. The limit is the var quarantine_limit, or a table's own in the contract
(config: {meta: {quarantine_limit: 0.2}}); a few rows (quarantine_tolerated_rows) never stop a run.
#}
{% macro check_quarantine() %}
    {% if execute %}
        {% set too_many = [] %}
        {% for raw in raw_sources() %}
            {% set limit = raw.config.meta.get("quarantine_limit", var("quarantine_limit")) %}
            {% for row in run_query(
                "select reason_code, column_name, is_row, row_count, rows_in, raw_row from ("
                ~ shares_set_aside(raw) ~ ") as shares where row_count > rows_in * " ~ limit
                ~ " and row_count > " ~ var("quarantine_tolerated_rows")
            ).rows %}
                {% do too_many.append(
                    raw.source_name ~ "." ~ raw.name ~ ": "
                    ~ (row[0] ~ (" in column " ~ row[1] if row[1] else "")) ~ ", "
                    ~ "{:,} of {:,}".format(row[3] | int, row[4] | int)
                    ~ (" rows are set aside" if row[2] else " values are read as null") ~ " ("
                    ~ "{:.1%}".format(row[3] / row[4]) ~ ", at most " ~ "{:.1%}".format(limit)
                    ~ " may be)"
                ) %}
            {% endfor %}
        {% endfor %}
        {% if too_many %}
            {% do exceptions.raise_compiler_error(
                "Too much of the raw data cannot be used:\n  - " ~ too_many | join("\n  - ")
                ~ "\nThe rows and the reasons are in " ~ this ~ " (column raw_row). Correct them at"
                ~ " their source and land them again, correct the contract"
                ~ " (models/1_staging/*/_*__sources.yml), or raise the var quarantine_limit."
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}


{# For one raw table, by reason: what is set aside beside all rows. #}
{% macro shares_set_aside(raw) %}
    select
        reason_code,
        column_name,
        is_row,
        sum(row_count) as row_count,
        max(rows_in) as rows_in,
        min(raw_row) as raw_row
    from {{ this }}
    cross join (
        select sum(rows_in) as rows_in from {{ relation_of("int_raw_rows") }}
        where source_system = '{{ raw.source_name }}' and table_name = '{{ raw.name }}'
    ) as landed
    where source_system = '{{ raw.source_name }}' and table_name = '{{ raw.name }}'
    group by reason_code, column_name, is_row
{% endmacro %}
