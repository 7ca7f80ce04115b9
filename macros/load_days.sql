{#
How a run finds what is new in the raw tables.

The rows of a raw table are grouped by load day (the UTC day of _loaded_at). Per load day,
int_raw_rows keeps the number of rows, the newest load time and a checksum of all load times. A load
day where one of them differs from the raw table has changed: counted_at is the run that found it.
A model that reads raw tables reads the load days again that changed since its own mark, so it finds
rows that were added, updated in place, reloaded, restamped, loaded late or removed. A row that
changes without a new load time is not detected.

Rows without a usable load time form a load day of their own (no_load_day). They are read in every
run, because nothing tells when they change.
#}

{# The load day of rows whose load time is missing, unreadable or implausible. #}
{% macro no_load_day() %}{{- return("cast('0001-01-01' as date)") -}}{% endmacro %}


{# A checksum of a relation's load times that does not depend on the order of its rows. #}
{% macro load_checksum() %}
    {{ return(adapter.dispatch("load_checksum")()) }}
{% endmacro %}

{% macro duckdb__load_checksum() %}
    {{- return("cast(sum(hash(_loaded_at)) as varchar)") -}}
{% endmacro %}

{% macro spark__load_checksum() %}
    {{- return("cast(sum(cast(xxhash64(_loaded_at) as decimal(38, 0))) as string)") -}}
{% endmacro %}


{#
Load days come from the engine as one text per table: "2026-10-31,120,2026-11-01 05:00:00,9876;...".
Tens of thousands of rows of their own would take dbt seconds.
#}
{% macro days_as_text(columns) %}
    {% set texts = [] %}
    {% for column in columns %}
        {% do texts.append("coalesce(" ~ as_text(column) ~ ", '')") %}
    {% endfor %}
    {{ return(dbt.listagg(texts | join(" || ',' || "), "';'")) }}
{% endmacro %}


{# The load days in such a text: {day: [the other columns, as text]}. #}
{% macro days_from_text(text) %}
    {% set days = {} %}
    {% for entry in (text or "").split(";") if entry %}
        {% set columns = entry.split(",") %}
        {% do days.update({columns[0]: columns[1:]}) %}
    {% endfor %}
    {{ return(days) }}
{% endmacro %}


{# The entries of such a text as a query with one column, entry. #}
{% macro entries_of_text(text) %}
    {{ return(adapter.dispatch("entries_of_text")(text)) }}
{% endmacro %}

{% macro duckdb__entries_of_text(text) %}
    {{- return("select unnest(string_split('" ~ text ~ "', ';')) as entry") -}}
{% endmacro %}

{% macro spark__entries_of_text(text) %}
    {{- return("select explode(split('" ~ text ~ "', ';')) as entry") -}}
{% endmacro %}


{#
The load days that each raw table has now: {"raw_crm.customers": {"2026-10-31": [rows, newest load
time, checksum]}}. Asked once per run, with the first and last plausible time of what the rows tell
of (read_once().raw_times).
#}
{% macro raw_load_days() %}
    {% set known = read_once() %}
    {% if "raw_load_days" not in known %}
        {% set questions, found, times = [], {}, {} %}
        {% for raw in raw_sources() if load_relation(source(raw.source_name, raw.name)) %}
            {% set time = time_column(raw) %}
            {% do questions.append(
                "select '" ~ raw.source_name ~ "." ~ raw.name ~ "', "
                ~ days_as_text(["load_date", "rows_in", "newest_loaded_at", "load_checksum"])
                ~ ", min(first_at), max(last_at) from (select _load_date as load_date,"
                ~ " count(*) as rows_in, max(_loaded_at) as newest_loaded_at, "
                ~ load_checksum() ~ " as load_checksum, min(" ~ time ~ ") as first_at, max(" ~ time
                ~ ") as last_at from " ~ source(raw.source_name, raw.name)
                ~ " group by _load_date) as days"
            ) %}
        {% endfor %}
        {% for row in run_query(questions | join(" union all ")).rows if questions %}
            {% do found.update({row[0]: days_from_text(row[1])}) if row[1] %}
            {% do times.update({row[0]: [row[2], row[3]] | select | list}) %}
        {% endfor %}
        {% do known.update({"raw_load_days": found, "raw_times": times}) %}
    {% endif %}
    {{ return(known.raw_load_days) }}
{% endmacro %}


{# The time of what a raw table's rows tell of, as SQL: null where it has none or is implausible. #}
{% macro time_column(raw) %}
    {% set names, required = [], [] %}
    {% for column in raw.columns.values()
        if column.data_type == "timestamp" and not column.name.startswith("_") %}
        {% do names.append(column.name) %}
        {% do required.append(column.name) if column.config.meta.get("required") %}
    {% endfor %}
    {% set name = (required + names) | first %}
    {% if not name %}{{ return("cast(null as timestamp)") }}{% endif %}
    {{ return(
        "case when " ~ name ~ " >= cast('" ~ var("earliest_date") ~ "' as timestamp) and " ~ name
        ~ " < " ~ dbt.dateadd("day", 1, run_time()) ~ " then " ~ name ~ " end"
    ) }}
{% endmacro %}


{#
What int_raw_rows has to write: {"raw_crm.customers": {"days": [load days], "condition":
which rows to count, as SQL, or none, "known": days that are known, as text (days_as_text)}}.

All load days have been asked for already, so those that differ from what int_raw_rows holds are
written as they are known; the ones that are gone have no rows. Once somebody is erased, their rows
have to be counted again, to tell how many are erased: of all days in the run that erases.
#}
{% macro load_days_to_count() %}
    {% if not execute %}{{ return({}) }}{% endif %}
    {% set held, to_count = {}, {} %}
    {% if is_incremental() %}
        {% for row in run_query(
            "select source_system || '.' || table_name, "
            ~ days_as_text(["load_date", "rows_in", "newest_loaded_at", "load_checksum"])
            ~ " from " ~ this ~ " where rows_in > 0 group by 1"
        ).rows %}
            {% do held.update({row[0]: days_from_text(row[1])}) %}
        {% endfor %}
    {% endif %}
    {% set is_erasing, some_are_erased = has_new_erasures(), erased_until() %}
    {% for raw in raw_sources() %}
        {% set name = raw.source_name ~ "." ~ raw.name %}
        {% set present, before = raw_load_days().get(name, {}), held.get(name, {}) %}
        {% set differing, gone, known = [], [], [] %}
        {% for day, state in present.items()
            if is_erasing or day == "0001-01-01" or state != before.get(day) %}
            {% do differing.append(day) %}
            {% do known.append(([day] + state) | join(",")) if not some_are_erased %}
        {% endfor %}
        {% for day in before if day not in present %}
            {% do gone.append(day) %}
            {% do known.append(day ~ ",0,,") %}
        {% endfor %}
        {% if differing or gone %}
            {% do to_count.update({name: {
                "days": differing + gone,
                "condition": is_of_load_days(differing) if some_are_erased else none,
                "known": known | join(";"),
            }}) %}
        {% endif %}
    {% endfor %}
    {{ return(to_count) }}
{% endmacro %}


{#
int_raw_rows, read once per run by the models after it: {source.table: {day: [rows, counted_at as
text]}}, in the order of the days.
#}
{% macro counted_load_days() %}
    {% set known = read_once() %}
    {% if "counted_load_days" not in known %}
        {% set counted = {} %}
        {% set counted_at = "strftime(counted_at, '%Y-%m-%d %H:%M:%S.%f')" %}
        {% for row in run_query(
            "select source_system || '.' || table_name, "
            ~ days_as_text(["load_date", "rows_in", counted_at]) ~ " from "
            ~ relation_of("int_raw_rows") ~ " group by 1"
        ).rows %}
            {% do counted.update({row[0]: dict(days_from_text(row[1]) | dictsort)}) %}
        {% endfor %}
        {% do known.update({"counted_load_days": counted}) %}
    {% endif %}
    {{ return(known.counted_load_days) }}
{% endmacro %}


{#
The load days of a raw table that changed since this model's mark: {"days": [day], "condition": the
rows of these days, as SQL, "is_all": whether all days changed, "is_late": whether one of them comes
before a day that did not change}. All days in a first build and in a run that erases somebody.
#}
{% macro changed_load_days(source_name, table_name) %}
    {% if not execute or not is_incremental() or has_new_erasures() %}
        {{ return({"days": [], "condition": "true", "is_all": true, "is_late": false}) }}
    {% endif %}
    {% set changed, unchanged = [], [] %}
    {% set mark = mark_of(this.identifier, "processed_at") %}
    {% set mark = mark.strftime("%Y-%m-%d %H:%M:%S.%f") if mark else "" %}
    {% for day, (rows, counted_at) in
        counted_load_days().get(source_name ~ "." ~ table_name, {}).items() %}
        {% if counted_at > mark or (day == "0001-01-01" and rows | int) %}
            {% do changed.append(day) %}
        {% elif rows | int %}
            {% do unchanged.append(day) %}
        {% endif %}
    {% endfor %}
    {% set is_all = changed | length > 0 and not unchanged %}
    {% set dated = changed | reject("equalto", "0001-01-01") | list %}
    {{ return({
        "days": changed,
        "condition": "true" if is_all else is_of_load_days(changed),
        "is_all": is_all,
        "is_late": dated and unchanged and dated | first < unchanged | last,
    }) }}
{% endmacro %}


{#
Whether a raw row is of some load days, as SQL. The bounds on _load_time come first, so that the
engine skips the parts of a file that lie outside of them.

    ["2026-10-30", "2026-10-31"]
    -> _load_time >= '2026-10-30' and _load_time < '2026-11-01' and _load_date in (...)
#}
{% macro is_of_load_days(days) %}
    {% if not days %}{{ return("false") }}{% endif %}
    {% set listed = "_load_date in (cast('" ~ days | join("' as date), cast('") ~ "' as date))" %}
    {% if "0001-01-01" in days %}{{ return(listed) }}{% endif %}
    {{ return(
        "(_load_time >= cast('" ~ days | min ~ "' as timestamp) and _load_time < "
        ~ dbt.dateadd("day", 1, "cast('" ~ days | max ~ "' as timestamp)") ~ " and " ~ listed ~ ")"
    ) }}
{% endmacro %}


{#
The raw tables that changed since this model's mark: [{"source_name", "table_name", "days",
"condition" (which rows to read, as SQL)}].
#}
{% macro changed_raw_tables() %}
    {% set tables = [] %}
    {% for raw in raw_sources() %}
        {% set changed = changed_load_days(raw.source_name, raw.name) %}
        {% if changed.is_all or changed.days %}
            {% do tables.append({
                "source_name": raw.source_name,
                "table_name": raw.name,
                "days": changed.days,
                "condition": changed.condition,
            }) %}
        {% endif %}
    {% endfor %}
    {{ return(tables) }}
{% endmacro %}


{#
Writes what a model counted per load day, in place of what it held of the days that it counted.
Rows that are equal, counted_at apart, stay where they are. days_by_table: {"raw_crm.customers":
[days]}, an empty list for all days.
#}
{% macro write_load_days(arguments, days_by_table) %}
    {% set columns, equal = [], [] %}
    {% for column in arguments["dest_columns"] %}
        {% do columns.append(column.quoted) %}
        {% if column.name != "counted_at" %}
            {% do equal.append(
                "counted." ~ column.quoted ~ " is not distinct from held." ~ column.quoted
            ) %}
        {% endif %}
    {% endfor %}
    {% set counted, held = arguments["temp_relation"], arguments["target_relation"] %}
    {% for name, days in days_by_table.items() %}
    delete from {{ held }} as held
    where
        source_system = '{{ name.split(".")[0] }}'
        and table_name = '{{ name.split(".")[1] }}'
        {% if days %}
        and load_date in (cast('{{ days | join("' as date), cast('") }}' as date))
        {% endif %}
        and not exists (select 1 from {{ counted }} as counted where {{ equal | join(" and ") }});
    {% endfor %}
    insert into {{ held }} ({{ columns | join(", ") }})
    select {{ columns | join(", ") }} from {{ counted }} as counted
    where not exists (select 1 from {{ held }} as held where {{ equal | join(" and ") }})
{% endmacro %}


{# The strategy of int_raw_rows: it counts the load days that differ from the raw tables. #}
{% macro get_incremental_counted_load_days_sql(arguments) %}
    {% set days_by_table = {} %}
    {% for name, counted in load_days_to_count().items() %}
        {% do days_by_table.update({name: counted.days}) %}
    {% endfor %}
    {{ write_load_days(arguments, days_by_table) }}
{% endmacro %}


{# The strategy of what follows int_raw_rows by load day. #}
{% macro get_incremental_load_days_sql(arguments) %}
    {% set days_by_table = {} %}
    {% for raw in changed_raw_tables() %}
        {% do days_by_table.update({raw.source_name ~ "." ~ raw.table_name: raw.days}) %}
    {% endfor %}
    {{ write_load_days(arguments, days_by_table) }}
{% endmacro %}


{#
The strategy of int_landed_again: rows by key, in place of those whose key was read again or whose
load days include a changed one.
#}
{% macro get_incremental_landed_keys_sql(arguments) %}
    {% for raw in changed_raw_tables() %}
    delete from {{ arguments["target_relation"] }}
    where
        source_system = '{{ raw.source_name }}'
        and table_name = '{{ raw.table_name }}'
        {% if raw.condition != "true" %}
        and (
            {{ spans_load_days(raw.days) }}
            or row_key_hash in (
                select row_key_hash from {{ arguments["temp_relation"] }}
                where
                    source_system = '{{ raw.source_name }}'
                    and table_name = '{{ raw.table_name }}'
            )
        )
        {% endif %};
    {% endfor %}
    {{ insert_rows(arguments) }}
{% endmacro %}


{#
Whether a raw row may have several versions or be a deletion, as SQL. In an increment, of the rows
that it reads and of those whose load days include a changed one. raw: of changed_raw_tables().
#}
{% macro may_have_versions(raw) %}
    {% set hash = identity_hash(raw.source_name, raw.table_name) %}
    {{ hash }} in (
        select {{ hash }}
        from {{ source(raw.source_name, raw.table_name) }} as again
        where again._rejected is null
        {% if raw.condition != "true" %}
            and {{ raw.condition }}
        union all
        select identity_hash from {{ this }}
        where
            source_system = '{{ raw.source_name }}'
            and table_name = '{{ raw.table_name }}'
            and {{ spans_load_days(raw.days) }}
        {% else %}
        group by {{ hash }}
        having count(*) > 1 or max(case when again._is_deleted then 1 end) = 1
        {% endif %}
    )
{% endmacro %}


{# Whether one of some load days lies between a row's first and last, in int_landed_again. #}
{% macro spans_load_days(days) %}
    {% set spans = [] %}
    {% for day in days %}
        {% do spans.append(
            "cast('" ~ day ~ "' as date) between first_load_date and last_load_date"
        ) %}
    {% endfor %}
    {{- return("(" ~ spans | join(" or ") ~ ")") -}}
{% endmacro %}


{# A raw row's values as one text, load time apart: equal for rows that say the same. #}
{% macro row_content(source_name, table_name) %}
    {% set columns = ["coalesce(_is_deleted, false)"] %}
    {% for name, column in raw_source(source_name, table_name).columns.items()
        if not name.startswith("_") %}
        {% do columns.append(as_delivered(column)) %}
    {% endfor %}
    {{ return("md5(" ~ key_text(columns) ~ ")") }}
{% endmacro %}
