{#
What makes a raw row or one of its values unusable, told from the raw contract. docs/quality.md
lists the reason codes.

Returns [{"column", "code", "is_row", "condition" (SQL over the typed columns)}], in the order in
which they are asked. A required value that is unusable sets the row aside (is_row); any other is
read as null. So that what cannot be read never counts as consent, three settings of a column
(config: {meta: ...}) change that; the conditions are SQL over the typed columns:

    unusable_as: withdrawn     any unusable value is read as this one, and the row counts
    load_time_when: condition  an unusable time is read as the load time, and the row counts
    optional_when: condition   the required value may be missing

Another one lists other spellings of accepted values (read_as: {"true": "yes"}), which are read as
these. Another one says what stands in for a placeholder (placeholder_as: login_id): events with one
login whose cookie is a placeholder are those of one visitor.

unreadable: the columns with a flag _unreadable_<column>; placeholders: those with a flag
_placeholder_<column> (placeholders.sql).

    - name: engaged_seconds        -> {"column": "engaged_seconds", "code": "out_of_range",
      config: {meta: {minimum: 0}}     "is_row": false, "condition": "(engaged_seconds < 0 or ..."}
#}
{% macro row_rules(source, unreadable, placeholders) %}
    {% set rules = [] %}
    {% if "_is_deleted" in unreadable %}
        {% do rules.append({
            "column": "_is_deleted", "code": "unreadable_value", "is_row": true,
            "condition": "_unreadable__is_deleted",
        }) %}
    {% endif %}
    {% if source.config.meta.get("one_of") %}
        {% do rules.append({
            "column": source.config.meta.one_of | join(" or "), "code": "missing_value",
            "is_row": true,
            "condition": "coalesce(" ~ source.config.meta.one_of | join(", ") ~ ") is null",
        }) %}
    {% endif %}
    {# A withdrawal counts even where its load time cannot be used. #}
    {% set counts_when = source.columns.values() | map(attribute="config.meta.load_time_when")
        | select | list | first %}
    {% set of_loads = {"implausible_load_time": is_implausible_load_time()} %}
    {% if "_loaded_at" in unreadable %}
        {% do of_loads.update({"unreadable_value": "_unreadable__loaded_at"}) %}
    {% endif %}
    {% for code, condition in of_loads.items() %}
        {% do rules.append({
            "column": "_loaded_at", "code": code, "is_row": true,
            "condition": condition ~ (" and not (" ~ counts_when ~ ")" if counts_when else ""),
        }) %}
        {% if counts_when %}
            {% do rules.append({
                "column": "_loaded_at", "code": code, "is_row": false,
                "condition": condition ~ " and " ~ counts_when,
            }) %}
        {% endif %}
    {% endfor %}
    {% for column in source.columns.values() if not column.name.startswith("_") %}
        {% set name, type, meta = column.name, column.data_type, column.config.meta %}
        {% set found = [] %}
        {% if name in unreadable %}
            {% do found.append(["unreadable_value", "_unreadable_" ~ name]) %}
        {% endif %}
        {% if name in placeholders %}
            {% do found.append(["placeholder", "_placeholder_" ~ name]) %}
        {% endif %}
        {% if meta.get("required") %}
            {% do found.append([
                "missing_value",
                name ~ " is null"
                ~ (" and not (" ~ meta.optional_when ~ ")" if "optional_when" in meta else ""),
            ]) %}
        {% endif %}
        {% if meta.get("accepted") %}
            {# No list: engines join with a longer one, also where rows are only counted. #}
            {% do found.append([
                "unknown_value",
                "case lower(trim(" ~ name ~ ")) when "
                ~ meta.accepted | map("string") | map("lower") | map("tojson") | join(
                    " then false when ") | replace('"', "'")
                ~ " then false else " ~ name ~ " is not null end",
            ]) %}
        {% endif %}
        {% if type == "double" %}
            {% set too_low = name ~ " < " ~ meta.minimum ~ " or " if "minimum" in meta else "" %}
            {% do found.append(
                ["out_of_range", "(" ~ too_low ~ "abs(" ~ name ~ ") > " ~ largest_number() ~ ")"]
            ) %}
        {% endif %}
        {% if type in ["timestamp", "date"] %}
            {% set earliest = meta.get("earliest", var("earliest_date")) %}
            {% do found.append([
                "impossible_date",
                name ~ " < cast(" ~ text_literal(earliest) ~ " as " ~ type ~ ")",
            ]) %}
        {% endif %}
        {% if type in ["timestamp", "date"] and (meta.get("required") or meta.get("is_past")) %}
            {% do found.append(["future_date", name ~ " > " ~ dbt.dateadd(
                "hour", var("future_tolerance_hours"), "coalesce(_loaded_at, " ~ run_time() ~ ")"
            )]) %}
        {% endif %}
        {% if meta.get("not_before") %}
            {% do found.append(["ends_before_start", name ~ " < " ~ meta.not_before]) %}
        {% endif %}
        {% for code, condition in found %}
            {% set is_row = meta.get("required", false) and not meta.get("unusable_as") %}
            {% if code == "placeholder" and is_row and meta.get("placeholder_as") %}
                {% do rules.append({
                    "column": name, "code": code, "is_row": false,
                    "condition": condition ~ " and " ~ name ~ " is not null",
                }) %}
                {% set condition = condition ~ " and " ~ name ~ " is null" %}
            {% endif %}
            {% if meta.get("load_time_when") %}
                {% do rules.append({
                    "column": name, "code": code, "is_row": false,
                    "condition": "(" ~ condition ~ ") and " ~ meta.load_time_when,
                }) %}
                {% set condition = "(" ~ condition ~ ") and not (" ~ meta.load_time_when ~ ")" %}
            {% endif %}
            {% do rules.append(
                {"column": name, "code": code, "condition": condition, "is_row": is_row}
            ) %}
        {% endfor %}
    {% endfor %}
    {{ return(rules) }}
{% endmacro %}


{# Whether a load time lies before all data or after this run, as SQL. #}
{% macro is_implausible_load_time() %}
    {{ return(
        "(_loaded_at < cast('" ~ var("earliest_date") ~ "' as timestamp) or _loaded_at > "
        ~ dbt.dateadd("hour", var("future_tolerance_hours"), run_time()) ~ ")"
    ) }}
{% endmacro %}


{# What an unusable value is read as: null, unless the contract says otherwise. #}
{% macro unusable_as(column) %}
    {% set meta = column.config.meta %}
    {% if meta.get("load_time_when") %}
        {{ return("coalesce(_loaded_at, cast(" ~ text_literal(var("earliest_date"))
            ~ " as timestamp))") }}
    {% endif %}
    {{ return(text_literal(meta.unusable_as) if meta.get("unusable_as") else "null") }}
{% endmacro %}


{# Beyond it a number is infinite or none (NaN sorts highest). #}
{% macro largest_number() %}{{ return("cast(1e300 as " ~ type_double() ~ ")") }}{% endmacro %}


{#
The raw row that a landing view shows: each column of the contract (null where the value is set
aside), _rejected ("code:column" where the row is, else null), _set_aside (the same for each value
that is, comma-separated), _load_date (the UTC day of its load; see load_days.sql), _load_time (the
load time as it landed, for bounds that skip parts of files), _landed (the row as it landed).

typed: a query with the columns, typed, the flags of unreadable values and placeholders and _landed.
#}
{% macro ruled_rows(source, typed, unreadable, placeholders) %}
    {% set rules = row_rules(source, unreadable, placeholders) %}
    {% set values = rules | rejectattr("is_row") | list %}
    {% set of_loads = rules | selectattr("column", "equalto", "_loaded_at") | list %}
    {% set of_deletions = rules | selectattr("column", "equalto", "_is_deleted") | list %}
    {% set is_bad_load = "(" ~ of_loads | map(attribute="condition") | join(" or ") ~ ")" %}
    select
        {% for column in source.columns.values() %}
        {% set unusable = values | selectattr("column", "equalto", column.name)
            | rejectattr("code", "equalto", "placeholder") | map(attribute="condition") | list %}
        {% if column.name == "_loaded_at" %}{% do unusable.append(is_bad_load) %}{% endif %}
        {% if unusable %}
        case when {{ unusable | join(" or ") }} then {{ unusable_as(column) }}
            else {{ column.name }} end as {{ column.name }},
        {% else %}
        {{ column.name }},
        {% endif %}
        {% endfor %}
        case
            {% for rule in of_loads + of_deletions if rule.is_row %}
            when {{ rule.condition }} then '{{ rule.code }}:{{ rule.column }}'
            {% endfor %}
            {% for column, condition in deletion_names(source).items() %}
            when _is_deleted and {{ condition }} then 'missing_value:{{ column }}'
            {% endfor %}
            when _is_deleted then null
            {% for rule in rules if rule.is_row and rule not in of_loads + of_deletions %}
            when {{ rule.condition }} then '{{ rule.code }}:{{ rule.column }}'
            {% endfor %}
        end as _rejected,
        {% if values %}
        nullif(concat_ws(', '
            {% for rule in values %}
            , case when {{ rule.condition }} then '{{ rule.code }}:{{ rule.column }}' end
            {% endfor %}
        ), '') as _set_aside,
        {% else %}
        {{ as_text("null") }} as _set_aside,
        {% endif %}
        case
            when _loaded_at is null or {{ is_bad_load }} then {{ no_load_day() }}
            else cast(_loaded_at as date)
        end as _load_date,
        _loaded_at as _load_time,
        case when {{ is_bad_load }} then _landed_with_load_time else _landed end as _landed
    from ({{ typed }}) as typed
{% endmacro %}


{#
What a deletion must name, as {column: SQL of its absence}: the row's key, or the required columns
where a row may be known by all its columns.
#}
{% macro deletion_names(source) %}
    {% set conditions, key = {}, source.config.meta.get("key", []) %}
    {% set is_filled = "(" ~ key | join(" is not null and ") ~ " is not null)" %}
    {% set has_key = "not " ~ is_filled ~ " and " if key else "" %}
    {% for name, column in source.columns.items() if column.config.meta.get("required") %}
        {% set meta = column.config.meta %}
        {% set may_be_missing = meta.get("optional_when") or meta.get("load_time_when")
            or ("true" if meta.get("unusable_as") else none) %}
        {% do conditions.update({
            name: has_key ~ name ~ " is null"
            ~ (" and not (" ~ may_be_missing ~ ")" if may_be_missing else "")
        }) %}
    {% endfor %}
    {{ return(conditions) }}
{% endmacro %}


{# A raw row as JSON, without its load time. columns: as found, quoted. #}
{% macro row_as_json(columns) %}
    {{ return(adapter.dispatch("row_as_json")(columns)) }}
{% endmacro %}

{% macro duckdb__row_as_json(columns) %}
    {% set pairs = [] %}
    {% for name, quoted in columns.items() %}
        {% do pairs.append(text_literal(name) ~ ": " ~ quoted) %}
    {% endfor %}
    {{ return("cast(to_json({" ~ pairs | join(", ") ~ "}) as varchar)") }}
{% endmacro %}

{% macro spark__row_as_json(columns) %}
    {{ return("to_json(struct(" ~ columns.values() | join(", ") ~ "))") }}
{% endmacro %}
