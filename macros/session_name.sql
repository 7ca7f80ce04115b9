{#
What events of a visitor are told together as visits: those of a session, or ('') all that no
session has a name for.
#}
{% macro session_name() %}
    {{- return("case when session_id like 'visit %' then '' else coalesce(session_id, '') end") -}}
{% endmacro %}
