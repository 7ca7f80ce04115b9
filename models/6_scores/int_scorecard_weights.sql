with

scorecards as (
    select * from {{ ref("int_scorecards") }}
),

weights as (
    select
        scorecard_version,
        market,
        {% for variable in engagement_variables() %}
        sum(case when variable_name = '{{ variable }}' then weight else 0 end)
            as {{ variable }}_weight,
        {% endfor %}
        sum(weight) as total_weight
    from scorecards
    group by scorecard_version, market
)

select * from weights
