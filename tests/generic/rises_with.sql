{# Fails for each row in which an expression is below that of the next lower rank; nulls pass. #}
{% test rises_with(model, rank, within, expressions) %}
    select *
    from (
        select
            {{ within }},
            {{ rank }}
            {% for expression in expressions %}
            , {{ expression }} as value_{{ loop.index }}
            , lag({{ expression }}) over (partition by {{ within }} order by {{ rank }})
                as lower_value_{{ loop.index }}
            {% endfor %}
        from {{ model }}
    ) as ranked
    where
        false
        {% for expression in expressions %}
        or value_{{ loop.index }} < lower_value_{{ loop.index }}
        {% endfor %}
{% endtest %}
