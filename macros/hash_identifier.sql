{#
The salted SHA-256 of an identifier (an e-mail address, a login, a CRM id), lower-cased and trimmed
first, so that the same one written in two ways is one. Null stays null. The salt is read by the
registered function engagement_salt() (plugins/identifier_salt.py), never by the compiled SQL.
#}
{% macro hash_identifier(column) %}
    {{ return(adapter.dispatch("hash_identifier")(column)) }}
{% endmacro %}

{% macro duckdb__hash_identifier(column) %}
    {{- return("sha256(engagement_salt() || lower(trim(" ~ column ~ ")))") -}}
{% endmacro %}

{% macro spark__hash_identifier(column) %}
    {{- return("sha2(concat(engagement_salt(), lower(trim(" ~ column ~ "))), 256)") -}}
{% endmacro %}
