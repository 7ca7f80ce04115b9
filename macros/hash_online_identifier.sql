{#
The salted SHA-256 of an online identifier: a cookie, a device, a tracker's session. Unlike e-mail
addresses, two that differ in case are two (hash_identifier.sql has those and the salt). Three
million take a second, so hash visits, not events.
#}
{% macro hash_online_identifier(column) %}
    {{ return(adapter.dispatch("hash_online_identifier")(column)) }}
{% endmacro %}

{% macro duckdb__hash_online_identifier(column) %}
    {{- return("sha256(engagement_salt() || " ~ column ~ ")") -}}
{% endmacro %}

{% macro spark__hash_online_identifier(column) %}
    {{- return("sha2(concat(engagement_salt(), " ~ column ~ "), 256)") -}}
{% endmacro %}
