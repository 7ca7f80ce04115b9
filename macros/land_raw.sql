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
        {% do commit_writes() %}
        {% do say_inventory(landed) if flags.WHICH != "run-operation" %}
    {% endif %}
{% endmacro %}


{# The variable raw_path without "." and doubled or trailing slashes; empty where it is not set. #}
{% macro raw_folder() %}
    {% set path = (var("raw_path") or "").replace("\\", "/") %}
    {% if "://" in path %}{{ return(path.rstrip("/")) }}{% endif %}
    {% set parts = path.split("/") | reject("in", ["", "."]) | join("/") %}
    {{ return(("/" if path.startswith("/") else "") ~ parts) }}
{% endmacro %}


{#
Where each raw table of the contract is: {"raw_crm.customers": {"from": SQL after "from" (or "files"
and "format"), "where": what to tell a person, "is_text": whether its values are untyped text,
"problem": why its files cannot be read together}}. Logs what lies there and is not read.
#}
{% macro raw_relations() %}
    {% set landed, unused, contract = {}, {}, [] %}
    {% for source in raw_sources() %}
        {% do contract.append(source.source_name ~ "." ~ source.name) %}
    {% endfor %}
    {% set raw_path = raw_folder() %}
    {% if not raw_path %}
        {% for source_name, schema in var("raw_schemas").items() %}
            {% for name, relation in raw_tables(schema).items() %}
                {% set table = source_name ~ "." ~ name | lower %}
                {% if table in contract %}
                    {% do landed.update({table: {"from": relation, "where": relation}}) %}
                {% elif not name.startswith("_") %}
                    {% do unused.setdefault(table, []).append(relation) %}
                {% endif %}
            {% endfor %}
        {% endfor %}
    {% else %}
        {% set files = {} %}
        {% for path, below in raw_files(raw_path) if not modules.re.search("/[._][^/]*$", below) %}
            {% set name, _, rest = below.partition("/")[2].partition("/") %}
            {% set table = (below.partition("/")[0] ~ "." ~ name.partition(".")[0]) | lower %}
            {% if table in contract and file_format(path) %}
                {% do files.setdefault(table, []).append(path) %}
            {% else %}
                {% do unused.setdefault(table, []).append(path) %}
            {% endif %}
        {% endfor %}
        {% for table, paths in files.items() %}
            {% set others = paths | length - 1 %}
            {% set format = file_format(paths[0]) %}
            {% do landed.update({table: {
                "files": paths,
                "format": format,
                "where": paths[0] ~ (" and " ~ others ~ " more" if others else ""),
                "is_text": format == "csv",
                "problem": files_problem(table, paths),
            }}) %}
        {% endfor %}
    {% endif %}
    {% for table, places in unused.items() %}
        {% do log(not_read(table, places, contract), info=true) %}
    {% endfor %}
    {% for line in unread_folders(raw_path) if raw_path %}{% do log(line, info=true) %}{% endfor %}
    {% if not landed %}
        {% do exceptions.raise_compiler_error(
            "No raw table found in " ~ (raw_path or var("raw_schemas").values() | list | join(", "))
            ~ ". " ~ (folder_hint(raw_path) if raw_path) ~ "Expected for example "
            ~ (raw_path or "<folder>") ~ "/raw_crm/customers.parquet. "
            ~ "`make demo-data` makes the demo's; for your own, set the variable raw_path or "
            ~ "raw_schemas."
        ) %}
    {% endif %}
    {{ return(landed) }}
{% endmacro %}


{# The format of a file by its name, in capitals or not; none where it is not read. #}
{% macro file_format(path) %}
    {% set name = path | lower %}
    {{ return("parquet" if name.endswith(".parquet")
        else ("csv" if name.endswith((".csv", ".csv.gz")) else none)) }}
{% endmacro %}


{#
Why a table's files cannot be read together: two formats, or the same name twice (customers.csv and
customers.csv.gz), which nearly always are the same rows twice. None where they can.
#}
{% macro files_problem(table, paths) %}
    {% set formats, stems, clashing = {}, {}, [] %}
    {% for path in paths %}
        {% do formats.setdefault(file_format(path), path) %}
        {% set stem = modules.re.sub("[.](parquet|csv|csv[.]gz)$", "", path | lower) %}
        {% if stem in stems %}{% do clashing.extend([stems[stem], path]) %}{% endif %}
        {% do stems.setdefault(stem, path) %}
    {% endfor %}
    {% set clashing = formats.values() | list if formats | length > 1 else clashing %}
    {% if clashing %}
        {{ return(
            table ~ ": " ~ clashing | unique(true) | join(" and ") ~ (" have two formats"
                if formats | length > 1 else " have the same name")
            ~ ", so that rows might count twice. Keep one of them, and move the other out of the"
            ~ " folder"
        ) }}
    {% endif %}
    {{ return(none) }}
{% endmacro %}


{# What to log of files or tables that are not read. #}
{% macro not_read(table, places, contract) %}
    {% set others = " and " ~ (places | length - 1) ~ " more" if places | length > 1 else "" %}
    {% set close = closest_name(table, contract) %}
    {{ return(
        "Not read: " ~ places[0] ~ others ~ ". " ~ (
            "Files end in .parquet, .csv or .csv.gz." if table in contract
            else "The raw contract has no table " ~ table ~ "."
            ~ (" Did you mean " ~ close ~ "?" if close else "")
        )
    ) }}
{% endmacro %}


{#
Of several names the one that a misspelt one is closest to: two thirds of the pairs of letters are
the same. None where no name is close.

    closest_name("raw_crm.customer", ["raw_crm.consents", "raw_crm.customers"]) -> raw_crm.customers
#}
{% macro closest_name(misspelt, names) %}
    {% set closest = {"share": 0.65, "name": none} %}
    {% set wanted = letter_pairs(misspelt) %}
    {% for name in names %}
        {% set pairs = letter_pairs(name) %}
        {% set common = wanted | select("in", pairs) | list | length %}
        {% set share = 2 * common / (wanted | length + pairs | length) %}
        {% if share > closest.share %}
            {% do closest.update({"share": share, "name": name}) %}
        {% endif %}
    {% endfor %}
    {{ return(closest.name) }}
{% endmacro %}

{# The pairs of letters that follow each other in a name, whatever stands between its words. #}
{% macro letter_pairs(name) %}
    {% set pairs, letters = [], modules.re.sub("[^a-z0-9]", "", name | lower) %}
    {% for letter in letters %}
        {% do pairs.append(letter ~ letters[loop.index:loop.index + 1]) %}
    {% endfor %}
    {{ return(pairs | unique | list) }}
{% endmacro %}


{# Creates one table's view; returns what is wrong with the table, one sentence each. #}
{% macro land_raw_table(source, found) %}
    {% set problems = [] %}
    {% set expressions = [] %}
    {% set unreadable = [] %}
    {% set values, texts, placeholders = {}, {}, {} %}
    {% set types = {} %}
    {% if found and found.problem %}{{ return([found.problem]) }}{% endif %}
    {% if found %}
        {% do found.setdefault("from", files_relation(source, found.format, found.files)) %}
        {% for row in run_query("describe select * from " ~ found["from"]).rows %}
            {% do types.update({row[0] | lower: row[1]}) %}
        {% endfor %}
        {% do found.update({"columns": types | list}) %}
    {% endif %}
    {% set table = source.source_name ~ "." ~ source.name %}
    {% set load_columns = var("load_columns").get(source.source_name, {}) %}
    {% set doubtful = {} %}
    {% for column in source.columns.values() %}
        {% set name = load_columns.get(column.name[1:], column.name) | lower %}
        {% set wanted = column.data_type %}
        {% set type = types.get(name) %}
        {% set text = trimmed_text(
            quoted_name(name), type, wanted, column.name, found.is_text
        ) if type %}
        {% do texts.update({column.name: text}) if text %}
        {% set value = "_text_" ~ column.name if text else quoted_name(name) %}
        {# The loader writes the time of a load, and writes UTC. #}
        {% set clock = source.source_name if column.name != "_loaded_at" else none %}
        {% set readable = typed(value, type, wanted, clock, column.name) if type %}
        {% set spellings = column.config.meta.get("read_as") if type %}
        {% if spellings %}
            {% set whens = [] %}
            {% for spelling, meaning in spellings.items() %}
                {% do whens.append(" when '" ~ spelling ~ "' then '" ~ meaning ~ "'") %}
            {% endfor %}
            {% set readable = "case lower(" ~ readable ~ ")" ~ whens | join ~ " else " ~ readable
                ~ " end" %}
        {% endif %}
        {% if type and not is_readable_as(type, wanted) %}
            {# A decimal id that is no whole number has no text. #}
            {% set known = quoted_name(name) if is_decimal_id(column.name, type) else value %}
            {% do doubtful.update({column.name: [name, type, wanted, known, readable]}) %}
        {% elif found and not type and column.config.meta.get("required") %}
            {% do problems.append(
                table ~ ": the required column " ~ name ~ " (" ~ wanted ~ ") is missing. Found: "
                ~ types.keys() | join(", ") ~ ". In: " ~ found.where
            ) %}
        {% endif %}
        {% set type_name = dbt.type_string() if wanted == "varchar" else wanted %}
        {% set absent = "cast(null as " ~ type_name ~ ")" %}
        {% do values.update({column.name: readable if type else absent}) %}
        {% if type and column.name in person_columns() %}
            {% do placeholders.update({column.name: is_placeholder(value)}) %}
        {% endif %}
    {% endfor %}
    {% for name, value in values.items() %}
        {# Text is stripped: no cookie begins with a space. #}
        {% set other = source.columns[name].config.meta.get("placeholder_as") %}
        {% do expressions.append(
            (value if not other or name not in placeholders else "case when _placeholder_" ~ name
                ~ " then ' login ' || " ~ values[other] ~ " else " ~ value ~ " end")
            ~ " as " ~ name
        ) %}
    {% endfor %}
    {% for name in placeholders %}{% do expressions.append("_placeholder_" ~ name) %}{% endfor %}
    {% set rows = with_columns(
        with_columns(found["from"], texts, "_text_"), placeholders, "_placeholder_"
    ) if found %}
    {% set seen = values_seen(doubtful, rows) if doubtful else [] %}
    {% for column, (name, type, wanted, value, readable) in doubtful.items() %}
        {% set known, read, example = seen[3 * loop.index0], seen[3 * loop.index0 + 1],
            seen[3 * loop.index0 + 2] %}
        {% set is_convertible = read == known
            and (column == "_loaded_at" or is_decimal_id(column, type)) %}
        {% set may_be_text = found.is_text or column == "_is_deleted" %}
        {% if known > 0 and not is_convertible and (read == 0 or not may_be_text) %}
            {% do problems.append(
                table ~ ": column " ~ name ~ " has type "
                ~ ("text" if found.is_text else type) ~ ", the contract wants " ~ wanted
                ~ " (a value looks like '" ~ example ~ "'). In: " ~ found.where
            ) %}
        {% endif %}
        {% if may_be_text %}
            {% do unreadable.append(column) %}
            {% do expressions.append(
                "coalesce(trim(" ~ as_text(value) ~ "), '') <> '' and " ~ readable
                ~ " is null as _unreadable_" ~ column
            ) %}
        {% endif %}
    {% endfor %}
    {% if not problems %}
        {% set landed, whole = {}, {} %}
        {% for name in types %}
            {% do whole.update({name: quoted_name(name)}) %}
            {% if name != load_columns.get("loaded_at", "_loaded_at") | lower %}
                {% do landed.update({name: quoted_name(name)}) %}
            {% endif %}
        {% endfor %}
        {% for columns, name in [(landed, "_landed"), (whole, "_landed_with_load_time")] %}
            {% do expressions.append(
                (row_as_json(columns) if columns else as_text("null")) ~ " as " ~ name
            ) %}
        {% endfor %}
        {% set ruled = ruled_rows(
            source,
            "select " ~ expressions | join(", ")
            ~ (" from " ~ rows if found else " where false"),
            unreadable,
            placeholders,
        ) %}
        {% set malformed = malformed_lines(source, found) %}
        {% do run_query(
            "create or replace view " ~ source.schema ~ "." ~ source.identifier ~ " as " ~ ruled
            ~ (" union all by name select 'malformed_line:' as _rejected, csv_line as _landed, "
                ~ no_load_day() ~ " as _load_date from " ~ malformed if malformed else "")
        ) %}
    {% endif %}
    {{ return(problems) }}
{% endmacro %}


{#
A relation with more columns, as a subquery. Each is computed once, however often what is built on
it names it, and the text of a view stays short. columns: {name: SQL}.
#}
{% macro with_columns(relation, columns, prefix) %}
    {% if not columns %}{{ return(relation) }}{% endif %}
    {% set added = [] %}
    {% for name, value in columns.items() %}
        {% do added.append(value ~ " as " ~ prefix ~ name) %}
    {% endfor %}
    {{ return(
        "(select *, " ~ added | join(", ") ~ " from " ~ relation ~ ") as with" ~ prefix ~ "columns"
    ) }}
{% endmacro %}


{#
For each column in doubt: how many values it has, how many can be read as its type, and the shape of
one that cannot. The value itself may be personal and does not belong in a log.
#}
{% macro values_seen(doubtful, rows) %}
    {% set measures = [] %}
    {% for name, type, wanted, value, readable in doubtful.values() %}
        {% set text = as_text(value) %}
        {% do measures.append(
            "count(" ~ value ~ "), count(" ~ readable ~ "), " ~ shape_of(
                "coalesce(min(case when " ~ readable ~ " is null then " ~ text ~ " end), min("
                ~ text ~ "))"
            )
        ) %}
    {% endfor %}
    {{ return(run_query("select " ~ measures | join(", ") ~ " from " ~ rows).rows[0]) }}
{% endmacro %}


{#
The shape of a text: letters as a, digits as 9, at most 40 characters.

    jane.doe@example.org -> aaaa.aaa@aaaaaaa.aaa
#}
{% macro shape_of(text) %}{{- return(adapter.dispatch("shape_of")(text)) -}}{% endmacro %}

{% macro duckdb__shape_of(text) %}
    {{- return("regexp_replace(regexp_replace(left(" ~ text
        ~ ", 40), '[\\p{L}\\p{M}]', 'a', 'g'), '\\p{N}', '9', 'g')") -}}
{% endmacro %}

{% macro spark__shape_of(text) %}
    {{- return("regexp_replace(regexp_replace(left(" ~ text
        ~ ", 40), '[\\\\p{L}\\\\p{M}]', 'a'), '\\\\p{N}', '9')") -}}
{% endmacro %}
