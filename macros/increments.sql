{#
How increments work: three kinds of incremental tables, and marks.

keep_replaced (staging, identity): a row that is replaced or removed stays, with the time in
replaced_at, so that whoever reads next learns whom it concerned. Rows that count have no
replaced_at; written_at is the run in which a row came or was replaced.
touched_rows (activities) and due_scores (variables to segments) follow int_touched_customers, the
list of whom new, changed and removed rows concern and from when on: what they hold of those
customers from then on is removed and computed anew.

int_marks says up to which run each table has processed what lies before it. A mark is written after
the table's own rows: a run that is killed repeats work and loses none.
#}

{# Increments are DuckDB's; other engines build each table from nothing. #}
{% macro incremental_or_table() %}
    {{- return("incremental" if target.type == "duckdb" else "table") -}}
{% endmacro %}


{# The time of this run: what rows are stamped with that it writes. #}
{% macro run_time() %}
    {{- return("cast('" ~ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") ~ "' as timestamp)") -}}
{% endmacro %}


{# A time before everything. #}
{% macro long_ago() %}{{- return("cast('0001-01-02' as timestamp)") -}}{% endmacro %}


{#
Where a model of this project is in this run's own target, for all that a macro writes, and for
marks. With --defer, ref() may name the production's table instead.
#}
{% macro own_relation_of(model_name) %}
    {% set node = graph.nodes["model." ~ project_name ~ "." ~ model_name] %}
    {{ return(api.Relation.create(
        database=node.database, schema=node.schema, identifier=node.alias
    )) }}
{% endmacro %}


{#
Where a model of this project is read from, for SQL of macros that run long after its ref was
needed: where ref() would find it, with --defer, too.
#}
{% macro relation_of(model_name) %}
    {% set node = graph.nodes["model." ~ project_name ~ "." ~ model_name] %}
    {% set own, deferred = own_relation_of(model_name), node.get("defer_relation") %}
    {% set is_other_preferred = invocation_args_dict.get("favor_state")
        and node.unique_id not in selected_resources %}
    {% if deferred and (is_other_preferred or not load_relation(own)) %}
        {{ return(api.Relation.create(
            database=deferred.database, schema=deferred.schema, identifier=deferred.alias
        )) }}
    {% endif %}
    {{ return(own) }}
{% endmacro %}


{#
This run's own int_marks, for models and hooks that come after it: in unit tests, what stands for
it.
#}
{% macro own_marks() %}
    {% set marks = ref("int_marks") %}
    {% set nodes = graph.get("nodes", {}) if execute else {} %}
    {% set node = nodes.get("model." ~ project_name ~ ".int_marks", {}) %}
    {{ return(own_relation_of("int_marks") if node.get("defer_relation") else marks) }}
{% endmacro %}


{#
The run up to which a model (this one, if none is named) has processed what lies before it, as a
literal.
#}
{% macro mark(model_name=none) %}
    {% set found = mark_of(model_name or this.identifier, "processed_at") %}
    {{ return("cast('" ~ found ~ "' as timestamp)" if found else long_ago()) }}
{% endmacro %}


{# A column of a model's row in int_marks as the run found it; none where it has none. #}
{% macro mark_of(model_name, column) %}
    {{ return(marks_found().get(model_name, {}).get(column)) }}
{% endmacro %}


{#
int_marks as the run found it: {model_name: {column: value}}, without the models that this run
builds from nothing. A model's mark moves after its own rows are written, so within a run this says
what every model is to ask for.
#}
{% macro marks_found() %}
    {% set known = read_once() %}
    {% if "marks" not in known %}
        {% set marks, selected = {}, selected_resources if flags.FULL_REFRESH else [] %}
        {% for row in marks_in_table()
            if "model." ~ project_name ~ ".int_marks" not in selected
            and "model." ~ project_name ~ "." ~ row.model_name not in selected %}
            {% do marks.update({row.model_name: row}) %}
        {% endfor %}
        {% do known.update({"marks": marks}) %}
    {% endif %}
    {{ return(known.marks) }}
{% endmacro %}


{# The rows of this run's own int_marks, as dictionaries; none where there is no such table. #}
{% macro marks_in_table() %}
    {% set rows, nodes = [], graph.get("nodes", {}) if execute else {} %}
    {% set node = nodes.get("model." ~ project_name ~ ".int_marks") %}
    {% if node and node.config.materialized == "incremental"
        and load_relation(own_relation_of("int_marks")) %}
        {% for row in run_query("select * from " ~ own_relation_of("int_marks")).rows %}
            {% do rows.append(row.dict()) %}
        {% endfor %}
    {% endif %}
    {{ return(rows) }}
{% endmacro %}


{#
What a run has read and need not read again, by name; graph is what all models of a run share. Where
one process runs dbt several times with what it parsed once, each run begins with nothing.
#}
{% macro read_once() %}
    {% if graph.get("read_once", {}).get("invocation_id") != invocation_id %}
        {% do graph.update({"read_once": {"invocation_id": invocation_id}}) %}
    {% endif %}
    {{ return(graph.read_once) }}
{% endmacro %}


{# Before a table is built from nothing: its mark goes, so that everything is due to it. #}
{% macro forget_mark() %}
    {% set marks = own_marks() if model.name != "int_marks" %}
    {% if marks and model.config.materialized == "incremental" and not is_incremental() %}
        {% do marks_found().pop(this.identifier, none) %}
        delete from {{ marks }}
        where model_name = '{{ this.identifier }}' and refresh_started_at is null
    {% endif %}
{% endmacro %}


{#
After a table is written: its mark. That of a table that follows int_touched_customers, or measures
what does (meta: measures_followers), is never further than those of the followers it reads from, so
that a run of some models only does not lose anything.
#}
{% macro advance_mark() %}
    {% set marks = own_marks() if model.name != "int_marks" %}
    {% if marks and execute and model.config.materialized == "incremental" %}
        {% set followed = followers_before(model.unique_id) %}
        delete from {{ marks }} where model_name = '{{ this.identifier }}';
        insert into {{ marks }} (
            model_name, processed_since, processed_at, settings
        )
        select
            '{{ this.identifier }}',
            {{ mark() }},
            {{ "least(" ~ run_time() ~ ", " ~ oldest_mark(followed, marks) ~ ")" if followed
                else run_time() }},
            '{{ tojson(settings_of_tables()) | replace("'", "''") }}'
    {% endif %}
{% endmacro %}


{# The run up to which all of some models have come, as SQL. #}
{% macro oldest_mark(model_names, marks) %}
    {{ return(
        "(select case when count(processed_at) = " ~ model_names | length
        ~ " then min(processed_at) else " ~ long_ago() ~ " end from " ~ marks
        ~ " where model_name in ('" ~ model_names | join("', '") ~ "'))"
    ) }}
{% endmacro %}


{#
The version of what stored tables hold. Raise it whenever the meaning of their columns changes, so
that a database of an earlier version is refused. (Other columns are noticed by themselves.)
#}
{% macro layout_version() %}{{ return(2) }}{% endmacro %}


{#
What every row of the tables rests on: {setting: value}. With another, they are built anew. key_hash
is the hash of a text: the engine's. Whoever has rows found by other columns changes the text.
#}
{% macro settings_of_tables() %}
    {% set known = read_once() %}
    {% if "settings" in known %}{{ return(known.settings) }}{% endif %}
    {% set settings = {} %}
    {% for name in [
        "load_columns", "source_timezones", "business_timezone", "score_period", "window_days",
        "half_life_days", "session_gap_seconds", "event_gap_cap_seconds",
        "session_id_gap_multiple", "burned_points_are_negative",
        "bot_events_per_day", "machine_response_seconds", "reporting_currency",
        "earliest_date", "future_tolerance_hours", "bot_user_agent_relations",
    ] %}
        {% do settings.update({name: var(name)}) %}
    {% endfor %}
    {% for seed in graph.nodes.values() if seed.resource_type == "seed"
        and seed.name in var("bot_user_agent_relations")
            + ["currency_rates", "placeholder_identifiers"] %}
        {% do settings.update({"seeds/" ~ seed.name ~ ".csv": seed.checksum.checksum}) %}
    {% endfor %}
    {% set hashed = run_query("select " ~ key_hash("'key_hash, lookup_hash'")).rows[0][0] %}
    {% do settings.update({"key_hash": hashed | string, "salt": salt_fingerprint()}) %}
    {% do settings.update({"layout_version": layout_version()}) %}
    {% do settings.update({"full copies": full_copies() | join(", ")}) %}
    {% set raw_path = raw_path_from_project() %}
    {% do settings.update({"raw_path": raw_path}) %}
    {% do settings.update({"raw_schemas": none if raw_path else var("raw_schemas")}) %}
    {% do known.update({"settings": settings}) %}
    {{ return(settings) }}
{% endmacro %}


{# The variable raw_path, the same for a folder of the project however it is spelt. #}
{% macro raw_path_from_project() %}
    {% set path, project = raw_folder(), invocation_args_dict.get("project_dir", "") %}
    {% set project = project.replace("\\", "/") %}
    {% if project and path.startswith(project ~ "/") %}
        {{ return(path[project | length + 1:]) }}
    {% endif %}
    {{ return(path) }}
{% endmacro %}


{#
Before a run: stops it where the tables are not such that it may add to them: of an earlier version
of the project, of other settings, or left by a full refresh that did not finish.
#}
{% macro check_settings() %}
    {% if execute and flags.WHICH in ["run", "build"] %}
        {% do check_variables() %}
        {% do check_scorecards() %}
        {% do check_salt() %}
        {% do check_layout() %}
        {% do check_clock() %}
        {% do check_vanished() %}
        {% do check_full_refresh() %}
        {% do check_deferral() %}
        {% set present, changed = settings_of_tables(), [] %}
        {% for settings in marks_found().values() | map(attribute="settings") | select | unique %}
            {% set past = fromjson(settings) %}
            {% for name, value in present.items() if past.get(name) != value and name != "salt" %}
                {% do changed.append(
                    name ~ ": " ~ past.get(name, "unknown") ~ " then, " ~ value ~ " now"
                    if not name.endswith(".csv") else name ~ " has changed"
                ) %}
            {% endfor %}
        {% endfor %}
        {% set changed = changed | unique | join("\n  - ") %}
        {% if "key_hash: " in changed %}
            {% do exceptions.raise_compiler_error(
                "This release of the engine or of the project finds rows by other hashes than the"
                ~ " one that built the tables:\n  - " ~ changed
                ~ "\nBuild everything anew: dbt build --full-refresh."
            ) %}
        {% elif changed %}
            {% do exceptions.raise_compiler_error(
                "Settings that every row rests on are not those that the tables were built with:"
                ~ "\n  - " ~ changed
                ~ "\nSet them back, or build everything anew: dbt build --full-refresh."
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}


{#
Stops a run on tables of an earlier version of the project. It is known by the columns of int_marks,
by the layout version that each mark's settings name, or by tables without any int_marks.
#}
{% macro check_layout() %}
    {% set node = graph.nodes["model." ~ project_name ~ ".int_marks"] %}
    {% set is_whole = flags.FULL_REFRESH and node.unique_id in selected_resources %}
    {% if node.config.materialized == "incremental" and not is_whole %}
        {% set found = [] %}
        {% set marks = load_relation(own_relation_of("int_marks")) %}
        {% if marks %}
            {% set columns = adapter.get_columns_in_relation(marks) | map(attribute="name") %}
            {% if columns | sort | list != node.columns.keys() | sort | list %}
                {% do found.append("unknown") %}
            {% endif %}
            {% for row in marks_in_table() if not row.get("refresh_started_at") %}
                {% set settings = fromjson(row.get("settings") or "{}") %}
                {% do found.append(settings.get("layout_version", "unknown")) %}
            {% endfor %}
        {% else %}
            {% for unique_id in incremental_tables().values() if can_be_outdated(unique_id) %}
                {% do found.append("unknown") %}
            {% endfor %}
        {% endif %}
        {% set others = found | reject("equalto", layout_version()) | unique | list %}
        {% if others %}
            {% do exceptions.raise_compiler_error(
                "The database was built by an earlier version of the project:"
                ~ " its layout version is " ~ others | join(", ")
                ~ ", this project's is " ~ layout_version()
                ~ ". Its rows cannot be added to.\nRebuild everything: dbt build --full-refresh."
            ) %}
        {% endif %}
    {% endif %}
{% endmacro %}


{# Stops a run whose clock is behind that of an earlier run: it would take rows for read. #}
{% macro check_clock() %}
    {% set newest = marks_found().values() | map(attribute="processed_at") | select | list %}
    {% set now = run_started_at.replace(tzinfo=none) %}
    {% if newest and newest | max > now and not flags.FULL_REFRESH %}
        {% do exceptions.raise_compiler_error(
            "The clock of this machine says " ~ now ~ " UTC, but a run at " ~ newest | max
            ~ " UTC has written these tables. Correct the clock, then run again."
        ) %}
    {% endif %}
{% endmacro %}


{# Of a table whose mark is limited so: the nearest followers before it, by name; else none. #}
{% macro followers_before(unique_id, found=none, seen=none) %}
    {% set strategies, node = ["touched_rows", "due_scores"], graph.nodes[unique_id] %}
    {% if found is none %}
        {% if node.config.incremental_strategy not in strategies
            and not node.config.meta.measures_followers %}
            {{ return([]) }}
        {% endif %}
        {% set found, seen = [], [] %}
    {% endif %}
    {% for parent_id in node.depends_on.nodes
        if parent_id in graph.nodes and parent_id not in seen %}
        {% do seen.append(parent_id) %}
        {% set parent = graph.nodes[parent_id] %}
        {% if parent.config.incremental_strategy in strategies %}
            {% do found.append(parent.name) %}
        {% elif parent.config.materialized != "incremental" %}
            {% do followers_before(parent_id, found, seen) %}
        {% endif %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# Whether this run adds to a table (named, so that what is inlined into it can ask) or makes it. #}
{% macro adds_to(model_name) %}
    {% set nodes = graph.get("nodes", {}) if execute else {} %}
    {% set node = nodes.get("model." ~ project_name ~ "." ~ model_name) %}
    {% if not node or node.config.materialized != "incremental" or flags.FULL_REFRESH %}
        {{ return(false) }}
    {% endif %}
    {{ return(adapter.get_relation(node.database, node.schema, node.alias) is not none) }}
{% endmacro %}


{# Those of some models with rows that came or went since this model's mark, by name. #}
{% macro written_since_mark(model_names) %}
    {% set questions = [] %}
    {% for name in model_names %}
        {% set written_at = "touched_at" if name == "int_touched_customers" else "written_at" %}
        {% do questions.append(
            "select '" ~ name ~ "' where exists (select 1 from " ~ relation_of(name)
            ~ " where " ~ written_at ~ " > " ~ mark() ~ ")"
        ) %}
    {% endfor %}
    {{ return(run_query(questions | join(" union all ")).columns[0].values() | list) }}
{% endmacro %}


{#
Whether a table has nothing to do: it is there, and of the models that it follows (as for
written_parents) none has a row that came or went since its mark. Its query then ends in
`where false`, so that nothing is read.
#}
{% macro is_idle(model_names=none) %}
    {{ return(execute and is_incremental() and not written_parents(model_names)) }}
{% endmacro %}


{#
The models that this one follows and that have rows which came or went since its mark, by name.
model_names: what it follows; none: all tables with replaced rows that it reads from.
#}
{% macro written_parents(model_names=none) %}
    {% if model_names %}{{ return(written_since_mark(model_names)) }}{% endif %}
    {% set known, names = read_once().setdefault("written_parents", {}), [] %}
    {% if model.unique_id not in known %}
        {% for parent_id in graph.nodes[model.unique_id].depends_on.nodes
            if graph.nodes.get(parent_id, {}).config.incremental_strategy == "keep_replaced" %}
            {% do names.append(graph.nodes[parent_id].name) %}
        {% endfor %}
        {% do known.update({model.unique_id: written_since_mark(names)}) %}
    {% endif %}
    {{ return(known[model.unique_id]) }}
{% endmacro %}


{#
Which rows of a table (under an alias) came or went since this model's mark, as SQL; false where
none did, so that what would follow from them falls away before it is planned.
#}
{% macro is_changed(model_name, alias=none) %}
    {% set is_written = execute and is_incremental() and model_name in written_parents() %}
    {% set written_at = alias ~ ".written_at" if alias else "written_at" %}
    {{- return(written_at ~ " > " ~ mark() if is_written else "false") -}}
{% endmacro %}


{#
Whether scores are due of those customers alone whom new rows concern, not of everybody. It says how
to read and never what, so that a view may go on saying what held when it was made.
#}
{% macro is_due_to_few() %}
    {% if not adds_to("int_engagement_variables") %}{{ return(false) }}{% endif %}
    {% set dates = run_query("select 1 from " ~ relation_of("int_due_dates") ~ " limit 1") %}
    {{ return(not dates.rows) }}
{% endmacro %}


{#
From which date to which variables are carried, {carried_from, next_day, score_date} as SQL,
next_day being the first after carried_from: to the as-of date where it moved on within a score
period, from the last date before it that variables are known of, if the company ran the same at
both; else nulls. Period ends are not carried to, so that what is rounded at each step is so for one
period at most.
#}
{% macro carried_dates() %}
    {% set rows, dates = [], {} %}
    {% if execute and is_incremental() and adds_to("int_engagement_variables")
        and not is_due_to_few() %}
        {% set query %}
            with

            due as (select score_date from {{ relation_of("int_due_dates") }}),

            latest as (
                select score_date from {{ relation_of("int_score_dates") }}
                where
                    is_latest
                    and not is_period_end
                    and score_date in (select score_date from due)
            ),

            known as (
                select max(score_date) as score_date
                from {{ relation_of("int_engagement_variables") }}
                where score_date < (select min(score_date) from due)
            ),

            running as (
                select distinct * exclude (score_date, written_at, replaced_at)
                from {{ relation_of("int_running_activities") }}
                where
                    replaced_at is null and score_date = (select score_date from latest)
                    or (replaced_at is null or written_at > {{ oldest_score_mark() }})
                    and score_date = (select score_date from known)
            )

            select
                known.score_date as carried_from,
                cast({{ dbt.dateadd("day", 1, "known.score_date") }} as date) as next_day,
                latest.score_date
            from known
            cross join latest
            where known.score_date is not null and (select count(*) from running) = 1
        {% endset %}
        {% set rows = run_query(query).rows %}
    {% endif %}
    {% for name in ["carried_from", "next_day", "score_date"] %}
        {% set date = "'" ~ rows[0][name] ~ "'" if rows else "null" %}
        {% do dates.update({name: "cast(" ~ date ~ " as date)"}) %}
    {% endfor %}
    {{ return(dates) }}
{% endmacro %}


{#
Whether score dates or scorecard versions came, changed or went since all scores followed; also
where a first build ended before it had told.
#}
{% macro are_dates_or_scorecards_due() %}
    {% set questions = [] %}
    {% for name in ["int_running_activities", "int_restated_scorecards", "int_restated_segments"] %}
        {% if not load_relation(relation_of(name)) %}{{ return(true) }}{% endif %}
        {% do questions.append(
            "exists (select 1 from " ~ relation_of(name) ~ " where written_at > "
            ~ oldest_score_mark() ~ ")"
        ) %}
    {% endfor %}
    {{ return(run_query("select " ~ questions | join(" or ")).rows[0][0]) }}
{% endmacro %}


{# Whether a table of scores, or of what they are made of, has nothing to do: no score is due. #}
{% macro nothing_is_due() %}
    {% if not execute or not is_incremental() %}{{ return(false) }}{% endif %}
    {% set due = ["int_due_customers", "int_due_dates"] %}
    {% if config.get("meta", {}).get("due_scorecards") %}
        {% do due.append(config.get("meta").due_scorecards) %}
    {% endif %}
    {% set questions = [] %}
    {% for name in due %}
        {% do questions.append("exists (select 1 from " ~ relation_of(name) ~ ")") %}
    {% endfor %}
    {{ return(not run_query("select " ~ questions | join(" or ")).rows[0][0]) }}
{% endmacro %}


{#
Customers (or who is not yet one) touched since a model's mark: customer_id, touched_from. The model
says that it depends on int_touched_customers.
#}
{% macro touched_since(model_name=none) %}
    (
        select
            customer_id,
            min(touched_from) as touched_from
        from {{ relation_of("int_touched_customers") }}
        where touched_at > {{ mark(model_name) }}
        group by customer_id
    )
{% endmacro %}


{#
Two more CTEs after one that is called touched, for a model that looks for what touched customers
did. Nearly all are touched from the last two days on: whatever anybody did since recent.recent_from
is found by its time. early: those touched from before, of whom everything is found by its name; all
of them where they are touched for all time.
#}
{% macro recent_and_early() %}
recent as (
    select
        coalesce(
            max(
                case
                    when touched_from > {{ long_ago() }}
                        then {{ dbt.dateadd("day", -2, "touched_from") }}
                end
            ),
            cast('9999-12-31' as timestamp)
        ) as recent_from
    from touched
),

early as (
    select touched.* from touched
    where touched_from < (select recent_from from recent)
)
{% endmacro %}


{#
What rows of touched customers go by, as a query for name: their accounts, cards ("member") or
logins, and those that are touched and nobody's. touched: a relation with their customer_id.
#}
{% macro touched_names(kind, touched) %}
    {% set owner, name = {
        "account": ["int_customer_accounts", "account_id"],
        "member": ["int_card_customers", "member_id"],
        "login": ["int_customer_identifiers", "identifier_hash"],
    }[kind] %}
    select owned.{{ name }} as name
    from {{ ref(owner) }} as owned
    inner join {{ touched }} as touched on owned.customer_id = touched.customer_id
    where owned.replaced_at is null
    union all
    select substring(customer_id, {{ kind | length + 2 }}) as name from {{ touched }}
    where customer_id like '{{ kind }}:%'
{% endmacro %}


{# The run up to which all tables with scores, or what they are made of, have come; as SQL. #}
{% macro oldest_score_mark() %}
    {% set names = [] %}
    {% for node in (graph.nodes.values() if execute else [])
        if node.config.incremental_strategy == "due_scores" %}
        {% do names.append(node.name) %}
    {% endfor %}
    {{- return(oldest_mark(names, own_marks())) -}}
{% endmacro %}


{# The scorecard versions in a view of those to be computed anew for everybody; mostly none. #}
{% macro due_scorecards(view_name) %}
    {{ return(run_query("select * from " ~ relation_of(view_name)).columns[0].values() if execute
        else []) }}
{% endmacro %}


{#
The row numbers that a query gives, as one that lists them. That tells DuckDB that they are few;
left to guess, it reads the whole table that they are of.
#}
{% macro listed(numbers) %}
    {{- return("select unnest(list(number)) as number from (" ~ numbers ~ ") as named") -}}
{% endmacro %}


{#
Few rows of a large table, as a query in brackets: those with (columns) in (query), or a list of
columns of which one is. These columns are read first, and the others of the rows that they name
alone. Where is_few is false: the table. key, found_by: which of columns are the table's as
keep_replaced() knows them; their hash is read in their place, which takes a tenth of the time.
narrowed: what holds for all of them, of one column: that is tested sooner than several at once.

    select * from {{ few_of(ref("int_visits"), "visitor_id", "select visitor_id from looked_at") }}
#}
{% macro few_of(
    relation, columns, query, is_few=true, key=none, found_by=none, narrowed=none
) %}
    {% if not is_few %}{{ return(relation) }}{% endif %}
    {% set conditions, numbers = [], [] %}
    {% for named in ([columns] if columns is string else columns) %}
        {% do conditions.append(
            (narrowed ~ " and " if narrowed else "") ~ "(" ~ named ~ ") in (" ~ query ~ ")"
        ) %}
        {% set hash = {key: "key_hash", found_by: "lookup_hash"}.get(named) %}
        {% set is_hash_named = hash ~ " in (select " ~ key_hash("named") ~ " from (" ~ query
            ~ ") as named)" %}
        {% do numbers.append(
            "select " ~ row_id() ~ " as number from " ~ relation
            ~ " where " ~ (is_hash_named if hash else conditions[-1])
        ) %}
    {% endfor %}
    {{- return(
        "(select few.* from " ~ relation ~ " as few where few." ~ row_id() ~ " in ("
        ~ listed(numbers | join(" union all ")) ~ ")"
        ~ (" and (" ~ conditions | join(" or ") ~ ")" if key or found_by else "") ~ ")"
        if row_id() else "(select * from " ~ relation ~ " where " ~ conditions | join(" or ") ~ ")"
    ) -}}
{% endmacro %}


{#
The customers who are due at score dates that are not due to everybody, as a query. Of the relations
int_due_customers, int_score_dates and int_due_dates.
#}
{% macro due_before(due_customers, score_dates, due_dates) %}
    {{- return(
        "select * from " ~ due_customers ~ " where due_from_date <= (select max(score_date) from "
        ~ score_dates ~ " where score_date not in (select score_date from " ~ due_dates ~ "))"
    ) -}}
{% endmacro %}


{#
The rows that are due (int_due_scores) of a table with a row per customer and score date, as a query
in brackets: all of a date that is due to everybody, of other dates those of some customers. The
model says that it depends on int_due_scores, int_due_customers, int_score_dates and int_due_dates.
#}
{% macro due_rows(relation) %}
    {% set dates = "select score_date from " ~ ref("int_due_dates") %}
    {% set few = "select customer_id, score_date from " ~ ref("int_due_scores")
        ~ " where score_date not in (" ~ dates ~ ")" %}
    {% set due = due_before(
        ref("int_due_customers"), ref("int_score_dates"), ref("int_due_dates")
    ) %}
    {{- return(
        "(select * from " ~ relation ~ " where score_date in (" ~ dates ~ ")"
        ~ " union all select * from " ~ few_of(
            relation, "customer_id, score_date", few,
            narrowed="customer_id in (select due.customer_id from (" ~ due ~ ") as due)"
        ) ~ ")"
    ) -}}
{% endmacro %}


{#
The order in which a table is written that is built from nothing, at the end of its query: rows of a
customer lie together, so that an engine which knows the bounds of a table's parts skips the others,
and sums a customer's rows at once.
#}
{% macro cluster(columns) %}
    {{- return(adapter.dispatch("cluster")(columns) if not is_incremental() else "") -}}
{% endmacro %}

{% macro duckdb__cluster(columns) %}{{- return("order by " ~ columns) -}}{% endmacro %}

{% macro spark__cluster(columns) %}{{- return("") -}}{% endmacro %}


{#
How a CTE is computed in a build from nothing, where the engine can be told: "once", and put down
before what reads it begins, as stacked parts are before they are put in order (DuckDB 2.0 no longer
spills a sort that has read all of one part of a union); "inline" for each that reads it. An
increment's few rows need neither.
#}
{% macro computed(how) %}
    {{- return(adapter.dispatch("computed")(how) if not is_incremental() else "") -}}
{% endmacro %}

{% macro duckdb__computed(how) %}
    {{- return({"once": "materialized", "inline": "not materialized"}[how]) -}}
{% endmacro %}

{% macro spark__computed(how) %}{{- return("") -}}{% endmacro %}


{#
What an engine numbers the rows of a table with; nothing where it does not, and in unit tests, whose
rows are of no table.
#}
{% macro row_id() %}{{ return(adapter.dispatch("row_id")()) }}{% endmacro %}

{% macro duckdb__row_id() %}{{- return("rowid") -}}{% endmacro %}

{% macro spark__row_id() %}{{- return("") -}}{% endmacro %}


{#
The rows of a table that keeps replaced ones: its last select.

rows: name of the CTE with the rows as they are now. looked_at: a query for the keys (columns by)
that it was computed for, of which those without a row are gone; none: it holds them all.
clustered_by: columns by which a large table is looked into, for cluster(). found_by: what else than
its key a large table's rows are looked for by. few_of() finds rows by the hashes of these, key_hash
and lookup_hash; a table that holds all its rows each time needs none.
#}
{% macro keep_replaced(rows, looked_at=none, by=none, clustered_by=none, found_by=none) %}
    {% set key = config.get("unique_key") or "null" %}  {# none in unit tests #}
    {% set key = by or (key if key is string else key | join(", ")) %}
    {% set hashed = key_hash(key) ~ " as key_hash," if looked_at else "" %}
    {% set hashed = hashed ~ (key_hash(found_by) ~ " as lookup_hash," if found_by else "") %}
    {% if not is_incremental() %}
    select
        *,
        {{ hashed }}
        {{ run_time() }} as written_at,
        cast(null as timestamp) as replaced_at
    from {{ rows }}
    {{ cluster(clustered_by) if clustered_by }}
    {% else %}
    {% set columns = column_types(this) %}
    select * from (
        with existing as (
            select {{ columns | join(", ") }}
            from {{ few_of(this, key, looked_at, looked_at, key) }} as kept
            where replaced_at is null
        ),

        present as (
            select {{ columns | join(", ") }} from {{ rows }}
        )

        select
            *,
            {{ hashed }}
            {{ run_time() }} as written_at,
            cast(null as timestamp) as replaced_at
        from (select * from present except select * from existing) as added
        union all
        select
            *,
            {{ hashed }}
            {{ run_time() }} as written_at,
            {{ run_time() }} as replaced_at
        from (select * from existing except select * from present) as gone
    ) as written
    {{ "where false" if looked_at and not model.sources and is_idle() }}
    {% endif %}
{% endmacro %}


{#
The rows of a staging table: its last select. Beside the columns of keep_replaced() it keeps
loaded_at, the load time of the version that is staged, and is_vanished: the raw table holds no
version of the row any more.

rows: name of the CTE with the rows as they are now. read: name of the CTE with the raw rows that
were read (current_rows). An increment takes a version that it read in place of the staged one
unless it was loaded earlier. Among the rows that were loaded on changed days it looks for those
that vanished: they are removed from a full copy, else kept and marked. A row of which loaded_at or
is_vanished alone changes has no written_at here: it is updated in place, as no model has to follow.
#}
{% macro keep_staged(rows, read, clustered_by=none, found_by=none) %}
    {% set key = config.get("unique_key") %}
    {% set hashed = key_hash(key or "null") ~ " as key_hash" %}
    {% set hashed = hashed ~ (", " ~ key_hash(found_by) ~ " as lookup_hash" if found_by else "") %}
    {% if not is_incremental() %}
    select
        *,
        false as is_vanished,
        {{ hashed }},
        {{ run_time() }} as written_at,
        cast(null as timestamp) as replaced_at
    from {{ rows }}
    {{ cluster(clustered_by) if clustered_by }}
    {% else %}
    {% set source_name, table_name = model.sources[0] %}
    {% set columns = column_types(this) | list %}
    {% set changed = changed_load_days(source_name, table_name) %}
    {% set was_changed = was_loaded_on(changed.days) %}
    {% if not (changed.is_all or changed.days) %}
        {{ return(no_staged_rows(columns, hashed)) }}
    {% endif %}
    {% set is_copy = vanished_rows_are_deleted(source_name, table_name) %}
    {% set may_vanish = not is_copy and run_query(
        "select 1 from " ~ this ~ " where replaced_at is null and not is_vanished and "
        ~ was_changed ~ " limit 1"
    ).rows %}
    {% set erased = is_erased(columns) if has_new_erasures() else "false" %}
    {% set keys_read = "select row_key from " ~ read %}
    {% set is_looked_through = has_new_erasures() or is_copy or changed.is_all %}
    select
        {{ columns | join(", ") }},
        loaded_at,
        is_vanished,
        {{ hashed }},
        written_at,
        replaced_at
    from (
        with existing as (
            select {{ columns | join(", ") }}, loaded_at, is_vanished
            from {{ few_of(this, key, keys_read, not is_looked_through, key) }} as staged
            where
                replaced_at is null
                {{ "and (" ~ key ~ " in (" ~ keys_read ~ ") or " ~ erased ~ ")" if not is_copy }}
        ),

        present as (
            select {{ columns | join(", ") }}, loaded_at from {{ rows }}
        ),

        compared as (
            select
                existing.{{ key }} as existing_key,
                present.{{ key }} as present_key,
                {{ "false and " if is_copy }} landed.row_key is not null
                and coalesce(landed._loaded_at, {{ long_ago() }})
                < coalesce(existing.loaded_at, {{ long_ago() }}) as is_outdated,
                {% for column in columns %}
                present.{{ column }} is distinct from existing.{{ column }}
                {{ "or" if not loop.last else "as is_different," }}
                {% endfor %}
                present.loaded_at is distinct from existing.loaded_at or existing.is_vanished
                    as has_moved
            from existing
            full outer join {{ read }} as landed on existing.{{ key }} = landed.row_key
            left join present on landed.row_key = present.{{ key }}
        )
        {% if may_vanish %},

        suspects as (
            select {{ columns | join(", ") }}, loaded_at, {{ identity_of(key) }} as row_identity
            from {{ this }}
            where
                replaced_at is null
                and not is_vanished
                and {{ was_changed }}
                and {{ key }} not in ({{ keys_read }})
                and not {{ erased }}
        ),

        still_there as (
            select row_key from ({{ keyed_rows(
                source_name, table_name, key_hash(row_identity(source_name, table_name))
                ~ " in (select " ~ key_hash("suspects.row_identity") ~ " from suspects)"
            ) }}) as keyed
        )
        {% endif %}

        select
            *,
            false as is_vanished,
            {{ run_time() }} as written_at,
            cast(null as timestamp) as replaced_at
        from present
        where {{ key }} in (
            select present_key from compared where is_different and not is_outdated
        )
        union all by name
        select
            * exclude (is_vanished),
            is_vanished,
            {{ run_time() }} as written_at,
            {{ run_time() }} as replaced_at
        from existing
        where {{ key }} in (
            select existing_key from compared where is_different and not is_outdated
        )
        union all by name
        select
            present.*,
            false as is_vanished,
            cast(null as timestamp) as written_at,
            cast(null as timestamp) as replaced_at
        from present
        where {{ key }} in (
            select existing_key from compared
            where has_moved and not is_different and not is_outdated
        )
        union all by name
        select
            * exclude (is_vanished),
            false as is_vanished,
            cast(null as timestamp) as written_at,
            cast(null as timestamp) as replaced_at
        from existing
        where is_vanished and {{ key }} in (select existing_key from compared where is_outdated)
        {% if may_vanish %}
        union all by name
        select
            * exclude (row_identity),
            true as is_vanished,
            cast(null as timestamp) as written_at,
            cast(null as timestamp) as replaced_at
        from suspects
        where {{ key }} not in (select still_there.row_key from still_there)
        {% endif %}
    ) as written
    {% endif %}
{% endmacro %}


{# No row, in the columns of a staging table. #}
{% macro no_staged_rows(columns, hashed) %}
    select
        {{ columns | join(", ") }},
        loaded_at,
        is_vanished,
        {{ hashed }},
        written_at,
        replaced_at
    from {{ this }}
    where false
{% endmacro %}


{# Writes what keep_replaced() gives: in place of the rows that it says are gone. #}
{% macro get_incremental_keep_replaced_sql(arguments) %}
    {% set table, new = arguments["target_relation"], arguments["temp_relation"] %}
    {% set keys = arguments["unique_key"] %}
    {% set gone = "select * from " ~ new ~ " where replaced_at is not null" %}
    {% set found = run_query(
        "select bool_or(replaced_at is not null), bool_or(written_at is null) from " ~ new
    ).rows[0] %}
    {% if found[0] %}
    delete from {{ table }} as old
    using ({{ gone }}) as gone
    where
        old.replaced_at is null
        {% if "key_hash" in arguments["dest_columns"] | map(attribute="name") %}
        and old.{{ row_id() }} in ({{ listed(
            "select " ~ row_id() ~ " as number from " ~ table
            ~ " where key_hash in (select key_hash from (" ~ gone ~ ") as named)"
        ) }})
        {% endif %}
        {% for key in ([keys] if keys is string else keys) %}
        and old.{{ key }} is not distinct from gone.{{ key }}
        {% endfor %};
    {% endif %}
    {% if found[1] %}
    update {{ table }} as old
    set loaded_at = moved.loaded_at, is_vanished = moved.is_vanished
    from (select * from {{ new }} where written_at is null) as moved
    where
        old.replaced_at is null
        and old.{{ row_id() }} in ({{ listed(
            "select " ~ row_id() ~ " as number from " ~ table
            ~ " where key_hash in (select key_hash from " ~ new ~ " where written_at is null)"
        ) }})
        and old.{{ keys }} = moved.{{ keys }};
    delete from {{ new }} where written_at is null;
    {% endif %}
    {{ insert_rows(arguments) }}
{% endmacro %}


{# Writes the rows of the customers touched since the table's mark, from when on they were. #}
{% macro get_incremental_touched_rows_sql(arguments) %}
    {% set columns = arguments["dest_columns"] | map(attribute="name") | list %}
    {% set conditions = ["true"] %}
    {% if "activity_at" in columns %}
        {% set recent = run_query(
            "with touched as " ~ touched_since() ~ ", " ~ recent_and_early()
            ~ " select * from recent"
        ).rows[0][0] %}
        {% set recent_from = "cast('" ~ recent ~ "' as timestamp)" %}
        {% set since = "old.activity_at >= touched.touched_from and " %}
        {% set conditions = [
            since ~ "old.activity_at >= " ~ recent_from,
            since ~ "touched.touched_from < " ~ recent_from,
        ] %}
    {% endif %}
    {% for column in ["customer_id", "unidentified_as"] if column in columns %}
    {% for condition in conditions %}
    delete from {{ arguments["target_relation"] }} as old
    using {{ touched_since() }} as touched
    where
        old.{{ column }} = touched.customer_id
        and {{ condition }};
    {% endfor %}
    {% endfor %}
    {{ insert_rows(arguments) }}
{% endmacro %}


{# Writes the scores that are due (int_due_scores), or whatever stands for them on the way. #}
{% macro get_incremental_due_scores_sql(arguments) %}
    {% set table = arguments["target_relation"] %}
    {% set columns = arguments["dest_columns"] | map(attribute="name") | list %}
    {% if are_dates_or_scorecards_due() %}
    {% set due = {"score_date": ["int_score_dates", "int_due_dates"]} %}
    {% if "scorecard_version" in columns %}
        {% set due_versions = config.get("meta").due_scorecards %}
        {% do due.update({"scorecard_version": ["int_scorecard_versions", due_versions]}) %}
    {% endif %}
    {% for column, (all_there_are, those_due) in due.items() %}
    {% set gone = run_query(
        "select " ~ column ~ " from (select distinct " ~ column ~ " from " ~ table ~ ") as held"
        ~ " where " ~ column ~ " not in (select " ~ column ~ " from " ~ relation_of(all_there_are)
        ~ ") or " ~ column ~ " in (select " ~ column ~ " from " ~ relation_of(those_due) ~ ")"
    ).columns[0].values() %}
    {% if gone %}
    -- Listed, so that only parts of the table are looked into that hold any of them.
    delete from {{ table }} where {{ column }} in ('{{ gone | join("', '") }}');
    {% endif %}
    {% endfor %}
    {% endif %}
    delete from {{ table }} as old
    using ({{ due_before(
        relation_of("int_due_customers"),
        relation_of("int_score_dates"),
        relation_of("int_due_dates"),
    ) }}) as due
    where
        old.customer_id = due.customer_id
        and old.score_date >= due.due_from_date;
    {% if config.get("meta", {}).get("has_more_due") %}
    delete from {{ table }} as old
    using (
        select customer_id, score_date from {{ arguments["temp_relation"] }}
        where score_date not in (select score_date from {{ relation_of("int_due_dates") }})
    ) as new
    where
        old.customer_id = new.customer_id
        and old.score_date = new.score_date;
    {% endif %}
    {{ insert_rows(arguments) }}
{% endmacro %}


{% macro insert_rows(arguments) %}
    {% set columns = arguments["dest_columns"] | map(attribute="quoted") | join(", ") %}
    insert into {{ arguments["target_relation"] }} ({{ columns }})
    select {{ columns }} from {{ arguments["temp_relation"] }}
    {% if model.language == "python" %}
    ;
    -- What a Python model computed stands in a table that dbt does not remove.
    drop table {{ arguments["temp_relation"] }}
    {% endif %}
{% endmacro %}


{# In a hook at the end of a run: whether the run has built a model. #}
{% macro was_built(model_name) %}
    {% set built = results | selectattr("status", "equalto", "success")
        | map(attribute="node.name") | list
        if execute and flags.WHICH in ["run", "build"] else [] %}
    {{ return(model_name in built) }}
{% endmacro %}


{#
After a run: whom new rows concern, and at which dates everybody's score was computed; both since
the segments were last written, as a run before this one may have been killed on the way to them.
#}
{% macro say_what_was_new() %}
    {% if was_built("int_customer_segments") and target.type == "duckdb" %}
        {% set since = "(select max(processed_since) from " ~ own_relation_of("int_marks")
            ~ " where model_name = 'int_customer_segments')" %}
        {% set touched = run_query(
            "select count(distinct customer_id) from " ~ relation_of("int_touched_customers")
            ~ " where customer_id in (select customer_id from " ~ relation_of("int_customers")
            ~ ") and touched_at > " ~ since
        ).rows[0][0] %}
        {% set dates = run_query(
            "select count(*), min(score_date), max(score_date) from "
            ~ relation_of("int_running_activities")
            ~ " where replaced_at is null and written_at > " ~ since
        ).rows[0] %}
        {% set news = [] %}
        {% if touched %}
            {% do news.append("New rows concern " ~ "{:,}".format(touched) ~ " customers.") %}
        {% endif %}
        {% if dates[0] %}
            {% set days = ["from " ~ dates[1] ~ " to " ~ dates[2], "for " ~ dates[1]] %}
            {% do news.append("Everybody is scored anew " ~ days[dates[1] == dates[2]] ~ ".") %}
        {% endif %}
        {% do log(
            news | join(" ") or "Nothing new: no raw row that changes a score, no score computed.",
            info=true
        ) %}
    {% endif %}
{% endmacro %}


{#
A table built from nothing for many customers is built in batches of them, so that memory is bounded
by a batch: the table is created from the first, and this adds the others. What is computed is
narrowed by in_batch(), to those from one customer to another; outside of it, nothing is.
#}
{% macro set_batch(batch) %}
    set variable first_customer = '{{ batch.first_customer | replace("'", "''") }}';
    set variable last_customer = '{{ batch.last_customer | replace("'", "''") }}'
{% endmacro %}

{# The batches in which a table is built: their first and last customers. #}
{% macro batches() %}
    {% set rows = run_query(
        "select (select count(*) from " ~ relation_of("int_scored_customers")
        ~ ") * (select count(*) from " ~ relation_of("int_score_dates") ~ ")"
    ).rows[0][0] %}
    {% set count = (rows / var("scores_per_batch")) | round(0, "ceil") | int %}
    {% if count <= 1 %}{{ return([]) }}{% endif %}
    {{ return(run_query(
        "select min(customer_id) as first_customer, max(customer_id) as last_customer from ("
        ~ "select customer_id, ntile(" ~ count ~ ") over (order by customer_id) as batch from "
        ~ relation_of("int_scored_customers") ~ ") as numbered group by batch order by batch"
    ).rows) }}
{% endmacro %}

{% macro start_batches() %}
    {% if execute and model.config.materialized == "incremental" and not is_incremental() %}
        {% for batch in batches()[:1] %}{{ set_batch(batch) }}{% endfor %}
    {% endif %}
{% endmacro %}

{% macro add_batches() %}
    {% if execute and model.config.materialized == "incremental" and not is_incremental() %}
        {% set batches = batches() %}
        {% for batch in batches[1:] %}
            {% do run_query(set_batch(batch)) %}
            {% do run_query("insert into " ~ this ~ " " ~ model.compiled_code) %}
            {% do log(
                this.identifier ~ ": " ~ (loop.index + 1) ~ " of " ~ batches | length
                ~ " batches of customers",
                true
            ) %}
        {% endfor %}
        {% if batches %}
        reset variable first_customer;
        reset variable last_customer
        {% endif %}
    {% endif %}
{% endmacro %}

{# Whether a customer is in the batch that is being computed; true where there are no batches. #}
{% macro in_batch(column) %}
    {{ return(adapter.dispatch("in_batch")(column)) }}
{% endmacro %}

{# The bounds are constants to DuckDB, which skips what lies beyond them; the last of all is the
last character there is. #}
{% macro duckdb__in_batch(column) %}
    {{- return(
        column ~ " between coalesce(getvariable('first_customer'), '')"
        ~ " and coalesce(getvariable('last_customer'), chr(1114111))"
    ) -}}
{% endmacro %}

{% macro spark__in_batch(column) %}{{- return("true") -}}{% endmacro %}
