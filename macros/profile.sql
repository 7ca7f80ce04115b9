{#
What is in tables: one row per table, part, column and day with the rows, the filled values and, of
numbers and truth values, the least, the greatest and the mean. The column * stands for whole rows.
Rows come with written_at; an increment gives those only that are not as they were (of no tables
none).

tables: {name: {relation: what to read, types: {column: type}, where: the rows that count, day:
their day (none: the table as a whole), due: the rows that an increment looks at, source_system,
part: what the table is split by, e.g. the scorecard, rhythm: "day" or "score date", checks: {name:
SQL of what no row should be}}}. A check is one more column: its mean is the share of rows that are.

    profile({"stg_web__events": {"types": {"engaged_seconds": "double"}, "day": ..., ...}})
    -> stg_web__events, engaged_seconds, 2026-10-31: 273 rows, 250 filled, 0.0 to 840.5, mean 31.2
#}
{% macro profile(tables) %}
    {% if not tables and is_incremental() %}
        {{ return("select * from " ~ this ~ " where false") }}
    {% endif %}
    {% set profiled = [] %}
    {% for name, table in tables.items() %}
        {% do profiled.append(profile_of(name, table)) %}
    {% endfor %}
    select
        profiled.*,
        {{ run_time() }} as written_at
    from (
        {{ profiled | join(" union all ") }}
        {% if is_incremental() %}
        except
        select
            table_name,
            source_system,
            rhythm,
            part,
            column_name,
            profile_date,
            row_count,
            filled_count,
            least,
            greatest,
            mean
        from {{ this }}
        {% endif %}
    ) as profiled
{% endmacro %}


{% macro profile_of(name, table) %}
    {% set filled, numbers = {"*": "count(*)"}, {} %}
    {% for column, type in table.types.items() %}
        {% do filled.update({column: "count(" ~ column ~ ")"}) %}
        {% set kind = type.split("(")[0] | lower %}
        {% if kind in ["double", "float", "decimal", "bigint", "int", "integer", "smallint"] %}
            {% do numbers.update({column: "cast(" ~ column ~ " as " ~ type_double() ~ ")"}) %}
        {% elif kind == "boolean" %}
            {% do numbers.update({column: truth_as_number(column)}) %}
        {% endif %}
    {% endfor %}
    {% for check, condition in table.get("checks", {}).items() %}
        {% do filled.update({check: "count(" ~ truth_as_number(condition) ~ ")"}) %}
        {% do numbers.update({check: truth_as_number(condition)}) %}
    {% endfor %}
    {% set counts, least, greatest, means = {}, {}, {}, {} %}
    {% for column in filled %}
        {% do counts.update({column: "measured.filled_" ~ loop.index}) %}
    {% endfor %}
    {% for column in numbers %}
        {% do least.update({column: "measured.least_" ~ loop.index}) %}
        {% do greatest.update({column: "measured.greatest_" ~ loop.index}) %}
        {% do means.update({column: "measured.mean_" ~ loop.index}) %}
    {% endfor %}
    select
        '{{ name }}' as table_name,
        '{{ table.get("source_system", "") }}' as source_system,
        '{{ table.get("rhythm", "day") }}' as rhythm,
        measured.part,
        columns.column_name,
        measured.profile_date,
        measured.row_count,
        {{ of_column(counts, "bigint") }} as filled_count,
        {{ of_column(least, type_double()) }} as least,
        {{ of_column(greatest, type_double()) }} as greatest,
        round({{ of_column(means, type_double()) }}, 6) as mean
    from (
        select
            {{ table.get("part", "''") }} as part,
            {{ "cast(" ~ (table.get("day") or "'0001-01-01'") ~ " as date)" }} as profile_date,
            {% for expression in filled.values() %}
            {{ expression }} as filled_{{ loop.index }},
            {% endfor %}
            {% for expression in numbers.values() %}
            min({{ expression }}) as least_{{ loop.index }},
            max({{ expression }}) as greatest_{{ loop.index }},
            avg({{ expression }}) as mean_{{ loop.index }},
            {% endfor %}
            count(*) as row_count
        from {{ table.relation }}
        where
            {{ table.get("where", "true") }}
            {% if is_incremental() and table.get("due") %}
            and {{ table.due }}
            {% endif %}
        group by 1, 2
    ) as measured
    cross join (
        {% for column in filled %}
        select '{{ column }}' as column_name
        {{ "union all" if not loop.last }}
        {% endfor %}
    ) as columns
{% endmacro %}


{# 1 where a condition is true, 0 where it is not, null where nobody knows. #}
{% macro truth_as_number(condition) %}
    {{- return(
        "case when " ~ condition ~ " then 1.0e0 when not (" ~ condition ~ ") then 0.0e0 end"
    ) -}}
{% endmacro %}
