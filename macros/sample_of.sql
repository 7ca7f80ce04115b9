{#
A bounded sample of tables: one row per table, part, sampled row and column with its value, a number
or a text. Sampled are the rows whose hashed key comes first, so that neither the engine nor the
order of rows matters; numbers have six decimals. No column may be one that tells who somebody is;
the key is not kept.

tables: {name: {relation, key: what tells one row from another, where: the rows it is taken of,
part: what the table is split by, numbers and texts: the columns}}.

    sample_of({"fct_engagement_scores": {"relation": ..., "key": "customer_id",
        "where": "is_latest", "part": "scorecard_version", "numbers": ["score"]}})
    -> fct_engagement_scores, balanced_1, row 1, score: 45.2
#}
{% macro sample_of(tables) %}
    {% for name, table in tables.items() %}
    {% set names = table.get("numbers", []) + table.get("texts", []) %}
    {% set numbers, texts = {}, {} %}
    {% for column in table.get("numbers", []) %}
    {% do numbers.update({column: "round(sampled." ~ column ~ ", 6)"}) %}
    {% endfor %}
    {% for column in table.get("texts", []) %}
    {% do texts.update({column: "sampled." ~ column}) %}
    {% endfor %}
    select
        '{{ name }}' as table_name,
        sampled.part,
        sampled.sample_rank,
        columns.column_name,
        {{ of_column(numbers, type_double()) }} as number_value,
        {{ of_column(texts, dbt.type_string()) }} as text_value
    from (
        select
            hashed.*,
            row_number() over (partition by part order by key_hash, row_key) as sample_rank
        from (
            select
                {{ table.get("part", "''") }} as part,
                md5({{ as_text(table.key) }}) as key_hash,
                {{ as_text(table.key) }} as row_key,
                {{ names | join(", ") }}
            from {{ table.relation }}
            where {{ table.where }}
            {% if not table.part %}
            -- Without parts, the others need not be put in order, nor kept in memory.
            order by key_hash, row_key
            limit {{ var("quality_sample_rows") }}
            {% endif %}
        ) as hashed
    ) as sampled
    cross join (
        {% for column in names %}
        select '{{ column }}' as column_name
        {{ "union all" if not loop.last }}
        {% endfor %}
    ) as columns
    where sampled.sample_rank <= {{ var("quality_sample_rows") }}
    {{ "union all" if not loop.last }}
    {% endfor %}
{% endmacro %}
