{# The files below a folder's raw_* folders: [path, path from the raw_* folder on], in order. #}
{% macro raw_files(folder) %}
    {{ return(adapter.dispatch("raw_files")(folder)) }}
{% endmacro %}

{% macro duckdb__raw_files(folder) %}
    {% set files = [] %}
    {% set pattern = folder ~ "/raw_*/**" %}
    {% for row in run_query("select file from glob('" ~ pattern ~ "') order by file").rows %}
        {% do files.append([row[0], row[0].replace("\\", "/")[folder | length + 1:]]) %}
    {% endfor %}
    {{ return(files) }}
{% endmacro %}

{# Spark stops at a folder that does not exist or is empty, and names it. #}
{% macro spark__raw_files(folder) %}
    {% set files = [] %}
    {% set pattern = folder ~ "{,/raw_*/*}" %}
    {% for row in run_query("select path from binaryFile.`" ~ pattern ~ "` order by path").rows %}
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
    {% set options = ", header = true, all_varchar = true" if format == "csv" else "" %}
    {{ return(
        "read_" ~ format ~ "(['" ~ paths | join("', '") ~ "']" ~ options ~ ", union_by_name = true)"
    ) }}
{% endmacro %}

{# An external table over the files: a lasting view has no other way to read CSV with a header. #}
{% macro spark__files_relation(source, format, paths) %}
    {% set table = source.schema ~ "." ~ source.identifier ~ "__files" %}
    {% set folder = paths[0].rpartition("/" ~ source.source_name ~ "/")[0] %}
    {% set below = [] %}
    {% for path in paths %}
        {% set name, _, part = path.rpartition("/" ~ source.source_name ~ "/")[2].partition("/") %}
        {% do below.append(name ~ ("/*." ~ part.partition(".")[2] if part else "")) %}
    {% endfor %}
    {% set pattern = folder ~ "/" ~ source.source_name ~ "/{" ~ below | unique | join(",") ~ "}" %}
    {% set options = {
        "parquet": "mergeSchema true",
        "csv": "header true, enforceSchema false, multiLine true, escape '\"'",
    }[format] %}
    {% do run_query("drop table if exists " ~ table) %}
    {% do run_query(
        "create table " ~ table ~ " using " ~ format ~ " options (path '" ~ pattern ~ "', "
        ~ options ~ ")"
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
        "select table_name from information_schema.tables where table_catalog = '"
        ~ target.database ~ "' and table_schema = '" ~ schema ~ "'"
    ).rows %}
        {% do tables.update({row[0]: target.database ~ "." ~ schema ~ "." ~ row[0]}) %}
    {% endfor %}
    {{ return(tables) }}
{% endmacro %}

{% macro spark__raw_tables(schema) %}
    {% set tables = {} %}
    {% if run_query("show schemas like '" ~ schema ~ "'").rows %}
        {% for row in run_query("show tables in " ~ schema).rows if not row[2] %}
            {% do tables.update({row[1]: schema ~ "." ~ row[1]}) %}
        {% endfor %}
    {% endif %}
    {{ return(tables) }}
{% endmacro %}
