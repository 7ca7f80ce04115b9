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


{# The salted hash of a column that holds identifiers of some kinds. #}
{% macro hash_of_kinds(column, kinds) %}
    {% if "account" in kinds %}{{ return(hash_login(column)) }}{% endif %}
    {{ return(hash_email(column) if "email" in kinds else hash_identifier(column)) }}
{% endmacro %}


{#
Whether a row is of an erased customer, as SQL. columns: the names of the row's columns. found: a
relation or CTE with the erased identifiers; none: int_erased_identifiers, and false while nobody
has asked to be erased.
#}
{% macro is_erased(columns, found=none) %}
    {% if not found and not erased_until() %}{{ return("false") }}{% endif %}
    {% set conditions = [] %}
    {% for column, kinds in identifier_columns().items() if column in columns %}
        {% do conditions.append(
            "coalesce(" ~ hash_of_kinds(column, kinds) ~ ", '') in ("
            ~ erased_hashes(kinds, found) ~ ")"
        ) %}
    {% endfor %}
    {% for column, kinds in {"login_hash": ["account", "email"], "email_hash": ["email"]}.items()
        if column in columns %}
        {% do conditions.append(
            "coalesce(" ~ column ~ ", '') in (" ~ erased_hashes(kinds, found) ~ ")"
        ) %}
    {% endfor %}
    {% for column in ["anonymous_id", "device_id", "visitor_id"]
        if column in columns and "session_id" in columns %}
        {% do conditions.append(
            "coalesce(" ~ hash_identifier(session_of(column)) ~ ", '') in ("
            ~ erased_hashes(["session"], found) ~ ")"
        ) %}
    {% endfor %}
    {{ return("(" ~ conditions | join(" or ") ~ ")" if conditions else "false") }}
{% endmacro %}


{#
Whether anybody has asked to be erased, as SQL; false saves reading what would be followed. A model
that asks depends on stg_crm__erasure_requests. `dbt show` looks ahead at requests that no build has
read.
#}
{% macro somebody_asked() %}
    {% set requests = load_relation(relation_of("stg_crm__erasure_requests"))
        if execute and flags.WHICH != "show" %}
    {{- return(
        "false" if requests and not run_query("select 1 from " ~ requests ~ " limit 1").rows
        else "true"
    ) -}}
{% endmacro %}


{# The requests as hashes, as a query; `dbt show` adds those that no build has read. #}
{% macro erasure_requests() %}
    {% set kept = ref("stg_crm__erasure_requests") %}
    {% set parts = [] %}
    {% if flags.WHICH != "show" or load_relation(kept) %}
        {% do parts.append("select account_hash, card_hash, email_hash from " ~ kept) %}
    {% endif %}
    {% if flags.WHICH == "show" %}
        {% do parts.append("select account_hash, card_hash, email_hash from ("
            ~ hashed_requests() ~ ") as landed") %}
    {% endif %}
    {{ return(parts | join(" union ")) }}
{% endmacro %}


{# The requests that the raw table holds, as hashes. #}
{% macro hashed_requests() %}
    select
        {{ hash_login("customer_id") }} as account_hash,
        {{ hash_identifier("member_id") }} as card_hash,
        {{ hash_email("email") }} as email_hash,
        min(requested_at) as requested_at
    from {{ source("raw_crm", "erasure_requests") }}
    where coalesce(customer_id, member_id, email) is not null
    group by 1, 2, 3
{% endmacro %}


{#
A staging table as the last run left it, with the rows that were replaced since: it remembers what
raw tables no longer hold. None where it is not there yet.
#}
{% macro seen_by_staging(model_name) %}
    {{ return(load_relation(relation_of(model_name)) if execute) }}
{% endmacro %}


{#
The addresses that a kind of holder (account, card) is remembered to have had, to be added to the
columns id, email and email_hash; empty before there is a memory.
#}
{% macro and_remembered_emails(holder_type) %}
    {% set remembered = seen_by_staging("int_identifier_versions") %}
    {% if remembered %}
    union
    select
        holder_id,
        cast(null as {{ dbt.type_string() }}) as email,
        email_hash
    from {{ remembered }}
    where holder_type = '{{ holder_type }}' and {{ somebody_asked() }}
    {% endif %}
{% endmacro %}


{#
Every account that another was merged into, at whatever distance, as the query of a recursive CTE
named reached (account_<by>, reached_<by>). links: a relation of (account_<by>, into_<by>). by: id
or hash.
#}
{% macro reached_accounts(links, by) %}
    {{ return(adapter.dispatch("reached_accounts")(links, by)) }}
{% endmacro %}

{# A set: what is reached already is not followed again, so circles end. #}
{% macro duckdb__reached_accounts(links, by) %}
    select
        account_{{ by }},
        into_{{ by }} as reached_{{ by }}
    from {{ links }}
    union
    select
        reached.account_{{ by }},
        links.into_{{ by }} as reached_{{ by }}
    from reached
    inner join {{ links }} as links on reached.reached_{{ by }} = links.account_{{ by }}
{% endmacro %}

{# Spark recurses by union all only: the path says what is reached already. #}
{% macro spark__reached_accounts(links, by) %}
    select
        account_{{ by }},
        into_{{ by }} as reached_{{ by }},
        chr(31) || into_{{ by }} || chr(31) as path
    from {{ links }}
    union all
    select
        reached.account_{{ by }},
        links.into_{{ by }} as reached_{{ by }},
        reached.path || links.into_{{ by }} || chr(31) as path
    from reached
    inner join {{ links }} as links on reached.reached_{{ by }} = links.account_{{ by }}
    where instr(reached.path, chr(31) || links.into_{{ by }} || chr(31)) = 0
{% endmacro %}


{# The hashes of erased identifiers of some kinds, as a query. #}
{% macro erased_hashes(kinds, found=none) %}
    {{ return(
        "select identifier_hash from " ~ (found or relation_of("int_erased_identifiers"))
        ~ " where identifier_type in ('" ~ kinds | join("', '") ~ "')"
    ) }}
{% endmacro %}


{# A session of a visitor, as one text; null without one. No id contains the character between. #}
{% macro session_of(visitor_column, session_column="session_id") %}
    {{ return("(" ~ visitor_column ~ " || chr(31) || " ~ session_column ~ ")") }}
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
After a run with erased customers: removes the replaced rows that tables keep for later readers, the
list of changed customers, and the text of unreadable lines. It waits until every table has
followed; a run that failed early leaves tables that are not there yet.
#}
{% macro purge_erased() %}
    {% if execute and flags.WHICH in ["run", "build"] and adds_to("int_erased_identifiers")
        and erased_until() and load_relation(relation_of("int_marks")) %}
        {% set keeping, following = [], [] %}
        {% for node in graph.nodes.values()
            if node.config.materialized == "incremental" and "quality" not in node.tags
            and node.name != "int_marks" %}
            {% do following.append(node.name) %}
            {% if node.config.incremental_strategy == "keep_replaced" %}
                {% do keeping.append(node.name) %}
            {% endif %}
        {% endfor %}
        {% set oldest = oldest_mark(following, own_relation_of("int_marks")) %}
        {% set all_followed, erased_since = run_query(
            "select " ~ oldest ~ " >= " ~ run_time() ~ ", " ~ oldest ~ " < (select max(written_at)"
            ~ " from " ~ relation_of("int_erased_identifiers") ~ ")"
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
            {% for raw in raw_sources() %}
                {% set lines = load_relation(api.Relation.create(
                    database=raw.database, schema=raw.schema,
                    identifier=raw.identifier ~ "__malformed_lines",
                )) %}
                {% do run_query("update " ~ lines ~ " set csv_line = null") if lines %}
            {% endfor %}
            {% do commit_writes() %}
        {% endif %}
    {% endif %}
{% endmacro %}


{#
What a quarantined row keeps of the text that landed, as SQL: nothing where an erased customer may
stand in it. That is a value or a word of it that is an erased identifier, whatever column it is in,
and, once somebody was erased, a line that cannot be read or a row that names nobody.
#}
{% macro kept_text(source_name, table_name) %}
    {% if not erased_until() %}{{ return("_landed") }}{% endif %}
    {% set names = [] %}
    {% for column in contract_columns(source_name, table_name)
        if column in identifier_columns() %}
        {% do names.append(as_text(column)) %}
    {% endfor %}
    {% set is_anonymous = "coalesce(" ~ names | join(", ") ~ ", null) is null" if names
        else "false" %}
    {{ return(
        "case when _rejected = 'malformed_line:' or " ~ is_anonymous ~ " or "
        ~ adapter.dispatch("holds_erased")("_landed") ~ " then null else _landed end"
    ) }}
{% endmacro %}

{% macro duckdb__holds_erased(text) %}
    {% set hashes = [] %}
    {% for form in [hash_identifier("word"), hash_email("word")] %}
        {% do hashes.append(
            form ~ " in (select identifier_hash from " ~ relation_of("int_erased_identifiers") ~ ")"
        ) %}
    {% endfor %}
    {% set values = "case when json_valid(" ~ text ~ ") then json_extract_string(" ~ text
        ~ ", '$.*') end" %}
    {% set words = "regexp_extract_all(" ~ text ~ ", '[^\\s,;|:\"<>()]*[[:alnum:]]')" %}
    {{ return(
        "exists (select 1 from (select unnest(list_concat(" ~ values ~ ", " ~ words
        ~ ")) as word) as words where " ~ hashes | join(" or ") ~ ")"
    ) }}
{% endmacro %}

{# Spark has no hash of the salt within a row's list of words: no text is kept. #}
{% macro spark__holds_erased(text) %}{{ return("true") }}{% endmacro %}


{# What tells whether a salt is the same as another, without telling the salt. #}
{% macro salt_fingerprint() %}
    {{ return(run_query("select " ~ hash_identifier("'fingerprint of the salt'")).rows[0][0]) }}
{% endmacro %}


{#
Before a run: stops it where the salt is not the one that the tables were built with. A full refresh
may change it, unless somebody was erased: the list of the erased is kept and holds hashes. The
demo's salt is public.
#}
{% macro check_salt() %}
    {% if target.name not in ["demo", "example"]
        and run_query("select engagement_salt() = 'public-salt-of-the-demo'").rows[0][0] %}
        {% do exceptions.raise_compiler_error(
            "The target " ~ target.name ~ " hashes identifiers with the demo's salt, which is"
            ~ " public. Set the environment variable ENGAGEMENT_SALT to a long random secret and"
            ~ " remove default_salt from the target in profiles.yml."
        ) %}
    {% endif %}
    {% set marks = load_relation(relation_of("int_marks")) %}
    {% set erased = load_relation(relation_of("int_erased_identifiers")) %}
    {% set is_kept = not flags.FULL_REFRESH
        or erased and run_query("select 1 from " ~ erased ~ " limit 1").rows %}
    {% set present, changed = salt_fingerprint(), [] %}
    {# Marks of an earlier version of the project may have no settings. #}
    {% for row in (run_query("select * from " ~ marks).rows if marks else []) %}
        {% set settings = row.dict().get("settings") %}
        {% if settings and fromjson(settings).get("salt", present) != present %}
            {% do changed.append(settings) %}
        {% endif %}
        {% if changed and is_kept %}
            {% do exceptions.raise_compiler_error(
                "The salt (ENGAGEMENT_SALT) is not the one that the tables were built with. "
                ~ ("The list of erased customers holds hashes made with it and outlives a full"
                    ~ " refresh: set the salt back." if flags.FULL_REFRESH else
                    "Set it back, or rebuild everything: dbt build --full-refresh.")
            ) %}
        {% endif %}
    {% endfor %}
    {# A full refresh keeps the table otherwise. #}
    {% set versions = load_relation(own_relation_of("int_identifier_versions")) %}
    {% if changed and versions %}
        {% do adapter.drop_relation(versions) %}
        {% do log(
            "The salt has changed: former e-mail addresses that only earlier runs have seen are"
            ~ " forgotten.", info=true
        ) %}
    {% endif %}
{% endmacro %}
