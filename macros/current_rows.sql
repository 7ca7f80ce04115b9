{#
The rows of a raw table that count: the latest version of each row, also where that is its deletion.
In an increment, of the rows that this model has to read only.

Rows in quarantine don't count (row_rules.sql). Rows of erased customers (erasure.sql) read as
deleted, so that no earlier version with another customer comes back. A build stops before staging
where too many rows are in quarantine (check_quarantine.sql).

An increment reads the load days that changed (load_days.sql). It reads all versions of their rows
where one of these days comes before a day that did not change: a later version may be there. A full
copy (vanished: deleted) is read whole.

    current_rows("raw_crm", "surveys")
#}
{% macro current_rows(source_name, table_name) %}
    {% do ref("int_quarantined_rows") %}
    {% set latest %}
    qualify row_number() over (
        partition by row_key order by {{ version_order(source_name, table_name) }}
    ) = 1
    {% endset %}
    {% if is_incremental() %}
    select * from (
        {{ keyed_rows(source_name, table_name, is_read(source_name, table_name)) }}
    ) as landed
    {{ latest }}
    {% else %}
    {% set hash = identity_hash(source_name, table_name) %}
    -- Few rows are loaded twice or equal others: only they are numbered and put in order.
    with marked as (
        select
            identified.*,
            repeated.identity_hash is not null as is_repeated
        from ({{ identified_rows(source_name, table_name, "true") }}) as identified
        left join (
            select {{ hash }} as identity_hash from {{ source(source_name, table_name) }}
            where _rejected is null
            group by {{ hash }}
            having count(*) > 1
        ) as repeated
            on identified.identity_hash = repeated.identity_hash
    )

    select
        *,
        {{ numbered_key("1") }}
    from marked
    where not is_repeated
    union all
    select * from (
        select
            *,
            {{ numbered_key() }}
        from marked
        where is_repeated
    ) as keyed
    {{ latest }}
    {% endif %}
{% endmacro %}


{# Which rows of its raw table an increment of a staging model reads, as SQL. #}
{% macro is_read(source_name, table_name) %}
    {% set changed = changed_load_days(source_name, table_name) %}
    {% if changed.days and vanished_rows_are_deleted(source_name, table_name) %}
        {{ return("true") }}
    {% endif %}
    {% if not changed.is_late %}{{ return(changed.condition) }}{% endif %}
    {% set hash = identity_hash(source_name, table_name) %}
    {{ return(
        hash ~ " in (select " ~ hash ~ " from " ~ source(source_name, table_name) ~ " where "
        ~ changed.condition ~ ")"
    ) }}
{% endmacro %}


{#
The usable rows of a raw table with their row_key, as a query: what tells a row from others, the
same for each version of it. Rows of erased customers are flagged (is_erased) and deleted.
condition: which rows, as SQL; all rows with the same load time or none.

A row whose key columns (meta: key) are filled is known by them. Any other row is known by all its
columns and its number among the rows that are equal within one load: two equal lines of one load
are two rows, and a load that lands twice still counts once. A corrected version of such a row is
another row.
#}
{% macro keyed_rows(source_name, table_name, condition) %}
    select
        *,
        {{ numbered_key() }}
    from ({{ identified_rows(source_name, table_name, condition) }}) as identified
{% endmacro %}


{# The row_key of rows with a row_identity. number: that of a row among equal ones of its load. #}
{% macro numbered_key(number=none) %}
    {% set number = as_text(
        number or "row_number() over (partition by row_identity, _loaded_at order by row_identity)"
    ) %}
        case
            when row_identity like ' %' then {{ dbt.concat(["row_identity", "' '", number]) }}
            else row_identity
        end as row_key
{% endmacro %}


{# The usable rows of a raw table with row_identity, and with the quicker identity_hash. #}
{% macro identified_rows(source_name, table_name, condition) %}
    {% set is_erased = is_erased(contract_columns(source_name, table_name)) %}
    select
        {{ all_columns_but("raw_rows", "_is_deleted") }},
        {{ is_erased }} as is_erased,
        coalesce(_is_deleted, false) or {{ is_erased }} as _is_deleted,
        {{ row_identity(source_name, table_name) }} as row_identity,
        {{ identity_hash(source_name, table_name) }} as identity_hash
    from {{ source(source_name, table_name) }} as raw_rows
    where _rejected is null and {{ condition }}
{% endmacro %}


{# The columns that tell a raw table's rows apart, as the contract names them. #}
{% macro key_columns(source_name, table_name) %}
    {% set found = raw_source(source_name, table_name) %}
    {{ return(found.config.meta.get("key", []) if found else []) }}
{% endmacro %}


{# Whether the key columns of a raw row are all filled, as SQL. #}
{% macro has_key(source_name, table_name) %}
    {% set columns = key_columns(source_name, table_name) %}
    {% if not columns %}{{ return("false") }}{% endif %}
    {{ return("(" ~ columns | join(" is not null and ") ~ " is not null)") }}
{% endmacro %}


{#
What a raw row is known by, as SQL: the same for all its versions and, without a key, for rows that
are equal. Raw text is trimmed: no key begins with a space, but the hash of all columns does.
#}
{% macro row_identity(source_name, table_name) %}
    {% set found = raw_source(source_name, table_name) %}
    {% if not found %}{{ return("''") }}{% endif %}
    {% set key, all_columns = key_columns(source_name, table_name), [] %}
    {% for name, column in found.columns.items() if not name.startswith("_") %}
        {% do all_columns.append(as_delivered(column)) %}
    {% endfor %}
    {% set by_key = key[0] if key | length == 1 else key_text(key) %}
    {% set by_all = dbt.concat(["' '", "md5(" ~ key_text(all_columns) ~ ")"]) %}
    {% if not key %}{{ return(by_all) }}{% endif %}
    {% set required = [] %}
    {% for name in key if found.columns[name].config.meta.get("required") %}
        {% do required.append(name) %}
    {% endfor %}
    {% if required | length == key | length %}{{ return(by_key) }}{% endif %}
    {{ return(
        "case when " ~ has_key(source_name, table_name) ~ " then " ~ by_key ~ " else " ~ by_all
        ~ " end"
    ) }}
{% endmacro %}


{#
A 64-bit hash of what row_identity() is made of, as SQL: quicker than the text, and equal for rows
of equal identity.
#}
{% macro identity_hash(source_name, table_name) %}
    {% set found = raw_source(source_name, table_name) %}
    {% if not found %}{{ return(key_hash("''")) }}{% endif %}
    {% set key, all_columns = key_columns(source_name, table_name), [] %}
    {% for name, column in found.columns.items() if not name.startswith("_") %}
        {% do all_columns.append(as_delivered(column)) %}
    {% endfor %}
    {% set by_all = key_hash(all_columns | join(", ")) %}
    {% if not key %}{{ return(by_all) }}{% endif %}
    {% set by_key = key_hash(key | join(", ")) %}
    {{ return(
        "case when " ~ has_key(source_name, table_name) ~ " then " ~ by_key ~ " else " ~ by_all
        ~ " end"
    ) }}
{% endmacro %}


{#
A column of a raw row, as SQL: null where the load time stands in for a time that cannot be used
(load_time_when), so that the row is the same whenever it is loaded.
#}
{% macro as_delivered(column) %}
    {% if not column.config.meta.get("load_time_when") %}{{ return(column.name) }}{% endif %}
    {{ return("case when _set_aside like '%:" ~ column.name ~ "%' then null else " ~ column.name
        ~ " end") }}
{% endmacro %}


{# The row_identity of a row_key, as SQL: without the number of a row among equal ones. #}
{% macro identity_of(row_key) %}
    {{ return("case when " ~ row_key ~ " like ' %' then substring(" ~ row_key ~ ", 1, 33) else "
        ~ row_key ~ " end") }}
{% endmacro %}


{#
Several values as one text, as SQL. Each comes with its length, so that no two lists of values give
the same text, whatever the values contain.

    ("a,1:b", null) -> "5:a,1:b,-"
#}
{% macro key_text(columns) %}
    {% set texts = [] %}
    {% for column in columns %}
        {% set text = as_text(column) %}
        {% do texts.append(
            "coalesce(" ~ as_text("length(" ~ text ~ ")") ~ " || ':' || " ~ text ~ ", '-')"
        ) %}
    {% endfor %}
    {{ return("(" ~ texts | join(" || ',' || ") ~ ")") }}
{% endmacro %}


{# All columns of a relation but one, as SQL. #}
{% macro all_columns_but(relation, column) %}
    {{ return(adapter.dispatch("all_columns_but")(relation, column)) }}
{% endmacro %}

{% macro duckdb__all_columns_but(relation, column) %}
    {{- return(relation ~ ".* exclude (" ~ column ~ ")") -}}
{% endmacro %}

{% macro spark__all_columns_but(relation, column) %}
    {{- return(relation ~ ".* except (" ~ column ~ ")") -}}
{% endmacro %}


{#
A 64-bit hash of a key, the same for equal keys; of columns, or of a relation's row by its name.
Another release of the engine may compute another, which check_settings() tells.
#}
{% macro key_hash(columns) %}
    {{ return(adapter.dispatch("key_hash")(columns)) }}
{% endmacro %}

{% macro duckdb__key_hash(columns) %}{{- return("hash(" ~ columns ~ ")") -}}{% endmacro %}

{% macro spark__key_hash(columns) %}{{- return("xxhash64(" ~ columns ~ ")") -}}{% endmacro %}


{#
The order of the versions of a row, as SQL, the one that counts first: the latest load, then the
source's own time of change, then a deletion, then what fails safe (unusable_as: withdrawn before
granted), then all columns. Amounts come last, so that they decide nothing but themselves.
#}
{% macro version_order(source_name, table_name) %}
    {% set columns, amounts = contract_columns(source_name, table_name), [] %}
    {% set order = ["_loaded_at desc nulls last"] %}
    {% if "updated_at" in columns %}{% do order.append("updated_at desc nulls last") %}{% endif %}
    {% do order.append("case when _is_deleted then 0 else 1 end") %}
    {% for column in columns %}
        {% set safe = raw_source(source_name, table_name).columns[column].config.meta.unusable_as %}
        {% if safe %}
            {% do order.append(
                "case when lower(" ~ column ~ ") = " ~ text_literal(safe) ~ " then 0 else 1 end"
            ) %}
        {% endif %}
    {% endfor %}
    {% for column in columns if not column.startswith("_") %}
        {% set is_amount = column in ["amount", "points", "quantity"] %}
        {% do (amounts if is_amount else order).append(column ~ " nulls last") %}
    {% endfor %}
    {{ return((order + amounts) | join(", ")) }}
{% endmacro %}


{# The columns that the contract declares for a raw table. #}
{% macro contract_columns(source_name, table_name) %}
    {% set found = raw_source(source_name, table_name) %}
    {{ return(found.columns.keys() | list if found else []) }}
{% endmacro %}


{#
A rule of a raw table: what the var raw_table_rules says of it, else its meta in the contract, else
the given value. E.g. vanished, quarantine_limit, orphan_limit.
#}
{% macro table_rule(source_name, table_name, rule, otherwise) %}
    {% set found = raw_source(source_name, table_name) %}
    {% set own = var("raw_table_rules").get(source_name ~ "." ~ table_name, {}) %}
    {{ return(own.get(rule, (found.config.meta if found else {}).get(rule, otherwise))) }}
{% endmacro %}


{# The raw tables that are full copies of their source, by name. #}
{% macro full_copies() %}
    {% set names = [] %}
    {% for raw in raw_sources() if vanished_rows_are_deleted(raw.source_name, raw.name) %}
        {% do names.append(raw.source_name ~ "." ~ raw.name) %}
    {% endfor %}
    {{ return(names | sort) }}
{% endmacro %}


{#
Whether a row that vanishes from a raw table without a deletion mark is deleted (the table is a full
copy of its source) or kept (the table holds what was loaded lately).
#}
{% macro vanished_rows_are_deleted(source_name, table_name) %}
    {{ return(table_rule(source_name, table_name, "vanished", "kept") == "deleted") }}
{% endmacro %}


{# Whether a staged row was loaded on some days, as SQL; on any, where none are given. #}
{% macro was_loaded_on(days) %}
    {% if not days %}{{ return("true") }}{% endif %}
    {% set listed = "(cast('" ~ days | join("' as date), cast('") ~ "' as date))" %}
    {% if "0001-01-01" in days %}
        {{ return("coalesce(cast(loaded_at as date), " ~ no_load_day() ~ ") in " ~ listed) }}
    {% endif %}
    {{ return(
        "loaded_at >= cast('" ~ days | min ~ "' as timestamp) and cast(loaded_at as date) in "
        ~ listed
    ) }}
{% endmacro %}
