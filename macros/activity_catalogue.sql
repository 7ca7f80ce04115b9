{#
The activities that the stream can hold, as declared under `activities` in the meta of
int_activities.yml: {name: {channel, is_engagement, has_duration}}. Empty while dbt parses.
#}
{% macro activity_catalogue() %}
    {% if not execute %}{{ return({}) }}{% endif %}
    {{ return(graph.nodes["model." ~ project_name ~ ".int_activities"].config.meta.activities) }}
{% endmacro %}


{#
The activities that a customer does (sends and the like are not), on one channel or on all, as a
quoted list for SQL's `in`.
#}
{% macro engagements(channel=none) %}
    {% set names = [] %}
    {% for name, kind in activity_catalogue().items()
        if kind.is_engagement and channel in (none, kind.channel) %}
        {% do names.append(name) %}
    {% endfor %}
    {{ return("'" ~ names | join("', '") ~ "'") }}
{% endmacro %}


{# The channels on which customers do something, in the catalogue's order. #}
{% macro engagement_channels() %}
    {% set channels = [] %}
    {% for kind in activity_catalogue().values() if kind.is_engagement %}
        {% if kind.channel not in channels %}{% do channels.append(kind.channel) %}{% endif %}
    {% endfor %}
    {{ return(channels) }}
{% endmacro %}


{# The channels that a customer can give and withdraw consent for. #}
{% macro consent_channels() %}
    {{ return(["email", "postal", "sms", "push", "web", "app"]) }}
{% endmacro %}


{#
The activities that an increment finds to have run, with durations where they have any, by the first
score date. One row of each shows that; of the others all rows have to be read to tell since when.
#}
{% macro activities_from_the_start() %}
    {% if not execute or not is_incremental() %}{{ return([]) }}{% endif %}
    {% set first_date = run_query(
        "select min(score_date) from " ~ relation_of("int_score_dates")
    ).rows[0][0] %}
    {% if not first_date %}{{ return([]) }}{% endif %}
    {% set questions = [] %}
    {% for activity, kind in activity_catalogue().items() %}
        {% do questions.append(
            "(select '" ~ activity ~ "' from " ~ relation_of("int_activities")
            ~ " where activity = '" ~ activity ~ "' and activity_date <= '" ~ first_date
            ~ "' and excluded_reason is null and counts_until > activity_date"
            ~ (" and engaged_seconds > 0" if kind.has_duration else "") ~ " limit 1)"
        ) %}
    {% endfor %}
    {{ return(run_query(questions | join(" union all ")).columns[0].values() | list) }}
{% endmacro %}
