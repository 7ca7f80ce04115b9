{#
The rows of a raw table that count: the latest load of each key, also where that is its deletion. In
an increment, of those keys only that have been loaded since the model last read.

Rows that are set aside (row_rules.sql) don't count; int_quarantined_rows keeps them. Rows of erased
customers (erasure.sql) read as deleted, so that no earlier version of another customer comes back.
The contract names a table's key, and its id: the optional column that tells rows apart where it is
filled.
row_key is the id or, where it is empty, made from the key. Of equally late versions the one counts
that comes first in the order of its columns, amounts apart. Rows without a load time are read anew
each time; rows that land with an earlier load time than some that were read count when it lies
within load_overlap_minutes.

    current_rows("raw_crm", "surveys")
#}
{% macro current_rows(source_name, table_name) %}
    {% do ref("int_erased_identifiers") %}
    {% set landed %}
        select
            {{ all_columns_but("raw_rows", "_is_deleted") }},
            coalesce(_is_deleted, false)
            or {{ is_erased(contract_columns(source_name, table_name)) }} as _is_deleted,
            {{ row_key(source_name, table_name) }} as row_key
        from {{ source(source_name, table_name) }} as raw_rows
        where
            _rejected is null
            {% if is_incremental() %}
            and {{ is_newly_landed(source_name, table_name) }}
            {% endif %}
    {% endset %}
    {% set latest %}
    qualify row_number() over (
        partition by row_key order by {{ version_order(source_name, table_name) }}
    ) = 1
    {% endset %}
    {% if is_incremental() %}
    select * from ({{ landed }}) as landed
    {{ latest }}
    {% else %}
    -- Few keys are loaded twice: only their rows are put in order.
    with marked as (
        select
            landed.*,
            repeated.row_hash is not null as is_repeated
        from ({{ landed }}) as landed
        left join (
            select {{ key_hash("row_key") }} as row_hash from ({{ landed }}) as landed
            group by {{ key_hash("row_key") }}
            having count(*) > 1
        ) as repeated
            on {{ key_hash("landed.row_key") }} = repeated.row_hash
    )

    select * from marked
    where not is_repeated
    union all
    select * from marked
    where is_repeated
    {{ latest }}
    {% endif %}
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


{# The order of the versions of a row, as SQL: the one that counts is first. Amounts have no say. #}
{% macro version_order(source_name, table_name) %}
    {% set order = ["_loaded_at desc nulls last"] %}
    {% for column in contract_columns(source_name, table_name)
        if column not in ["amount", "points", "quantity"] %}
        {% do order.append(column ~ " nulls last") %}
    {% endfor %}
    {{ return(order | join(", ")) }}
{% endmacro %}


{# The columns that the contract declares for a raw table. #}
{% macro contract_columns(source_name, table_name) %}
    {% set found = raw_source(source_name, table_name) %}
    {{ return(found.columns.keys() | list if found else []) }}
{% endmacro %}


{# What tells a raw table's rows apart, as one text. #}
{% macro row_key(source_name, table_name) %}
    {% set source = raw_source(source_name, table_name) %}
    {% if not source %}{{ return("''") }}{% endif %}
    {% set meta, key_texts = source.config.meta, [] %}
    {% for column in meta.key %}
        {% do key_texts.append("coalesce(" ~ as_text(column) ~ ", '')") %}
    {% endfor %}
    {% set key_text = key_texts[0] if key_texts | length == 1 else
        "concat(" ~ key_texts | join(", '|', ") ~ ")" %}
    {{ return("coalesce(" ~ meta.id ~ ", md5(" ~ key_text ~ "))" if meta.get("id") else key_text) }}
{% endmacro %}


{#
Whether a raw row may have landed since this model last read its table, as SQL. A table that has as
many rows as it had then holds none that came with an earlier load time than those it had read.
#}
{% macro is_newly_landed(source_name, table_name) %}
    {% set read_until = mark(column="loaded_until") %}
    {% set read = fromjson(mark_of(this.identifier, "rows_read") or "{}") %}
    {% set name = source_name ~ "." ~ table_name %}
    {% if read.get(name, {}).get("rows") != raw_row_counts().get(name, 0) %}
        {% set read_until = dbt.dateadd("minute", -var("load_overlap_minutes"), read_until) %}
    {% endif %}
    {{ return("(_loaded_at is null or _loaded_at > " ~ read_until ~ ")") }}
{% endmacro %}
