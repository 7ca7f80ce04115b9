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
