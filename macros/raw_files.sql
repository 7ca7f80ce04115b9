{# The files below a folder's raw_* folders: [path, path from the raw_* folder on], in order. #}
{% macro raw_files(folder) %}
    {{ return(adapter.dispatch("raw_files")(folder)) }}
{% endmacro %}

{% macro duckdb__raw_files(folder) %}
    {% set files = [] %}
    {% set pattern = text_literal(plain_path(folder) ~ "/raw_*/**") %}
    {% for row in run_query("select file from glob(" ~ pattern ~ ") order by file").rows %}
        {% do files.append([row[0], row[0].replace("\\", "/")[folder | length + 1:]]) %}
    {% endfor %}
    {{ return(files) }}
{% endmacro %}

{# A path whose characters stand for themselves, where the engine reads patterns. #}
{% macro plain_path(path) %}{{- return(adapter.dispatch("plain_path")(path)) -}}{% endmacro %}

{% macro duckdb__plain_path(path) %}
    {{- return(modules.re.sub("([*?[])", "[\\1]", path)) -}}
{% endmacro %}

{% macro spark__plain_path(path) %}
    {{- return(modules.re.sub("([][*?{}\\\\])", "\\\\\\1", path)) -}}
{% endmacro %}

{# Paths as a list of SQL literals. #}
{% macro path_list(paths) %}
    {% set literals = [] %}
    {% for path in paths %}{% do literals.append(text_literal(plain_path(path))) %}{% endfor %}
    {{ return("[" ~ literals | join(", ") ~ "]") }}
{% endmacro %}

{# Spark stops at a folder that does not exist or is empty, and names it. #}
{% macro spark__raw_files(folder) %}
    {% set files = [] %}
    {% set pattern = quoted_name(plain_path(folder) ~ "{,/raw_*/*}") %}
    {% for row in run_query("select path from binaryFile." ~ pattern ~ " order by path").rows %}
        {% set below = modules.re.search(".*/(raw_[^/]+/.+)", row[0]) %}
        {% if below %}{% do files.append([row[0], below[1]]) %}{% endif %}
    {% endfor %}
    {{ return(files) }}
{% endmacro %}


{# What follows "from" in a query on a raw table's files. #}
{% macro files_relation(source, format, paths) %}
    {{ return(adapter.dispatch("files_relation")(source, format, paths)) }}
{% endmacro %}

{% macro duckdb__files_relation(source, format, paths) %}
    {% if format == "csv" %}
        {{ return("(" ~ csv_queries(paths, "ignore_errors = true") | join(" union all by name ")
            ~ ")") }}
    {% endif %}
    {{ return("read_parquet(" ~ path_list(paths) ~ ", union_by_name = true)") }}
{% endmacro %}

{#
Queries that read CSV files as text, one for the files of each header. Nothing is guessed but the
delimiter, which is the one of , ; | and tab that the header line has most of. Every column is read
whatever is asked for, as only then each line that is malformed is noticed.
#}
{% macro csv_queries(paths, options) %}
    {% set text_options = "auto_detect = false, max_line_size = 33554432, quote = " %}
    {% set headers = {} %}
    {% for path in paths %}
        {% set line = run_query(
            "select line from read_csv(" ~ path_list([path])
            ~ ", header = false, ignore_errors = true, "
            ~ "columns = {'line': 'varchar'}, delim = chr(1), escape = '', " ~ text_options
            ~ "'') limit 1"
        ).rows %}
        {% do headers.setdefault(line[0][0] if line else "", []).append(path) %}
    {% endfor %}
    {% set queries = [] %}
    {% for header, its_paths in headers.items() if header %}
        {% set delimiters, unquoted = {}, modules.re.sub('"(?:[^"]|"")*"', "", header) %}
        {% for mark in [",", ";", "\t", "|"] %}
            {% do delimiters.update({mark: unquoted.count(mark)}) %}
        {% endfor %}
        {% set delimiter = (delimiters | dictsort(by="value") | last)[0] %}
        {% set columns, names = [], [] %}
        {% for name in header_names(header, delimiter) %}
            {% do columns.append(text_literal(name) ~ ": 'varchar'") %}
            {% do names.append(quoted_name(name)) %}
        {% endfor %}
        {% do queries.append(
            "select * from read_csv(" ~ path_list(its_paths) ~ ", header = true, "
            ~ "columns = {" ~ columns | join(", ") ~ "}, delim = '" ~ delimiter ~ "', "
            ~ "escape = '\"', "
            ~ text_options ~ "'\"', " ~ options ~ ") where concat(" ~ names | join(", ")
            ~ ") is not null"
        ) %}
    {% endfor %}
    {{ return(queries) }}
{% endmacro %}


{#
The columns that a CSV file's first line names; a name in quotes may hold the delimiter. One that is
empty or there twice gets its number: a_2.
#}
{% macro header_names(header, delimiter) %}
    {% set names, mark = [], modules.re.escape(delimiter) %}
    {% set cell = '(?:^|' ~ mark ~ ')( *"(?:[^"]|"")*" *|[^' ~ mark ~ ']*)' %}
    {% for found in modules.re.findall(cell, header.replace("\ufeff", "")) %}
        {% set name = found.strip() %}
        {% set is_quoted = name | length > 1 and name.startswith('"') and name.endswith('"') %}
        {% set name = name[1:-1].replace('""', '"') if is_quoted else name %}
        {% set is_taken = not name or name | lower in names | map("lower") %}
        {% do names.append(name ~ "_" ~ loop.index if is_taken else name) %}
    {% endfor %}
    {{ return(names) }}
{% endmacro %}


{#
The lines of a raw table's CSV files that cannot be read (too many columns, broken quotes or UTF-8),
kept in a table of their own; returns its name, or none where every line can be.
#}
{% macro malformed_lines(source, found) %}
    {{ return(adapter.dispatch("malformed_lines")(source, found)) }}
{% endmacro %}

{% macro duckdb__malformed_lines(source, found) %}
    {% set table = source.schema ~ "." ~ source.identifier ~ "__malformed_lines" %}
    {% do run_query("drop table if exists " ~ table) %}
    {% if not (found and found.is_text) %}{{ return(none) }}{% endif %}
    {% set rejects = "raw_rejects" %}
    {% do run_query("drop table if exists " ~ rejects) %}
    {% for query in csv_queries(
        found.files, "store_rejects = true, rejects_table = '" ~ rejects
        ~ "', rejects_scan = 'raw_reject_scans'"
    ) %}
        {% do run_query("select count(*) from (" ~ query ~ ")") %}
    {% endfor %}
    {# An unreadable line may be of anybody: once somebody was erased, its text is not kept. #}
    {% set erased = load_relation(own_relation_of("int_erased_identifiers")) %}
    {% set has_erased = erased and run_query("select 1 from " ~ erased ~ " limit 1").rows %}
    {% do run_query(
        "create table " ~ table ~ " as select distinct scan_id, file_id, line, "
        ~ ("cast(null as varchar) as " if has_erased else "") ~ "csv_line from " ~ rejects
    ) %}
    {% do run_query("drop table " ~ rejects) %}
    {% do run_query("drop table raw_reject_scans") %}
    {{ return(table if run_query("select count(*) from " ~ table).rows[0][0] else none) }}
{% endmacro %}

{# Spark reads a line with too many or too few columns as it can. #}
{% macro spark__malformed_lines(source, found) %}{{ return(none) }}{% endmacro %}


{# An external table over the files: a lasting view has no other way to read CSV with a header. #}
{% macro spark__files_relation(source, format, paths) %}
    {% set table = source.schema ~ "." ~ source.identifier ~ "__files" %}
    {% set folder = paths[0].rpartition("/" ~ source.source_name ~ "/")[0] %}
    {% set below = [] %}
    {% for path in paths %}
        {% set name, _, part = path.rpartition("/" ~ source.source_name ~ "/")[2].partition("/") %}
        {% do below.append(
            plain_path(name) ~ ("/*." ~ plain_path(part.partition(".")[2]) if part else "")
        ) %}
    {% endfor %}
    {% set pattern = plain_path(folder) ~ "/" ~ source.source_name ~ "/{"
        ~ below | unique(true) | join(",") ~ "}" %}
    {% set options = {
        "parquet": "mergeSchema true",
        "csv": "header true, enforceSchema false, multiLine true, escape '\"'",
    }[format] %}
    {% do run_query("drop table if exists " ~ table) %}
    {% do run_query(
        "create table " ~ table ~ " using " ~ format ~ " options (path "
        ~ text_literal(pattern) ~ ", " ~ options ~ ")"
    ) %}
    {{ return(table) }}
{% endmacro %}


{# The tables and views of a schema that an EL tool fills: {name: relation}. #}
{% macro raw_tables(schema) %}
    {{ return(adapter.dispatch("raw_tables")(schema)) }}
{% endmacro %}

{% macro duckdb__raw_tables(schema) %}
    {% set tables = {} %}
    {% for row in run_query(
        "select table_name from information_schema.tables where table_catalog = "
        ~ text_literal(target.database) ~ " and table_schema = " ~ text_literal(schema)
    ).rows %}
        {% do tables.update({row[0]: quoted_name(target.database) ~ "." ~ quoted_name(schema) ~ "."
            ~ quoted_name(row[0])}) %}
    {% endfor %}
    {{ return(tables) }}
{% endmacro %}

{% macro spark__raw_tables(schema) %}
    {% set tables = {} %}
    {% if run_query("show schemas like " ~ text_literal(schema)).rows %}
        {% for row in run_query("show tables in " ~ quoted_name(schema)).rows if not row[2] %}
            {% do tables.update({row[1]: quoted_name(schema) ~ "." ~ quoted_name(row[1])}) %}
        {% endfor %}
    {% endif %}
    {{ return(tables) }}
{% endmacro %}
