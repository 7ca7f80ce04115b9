{#
The vars of the project: what each may hold. dbt_project.yml has the same names, with their defaults
and what they are for; tests/python/test_mistakes.py holds the two together.

type: text, number, integer, boolean, date, list, mapping, time zone or currency. least, most:
bounds that are allowed themselves; above: one that is not. accepted: the values allowed.
is_optional: null is allowed. keys, values, inner: what a mapping's keys are (sources or tables of
the raw contract), the type of its values, and the names and rules of its inner mappings.
#}
{% macro declared_variables() %}
    {% set share = {"type": "number", "least": 0, "most": 1} %}
    {% set count, seconds = {"type": "integer", "least": 0}, {"type": "number", "least": 0} %}
    {% set flag, day = {"type": "boolean"}, {"type": "date"} %}
    {% set at_least_one = {"type": "integer", "least": 1} %}
    {{ return({
        "raw_path": {"type": "text", "is_optional": true},
        "raw_schemas": {"type": "mapping", "keys": "sources", "values": "text"},
        "load_columns": {
            "type": "mapping", "keys": "sources", "values": "mapping",
            "inner": {"loaded_at": {"type": "text"}, "is_deleted": {"type": "text"}},
        },
        "source_timezones": {"type": "mapping", "keys": "sources", "values": "time zone"},
        "earliest_date": day,
        "future_tolerance_hours": {"type": "number", "least": 0, "most": 87600},
        "quarantine_limit": share,
        "orphan_limit": share,
        "quarantine_tolerated_rows": count,
        "raw_table_rules": {"type": "mapping", "keys": "tables", "values": "mapping", "inner": {
            "vanished": {"type": "text", "accepted": ["kept", "deleted"]},
            "quarantine_limit": share,
            "orphan_limit": share,
        }},
        "forget_vanished": flag,
        "business_timezone": {"type": "time zone"},
        "score_period": {"type": "text", "accepted": ["month", "week", "day"]},
        "score_start_date": {"type": "date", "is_optional": true},
        "as_of_date": {"type": "date", "is_optional": true},
        "score_today": flag,
        "scores_per_batch": at_least_one,
        "window_days": {"type": "integer", "least": 1, "most": 36500},
        "half_life_days": {"type": "number", "above": 0, "most": 36500},
        "reference_start_date": day,
        "reference_end_date": day,
        "reference_sample_rows": at_least_one,
        "use_calibration": flag,
        "scorecard_relations": {"type": "list"},
        "scorecard_version_relations": {"type": "list"},
        "engagement_level_relations": {"type": "list"},
        "session_gap_seconds": {"type": "number", "above": 0},
        "session_id_gap_multiple": {"type": "number", "least": 1},
        "event_gap_cap_seconds": seconds,
        "bot_events_per_day": at_least_one,
        "bot_user_agent_relations": {"type": "list"},
        "machine_response_seconds": seconds,
        "burned_points_are_negative": flag,
        "reporting_currency": {"type": "currency"},
        "quality_least_rows": count,
        "quality_sample_rows": at_least_one,
        "validation_dates": {"type": "list"},
        "validation_scorecard": {"type": "text"},
        "vars_of_own_models": {"type": "list", "is_optional": true},
    }) }}
{% endmacro %}


{# Vars of earlier versions of the project, and what to do about each. They are not read. #}
{% macro retired_variables() %}
    {{ return({
        "load_overlap_minutes": "late rows are found by their load day",
        "longest_merge_chain": "chains of merges are followed to their end",
        "validation_date": "list the days in validation_dates",
        "bi_roles": "set +grants of the marts in dbt_project.yml",
    }) }}
{% endmacro %}


{#
Stops a run with vars that do not exist or whose values cannot be used, with one message for all of
them. Names are taken from dbt_project.yml and --vars.

    --vars '{half_life_day: 30}' -> "half_life_day: there is no such var. Did you mean
                                     half_life_days?"
#}
{% macro check_variables() %}
    {% set declared, retired, problems = declared_variables(), retired_variables(), [] %}
    {% set known = declared | list + (var("vars_of_own_models") or []) %}
    {% for name in variables_set() if name not in known %}
        {% if name in retired %}
            {% do log("WARNING: the var " ~ name ~ " is retired: " ~ retired[name]
                ~ ". Remove it.", info=true) %}
        {% else %}
            {% set close = closest_name(name, known) %}
            {% do problems.append(
                name ~ ": there is no such var. " ~ ("Did you mean " ~ close ~ "?" if close
                    else "The vars are listed in dbt_project.yml; vars_of_own_models names those"
                    ~ " of your own models.")
            ) %}
        {% endif %}
    {% endfor %}
    {% for name, rule in declared.items() %}
        {% do problems.extend(variable_problems(name, var(name), rule)) %}
    {% endfor %}
    {% if not problems %}
        {% for first, last in {
            "reference_start_date": "reference_end_date", "score_start_date": "as_of_date",
        }.items() if var(first) and var(last) and var(first) | string > var(last) | string %}
            {% do problems.append(
                first ~ ": " ~ var(first) ~ " is after " ~ last ~ ", " ~ var(last) ~ "."
            ) %}
        {% endfor %}
    {% endif %}
    {% if problems %}
        {% do exceptions.raise_compiler_error(
            "Vars that cannot be used:\n  - " ~ problems | join("\n  - ")
            ~ "\nCorrect them in dbt_project.yml or in --vars, then run again."
        ) %}
    {% endif %}
{% endmacro %}


{# The names of the vars that dbt_project.yml and --vars set, those of other packages apart. #}
{% macro variables_set() %}
    {% set names, packages = [], adapter.config.load_dependencies() | list %}
    {% for name, value in adapter.config.vars.to_dict().items() %}
        {% if name == project_name and value is mapping %}
            {% do names.extend(value | list) %}
        {% elif name not in packages %}
            {% do names.append(name) %}
        {% endif %}
    {% endfor %}
    {% do names.extend(adapter.config.cli_vars | list) %}
    {{ return(names | unique(case_sensitive=true) | list) }}
{% endmacro %}


{# What is wrong with a var's value, one sentence each, with what is accepted. #}
{% macro variable_problems(name, value, rule) %}
    {% if value is none and rule.get("is_optional") %}{{ return([]) }}{% endif %}
    {% set expected, is_right = rule.type, true %}
    {% if rule.accepted %}
        {% set expected, is_right = rule.accepted | join(", "), value in rule.accepted %}
    {% elif rule.type in ["number", "integer"] %}
        {% set bounds = [] %}
        {% for word, key in {"above": "above", "from": "least", "up to": "most"}.items()
            if key in rule %}
            {% do bounds.append(word ~ " " ~ rule[key]) %}
        {% endfor %}
        {% set expected = ("a number " if rule.type == "number" else "a whole number ")
            ~ bounds | join(" ") %}
        {% set is_number = value is number and value is not boolean
            and (value is integer or rule.type == "number") %}
        {% set is_right = is_number and not (
            "least" in rule and value < rule.least
            or "above" in rule and value <= rule.above
            or "most" in rule and value > rule.most
            or value != value
        ) %}
    {% elif rule.type == "boolean" %}
        {% set expected, is_right = "true or false, without quotes", value is boolean %}
    {% elif rule.type == "date" %}
        {% set expected, is_right = "a date like 2026-01-31", is_date(value) %}
    {% elif rule.type == "list" %}
        {% set expected, is_right = "a list of names like [one, two]", is_list(value) %}
    {% elif rule.type == "time zone" %}
        {% set zones = modules.pytz.all_timezones %}
        {% set close = closest_name(value | string, zones) if value not in zones %}
        {{ return([] if value in zones else [
            name ~ ": " ~ value ~ " is no time zone. Expected is a name of the IANA database, e.g."
            ~ " Europe/Paris or UTC." ~ (" Did you mean " ~ close ~ "?" if close else "")
        ]) }}
    {% elif rule.type == "currency" %}
        {% set expected = "a code of ISO 4217, e.g. EUR or GBP" %}
        {% set is_right = value | string | upper in currency_codes() %}
    {% elif rule.type == "mapping" %}
        {% if value is mapping and "keys" in rule %}
            {{ return(mapping_problems(name, value, rule)) }}
        {% endif %}
        {% set expected, is_right = "a mapping like {name: value}", false %}
    {% else %}
        {% set expected, is_right = "a text", value is string %}
    {% endif %}
    {% set found = "'" ~ value ~ "'" if value is string
        else ("nothing" if value is none else value) %}
    {{ return([] if is_right else [name ~ ": found " ~ found ~ ", expected " ~ expected]) }}
{% endmacro %}


{# What is wrong with a var that is a mapping: its keys, those of inner mappings, and its values. #}
{% macro mapping_problems(name, mapping, rule) %}
    {% set problems, known = [], [] %}
    {% for raw in raw_sources() %}
        {% do known.append(
            raw.source_name if rule["keys"] == "sources" else raw.source_name ~ "." ~ raw.name
        ) %}
    {% endfor %}
    {% for key, value in mapping.items() %}
        {% set path, inner = name ~ ", " ~ key, rule.get("inner", {}) %}
        {% do problems.extend(unknown_key(
            name, key, known | unique | sort,
            "source" if rule["keys"] == "sources" else "raw table",
        )) %}
        {% if value is mapping and inner %}
            {% for inner_key, inner_value in value.items() %}
                {% do problems.extend(
                    variable_problems(path ~ ", " ~ inner_key, inner_value, inner[inner_key])
                    if inner_key in inner else unknown_key(path, inner_key, inner | list, "key")
                ) %}
            {% endfor %}
        {% else %}
            {% do problems.extend(variable_problems(path, value, {"type": rule["values"]})) %}
        {% endif %}
    {% endfor %}
    {{ return(problems) }}
{% endmacro %}


{# A sentence about a key that is not among the known ones, as a list; else an empty list. #}
{% macro unknown_key(name, key, known, kind) %}
    {% if key in known %}{{ return([]) }}{% endif %}
    {% set close = closest_name(key | string, known) %}
    {% set is_listed = known | length < 6 or not close %}
    {{ return([
        name ~ ": there is no " ~ kind ~ " " ~ key ~ "."
        ~ (" The " ~ kind ~ "s are " ~ known | join(", ")
            ~ "." if is_listed else "") ~ (" Did you mean " ~ close ~ "?" if close else "")
    ]) }}
{% endmacro %}


{% macro is_list(value) %}
    {{ return(value is iterable and value is not string and value is not mapping) }}
{% endmacro %}


{# The relations that a var lists. A model refers to them while dbt parses, before any check. #}
{% macro relations_named(variable) %}
    {% if not is_list(var(variable)) or not var(variable) %}
        {% do exceptions.raise_compiler_error(
            "Vars that cannot be used:\n  - " ~ variable ~ ": found " ~ var(variable)
            ~ ", expected a list of names like [one, two]"
        ) %}
    {% endif %}
    {{ return(var(variable)) }}
{% endmacro %}


{# Whether a value is a day of the calendar, written like 2026-01-31. #}
{% macro is_date(value) %}
    {% set found = modules.re.match("^([0-9]{4})-([0-9]{2})-([0-9]{2})$", value | string) %}
    {% if not found %}{{ return(false) }}{% endif %}
    {% set year, month, day = found[1] | int, found[2] | int, found[3] | int %}
    {% set is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) %}
    {% set days = [31, 29 if is_leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] %}
    {{ return(year >= 1 and 1 <= month <= 12 and 1 <= day <= days[month - 1]) }}
{% endmacro %}


{# ISO 4217, and the currencies that the euro replaced. #}
{% macro currency_codes() %}
    {{ return((
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP"
        ~ " BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD"
        ~ " FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD"
        ~ " JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK"
        ~ " MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR"
        ~ " PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP"
        ~ " SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD"
        ~ " XCG XOF XPF YER ZAR ZMW ZWG ATS BEF CYP DEM EEK ESP FIM FRF GRD HRK IEP ITL LTL LUF"
        ~ " LVL MTL NLG PTE SIT SKK"
    ).split(" ")) }}
{% endmacro %}
