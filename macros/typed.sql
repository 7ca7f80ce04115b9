{#
A found column as its contract type: times in UTC, text without blanks around it, blank text as
null. column: as trimmed_text() gives it, where it does. source_name: the source whose clock (var
source_timezones) applies to times that state no zone; none: UTC. name: the column's name in the
contract.
#}
{% macro typed(column, found, wanted, source_name, name) %}
    {% set zone = var("source_timezones").get(source_name) %}
    {% if wanted == "varchar" and is_identifier(name) %}
        {{ return(identifier(column, name)) }}
    {% elif wanted == "varchar" %}
        {{ return("nullif(" ~ column ~ ", '')") }}
    {% elif wanted == "timestamp" %}
        {{ return(adapter.dispatch("typed_timestamp")(column, found, zone)) }}
    {% elif wanted == "date" %}
        {{ return(typed_date(column, found, zone)) }}
    {% elif wanted == "boolean" and found | lower != "boolean" %}
        {{ return(typed_boolean(column)) }}
    {% else %}
        {{ return("try_cast(" ~ column ~ " as " ~ wanted ~ ")") }}
    {% endif %}
{% endmacro %}


{#
Whether a column of ids has decimal numbers: pandas writes integers so where some are missing. They
are exact up to 2^53.
#}
{% macro is_decimal_id(name, found) %}
    {% set type = (found or "").split("(")[0] | lower %}
    {{ return(name.endswith("_id") and type in ["double", "float", "decimal"]) }}
{% endmacro %}


{#
A text without the blanks around it: spaces, no-break spaces, tabs, line breaks, zero-width
characters and byte order marks. Most texts have none, which a look at both ends tells. also: a
pattern of what else is removed where there are others than ASCII characters.
#}
{% macro stripped(text, also="") %}
    {{ return(
        "case when " ~ text ~ " >= '!' and right(" ~ text ~ ", 1) >= '!' and " ~ is_ascii(text)
        ~ " then " ~ text ~ " else " ~ without_pattern(
            text, "^[\\p{Z}\\p{Cc}\\p{Cf}]+|[\\p{Z}\\p{Cc}\\p{Cf}]+$" ~ also
        ) ~ " end"
    ) }}
{% endmacro %}


{# Whether a text has ASCII characters only, as SQL. #}
{% macro is_ascii(text) %}{{- return(adapter.dispatch("is_ascii")(text)) -}}{% endmacro %}

{% macro duckdb__is_ascii(text) %}
    {{- return("length(" ~ text ~ ") = strlen(" ~ text ~ ")") -}}
{% endmacro %}

{% macro spark__is_ascii(text) %}
    {{- return("length(" ~ text ~ ") = octet_length(" ~ text ~ ")") -}}
{% endmacro %}


{# A text without each part that matches a regular expression, or with instead, as SQL. #}
{% macro without_pattern(text, pattern, instead="") %}
    {{- return(adapter.dispatch("without_pattern")(text, pattern, instead)) -}}
{% endmacro %}

{% macro duckdb__without_pattern(text, pattern, instead) %}
    {{- return("regexp_replace(" ~ text ~ ", " ~ text_literal(pattern) ~ ", '" ~ instead
        ~ "', 'g')") -}}
{% endmacro %}

{% macro spark__without_pattern(text, pattern, instead) %}
    {{- return("regexp_replace(" ~ text ~ ", " ~ text_literal(pattern) ~ ", '" ~ instead ~ "')") -}}
{% endmacro %}


{# Whether a column of the raw contract holds identifiers. #}
{% macro is_identifier(name) %}{{ return(name.endswith("_id") or name == "email") }}{% endmacro %}


{#
A found column as text without blanks around it, an identifier without zero-width characters within
it either; none where the column is not read as text. is_text: whether it is of a CSV file.
#}
{% macro trimmed_text(column, found, wanted, name, is_text) %}
    {% if is_text %}{{ return(csv_value(column, name)) }}{% endif %}
    {% if wanted != "varchar" %}{{ return(none) }}{% endif %}
    {% if is_decimal_id(name, found) %}
        {{ return(
            "case when " ~ column ~ " = floor(" ~ column ~ ") and abs(" ~ column
            ~ ") < 9007199254740992 then " ~ as_text("cast(" ~ column ~ " as bigint)") ~ " end"
        ) }}
    {% endif %}
    {{ return(stripped(as_text(column), "|\\p{Cf}+" if is_identifier(name) else "")) }}
{% endmacro %}


{#
An identifier as it is compared with others, null where it is blank or a placeholder (a column that
may identify a person has a flag for that). An id that a tool wrote as a decimal number is the
integer; zeros in front count: 007 and 7 are two ids.

    123.0 -> 123, 123.45 -> 123.45, undefined -> null
#}
{% macro identifier(text, name) %}
    {{ return(
        "case when " ~ text ~ " = ''" ~ (" or _placeholder_" ~ name if name in person_columns()
            else "")
        ~ " then null when right(" ~ text ~ ", 1) = '0' and "
        ~ matches_pattern(text, "^[0-9]+[.]0+$") ~ " then split_part(" ~ text ~ ", '.', 1) else "
        ~ text ~ " end"
    ) }}
{% endmacro %}


{#
A value of a CSV file, trimmed. Null where it is empty or spells null: NULL in any case, as database
clients write it, or \N.
#}
{% macro csv_value(column, name) %}
    {% set text = stripped(column, "|\\p{Cf}+" if is_identifier(name) else "") %}
    {{ return(
        "case when lower(" ~ text ~ ") in ('', 'null', " ~ text_literal("\\n") ~ ") then null else "
        ~ text ~ " end"
    ) }}
{% endmacro %}


{# Whether a text states a time of day, and whether a zone or an offset follows it, as SQL. #}
{% macro states_time(text) %}{{- return(matches_pattern(text, ":[0-9]")) -}}{% endmacro %}

{% macro states_zone(text) %}
    {{- return(matches_pattern(text, ":[0-9][0-9.]* *[-+A-Za-z]")) -}}
{% endmacro %}


{# Whether a regular expression matches a part of a text, as SQL. #}
{% macro matches_pattern(text, pattern) %}
    {{- return(adapter.dispatch("matches_pattern")(text, pattern)) -}}
{% endmacro %}

{% macro duckdb__matches_pattern(text, pattern) %}
    {{- return("regexp_matches(" ~ text ~ ", " ~ text_literal(pattern) ~ ")") -}}
{% endmacro %}

{% macro spark__matches_pattern(text, pattern) %}
    {{- return("(" ~ text ~ " rlike " ~ text_literal(pattern) ~ ")") -}}
{% endmacro %}


{#
A found column as a moment in UTC. A zone that the value states holds; zone: the clock of a source
whose timestamps state none. _dlt_load_id counts seconds.

    2026-05-31T20:30:00-07:00 -> 2026-06-01 03:30:00, whatever the clock of the source
#}
{% macro duckdb__typed_timestamp(column, found, zone) %}
    {% set clock_time = "try_cast(" ~ column ~ " as timestamp)" %}
    {% set unzoned = "(" ~ clock_time ~ " at time zone " ~ text_literal(zone)
        ~ " at time zone 'UTC')" if zone else clock_time %}
    {% if '"_dlt_load_id"' in column %}
        {{ return("(to_timestamp(try_cast(" ~ column ~ " as double)) at time zone 'UTC')") }}
    {% elif "WITH TIME ZONE" in found %}
        {{ return("(" ~ column ~ " at time zone 'UTC')") }}
    {% elif found == "VARCHAR" %}
        {# DuckDB's cast to timestamp drops an offset; that to timestamptz wants none of its blank,
           and a capital Z. #}
        {% set compact = "regexp_replace(regexp_replace(" ~ column ~ ", ' +([-+][0-9:]+)$', '\\1')"
            ~ ", 'z$', 'Z')" %}
        {{ return(
            "case when " ~ states_zone(column) ~ " then try_cast(" ~ compact
            ~ " as timestamptz) at time zone 'UTC' else " ~ unzoned ~ " end"
        ) }}
    {% else %}
        {{ return(unzoned) }}
    {% endif %}
{% endmacro %}

{# The session's zone is UTC, so a timestamp is one in UTC. #}
{% macro spark__typed_timestamp(column, found, zone) %}
    {% set moment = "try_cast(" ~ column ~ " as timestamp)" %}
    {% set unzoned = "to_utc_timestamp(" ~ moment ~ ", " ~ text_literal(zone) ~ ")" %}
    {% if "`_dlt_load_id`" in column %}
        {{ return("cast(try_cast(" ~ column ~ " as double) as timestamp)") }}
    {% elif not zone or found == "timestamp" %}
        {{ return(moment) }}
    {% elif found == "string" %}
        {{ return(
            "case when " ~ states_zone(column) ~ " then " ~ moment ~ " else " ~ unzoned ~ " end"
        ) }}
    {% else %}
        {{ return(unzoned) }}
    {% endif %}
{% endmacro %}


{#
A found column as a day. A moment that is not midnight as written is the day that it is by the clock
of the source, else of the business: systems that keep a date of birth as local midnight deliver it
in UTC.

    1990-01-01T00:00:00Z -> 1990-01-01
    1989-12-31T23:00:00Z, Europe/Paris -> 1990-01-01
#}
{% macro typed_date(column, found, zone) %}
    {% set type = found | lower %}
    {% set moment = adapter.dispatch("typed_timestamp")(column, found, zone) %}
    {% set local_day = adapter.dispatch("local_date")(moment, zone or var("business_timezone")) %}
    {% if type in ["varchar", "string"] %}
        {% set midnight = "[T ]0?0:00(:00)?([.]0+)?( *[-+A-Za-z].*)?$" %}
        {{ return(
            "case when " ~ states_time(column) ~ " and not " ~ matches_pattern(column, midnight)
            ~ " then " ~ local_day ~ " else try_cast(" ~ column ~ " as date) end"
        ) }}
    {% elif type.startswith("timestamp") and ("with time zone" in type or not zone) %}
        {{ return(
            "case when " ~ moment ~ " <> cast(cast(" ~ moment ~ " as date) as timestamp) then "
            ~ local_day ~ " else cast(" ~ moment ~ " as date) end"
        ) }}
    {% else %}
        {{ return("try_cast(" ~ column ~ " as date)") }}
    {% endif %}
{% endmacro %}


{# A text or number as a truth value; pandas writes those of a column with gaps as 1.0 and 0.0. #}
{% macro typed_boolean(column) %}
    {% set text = "lower(trim(" ~ as_text(column) ~ "))" %}
    {{ return(
        "case " ~ text ~ " when '1.0' then true when '0.0' then false else try_cast(" ~ text
        ~ " as boolean) end"
    ) }}
{% endmacro %}


{# Whether a column found as one type holds another type's values without a doubt. #}
{% macro is_readable_as(found, wanted) %}
    {% set base = found.split("(")[0].split("_")[0] %}
    {{ return(base in adapter.dispatch("readable_types")()[wanted]) }}
{% endmacro %}

{% macro duckdb__readable_types() %}
    {% set signed = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"] %}
    {% set integers = signed + ["UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"] %}
    {{ return({
        "varchar": integers + ["VARCHAR", "UUID", "ENUM"],
        "timestamp": ["TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "DATE"],
        "date": ["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"],
        "double": integers + ["FLOAT", "DOUBLE", "DECIMAL"],
        "boolean": ["BOOLEAN"],
    }) }}
{% endmacro %}

{% macro spark__readable_types() %}
    {% set integers = ["tinyint", "smallint", "int", "bigint"] %}
    {{ return({
        "varchar": integers + ["string", "varchar", "char"],
        "timestamp": ["timestamp", "date"],
        "date": ["date", "timestamp"],
        "double": integers + ["float", "double", "decimal"],
        "boolean": ["boolean"],
    }) }}
{% endmacro %}
