{#
Before a run: stops it where the company's scorecards, levels or calibration do not fit together,
with one message for all of them. Read from the seed files, as a first build has no tables yet.
#}
{% macro check_scorecards() %}
    {% set seeds, problems = {}, [] %}
    {% for shipped, variable in {
        "scorecards": "scorecard_relations",
        "scorecard_versions": "scorecard_version_relations",
        "engagement_levels": "engagement_level_relations",
    }.items() %}
        {% do seeds.update({shipped: rows_of_seeds(shipped, var(variable), problems)}) %}
    {% endfor %}
    {% if not problems %}
        {% do problems.extend(scorecard_problems(seeds.scorecards)) %}
        {% do problems.extend(version_problems(seeds)) %}
        {% do problems.extend(level_problems(seeds.engagement_levels)) %}
    {% endif %}
    {% if problems %}
        {% do exceptions.raise_compiler_error(
            "Scorecards that cannot be used:\n  - " ~ problems | unique | join("\n  - ")
            ~ "\nCorrect the seeds that the vars scorecard_relations, scorecard_version_relations"
            ~ " and engagement_level_relations name, then run again."
        ) %}
    {% endif %}
    {% do check_calibration(seeds.scorecards) if var("use_calibration") %}
{% endmacro %}


{#
The rows of some relations that have the columns of a shipped seed, as dictionaries of texts; a
column that is missing is added to problems.
#}
{% macro rows_of_seeds(shipped, names, problems) %}
    {% set rows = [] %}
    {% set columns = graph.nodes["seed." ~ project_name ~ "." ~ shipped].columns | list %}
    {% for name in names %}
        {% set relation = rows_of_seed(name) %}
        {% set found = run_query("select * from " ~ relation ~ " limit 0").column_names | list
            if relation else columns %}
        {% set missing = columns | reject("in", found) | list %}
        {% for column in missing %}
            {% set close = closest_name(column, found) %}
            {% do problems.append(
                name ~ " has no column " ~ column ~ (". Did you mean " ~ close ~ "?" if close
                    else ": its columns are those of seeds/" ~ shipped ~ ".csv")
            ) %}
        {% endfor %}
        {% if relation and not missing %}
            {% for row in run_query("select * from " ~ relation).rows %}
                {% do rows.append(dict(row.dict(), seed=name)) %}
            {% endfor %}
        {% endif %}
    {% endfor %}
    {{ return(rows) }}
{% endmacro %}


{#
What follows "from" for the rows of a seed or model: the seed's file, or the table where there is
one; none where there is nothing to read yet.
#}
{% macro rows_of_seed(name) %}{{ return(adapter.dispatch("rows_of_seed")(name)) }}{% endmacro %}

{% macro default__rows_of_seed(name) %}
    {% for kind in ["seed", "model"] %}
        {% set node = graph.nodes.get([kind, project_name, name] | join(".")) %}
        {% if node %}
            {{ return(load_relation(api.Relation.create(
                database=node.database, schema=node.schema, identifier=node.alias
            ))) }}
        {% endif %}
    {% endfor %}
    {{ return(none) }}
{% endmacro %}

{% macro duckdb__rows_of_seed(name) %}
    {% set seed = graph.nodes.get("seed." ~ project_name ~ "." ~ name) %}
    {% if not seed %}{{ return(default__rows_of_seed(name)) }}{% endif %}
    {{ return("read_csv(" ~ text_literal(plain_path(seed.root_path ~ "/" ~ seed.original_file_path))
        ~ ", header = true, all_varchar = true, delim = "
        ~ text_literal(seed.config.delimiter or ",") ~ ")") }}
{% endmacro %}


{# What is wrong with the weights: sums, names, and what has to be the same in every market. #}
{% macro scorecard_problems(rows) %}
    {% set problems, sums, rules, seen = [], {}, {}, {} %}
    {% set accepted = {
        "direction": ["higher", "lower"],
        "normaliser": ["min_max", "log_min_max", "percentile", "z_score"],
    } %}
    {% for row in rows %}
        {% set version, name = row.scorecard_version, row.variable_name %}
        {% set card = sums.setdefault(version, {}) %}
        {% set weight = row.weight | float(-1) %}
        {% do card.update({row.market: card.get(row.market, 0) + weight}) %}
        {% if weight < 0 or weight != weight %}
            {% do problems.append(version ~ ", " ~ name ~ ": found the weight " ~ row.weight
                ~ ", expected a number from 0 on (" ~ row.seed ~ ")") %}
        {% endif %}
        {% if (version, row.market, name) in seen %}
            {% do problems.append(version ~ ", " ~ name ~ ": has two rows for the market "
                ~ row.market ~ " (" ~ row.seed ~ ")") %}
        {% endif %}
        {% do seen.update({(version, row.market, name): true}) %}
        {% if name not in engagement_variables() %}
            {% set close = closest_name(name | string, engagement_variables()) %}
            {% do problems.append(version ~ ": there is no variable " ~ name ~ (
                ". Did you mean " ~ close ~ "?" if close
                else ", expected one of " ~ engagement_variables() | join(", ")
            )) %}
        {% endif %}
        {% for column, values in accepted.items() %}
            {% set held = rules.setdefault((version, name, column), row[column]) %}
            {% if row[column] not in values %}
                {% do problems.append(version ~ ", " ~ name ~ ": found the " ~ column ~ " "
                    ~ row[column] ~ ", expected one of " ~ values | join(", ")) %}
            {% elif held != row[column] %}
                {% do problems.append(version ~ ", " ~ name ~ ": has the " ~ column ~ "s " ~ held
                    ~ " and " ~ row[column] ~ ", expected one for all markets of a version") %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {% for version, card in sums.items() %}
        {% for market, total in card.items() if (total - 1) | abs > 1e-6 %}
            {% do problems.append(version ~ ": the weights of the market " ~ market ~ " sum to "
                ~ "%.6g" | format(total) ~ ", expected 1") %}
        {% endfor %}
        {% if "*" not in card %}
            {% do problems.append(version ~ ": has no rows for the market *, which all customers of"
                ~ " other markets are scored by") %}
        {% endif %}
    {% endfor %}
    {{ return(problems) }}
{% endmacro %}


{# What is wrong with the versions: their values, and what lacks weights, levels or a row. #}
{% macro version_problems(seeds) %}
    {% set problems, versions = [], [] %}
    {% for row in seeds.scorecard_versions %}
        {% set version, first, last = row.scorecard_version, row.reference_start_date,
            row.reference_end_date %}
        {% if version in versions %}
            {% do problems.append(version ~ ": has two rows in the versions (" ~ row.seed ~ ")") %}
        {% endif %}
        {% do versions.append(version) %}
        {% for column in ["reference_start_date", "reference_end_date"] if row[column] %}
            {% do problems.extend(
                variable_problems(version ~ ", " ~ column, row[column], {"type": "date"})
            ) %}
        {% endfor %}
        {% set first = first or var("reference_start_date") %}
        {% set last = last or var("reference_end_date") %}
        {% if first | string > last | string %}
            {% do problems.append(version ~ ": its reference period starts on " ~ first
                ~ ", after its end on " ~ last) %}
        {% endif %}
        {% if row.persona_count | int(0) < 1 %}
            {% do problems.append(version ~ ": found the persona_count " ~ row.persona_count
                ~ ", expected a whole number from 1") %}
        {% endif %}
        {% if not 0 <= row.minimum_coverage | float(-1) <= 1 %}
            {% do problems.append(version ~ ": found the minimum_coverage " ~ row.minimum_coverage
                ~ ", expected a number from 0 up to 1") %}
        {% endif %}
    {% endfor %}
    {% set named = {"weights": seeds.scorecards, "levels": seeds.engagement_levels} %}
    {% for kind, rows in named.items() %}
        {% set of_kind = rows | map(attribute="scorecard_version") | unique(true) | list %}
        {% for version in versions | reject("in", of_kind) %}
            {% do problems.append(version ~ ": has no " ~ kind) %}
        {% endfor %}
        {% for version in of_kind | reject("in", versions) %}
            {% set close = closest_name(version | string, versions) %}
            {% do problems.append(
                version ~ ": has " ~ kind ~ " but no row in the versions"
                ~ (". Did you mean " ~ close ~ "?" if close else "")
            ) %}
        {% endfor %}
    {% endfor %}
    {{ return(problems) }}
{% endmacro %}


{# What is wrong with the levels: ranks that are not 1, 2, 3 ... or bounds that do not rise. #}
{% macro level_problems(rows) %}
    {% set problems, by_version = [], {} %}
    {% for row in rows %}
        {% set bound, margin = row.lower_bound | float(-1), row.margin | float(-1) %}
        {% if not 0 <= bound <= 100 or margin < 0 %}
            {% do problems.append(row.scorecard_version ~ ", " ~ row.engagement_level
                ~ ": found the lower_bound " ~ row.lower_bound ~ " and the margin " ~ row.margin
                ~ ", expected a bound from 0 up to 100 and a margin from 0 on") %}
        {% endif %}
        {% do by_version.setdefault(row.scorecard_version, []).append(
            [row.level_rank | int(0), bound]
        ) %}
    {% endfor %}
    {% for version, levels in by_version.items() %}
        {% set ranks = levels | map(attribute=0) | sort %}
        {% set bounds = levels | sort(attribute="0") | map(attribute=1) | list %}
        {% if ranks != range(1, levels | length + 1) | list or bounds != bounds | sort
            or bounds | unique | list != bounds %}
            {% do problems.append(version ~ ": the levels have the ranks " ~ ranks | join(", ")
                ~ " and the lower bounds " ~ bounds | join(", ")
                ~ ", expected ranks 1, 2, 3, ... and bounds that rise with them") %}
        {% endif %}
    {% endfor %}
    {{ return(problems) }}
{% endmacro %}


{#
Stops a run that would score by a calibration that was fitted with another window, half-life or
weights than today's.
#}
{% macro check_calibration(scorecards) %}
    {% set fitted, weights, problems = {}, {}, [] %}
    {% for row in rows_of_seeds("calibration", ["calibration"], problems) %}
        {% do fitted.setdefault(row.scorecard_version, {}).setdefault(row.kind, {}).update(
            {(row.name, row.statistic): row.value | float}
        ) %}
    {% endfor %}
    {% for row in scorecards %}
        {% do weights.setdefault(row.scorecard_version, {}).update(
            {(row.variable_name, row.market): row.weight | float}
        ) %}
    {% endfor %}
    {% for version, parameters in fitted.items() if version in weights %}
        {% for name in ["window_days", "half_life_days"] if parameters.setting %}
            {% set then = parameters.setting.get((name, "value")) %}
            {% if then != var(name) %}
                {% do problems.append(version ~ ": " ~ name ~ " was " ~ then ~ ", now it is "
                    ~ var(name)) %}
            {% endif %}
        {% else %}
            {% do log("WARNING: the calibration of " ~ version ~ " does not say which window,"
                ~ " half-life and weights it was fitted with. `make calibrate` writes one that"
                ~ " does.", info=true) %}
        {% endfor %}
        {% set then = parameters.get("normaliser", {}) | map(attribute=0) | unique(true) | list %}
        {% set now = weights[version] | map(attribute=0) | unique(true) | list %}
        {% for name in then | reject("in", now) %}
            {% do problems.append(version ~ ": " ~ name ~ " was a variable, now it is not") %}
        {% endfor %}
        {% for name in now | reject("in", then) %}
            {% do problems.append(version ~ ": " ~ name ~ " is a variable, then it was not") %}
        {% endfor %}
        {% for (name, market), weight in parameters.get("weight", {}).items()
            if (weights[version].get((name, market), 0) - weight) | abs > 1e-9 %}
            {% do problems.append(version ~ ": the weight of " ~ name ~ " in the market " ~ market
                ~ " was " ~ weight ~ ", now it is " ~ weights[version].get((name, market), 0)) %}
        {% endfor %}
    {% endfor %}
    {% if problems %}
        {% do exceptions.raise_compiler_error(
            "seeds/calibration.csv was fitted with other settings than today's:\n  - "
            ~ problems | join("\n  - ") ~ "\nSet them back, give the changed scorecard a new"
            ~ " version, or run `make calibrate` and review what it writes."
        ) %}
    {% endif %}
{% endmacro %}
