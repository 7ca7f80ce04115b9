{#
Customers who asked to be erased are told by the salted hashes of what identifies them
(int_erased_identifiers). Their raw rows are left out wherever raw tables are read. What tables hold
of them already goes as what is deleted at its source goes, and purge_erased() removes the replaced
rows that tell of it.
#}

{# Columns of raw and staging tables that identify a customer: {column: kinds of identifier}. #}
{% macro identifier_columns() %}
    {{ return({
        "customer_id": ["account"], "account_id": ["account"],
        "from_customer_id": ["account"], "into_customer_id": ["account"],
        "member_id": ["card"], "referrer_member_id": ["card"],
        "login_id": ["account", "email"], "email": ["email"],
        "anonymous_id": ["visitor"], "device_id": ["visitor"], "visitor_id": ["visitor"],
        "contact_id": ["contact"], "transaction_id": ["receipt"],
    }) }}
{% endmacro %}


{#
Whether a row is of an erased customer, as SQL. columns: the names of the row's columns. False while
nobody has asked to be erased.
#}
{% macro is_erased(columns) %}
    {% if not erased_until() %}{{ return("false") }}{% endif %}
    {% set conditions = [] %}
    {% for column, kinds in identifier_columns().items() if column in columns %}
        {% do conditions.append(
            "coalesce(" ~ hash_identifier(column) ~ ", '') in (" ~ erased_hashes(kinds) ~ ")"
        ) %}
    {% endfor %}
    {% for column in ["login_hash", "email_hash"] if column in columns %}
        {% do conditions.append(
            "coalesce(" ~ column ~ ", '') in (" ~ erased_hashes(["account", "email"]) ~ ")"
        ) %}
    {% endfor %}
    {% for column in ["anonymous_id", "device_id", "visitor_id"]
        if column in columns and "session_id" in columns %}
        {% do conditions.append(
            "coalesce(" ~ hash_identifier(session_of(column)) ~ ", '') in ("
            ~ erased_hashes(["session"]) ~ ")"
        ) %}
    {% endfor %}
    {{ return("(" ~ conditions | join(" or ") ~ ")" if conditions else "false") }}
{% endmacro %}


{# Whether nobody has ever asked to be erased, so that nobody need be looked for. #}
{% macro nobody_asked() %}
    {% set requests = load_relation(relation_of("stg_crm__erasure_requests")) if execute %}
    {{ return(requests and not run_query("select 1 from " ~ requests ~ " limit 1").rows) }}
{% endmacro %}


{# The hashes of erased identifiers of some kinds, as a query. #}
{% macro erased_hashes(kinds) %}
    {{ return(
        "select identifier_hash from " ~ relation_of("int_erased_identifiers")
        ~ " where identifier_type in ('" ~ kinds | join("', '") ~ "')"
    ) }}
{% endmacro %}


{# A session of a visitor, as one text; null without one. #}
{% macro session_of(visitor_column) %}
    {{ return("(" ~ visitor_column ~ " || '|' || session_id)") }}
{% endmacro %}


{# Whether identifiers have been erased since this model was written. #}
{% macro has_new_erasures() %}
    {% set known = mark_of(this.identifier, "processed_at") %}
    {{ return(erased_until() is not none and (not known or erased_until() > known)) }}
{% endmacro %}


{#
When identifiers were last erased; none while nobody has asked for it. Read once per run, by what
comes after int_erased_identifiers.
#}
{% macro erased_until() %}
    {% if not execute %}{{ return(none) }}{% endif %}
    {% set known = read_once() %}
    {% if "erased_until" not in known %}
        {% set erased = relation_of("int_erased_identifiers") %}
        {% do known.update({"erased_until": run_query(
            "select max(written_at) from " ~ erased
        ).rows[0][0] if load_relation(erased) else none}) %}
    {% endif %}
    {{ return(known.erased_until) }}
{% endmacro %}


{#
After a run with erased customers: removes the replaced rows that tables keep for those who read
next, and the list of whom they concern. It waits until every table has followed.
#}
{% macro purge_erased() %}
    {% if execute and flags.WHICH in ["run", "build"] and adds_to("int_erased_identifiers")
        and erased_until() %}
        {% set keeping, following = [], [] %}
        {% for node in graph.nodes.values()
            if node.config.materialized == "incremental" and "quality" not in node.tags %}
            {% do following.append(node.name) %}
            {% if node.config.incremental_strategy == "keep_replaced" %}
                {% do keeping.append(node.name) %}
            {% endif %}
        {% endfor %}
        {% set all_followed, erased_since = run_query(
            "select min(processed_at) >= " ~ run_time() ~ ", min(processed_at) < (select"
            ~ " max(written_at) from " ~ relation_of("int_erased_identifiers") ~ ") from "
            ~ own_relation_of("int_marks")
            ~ " where model_name in ('" ~ following | join("', '") ~ "')"
        ).rows[0].values() %}
        {% if erased_since %}
            {% do log(
                "Erasure is not complete: some tables have not followed. Run dbt build.", info=true
            ) %}
        {% elif all_followed %}
            {% for name in keeping if load_relation(own_relation_of(name)) %}
                {% do run_query(
                    "delete from " ~ own_relation_of(name) ~ " where replaced_at is not null"
                ) %}
            {% endfor %}
            {% if load_relation(own_relation_of("int_touched_customers")) %}
                {% do run_query("delete from " ~ own_relation_of("int_touched_customers")) %}
            {% endif %}
        {% endif %}
    {% endif %}
{% endmacro %}
