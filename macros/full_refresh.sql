{#
What a full refresh leaves to be done. A table that one is about to rebuild, or that is built from
such a table, loses its mark at the start and has refresh_started_at in int_marks until it is
rebuilt itself. While there is such a table, no other run starts: its rows rest on what is gone.
#}

{# The incremental tables of this project, int_marks apart: {name: unique_id}. #}
{% macro incremental_tables() %}
    {% set tables = {} %}
    {% for node in graph.nodes.values()
        if node.package_name == project_name
        and node.config.materialized == "incremental"
        and node.name != "int_marks" %}
        {% do tables.update({node.name: node.unique_id}) %}
    {% endfor %}
    {{ return(tables) }}
{% endmacro %}


{# Whether this run builds a table from nothing: a full refresh that its model is selected in. #}
{% macro is_refreshed(unique_id) %}
    {{ return(
        flags.FULL_REFRESH
        and unique_id in selected_resources
        and graph.nodes[unique_id].config.full_refresh != false
    ) }}
{% endmacro %}


{#
Whether a full refresh concerns a table's rows at all: one that is there, that a full refresh does
not keep, and that does not only measure others (quality measures what was rebuilt at its next run).
#}
{% macro can_be_outdated(unique_id) %}
    {% set node = graph.nodes[unique_id] %}
    {{ return(
        node.config.full_refresh != false
        and "quality" not in node.tags
        and load_relation(own_relation_of(node.name)) is not none
    ) }}
{% endmacro %}


{# All models that a model is built from, directly or not: added to found. #}
{% macro add_ancestors(unique_id, found) %}
    {% for parent_id in graph.nodes[unique_id].depends_on.nodes
        if parent_id in graph.nodes and parent_id not in found %}
        {% do found.update({parent_id: true}) %}
        {% do add_ancestors(parent_id, found) %}
    {% endfor %}
{% endmacro %}


{# The tables that this full refresh rebuilds, and those that are built from what it rebuilds. #}
{% macro tables_to_refresh() %}
    {% set refreshed, outdated = [], [] %}
    {% for unique_id in selected_resources if unique_id in graph.nodes %}
        {% set node = graph.nodes[unique_id] %}
        {% if node.config.materialized == "incremental"
            and (is_refreshed(unique_id) or node.name == "int_marks") %}
            {% do refreshed.append(unique_id) %}
        {% endif %}
    {% endfor %}
    {% for name, unique_id in incremental_tables().items() if can_be_outdated(unique_id) %}
        {% set ancestors = {} %}
        {% if unique_id not in refreshed %}{% do add_ancestors(unique_id, ancestors) %}{% endif %}
        {% if unique_id in refreshed or ancestors.keys() | select("in", refreshed) | list %}
            {% do outdated.append(name) %}
        {% endif %}
    {% endfor %}
    {{ return(outdated) }}
{% endmacro %}


{# The tables that full refreshes have left to be rebuilt: {name: when the refresh started}. #}
{% macro tables_left() %}
    {% set left = {} %}
    {% for row in marks_in_table() if row.refresh_started_at %}
        {% set unique_id = incremental_tables().get(row.model_name) %}
        {% if unique_id and can_be_outdated(unique_id) %}
            {% do left.update({row.model_name: row.refresh_started_at}) %}
        {% endif %}
    {% endfor %}
    {{ return(left) }}
{% endmacro %}


{# Before a run: stops it where a full refresh has left tables that this run does not rebuild. #}
{% macro check_full_refresh() %}
    {% set left = tables_left() %}
    {% set not_rebuilt = [] %}
    {% for name in left if not is_refreshed(incremental_tables()[name]) %}
        {% do not_rebuilt.append(name) %}
    {% endfor %}
    {% if not_rebuilt %}
        {% do exceptions.raise_compiler_error(
            "A full refresh that started at " ~ (left.values() | min).strftime("%Y-%m-%d %H:%M:%S")
            ~ " UTC did not finish. These tables still rest on what it has replaced:\n  - "
            ~ not_rebuilt | join("\n  - ") ~ "\nRebuild them: dbt build --full-refresh."
        ) %}
    {% endif %}
{% endmacro %}


{#
With --defer, before a run: stops it where it would add to a table of this target that is built from
tables of another. Production's views say what was due there, not here.
#}
{% macro check_deferral() %}
    {% set added_to = [] %}
    {% for name, unique_id in incremental_tables().items()
        if unique_id in selected_resources
        and graph.nodes[unique_id].get("defer_relation")
        and not is_refreshed(unique_id)
        and can_be_outdated(unique_id) %}
        {% set ancestors = {} %}
        {% do add_ancestors(unique_id, ancestors) %}
        {% for other, other_id in incremental_tables().items()
            if other_id in ancestors and relation_of(other) != own_relation_of(other) %}
            {% do added_to.append(name) %}
        {% endfor %}
    {% endfor %}
    {% if added_to %}
        {% do exceptions.raise_compiler_error(
            "With --defer, tables that are there cannot be added to, as what they are built from is"
            ~ " in another target:\n  - " ~ added_to | unique | join("\n  - ")
            ~ "\nBuild them from nothing: add --full-refresh."
        ) %}
    {% endif %}
{% endmacro %}


{#
Stops a full refresh that would forget staged rows which the raw tables no longer hold, with their
number, unless the var forget_vanished is true.
#}
{% macro check_vanished() %}
    {% if flags.FULL_REFRESH and not var("forget_vanished") and target.type == "duckdb" %}
        {% set questions, forgotten = [], [] %}
        {% for unique_id in selected_resources if unique_id in graph.nodes %}
            {% set node = graph.nodes[unique_id] %}
            {% set relation = load_relation(own_relation_of(node.name))
                if node.resource_type == "model" and "is_vanished" in node.columns %}
            {% if relation and "is_vanished" in adapter.get_columns_in_relation(relation)
                | map(attribute="name") %}
                {% do questions.append(
                    "select '" ~ node.name ~ "', count(*) from " ~ relation
                    ~ " where is_vanished and replaced_at is null"
                ) %}
            {% endif %}
        {% endfor %}
        {% for name, rows in (run_query(questions | join(" union all ")).rows if questions else [])
            if rows %}
            {% do forgotten.append(name ~ ": " ~ "{:,}".format(rows | int) ~ " rows") %}
        {% endfor %}
        {% if forgotten %}
            {% do exceptions.raise_compiler_error(
                "A full refresh rebuilds from what the raw tables hold now. It would forget staged"
                ~ " rows that have vanished from them:\n  - " ~ forgotten | join("\n  - ")
                ~ "\nLand them again, or keep a copy of the database and add"
                ~ " --vars 'forget_vanished: true'."
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}


{#
Before the first model: int_marks is there, in this run's own target, and knows which tables a full
refresh is about to make invalid. A whole refresh begins with an empty table, of today's columns.
#}
{% macro prepare_marks() %}
    {% set node = graph.nodes.get("model." ~ project_name ~ ".int_marks") if execute %}
    {% if node and node.config.materialized == "incremental" and flags.WHICH in ["run", "build"] %}
        {% set marks = own_relation_of("int_marks") %}
        {% set is_whole = flags.FULL_REFRESH and node.unique_id in selected_resources %}
        {% set outdated = tables_to_refresh() if flags.FULL_REFRESH else [] %}
        {% if is_whole or not load_relation(marks) %}
            {% set columns = [] %}
            {% for column in node.columns.values() %}
                {% do columns.append(column.name ~ " " ~ column.data_type) %}
            {% endfor %}
            {% do adapter.create_schema(marks) %}
            {% do run_query(
                "create or replace table " ~ marks ~ " (" ~ columns | join(", ") ~ ")"
            ) %}
            {% do adapter.cache_added(marks.incorporate(type="table")) %}
        {% endif %}
        {% if outdated %}
            {% do run_query(
                "delete from " ~ marks ~ " where model_name in ('" ~ outdated | join("', '") ~ "')"
            ) %}
            {% do run_query(
                "insert into " ~ marks ~ " (model_name, refresh_started_at) select unnest(['"
                ~ outdated | join("', '") ~ "']), " ~ run_time()
            ) %}
        {% endif %}
        {% do commit_writes() %}
    {% endif %}
{% endmacro %}


{#
At the end of a hook that writes: commits. dbt begins a transaction where it looks for relations
that it has not cached, and rolls back what a hook leaves open.
#}
{% macro commit_writes() %}
    {% if target.type == "duckdb" %}
        {% call statement("begin_unless_begun", auto_begin=true) %}select 1{% endcall %}
        {% do adapter.commit() %}
    {% endif %}
{% endmacro %}


{# After a full refresh of some tables: which others have to be rebuilt, too. #}
{% macro say_what_is_left() %}
    {% if execute and flags.FULL_REFRESH and flags.WHICH in ["run", "build"] %}
        {% set left = tables_left() %}
        {% if left %}
            {% do log(
                "WARNING: the full refresh has not rebuilt these tables, which rest on what it has"
                ~ " replaced:\n  - " ~ left.keys() | join("\n  - ")
                ~ "\nRuns stop until they are rebuilt: dbt build --full-refresh"
                ~ ", or --full-refresh --select " ~ left.keys() | join(" ") ~ ".",
                info=true
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}
