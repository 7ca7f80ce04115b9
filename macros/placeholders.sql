{#
Placeholders: values such as undefined, none or noreply@... that systems write where they know of
nobody. An identifier that is one reads as null wherever raw tables are read, so it never identifies
a person. Its row is reported with the reason "placeholder": set aside where the identifier is
required, else as a value that is read as null. The list is seeds/placeholder_identifiers.csv.
#}

{# The columns of raw tables that may identify a person; a household is none. #}
{% macro person_columns() %}
    {% set names = ["referred_customer_id"] %}
    {% for column, kinds in identifier_columns().items()
        if kinds[0] in ["account", "card", "email", "visitor"] %}
        {% do names.append(column) %}
    {% endfor %}
    {{ return(names) }}
{% endmacro %}


{#
The typed rows of a raw table with null in place of placeholders, as a query, and with a flag
_placeholder_<column> for each of the identifiers. Where the contract says what stands in for a
placeholder (config: {meta: {placeholder_as: login_id}}), that does: events with one login whose
cookie is a placeholder are those of one visitor. Text is stripped: no cookie begins with a space.
#}
{% macro without_placeholders(source, typed, identifiers) %}
    {% if not identifiers %}{{ return(typed) }}{% endif %}
    {% set expressions = [] %}
    {% for name in identifiers %}
        {% set other = source.columns[name].config.meta.get("placeholder_as") %}
        {% set is_known = "not _placeholder_" ~ other if other in identifiers else "true" %}
        {% do expressions.append(
            "case when not _placeholder_" ~ name ~ " then " ~ name
            ~ (" when " ~ is_known ~ " then ' login ' || " ~ login_text(other) if other)
            ~ " end as " ~ name
        ) %}
    {% endfor %}
    {% set flags = [] %}
    {% for name in identifiers %}
        {% do flags.append(is_placeholder(name) ~ " as _placeholder_" ~ name) %}
    {% endfor %}
    {{ return(
        "select " ~ adapter.dispatch("all_columns_with")("flagged", expressions, identifiers)
        ~ " from (select *, " ~ flags | join(", ") ~ " from (" ~ typed ~ ") as found) as flagged"
    ) }}
{% endmacro %}

{# All columns of a relation, some of them by other expressions. #}
{% macro duckdb__all_columns_with(relation, expressions, names) %}
    {{- return(relation ~ ".* replace (" ~ expressions | join(", ") ~ ")") -}}
{% endmacro %}

{% macro spark__all_columns_with(relation, expressions, names) %}
    {{- return(relation ~ ".* except (" ~ names | join(", ") ~ "), " ~ expressions | join(", ")) -}}
{% endmacro %}


{#
Whether an identifier is a placeholder, in upper or lower case, as SQL. By length first, as few ids
have the length of a placeholder.
#}
{% macro is_placeholder(column) %}
    {% set whole, local_parts = {}, [] %}
    {% for text in placeholders() %}
        {% if text.endswith("@") %}
            {% do local_parts.append(
                "when lower(" ~ column ~ ") like " ~ text_literal(text ~ "%") ~ " then true"
            ) %}
        {% else %}
            {% do whole.setdefault(text | length, []).append(text_literal(text)) %}
        {% endif %}
    {% endfor %}
    {% set lengths = [] %}
    {% for length, texts in whole.items() %}
        {% do lengths.append(
            "when " ~ length ~ " then case lower(" ~ column ~ ") when "
            ~ texts | join(" then true when ") ~ " then true else false end"
        ) %}
    {% endfor %}
    {% set is_address = "case " ~ local_parts | join(" ") ~ " else false end" if local_parts
        else "false" %}
    {{ return(
        "case when " ~ column ~ " like '%@%' then " ~ is_address ~ " else case length(" ~ column
        ~ ") " ~ lengths | join(" ") ~ " else false end end"
    ) }}
{% endmacro %}


{#
The rows of the seed, in lower case, read from its file: a first build lands the raw tables before
it loads seeds. dbt reads null from a seed as an empty value, so it is no row of it.
#}
{% macro placeholders() %}
    {% set known = read_once() %}
    {% if "placeholders" not in known %}
        {% set seed = graph.nodes["seed." ~ project_name ~ ".placeholder_identifiers"] %}
        {% set path = plain_path(seed.root_path ~ "/" ~ seed.original_file_path) %}
        {% set texts = ["null"] %}
        {% for row in run_query(adapter.dispatch("seed_lines")(path)).rows if row[0] %}
            {% set text = row[0] | trim | lower %}
            {% do texts.append(text) if text not in ["", "placeholder"] %}
        {% endfor %}
        {% do known.update({"placeholders": texts | unique | list}) %}
    {% endif %}
    {{ return(known.placeholders) }}
{% endmacro %}

{# The first column of a seed's file, as a query. #}
{% macro duckdb__seed_lines(path) %}
    {{- return("select column0 from read_csv(" ~ text_literal(path)
        ~ ", auto_detect = false, columns = {'column0': 'varchar'}, header = false, delim = ','"
        ~ ", quote = '\"', escape = '\"')") -}}
{% endmacro %}

{% macro spark__seed_lines(path) %}
    {{- return("select _c0 from csv." ~ quoted_name(path)) -}}
{% endmacro %}


{# After a run: names the columns that hold placeholders, and how many. #}
{% macro say_placeholders() %}
    {% set ran = [] %}
    {% for result in results if result.status == "success" %}
        {% do ran.append(result.node.name) %}
    {% endfor %}
    {% if execute and flags.WHICH in ["run", "build"] and "int_quarantined_rows" in ran %}
        {% set questions, counts = [], [] %}
        {% for name in person_columns() %}
            {% do questions.append(
                "select source_system || '.' || table_name || '.' || '" ~ name ~ "', is_row,"
                ~ " sum(row_count) from " ~ relation_of("int_quarantined_rows")
                ~ " where reasons like '%placeholder:" ~ name ~ "%' group by 1, 2"
            ) %}
        {% endfor %}
        {% for column, is_row, count in run_query(
            questions | join(" union all ") ~ " order by 1, 2"
        ).rows %}
            {% do counts.append(
                column ~ " in " ~ "{:,}".format(count | int)
                ~ (" rows, which are set aside" if is_row else " rows, which count")
            ) %}
        {% endfor %}
        {% if counts %}
            {% do log(
                "Placeholders that identify nobody (seeds/placeholder_identifiers.csv): "
                ~ counts | join("; ") ~ ".",
                info=true
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}
