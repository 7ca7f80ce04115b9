{#
The rows of a raw table that count: the latest load of each key, also where that is its deletion. In
an increment, of those keys only that have been loaded since the model last read.

A row without a value in a column that the contract requires is left out (rpt_raw_rows counts it),
unless it is a deletion, which needs its key only.
key: the columns that tell one row from another. id: the optional column that does so where it is
filled. row_key is the id or, where it is empty, made from the key columns. Of equally late versions
the one counts that comes first in the order of its columns, amounts apart. Rows without a load time
are read anew each time; rows that land with an earlier load time than some that were read count
when it lies within load_overlap_minutes.

    current_rows("raw_crm", "surveys", key=["customer_id", "answered_at"], id="survey_id")
#}
{% macro current_rows(source_name, table_name, key, id=none) %}
    {% set key_texts = [] %}
    {% for column in key %}
        {% do key_texts.append("coalesce(" ~ as_text(column) ~ ", '')") %}
    {% endfor %}
    {% set key_text = key_texts[0] if key | length == 1 else
        "concat(" ~ key_texts | join(", '|', ") ~ ")" %}
    {% set landed %}
        select
            raw_rows.*,
            {{ "coalesce(" ~ id ~ ", md5(" ~ key_text ~ "))" if id else key_text }} as row_key
        from {{ source(source_name, table_name) }} as raw_rows
        where
            true
            {% for column in required_columns(source_name, table_name) %}
            and ({{ column }} is not null or _is_deleted)
            {% endfor %}
            {% if is_incremental() %}
            and (_loaded_at is null or _loaded_at > {{ dbt.dateadd(
                "minute", -var("load_overlap_minutes"), mark(column="loaded_until")
            ) }})
            {% endif %}
    {% endset %}
    {% set latest %}
    qualify row_number() over (
        partition by row_key
        order by _loaded_at desc nulls last
        {% for column in columns_of(source_name, table_name) %}, {{ column }} nulls last{% endfor %}
    ) = 1
    {% endset %}
    {% if is_incremental() %}
    select * from ({{ landed }}) as landed
    {{ latest }}
    {% else %}
    -- Few keys are loaded twice: only their rows are put in order.
    {% set repeated %}
        select {{ key_hash("row_key") }} from ({{ landed }}) as landed
        group by {{ key_hash("row_key") }}
        having count(*) > 1
    {% endset %}
    select * from ({{ landed }}) as landed
    where {{ key_hash("row_key") }} not in ({{ repeated }})
    union all
    select * from ({{ landed }}) as landed
    where {{ key_hash("row_key") }} in ({{ repeated }})
    {{ latest }}
    {% endif %}
{% endmacro %}


{# A 64-bit hash of a key, the same for equal keys; for comparing within one query only. #}
{% macro key_hash(column) %}
    {{ return(adapter.dispatch("key_hash")(column)) }}
{% endmacro %}

{% macro duckdb__key_hash(column) %}{{- return("hash(" ~ column ~ ")") -}}{% endmacro %}

{% macro spark__key_hash(column) %}{{- return("xxhash64(" ~ column ~ ")") -}}{% endmacro %}


{# The columns that the contract declares for a raw table, but amounts, which have no say. #}
{% macro columns_of(source_name, table_name) %}
    {% set key = ["source", project_name, source_name, table_name] | join(".") %}
    {% set found = graph.sources.get(key) if execute and graph else none %}
    {{ return(
        found.columns.keys() | reject("in", ["amount", "points", "quantity"]) | list
        if found else []
    ) }}
{% endmacro %}


{# The columns that the contract requires of a raw table, in its order. #}
{% macro required_columns(source_name, table_name) %}
    {% set columns = [] %}
    {% if execute %}
        {% set key = ["source", project_name, source_name, table_name] | join(".") %}
        {% for column in graph.sources[key].columns.values() %}
            {% if column.config.meta.get("required") %}
                {% do columns.append(column.name) %}
            {% endif %}
        {% endfor %}
    {% endif %}
    {{ return(columns) }}
{% endmacro %}
