{# A 64-bit float; dbt's own type_float is 32-bit on some engines. #}
{% macro type_double() %}{{ return("double") }}{% endmacro %}
