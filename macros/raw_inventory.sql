{#
What a build finds in the raw tables and what it does not use, said at its start; which keys matched
and which channels can be measured, said at its end.
#}

{#
At the start of a run: tables found, with rows and the dates that they reach over, tables that are
missing, columns that are not read and tables without a load time. A `dbt run` says the total only.
landed: what raw_relations() returns, with the columns that land_raw_table() has found.
#}
{% macro say_inventory(landed) %}
    {% set days, lines, missing, total = raw_load_days(), [], [], {"rows": 0} %}
    {% set times = read_once().raw_times %}
    {% for source_name, raws in raw_sources() | groupby("source_name") %}
        {% set tables, absent = [], [] %}
        {% for raw in raws %}
            {% set name = source_name ~ "." ~ raw.name %}
            {% if name in landed %}
                {% set rows = {"count": 0} %}
                {% for state in days.get(name, {}).values() %}
                    {% do rows.update({"count": rows.count + state[0] | int}) %}
                {% endfor %}
                {% do total.update({"rows": total.rows + rows.count}) %}
                {% do tables.append(
                    raw.name ~ " " ~ "{:,}".format(rows.count) ~ date_range(times.get(name))
                ) %}
            {% elif raw.name != "erasure_requests" %}
                {% do absent.append(raw.name) %}
            {% endif %}
        {% endfor %}
        {% if tables %}
            {% do lines.append("  " ~ source_name ~ ": " ~ tables | join(", ")) %}
            {% do missing.append(source_name ~ " (" ~ absent | join(", ") ~ ")") if absent %}
        {% else %}
            {% do missing.append(source_name ~ " (all)") %}
        {% endif %}
    {% endfor %}
    {% set is_build = flags.WHICH == "build" %}
    {% do log(
        "Raw data in " ~ (raw_folder() or var("raw_schemas").values() | join(", ")) ~ ": "
        ~ landed | length ~ " of " ~ raw_sources() | length ~ " tables, "
        ~ "{:,}".format(total.rows) ~ " rows" ~ date_range(times.values() | sum(start=[]))
        ~ ("\n" ~ lines | join("\n") ~ ("\n  Missing, so what rests on them is not measured: "
            ~ missing | join(", ") if missing else "") if is_build else ""),
        info=true
    ) %}
    {% for line in unread_columns(landed) if is_build %}{% do log(line, info=true) %}{% endfor %}
{% endmacro %}


{# The first and last day of some moments, e.g. " (2026-01-01 to 2026-06-15)"; empty without any. #}
{% macro date_range(moments) %}
    {% set days = moments | default([], true) | map("string") | map("truncate", 10, true, "", 0)
        | sort %}
    {{ return(" (" ~ days[0] ~ " to " ~ days[-1] ~ ")" if days else "") }}
{% endmacro %}


{#
Lines about the columns of raw tables that the contract does not have, with the closest one that the
table lacks, and about tables without a load time. EL tools' own columns begin with _.
#}
{% macro unread_columns(landed) %}
    {% set lines, without_load_time = [], [] %}
    {% for source in raw_sources() %}
        {% set table = source.source_name ~ "." ~ source.name %}
        {% set columns = landed.get(table, {}).get("columns", []) %}
        {% set names = var("load_columns").get(source.source_name, {}) %}
        {% set wanted, unread = [], [] %}
        {% for column in source.columns %}
            {% do wanted.append(names.get(column[1:], column) | lower) %}
        {% endfor %}
        {% set absent = wanted | reject("in", columns) | list %}
        {% for column in columns if column not in wanted and not column.startswith("_") %}
            {% set close = closest_name(column, absent) %}
            {% do unread.append(
                shown_name(column) ~ (" (did you mean " ~ close ~ "?)" if close else "")
            ) %}
        {% endfor %}
        {% set others = unread | length - 12 %}
        {% if unread %}
            {% do lines.append("Columns not read in " ~ table ~ ": " ~ unread[:12] | join(", ")
                ~ (" and " ~ others ~ " more" if others > 0 else "")) %}
        {% endif %}
        {% if columns and names.get("loaded_at", "_loaded_at") | lower not in columns %}
            {% do without_load_time.append(table) %}
        {% endif %}
    {% endfor %}
    {% if without_load_time %}
        {% do lines.append("No load time (_loaded_at, or what the var load_columns names) in "
            ~ without_load_time | join(", ") ~ ": every run compares all their rows.") %}
    {% endif %}
    {{ return(lines) }}
{% endmacro %}


{# The name of a column; its shape where it may be a value, as in a CSV file without a header. #}
{% macro shown_name(name) %}
    {% if modules.re.match("^[A-Za-z][A-Za-z0-9_ -]*$", name) %}{{ return(name) }}{% endif %}
    {{ return("'" ~ modules.re.sub("[0-9]", "9", modules.re.sub("[^\\W\\d_]", "a", name))[:40]
        ~ "'") }}
{% endmacro %}


{# The files up to two folders below a folder, in order; without what begins with . or _. #}
{% macro files_below(folder) %}{{ return(adapter.dispatch("files_below")(folder)) }}{% endmacro %}

{% macro duckdb__files_below(folder) %}
    {% set files, patterns = [], [] %}
    {% for depth in ["/*", "/*/*", "/*/*/*"] %}
        {% do patterns.append(text_literal(plain_path(folder) ~ depth)) %}
    {% endfor %}
    {% for row in run_query(
        "select file from glob([" ~ patterns | join(", ") ~ "]) order by file limit 10000"
    ).rows %}
        {% set below = row[0].replace("\\", "/")[folder | length + 1:] %}
        {% if not modules.re.search("(^|/)[._]", below) %}{% do files.append(below) %}{% endif %}
    {% endfor %}
    {{ return(files) }}
{% endmacro %}

{% macro spark__files_below(folder) %}{{ return([]) }}{% endmacro %}


{# Lines about files and folders beside the folders of the sources. #}
{% macro unread_folders(folder) %}
    {% set counts, lines = {}, [] %}
    {% set sources = raw_sources() | map(attribute="source_name") | unique | sort %}
    {% for path in files_below(folder) if not path.startswith("raw_") %}
        {% set first = path.split("/")[0] %}
        {% do counts.update({first: counts.get(first, 0) + ("/" in path)}) %}
    {% endfor %}
    {% for name, count in counts.items() %}
        {% set close = closest_name(name, sources) if count %}
        {% do lines.append(
            "Not read: " ~ folder ~ "/" ~ name
            ~ (" (" ~ count ~ (" files). " if count > 1 else " file). ") if count else ". ")
            ~ ("Did you mean " ~ close ~ "?" if close else "Tables lie in "
                ~ folder ~ "/" ~ sources | join(", " ~ folder ~ "/") ~ ".")
        ) %}
    {% endfor %}
    {{ return(lines) }}
{% endmacro %}


{# Where raw_path seems to lead to the wrong folder: which one is right. #}
{% macro folder_hint(folder) %}
    {% set sources = raw_sources() | map(attribute="source_name") | unique | list %}
    {% set tables = raw_sources() | map(attribute="name") | list %}
    {% set above, _, last = folder.rpartition("/") %}
    {% set files = files_below(folder) %}
    {% for path in files %}
        {% set found = modules.re.match("^(.+)/(raw_[a-z]+)/[^/]+$", path) %}
        {% if found and found[2] in sources %}
            {{ return("Did you mean " ~ folder ~ "/" ~ found[1] ~ "? ") }}
        {% endif %}
    {% endfor %}
    {% if last in sources %}
        {{ return("It is the folder of one source: did you mean " ~ (above or ".") ~ "? ") }}
    {% endif %}
    {% for path in files if "/" not in path and path.split(".")[0] | lower in tables %}
        {{ return("It holds " ~ path ~ " itself: each table lies in the folder of its source. ") }}
    {% endfor %}
    {{ return("It holds other files. " if files else "There is no file in it. ") }}
{% endmacro %}


{#
After a build: the share of rows whose account, card, receipt or send is known, of each table where
less than 99 % are, markets without customers, and the channels that are measurable on the newest
score date.
#}
{% macro say_matches() %}
    {% set is_build = execute and flags.WHICH == "build" %}
    {% if is_build and was_built("int_orphaned_rows") %}
        {% set orphaned_rows, parts, many = relation_of("int_orphaned_rows"), [], [] %}
        {% for row in run_query(orphaned_shares(orphaned_rows, 0)).rows %}
            {% if row[3] > row[4] * 0.01 %}
                {% do many.append(row) %}
                {% do parts.append(
                    row[0] ~ "." ~ row[1] ~ " " ~ "{:.1%}".format(1 - row[3] / row[4])
                    ~ " (by " ~ row[2] ~ ")"
                ) %}
            {% endif %}
        {% endfor %}
        {% do log(
            "Rows whose account, card, receipt or send is known: "
            ~ (parts | join(", ") ~ "; of the other tables" if parts else "of every table")
            ~ " at least 99%",
            info=true
        ) %}
        {% for reason in reasons_of_orphans(many, orphaned_rows) %}
            {% do log("WARNING: " ~ reason, info=true) %}
        {% endfor %}
    {% endif %}
    {% if is_build and was_built("int_customers") and was_built("int_scorecards") %}
        {% for row in run_query(
            "select distinct scorecard_version, market from " ~ relation_of("int_scorecards")
            ~ " where market <> '*' and market not in (select market from "
            ~ relation_of("int_customers") ~ " where market is not null and replaced_at is null)"
        ).rows %}
            {% do log("WARNING: " ~ row[0] ~ " has weights for the market " ~ row[1]
                ~ ", but no customer is in it.", info=true) %}
        {% endfor %}
    {% endif %}
    {% set behind = source_behind() if is_build and was_built("int_score_dates") %}
    {% if behind %}{% do log("WARNING: " ~ behind, info=true) %}{% endif %}
    {% if is_build and was_built("int_running_activities") %}
        {% set running = run_query(
            "select * from " ~ relation_of("int_running_activities")
            ~ " where replaced_at is null order by score_date desc limit 1"
        ).rows %}
        {% set measured = [] %}
        {% for row in running %}
            {% for activity, kind in activity_catalogue().items()
                if kind.is_engagement and row["has_" ~ activity] %}
                {% do measured.append(kind.channel) %}
            {% endfor %}
            {% set others = engagement_channels() | reject("in", measured) | list %}
            {% do log(
                "Channels that can be measured on " ~ row["score_date"] ~ ": "
                ~ (measured | unique | join(", ") or "none")
                ~ ("; no data on " ~ others | join(", ") if others else ""),
                info=true
            ) %}
        {% endfor %}
    {% endif %}
{% endmacro %}


{#
A sentence about the source whose last load holds the scores back: they go up to the last whole day
that every source was loaded for. None where all were loaded within two days of each other, or where
as_of_date or score_today says up to when to score.
#}
{% macro source_behind() %}
    {% if var("as_of_date") or var("score_today") %}{{ return(none) }}{% endif %}
    {% set loads = run_query(
        "select source_system, max(newest_loaded_at) as loaded_at from "
        ~ relation_of("int_raw_rows") ~ " where newest_loaded_at is not null"
        ~ " group by source_system order by loaded_at"
    ).rows %}
    {% if not loads or (loads[-1][1] - loads[0][1]).days < 2 %}{{ return(none) }}{% endif %}
    {{ return(
        loads[0][0] ~ " was last loaded on " ~ loads[0][1].date() ~ ", " ~ loads[-1][0] ~ " on "
        ~ loads[-1][1].date() ~ ": scores go up to the last whole day that all sources were loaded"
        ~ " for. If " ~ loads[0][0] ~ " is complete, set the var as_of_date or score_today: true."
    ) }}
{% endmacro %}
