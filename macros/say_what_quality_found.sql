{# After a run that judged the data: what is not as expected, and what to do about it. #}
{% macro say_what_quality_found() %}
    {% if was_built("rpt_data_quality") %}
        {% for row in run_query(
            "select severity, layer, table_name, observed, expected, owner, action from "
            ~ relation_of("rpt_data_quality") ~ " where is_latest and not success"
            ~ " order by severity, layer, table_name, expected"
        ).rows %}
            {% do log(
                {"error": "ERROR", "warn": "WARNING"}[row[0]] ~ " in the data, " ~ row[1] ~ ": "
                ~ row[2] ~ " has " ~ row[3] ~ ", expected is " ~ row[4] ~ ". " ~ row[6] ~ " ("
                ~ row[5] ~ ")",
                info=true
            ) %}
        {% endfor %}
    {% endif %}
{% endmacro %}
