{#
Gate before staging, after rows went to quarantine: stops the run where too many rows of a raw table
are in quarantine, for one reason or for all reasons together, or too many values of a column are
read as null. The message names table, column, reason and share. The limit is the var
quarantine_limit, or a table's own (table_rule); a few rows (quarantine_tolerated_rows) never stop a
run.
#}
{% macro check_quarantine() %}
    {% if execute %}
        {% set too_many = [] %}
        {% for raw in raw_sources() %}
            {% set limit = table_rule(
                raw.source_name, raw.name, "quarantine_limit", var("quarantine_limit")
            ) %}
            {% for row in run_query(
                "select reason_code, column_name, is_row, row_count, rows_in from ("
                ~ quarantined_shares(raw) ~ ") as shares where row_count > rows_in * " ~ limit
                ~ " and row_count > " ~ var("quarantine_tolerated_rows")
            ).rows %}
                {% do too_many.append(
                    raw.source_name ~ "." ~ raw.name ~ ": "
                    ~ (row[0] ~ (" in column " ~ row[1] if row[1] else "")) ~ ", "
                    ~ "{:,} of {:,}".format(row[3] | int, row[4] | int)
                    ~ (" rows are in quarantine" if row[2] else " values are read as null") ~ " ("
                    ~ "{:.1%}".format(row[3] / row[4]) ~ ", the limit is " ~ "{:.1%}".format(limit)
                    ~ ")"
                ) %}
            {% endfor %}
        {% endfor %}
        {% if too_many %}
            {% do exceptions.raise_compiler_error(
                "Too much of the raw data cannot be used:\n  - " ~ too_many | join("\n  - ")
                ~ "\nThe rows and the reasons are in " ~ this ~ " (column raw_row). Correct them at"
                ~ " their source and land them again, correct the contract"
                ~ " (models/1_staging/*/_*__sources.yml), or raise the var quarantine_limit."
                ~ " Nothing was staged or scored: the marts stay as they were."
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}


{#
For one raw table: the quarantined rows and values by reason, and the rows over all reasons, beside
all rows of the table.
#}
{% macro quarantined_shares(raw) %}
    {% set condition = "source_system = '" ~ raw.source_name ~ "' and table_name = '" ~ raw.name
        ~ "'" %}
    select
        shares.*,
        landed.rows_in
    from (
        select
            reason_code,
            column_name,
            is_row,
            sum(row_count) as row_count
        from {{ this }}
        where {{ condition }}
        group by reason_code, column_name, is_row
        union all
        select
            'all reasons' as reason_code,
            {{ as_text("null") }} as column_name,
            true as is_row,
            sum(row_count) as row_count
        from {{ this }}
        where {{ condition }} and is_row
        having count(distinct reason_code || coalesce(column_name, '')) > 1
    ) as shares
    cross join (
        select sum(rows_in) as rows_in from {{ relation_of("int_raw_rows") }}
        where {{ condition }}
    ) as landed
{% endmacro %}


{#
Gate before activities: stops the run where too many rows of a table refer to an account, card,
receipt or send that is not there. The limit is the var orphan_limit, or a table's own (table_rule).
#}
{% macro check_orphans() %}
    {% if execute %}
        {% set too_many = [] %}
        {% for row in run_query(
            "select orphans.source_system, orphans.table_name, orphans.column_name, orphans.row_count,"
            ~ " landed.rows_in from (select source_system, table_name, column_name, count(*) as"
            ~ " row_count from " ~ this ~ " where replaced_at is null"
            ~ " group by source_system, table_name, column_name) as orphans inner join (select"
            ~ " source_system, table_name, sum(rows_in) as rows_in from "
            ~ relation_of("int_raw_rows") ~ " group by source_system, table_name) as landed"
            ~ " on orphans.source_system = landed.source_system"
            ~ " and orphans.table_name = landed.table_name"
            ~ " where orphans.row_count > " ~ var("quarantine_tolerated_rows")
            ~ " order by 1, 2, 3"
        ).rows %}
            {% set limit = table_rule(row[0], row[1], "orphan_limit", var("orphan_limit")) %}
            {% if row[3] > row[4] * limit %}
                {% do too_many.append(
                    row[0] ~ "." ~ row[1] ~ ": " ~ "{:,} of {:,}".format(row[3] | int, row[4] | int)
                    ~ " rows have a " ~ row[2] ~ " that no other table knows ("
                    ~ "{:.1%}".format(row[3] / row[4]) ~ ", the limit is " ~ "{:.1%}".format(limit)
                    ~ ")"
                ) %}
            {% endif %}
        {% endfor %}
        {% if too_many %}
            {% do exceptions.raise_compiler_error(
                "Too many rows refer to something that is not there:\n  - "
                ~ too_many | join("\n  - ")
                ~ "\nSee whether the table that they refer to is missing, was loaded in part, or"
                ~ " writes its ids in another way (docs/quality.md, unknown_reference). Raise the var"
                ~ " orphan_limit where this is normal. Nothing was scored: the marts stay as they"
                ~ " were."
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}
