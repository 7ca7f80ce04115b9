with

scorecards as (
    select * from {{ ref("int_scorecards") }}
),

weights as (
    select
        scorecard_version,
        market,
        sum(weight) as total_weight
        {% for variable in engagement_variables() %}
        , sum(case when variable_name = '{{ variable }}' then weight else 0 end) as {{ variable }}_weight
        {% endfor %}
    from scorecards
    group by scorecard_version, market
)

select * from weights
