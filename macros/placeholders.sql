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
Whether an identifier (identifier_text) is a placeholder, as SQL.
#}
{% macro is_placeholder(text) %}
    {{- return(matches_pattern(text, "^(?i:" ~ placeholder_pattern() ~ ")$")) -}}
{% endmacro %}


{# The placeholders as a regular expression, for texts in upper or lower case. #}
{% macro placeholder_pattern() %}
    {% set parts = [] %}
    {% for text in placeholders() %}
        {% set escaped = modules.re.escape(text) %}
        {% do parts.append(escaped ~ (".*" if text.endswith("@") else "(?:[.]0+)?")) %}
    {% endfor %}
    {{- return(parts | join("|")) -}}
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
    {% if was_built("int_quarantined_rows") %}
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
