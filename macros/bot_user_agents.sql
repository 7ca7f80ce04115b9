{#
Whether a user agent is a bot's, as SQL. text: the user agent without the names of devices and
browsers that resemble a bot's (without_device_names).

The patterns are constants in the SQL, so that an engine compiles them once, and 200 of them are one
expression: a single expression of 1,500 exceeds the memory of RE2's state machine in DuckDB and
takes a hundred times as long.
#}
{% macro is_bot_user_agent(text) %}
    {% set conditions = [] %}
    {% for patterns in user_agent_patterns().bots | batch(200) %}
        {% do conditions.append(matches_pattern(text, any_of(patterns))) %}
    {% endfor %}
    {{ return("(" ~ conditions | join("\n        or ") ~ ")" if conditions else "false") }}
{% endmacro %}


{# A user agent without the names of devices and browsers that resemble a bot's, as SQL. #}
{% macro without_device_names(user_agent) %}
    {% set patterns = user_agent_patterns().devices %}
    {{ return(without_pattern(user_agent, any_of(patterns), " ") if patterns else user_agent) }}
{% endmacro %}


{#
The patterns of the relations that the var bot_user_agent_relations names: {bots: [...], devices:
[...]}, empty while dbt parses or compiles without them.
#}
{% macro user_agent_patterns() %}
    {% set selects, missing = [], [] %}
    {% for name in var("bot_user_agent_relations") %}
        {% set relation = ref(name) %}
        {% do selects.append("select user_agent_pattern, is_bot from " ~ relation) %}
        {% if execute and not load_relation(relation) %}{% do missing.append(name) %}{% endif %}
    {% endfor %}
    {% if missing and flags.WHICH in ["run", "build"] %}
        {% do exceptions.raise_compiler_error(
            "Not in the database yet: " ~ missing | join(", ") ~ ". Run dbt seed, or dbt build."
        ) %}
    {% endif %}
    {% set found = {"bots": [], "devices": []} %}
    {% if execute and selects and not missing %}
        {% set query = selects | join(" union all ") ~ " order by user_agent_pattern" %}
        {% for pattern, is_bot in run_query(query).rows if pattern %}
            {% if modules.re.search(pattern, "") %}
                {% do exceptions.raise_compiler_error(
                    "The pattern " ~ pattern ~ " of bot user agents matches every text. Correct it"
                    ~ " in the seeds that the var bot_user_agent_relations names."
                ) %}
            {% endif %}
            {% do (found.bots if is_bot else found.devices).append(pattern) %}
        {% endfor %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}


{# Several patterns as one. #}
{% macro any_of(patterns) %}{{ return("(?:" ~ patterns | join(")|(?:") ~ ")") }}{% endmacro %}
