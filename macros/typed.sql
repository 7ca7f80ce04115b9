{#
A found column as its contract type: times in UTC, blank text as null. clock: the source whose clock
times without a zone are told by; none: UTC.
#}
{% macro typed(column, found, wanted, clock) %}
    {% if wanted == "varchar" %}
        {{ return("nullif(trim(" ~ as_text(column) ~ "), '')") }}
    {% elif wanted == "timestamp" %}
        {% set zone = var("source_timezones").get(clock) %}
        {{ return(adapter.dispatch("typed_timestamp")(column, found, zone)) }}
    {% else %}
        {{ return("try_cast(" ~ column ~ " as " ~ wanted ~ ")") }}
    {% endif %}
{% endmacro %}


{#
A found column as a moment in UTC. zone: the clock of a source whose timestamps carry none.
_dlt_load_id counts seconds.
#}
{% macro duckdb__typed_timestamp(column, found, zone) %}
    {% if found == "TIMESTAMP WITH TIME ZONE" %}
        {{ return("(" ~ column ~ " at time zone 'UTC')") }}
    {% elif column == '"_dlt_load_id"' %}
        {{ return("(to_timestamp(try_cast(" ~ column ~ " as double)) at time zone 'UTC')") }}
    {% elif zone %}
        {{ return(
            "(try_cast(" ~ column ~ " as timestamp) at time zone '" ~ zone ~ "' at time zone 'UTC')"
        ) }}
    {% else %}
        {{ return("try_cast(" ~ column ~ " as timestamp)") }}
    {% endif %}
{% endmacro %}

{# The session's zone is UTC, so a timestamp is one in UTC. #}
{% macro spark__typed_timestamp(column, found, zone) %}
    {% if column == "`_dlt_load_id`" %}
        {{ return("cast(try_cast(" ~ column ~ " as double) as timestamp)") }}
    {% elif zone and found != "timestamp" %}
        {{ return("to_utc_timestamp(try_cast(" ~ column ~ " as timestamp), '" ~ zone ~ "')") }}
    {% else %}
        {{ return("try_cast(" ~ column ~ " as timestamp)") }}
    {% endif %}
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
