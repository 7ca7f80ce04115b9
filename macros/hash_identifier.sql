{#
The salted SHA-256 of an identifier (a card, a cookie, a device, a send), trimmed first: ids that
differ only in case are different ids. Null stays null. The salt is read by the registered function
engagement_salt() (plugins/identifier_salt.py), never by the compiled SQL.
#}
{% macro hash_identifier(column) %}{{ return(salted_hash("trim(" ~ column ~ ")")) }}{% endmacro %}


{# The same of an e-mail address, which is the same address in upper and lower case. #}
{% macro hash_email(column) %}{{ return(salted_hash("lower(trim(" ~ column ~ "))")) }}{% endmacro %}


{# The same of a login or account id: an account id keeps its case, an e-mail address does not. #}
{% macro hash_login(column) %}{{ return(salted_hash(login_text(column))) }}{% endmacro %}


{# A login as it is compared with others. What contains an @ is an e-mail address. #}
{% macro login_text(column) %}
    {{- return(
        "case when " ~ column ~ " like '%@%' then lower(trim(" ~ column ~ ")) else trim(" ~ column
        ~ ") end"
    ) -}}
{% endmacro %}


{% macro salted_hash(text) %}{{ return(adapter.dispatch("salted_hash")(text)) }}{% endmacro %}

{% macro duckdb__salted_hash(text) %}
    {{- return("sha256(engagement_salt() || " ~ text ~ ")") -}}
{% endmacro %}

{% macro spark__salted_hash(text) %}
    {{- return("sha2(concat(engagement_salt(), " ~ text ~ "), 256)") -}}
{% endmacro %}
