{#
Lays a view in the shape of the raw contract over every raw table, before a run.

The contract is the source YAML (column names, data types, required columns); the data are files
below the variable raw_path or, where that is empty, tables in the schemas of raw_schemas. A table
or optional column that is absent reads as empty or null. What is wrong with a table as a whole (no
required column, a column of another type) is collected over all tables and stops the run with one
message. What is wrong with a row or a value is told in the view (row_rules.sql): in CSV every
column is text, so a value may be unreadable as its type, and a line may be malformed.

    raw_crm/customers.csv: no column customer_id
    -> "raw_crm.customers: the required column customer_id is missing. Found: id, email. In: ..."
#}
{% macro land_raw() %}
    {% if execute and flags.WHICH in ["build", "run", "run-operation"] %}
        {% set landed = raw_relations() %}
        {% for source in raw_sources() | unique(attribute="schema") %}
            {% do adapter.create_schema(
                api.Relation.create(database=source.database, schema=source.schema)
            ) %}
        {% endfor %}
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
Where each raw table is: {"raw_crm.customers": {"from": SQL after "from" (or "files" and "format"),
"where": what to tell a person, "is_text": whether its values are untyped text}}.
#}
{% macro raw_relations() %}
    {% set landed = {} %}
    {% set raw_path = var("raw_path") %}
    {% if not raw_path %}
        {% for source_name, schema in var("raw_schemas").items() %}
            {% for name, relation in raw_tables(schema).items() %}
                {% set key = source_name ~ "." ~ name %}
                {% do landed.update({key: {"from": relation, "where": relation}}) %}
            {% endfor %}
        {% endfor %}
    {% else %}
        {% set files = {} %}
        {% for path, relative_path in raw_files(raw_path) %}
            {% set parts = relative_path.split("/") %}
            {% set is_csv = path.endswith((".csv", ".csv.gz")) %}
            {% if is_csv or path.endswith(".parquet") %}
                {% set table = parts[0] ~ "." ~ parts[1].split(".")[0] %}
                {% set key = table ~ (":csv" if is_csv else ":parquet") %}
                {% do files.setdefault(key, []).append(path) %}
            {% endif %}
        {% endfor %}
        {% for key, paths in files.items() %}
            {% set table, format = key.split(":") %}
            {% set others = paths | length - 1 %}
            {% do landed.update({table: {
                "files": paths,
                "format": format,
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
        {% do found.setdefault("from", files_relation(source, found.format, found.files)) %}
        {% for row in run_query("describe select * from " ~ found["from"]).rows %}
            {% do types.update({row[0] | lower: row[1]}) %}
        {% endfor %}
    {% endif %}
    {% set table = source.source_name ~ "." ~ source.name %}
    {% set load_columns = var("load_columns").get(source.source_name, {}) %}
    {% set doubtful = {} %}
    {% for column in source.columns.values() %}
        {% set name = load_columns.get(column.name[1:], column.name) | lower %}
        {% set wanted = column.data_type %}
        {% set type = types.get(name) %}
        {% set quoted = adapter.quote(name) %}
        {# The loader writes the time of a load, and writes UTC. #}
        {% set clock = source.source_name if column.name != "_loaded_at" else none %}
        {% set readable = typed(quoted, type, wanted, clock) %}
        {% if type and not is_readable_as(type, wanted) %}
            {% do doubtful.update({column.name: [name, type, wanted, quoted, readable]}) %}
        {% elif found and not type and column.config.meta.get("required") %}
            {% do problems.append(
                table ~ ": the required column " ~ name ~ " (" ~ wanted ~ ") is missing. Found: "
                ~ types.keys() | join(", ") ~ ". In: " ~ found.where
            ) %}
        {% endif %}
        {% set type_name = dbt.type_string() if wanted == "varchar" else wanted %}
        {% set absent = "cast(null as " ~ type_name ~ ")" %}
        {% do expressions.append((readable if type else absent) ~ " as " ~ column.name) %}
    {% endfor %}
    {% set seen = values_seen(doubtful, found) if doubtful else [] %}
    {% for column, (name, type, wanted, quoted, readable) in doubtful.items() %}
        {% set known, read, example = seen[3 * loop.index0], seen[3 * loop.index0 + 1],
            seen[3 * loop.index0 + 2] %}
        {% set is_load_time = column == "_loaded_at" and read == known %}
        {% if known > 0 and not is_load_time and (read == 0 or not found.is_text) %}
            {% do problems.append(
                table ~ ": column " ~ name ~ " has type "
                ~ ("text" if found.is_text else type) ~ ", the contract wants " ~ wanted
                ~ " (e.g. '" ~ example ~ "'). In: " ~ found.where
            ) %}
        {% endif %}
        {% if found.is_text and column != "_is_deleted" %}
            {% do unreadable.append(column) %}
            {% do expressions.append(
                "coalesce(trim(" ~ quoted ~ "), '') <> '' and " ~ readable
                ~ " is null as _unreadable_" ~ column
            ) %}
        {% endif %}
    {% endfor %}
    {% if not problems %}
        {% set landed, whole = {}, {} %}
        {% for name in types %}
            {% do whole.update({name: adapter.quote(name)}) %}
            {% if name != load_columns.get("loaded_at", "_loaded_at") | lower %}
                {% do landed.update({name: adapter.quote(name)}) %}
            {% endif %}
        {% endfor %}
        {% for columns, name in [(landed, "_landed"), (whole, "_landed_with_load_time")] %}
            {% do expressions.append(
                (row_as_json(columns) if columns else as_text("null")) ~ " as " ~ name
            ) %}
        {% endfor %}
        {% set rows = ruled_rows(
            source,
            "select " ~ expressions | join(", ")
            ~ (" from " ~ found["from"] if found else " where false"),
            unreadable,
        ) %}
        {% set malformed = malformed_lines(source, found) %}
        {% do run_query(
            "create or replace view " ~ source.schema ~ "." ~ source.identifier ~ " as " ~ rows
            ~ (" union all by name select 'malformed_line:' as _rejected, csv_line as _landed, "
                ~ no_load_day() ~ " as _load_date from " ~ malformed if malformed else "")
        ) %}
    {% endif %}
    {{ return(problems) }}
{% endmacro %}


{# For each column in doubt: how many values it has, how many can be read as its type, the least. #}
{% macro values_seen(doubtful, found) %}
    {% set measures = [] %}
    {% for name, type, wanted, quoted, readable in doubtful.values() %}
        {% do measures.append(
            "count(" ~ quoted ~ "), count(" ~ readable ~ "), min(" ~ as_text(quoted) ~ ")"
        ) %}
    {% endfor %}
    {{ return(run_query("select " ~ measures | join(", ") ~ " from " ~ found["from"]).rows[0]) }}
{% endmacro %}
