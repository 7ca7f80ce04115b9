{# Fails for each expectation of a severity that the last judgement of its table found not met. #}
{% test as_expected(model, judged_as) %}
    select
        layer,
        table_name,
        column_name,
        expectation,
        observed,
        expected,
        owner,
        action
    from {{ model }}
    where
        is_latest
        and severity = '{{ judged_as }}'
        and not success
{% endtest %}
