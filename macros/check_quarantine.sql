{#
Gate before staging, after rows went to quarantine: stops the run where too many rows of a raw table
are in quarantine, for one reason or for all reasons together, or too many values of a column are
read as null. The message names table, column, reason and share. The limit is the var
quarantine_limit, or a table's own (table_rule); a few rows (quarantine_tolerated_rows) never stop a
run. A placeholder refers to nobody, so rows with one count against orphan_limit. Placeholders in
optional columns never stop a run: trackers write them for everybody who is not logged in.
#}
{% macro check_quarantine() %}
    {% if execute %}
        {% set too_many = [] %}
        {% for row in run_query(quarantined_shares()).rows %}
            {% set limit = table_rule(row[0], row[1], "orphan_limit", var("orphan_limit"))
                if row[2] == "placeholder"
                else table_rule(row[0], row[1], "quarantine_limit", var("quarantine_limit")) %}
            {% if row[5] > row[6] * limit %}
                {% do too_many.append(
                    row[0] ~ "." ~ row[1] ~ ": " ~ row[2]
                    ~ (" in column " ~ row[3] if row[3] else "") ~ ", "
                    ~ "{:,} of {:,}".format(row[5] | int, row[6] | int)
                    ~ (" rows are in quarantine" if row[4] else " values are read as null") ~ " ("
                    ~ "{:.1%}".format(row[5] / row[6]) ~ ", the limit is " ~ "{:.1%}".format(limit)
                    ~ ")"
                ) %}
            {% endif %}
        {% endfor %}
        {% if too_many %}
            {% do exceptions.raise_compiler_error(
                "Too much of the raw data cannot be used:\n  - " ~ too_many | join("\n  - ")
                ~ "\nThe rows and the reasons are in " ~ this ~ " (column raw_row). Correct them at"
                ~ " their source and land them again, correct the contract"
                ~ " (models/1_staging/*/_*__sources.yml), or raise the var quarantine_limit"
                ~ " (of placeholders: orphan_limit)."
                ~ " Nothing was staged or scored: the marts stay as they were."
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}


{#
The quarantined rows and values of each raw table by reason, and its rows over all reasons, beside
all rows of the table; only those that are more than quarantine_tolerated_rows.
#}
{% macro quarantined_shares() %}
    with

    -- A row with several unusable values counts for each of them; the first five are looked at.
    reasons as (
        {% for number in range(1, 6) %}
        select
            source_system,
            table_name,
            split_part(reasons, ', ', {{ number }}) as reason,
            is_row,
            row_count
        from {{ this }}
        where
            split_part(reasons, ', ', {{ number }}) <> ''
            and (is_row or split_part(reasons, ', ', {{ number }}) not like 'placeholder:%')
        {{ "union all" if not loop.last }}
        {% endfor %}
    ),

    shares as (
        select
            source_system,
            table_name,
            split_part(reason, ':', 1) as reason_code,
            nullif(split_part(reason, ':', 2), '') as column_name,
            is_row,
            sum(row_count) as row_count
        from reasons
        group by source_system, table_name, reason, is_row
        union all
        select
            source_system,
            table_name,
            'all reasons' as reason_code,
            {{ as_text("null") }} as column_name,
            true as is_row,
            sum(row_count) as row_count
        from {{ this }}
        where is_row and reason_code <> 'placeholder'
        group by source_system, table_name
        having count(distinct reasons) > 1
    ),

    landed as (
        {{ rows_per_table() }}
    )

    select
        shares.*,
        landed.rows_in
    from shares
    inner join landed
        on shares.source_system = landed.source_system
        and shares.table_name = landed.table_name
    where shares.row_count > {{ var("quarantine_tolerated_rows") }}
    order by shares.source_system, shares.table_name, shares.row_count desc
{% endmacro %}


{# How many rows each raw table holds, as a query. #}
{% macro rows_per_table() %}
    select
        source_system,
        table_name,
        sum(rows_in) as rows_in
    from {{ relation_of("int_raw_rows") }}
    group by source_system, table_name
{% endmacro %}


{#
Gate before activities: stops the run where too many rows of a table refer to an account, card,
receipt or send that is not there. The limit is the var orphan_limit, or a table's own (table_rule).
#}
{% macro check_orphans() %}
    {% if execute %}
        {% set too_many, unmatched = [], [] %}
        {% set found = run_query(orphaned_shares(this, var("quarantine_tolerated_rows"))).rows %}
        {% for row in found %}
            {% set limit = table_rule(row[0], row[1], "orphan_limit", var("orphan_limit")) %}
            {% if row[3] > row[4] * limit %}
                {% do too_many.append(
                    row[0] ~ "." ~ row[1] ~ ": " ~ "{:,} of {:,}".format(row[3] | int, row[4] | int)
                    ~ " rows have a " ~ row[2] ~ " that no other table knows ("
                    ~ "{:.1%}".format(row[3] / row[4]) ~ ", the limit is " ~ "{:.1%}".format(limit)
                    ~ ")"
                ) %}
                {% do unmatched.append(row) %}
            {% endif %}
        {% endfor %}
        {% if too_many %}
            {% do exceptions.raise_compiler_error(
                "Too many rows refer to something that is not there:\n  - "
                ~ too_many | join("\n  - ")
                ~ "\n" ~ (reasons_of_orphans(unmatched, this) | join("\n") or "See whether the"
                    ~ " table that they refer to was loaded in part or writes its ids in another"
                    ~ " way (docs/quality.md, unknown_reference).") ~ "\nRaise the"
                ~ " var orphan_limit where this is normal. Nothing was scored: the scores stay as"
                ~ " they were."
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}


{#
Why rows refer to nothing, one sentence per column and reason: the table that they refer to is not
there, or writes the same ids in another way. unmatched: rows of orphaned_shares().
#}
{% macro reasons_of_orphans(unmatched, orphaned_rows) %}
    {% set reasons, references = [], {
        "customer_id": ["raw_crm.customers", "int_customer_accounts", "account_id"],
        "member_id": ["raw_loyalty.members", "stg_loyalty__members", "member_id"],
        "contact_id": ["raw_crm.campaign_contacts", "stg_crm__campaign_contacts", "contact_id"],
        "transaction_id":
            ["raw_loyalty.transactions", "stg_loyalty__transactions", "transaction_id"],
    } %}
    {% for column in unmatched | map(attribute=2) | unique %}
        {% set table, model_name, name = references[column] %}
        {% set plain, known = plain_id("orphans." ~ name), plain_id("known." ~ name) %}
        {% set count, here, there = run_query(
            "select count(distinct orphans.row_key), " ~ shape_of("min(orphans." ~ name ~ ")")
            ~ ", " ~ shape_of("min(known." ~ name ~ ")") ~ " from " ~ orphaned_rows
            ~ " as orphans inner join " ~ relation_of(model_name) ~ " as known on " ~ plain ~ " = "
            ~ known ~ " where orphans.replaced_at is null and known.replaced_at is null"
        ).rows[0].values() %}
        {% if table not in raw_load_days() %}
            {% do reasons.append(
                table ~ " is missing or empty: it says which " ~ column ~ " there is. Land it; the"
                ~ " lines at the start of this run name the files and tables that were not read."
            ) %}
        {% elif count %}
            {% do reasons.append(
                "{:,}".format(count) ~ " rows name a " ~ column ~ " that " ~ table ~ " writes in"
                ~ " another way: it looks like '" ~ here ~ "' in one and like '" ~ there ~ "' in"
                ~ " the other (leading zeros, an ending .0, case or blanks). Write it the same in"
                ~ " all tables."
            ) %}
        {% endif %}
    {% endfor %}
    {{ return(reasons) }}
{% endmacro %}


{# An id without what different systems write around it: 000123, 123.0 and " 123" are 123. #}
{% macro plain_id(column) %}
    {{- return("trim(leading '0' from lower(trim(split_part(" ~ column ~ ", '.0', 1))))") -}}
{% endmacro %}


{#
The rows of each table that refer to nothing by a column, beside all rows of the table; only those
that are more than so many.
#}
{% macro orphaned_shares(orphaned_rows, tolerated) %}
    with

    orphans as (
        select
            source_system,
            table_name,
            column_name,
            count(*) as row_count
        from {{ orphaned_rows }}
        where replaced_at is null
        group by source_system, table_name, column_name
    ),

    landed as (
        {{ rows_per_table() }}
    )

    select
        orphans.*,
        landed.rows_in
    from orphans
    inner join landed
        on orphans.source_system = landed.source_system
        and orphans.table_name = landed.table_name
    where orphans.row_count > {{ tolerated }}
    order by orphans.source_system, orphans.table_name, orphans.column_name
{% endmacro %}
