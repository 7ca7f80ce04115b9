{#
Lays a view in the shape of the raw contract over every raw table, before a run.

The contract is the source YAML (column names, data types, required columns); the data are files
below the variable raw_path or, where that is empty, tables in the schemas of raw_schemas. A table
or optional column that is absent reads as empty or null. What is wrong with a table as a whole (no
required column, a column of another type) is collected over all tables and stops the run with one
message. In CSV every column is text: a value that cannot be read as its type becomes null and is
named in _unreadable.

    raw_crm/customers.csv: no column customer_id
    -> "raw_crm.customers: the required column customer_id is missing. Found: id, email. In: ..."
#}
{% macro land_raw() %}
    {% if execute and flags.WHICH in ["build", "run"] %}
        {% set landed = raw_relations() %}
        {% set problems = [] %}
        {% for source in raw_sources() %}
            {% set key = source.source_name ~ "." ~ source.name %}
            {% do problems.extend(land_raw_table(source, landed.get(key))) %}
        {% endfor %}
        {% if problems %}
            {% do exceptions.raise_compiler_error(
                "The raw data does not fit the raw contract"
                ~ " (models/1_staging/*/_*__sources.yml):\n  - " ~ problems | join("\n  - ")
                ~ "\nCorrect the files or the query that lands them, then run again."
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}


{#
Where each raw table is: {"raw_crm.customers": {"from": SQL after "from", "where": what to tell a
person, "is_text": whether its values are untyped text}}.
#}
{% macro raw_relations() %}
    {% set landed = {} %}
    {% set raw_path = var("raw_path") %}
    {% if not raw_path %}
        {% set rows = run_query(
            "select table_schema, table_name from information_schema.tables where table_catalog = '"
            ~ target.database ~ "'"
        ).rows %}
        {% for source_name, schema in var("raw_schemas").items() %}
            {% for row in rows if row[0] == schema %}
                {% set relation = target.database ~ "." ~ row[0] ~ "." ~ row[1] %}
                {% set key = source_name ~ "." ~ row[1] %}
                {% do landed.update({key: {"from": relation, "where": relation}}) %}
            {% endfor %}
        {% endfor %}
    {% else %}
        {% set files = {} %}
        {% set pattern = raw_path ~ "/raw_*/**" %}
        {% for row in run_query("select file from glob('" ~ pattern ~ "') order by file").rows %}
            {% set parts = row[0].replace("\\", "/")[raw_path | length + 1:].split("/") %}
            {% set is_csv = parts[-1].endswith((".csv", ".csv.gz")) %}
            {% if is_csv or parts[-1].endswith(".parquet") %}
                {% set table = parts[0] ~ "." ~ parts[1].split(".")[0] %}
                {% set key = table ~ (":csv" if is_csv else ":parquet") %}
                {% do files.setdefault(key, []).append(row[0]) %}
            {% endif %}
        {% endfor %}
        {% for key, paths in files.items() %}
            {% set table, format = key.split(":") %}
            {% set options = ", header = true, all_varchar = true" if format == "csv" else "" %}
            {% set others = paths | length - 1 %}
            {% do landed.update({table: {
                "from": "read_" ~ format ~ "(['" ~ paths | join("', '") ~ "']" ~ options
                    ~ ", union_by_name = true)",
                "where": paths[0] ~ (" and " ~ others ~ " more" if others else ""),
                "is_text": format == "csv",
            }}) %}
        {% endfor %}
    {% endif %}
    {% if not landed %}
        {% do exceptions.raise_compiler_error(
            "No raw table found in " ~ (raw_path or var("raw_schemas").values() | list | join(", "))
            ~ ". Expected for example " ~ (raw_path or "<folder>") ~ "/raw_crm/customers.parquet. "
            ~ "`make demo-data` makes the demo's; for your own, set the variable raw_path or "
            ~ "raw_schemas."
        ) %}
    {% endif %}
    {{ return(landed) }}
{% endmacro %}


{# Creates one table's view; returns what is wrong with the table, one sentence each. #}
{% macro land_raw_table(source, found) %}
    {% set problems = [] %}
    {% set expressions = [] %}
    {% set unreadable = [] %}
    {% set types = {} %}
    {% if found %}
        {% for row in run_query("describe select * from " ~ found["from"]).rows %}
            {% do types.update({row[0] | lower: row[1]}) %}
        {% endfor %}
    {% endif %}
    {% set table = source.source_name ~ "." ~ source.name %}
    {% set load_columns = var("load_columns").get(source.source_name, {}) %}
    {% for column in source.columns.values() %}
        {% set name = load_columns.get(column.name[1:], column.name) | lower %}
        {% set wanted = column.data_type %}
        {% set type = types.get(name) %}
        {% set quoted = '"' ~ name ~ '"' %}
        {% if found and type and (found.is_text or not is_readable_as(type, wanted)) %}
            {% set readable = typed(quoted, type, wanted, source.source_name) %}
            {% set seen = run_query(
                "select count(" ~ quoted ~ "), count(" ~ readable ~ "), min("
                ~ quoted ~ "::varchar) from " ~ found["from"]
            ).rows[0] if found.is_text or wanted != "varchar" else [1, 0, ""] %}
            {% set is_load_time = column.name == "_loaded_at" and seen[1] == seen[0] %}
            {% if seen[0] > 0 and not is_load_time and (seen[1] == 0 or not found.is_text) %}
                {% do problems.append(
                    table ~ ": column " ~ name ~ " has type "
                    ~ ("text" if found.is_text else type) ~ ", the contract wants " ~ wanted
                    ~ " (e.g. '" ~ seen[2] ~ "'). In: " ~ found.where
                ) %}
            {% endif %}
            {% if found.is_text and wanted != "varchar" %}
                {% do unreadable.append(
                    "case when " ~ quoted ~ " is not null and " ~ readable ~ " is null then '"
                    ~ column.name ~ "' end"
                ) %}
            {% endif %}
        {% elif found and not type and column.config.meta.get("required") %}
            {% do problems.append(
                table ~ ": the required column " ~ name ~ " (" ~ wanted ~ ") is missing. Found: "
                ~ types.keys() | join(", ") ~ ". In: " ~ found.where
            ) %}
        {% endif %}
        {% do expressions.append(
            (typed(quoted, type, wanted, source.source_name) if type else "null::" ~ wanted)
            ~ " as " ~ column.name
        ) %}
    {% endfor %}
    {% if not problems %}
        {% do adapter.create_schema(
            api.Relation.create(database=source.database, schema=source.schema)
        ) %}
        {% do run_query(
            "create or replace view " ~ source.schema ~ "." ~ source.identifier ~ " as select "
            ~ expressions | join(", ") ~ ", "
            ~ ("nullif(concat_ws(', ', " ~ unreadable | join(", ") ~ "), '')" if unreadable
                else "null::varchar") ~ " as _unreadable"
            ~ (" from " ~ found["from"] if found else " where false")
        ) %}
    {% endif %}
    {{ return(problems) }}
{% endmacro %}


{# Whether a column found as one type holds another type's values without a doubt. #}
{% macro is_readable_as(found, wanted) %}
    {% set signed = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"] %}
    {% set integers = signed + ["UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"] %}
    {% set base = found.split("(")[0].split("_")[0] %}
    {% set readable = {
        "varchar": integers + ["VARCHAR", "UUID", "ENUM"],
        "timestamp": ["TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "DATE"],
        "date": ["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"],
        "double": integers + ["FLOAT", "DOUBLE", "DECIMAL"],
        "boolean": ["BOOLEAN"],
    } %}
    {{ return(base in readable[wanted]) }}
{% endmacro %}


{# A found column as its contract type: times in UTC, blank text as null. #}
{% macro typed(column, found, wanted, source_name) %}
    {% set zone = var("source_timezones").get(source_name) %}
    {% if wanted == "varchar" %}
        {{ return("nullif(" ~ column ~ "::varchar, '')") }}
    {% elif wanted == "timestamp" and found == "TIMESTAMP WITH TIME ZONE" %}
        {{ return("(" ~ column ~ " at time zone 'UTC')") }}
    {% elif column == '"_dlt_load_id"' %}
        {{ return("(to_timestamp(try_cast(" ~ column ~ " as double)) at time zone 'UTC')") }}
    {% elif wanted == "timestamp" and zone %}
        {{ return(
            "(try_cast(" ~ column ~ " as timestamp) at time zone '" ~ zone ~ "' at time zone 'UTC')"
        ) }}
    {% else %}
        {{ return("try_cast(" ~ column ~ " as " ~ wanted ~ ")") }}
    {% endif %}
{% endmacro %}
