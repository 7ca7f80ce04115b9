{# The day on which a raw row landed (UTC); 0001-01-01 where that is not known. #}
{% macro load_date() %}
    {{- return("coalesce(cast(_loaded_at as date), cast('0001-01-01' as date))") -}}
{% endmacro %}


{#
The raw tables with rows that this model has not read: [{"source_name", "table_name", "condition"
(which rows, as SQL: whole days of load)}]. Built from nothing, and when somebody else has asked to
be erased: all tables, all rows.

A table with as many rows as it had then holds none that are new, unless some have no load time and
so may have changed in place: those are read each time.
#}
{% macro newly_landed_tables() %}
    {% if not execute %}{{ return([]) }}{% endif %}
    {% set tables = [] %}
    {% set read = fromjson(mark_of(this.identifier, "rows_read") or "{}")
        if is_incremental() and not has_new_erasures() else {} %}
    {% for raw in raw_sources() %}
        {% set name = raw.source_name ~ "." ~ raw.name %}
        {% set before = read.get(name, {}) %}
        {% set conditions = ["_loaded_at is null"] if before.get("has_undated") else [] %}
        {% if before.get("rows") != raw_row_counts().get(name, 0) %}
            {% set since = before.get("newest") or "0001-01-02" %}
            {% set conditions = ["_loaded_at is null", "_loaded_at >= cast(" ~ dbt.dateadd(
                "minute", -var("load_overlap_minutes"), "cast('" ~ since ~ "' as timestamp)"
            ) ~ " as date)"] %}
        {% endif %}
        {% if conditions %}
            {% do tables.append({
                "source_name": raw.source_name, "table_name": raw.name,
                "condition": "(" ~ conditions | join(" or ") ~ ")" if read else "true",
            }) %}
        {% endif %}
    {% endfor %}
    {{ return(tables) }}
{% endmacro %}


{# {"raw_crm.customers": {"rows", "newest" (day of load), "has_undated"}}, of int_raw_rows. #}
{% macro rows_counted() %}
    {% set counted = {} %}
    {% if not load_relation(relation_of("int_raw_rows")) %}{{ return(counted) }}{% endif %}
    {% for row in run_query(
        "select source_system, table_name, sum(rows_in),"
        ~ " max(case when load_date > cast('0001-01-01' as date) then load_date end),"
        ~ " min(load_date) = cast('0001-01-01' as date) from " ~ relation_of("int_raw_rows")
        ~ " group by source_system, table_name"
    ).rows %}
        {% do counted.update({row[0] ~ "." ~ row[1]: {
            "rows": row[2] | int, "newest": row[3] ~ "" if row[3] else none, "has_undated": row[4],
        }}) %}
    {% endfor %}
    {{ return(counted) }}
{% endmacro %}


{#
Writes what newly_landed_tables() had counted anew, in place of what those days of load had. What
is as it was stays where it is.
#}
{% macro get_incremental_load_dates_sql(arguments) %}
    {% set columns = arguments["dest_columns"] | map(attribute="quoted") | list %}
    {% set equal = [] %}
    {% for column in columns %}
        {% do equal.append("counted." ~ column ~ " is not distinct from old." ~ column) %}
    {% endfor %}
    {% for raw in newly_landed_tables() %}
    delete from {{ arguments["target_relation"] }} as old
    where
        source_system = '{{ raw.source_name }}'
        and table_name = '{{ raw.table_name }}'
        and {{ raw.condition
            | replace("_loaded_at is null", "load_date = cast('0001-01-01' as date)")
            | replace("_loaded_at", "load_date") }}
        and not exists (
            select 1 from {{ arguments["temp_relation"] }} as counted
            where {{ equal | join(" and ") }}
        );
    {% endfor %}
    insert into {{ arguments["target_relation"] }} ({{ columns | join(", ") }})
    select {{ columns | join(", ") }} from {{ arguments["temp_relation"] }}
    except
    select {{ columns | join(", ") }} from {{ arguments["target_relation"] }}
{% endmacro %}


{# The same for rows by key: in place of those with the keys that newly landed rows have. #}
{% macro get_incremental_landed_keys_sql(arguments) %}
    {% for raw in newly_landed_tables() %}
    delete from {{ arguments["target_relation"] }} as old
    where
        source_system = '{{ raw.source_name }}'
        and table_name = '{{ raw.table_name }}'
        {% if raw.condition != "true" %}
        and row_key_hash in (
            select row_key_hash from {{ arguments["temp_relation"] }}
            where source_system = '{{ raw.source_name }}' and table_name = '{{ raw.table_name }}'
        )
        {% endif %};
    {% endfor %}
    {{ insert_rows(arguments) }}
{% endmacro %}


{# A raw row's values as one text, load time apart: equal for rows that say the same. #}
{% macro row_content(source_name, table_name) %}
    {% set texts = ["coalesce(" ~ as_text("_is_deleted") ~ ", 'false')"] %}
    {% for column in raw_source(source_name, table_name).columns if not column.startswith("_") %}
        {% do texts.append("coalesce(" ~ as_text(column) ~ ", '')") %}
    {% endfor %}
    {{ return("md5(concat(" ~ texts | join(", '|', ") ~ "))") }}
{% endmacro %}
