{# Fails for each row in which a total is not the sum of its parts, or one of them is unknown. #}
{% test adds_up(model, total, parts) %}
    select *
    from {{ model }}
    where coalesce({{ total }} != {{ parts | join(" + ") }}, true)
{% endtest %}
