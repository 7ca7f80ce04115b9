with

calibration as (
    select
        scorecard_version,
        'normaliser' as kind,
        variable_name as name,
        statistic,
        value
    from {{ ref("int_normalisation_parameters") }}
    union all
    select
        scorecard_version,
        'percentile' as kind,
        'score' as name,
        cast(score_step as {{ dbt.type_string() }}) as statistic,
        percentile as value
    from {{ ref("int_score_percentiles") }}
    union all
    select
        scorecard_version,
        {{ dbt.concat(["'persona:'", "persona"]) }} as kind,
        dimension as name,
        statistic,
        value
    from {{ ref("int_persona_centroids") }}
    union all
    select
        scorecard_version,
        'quadrant' as kind,
        'score' as name,
        'median' as statistic,
        score_bound as value
    from {{ ref("int_quadrant_bounds") }}
    union all
    select
        scorecard_version,
        'quadrant' as kind,
        'spend' as name,
        'median' as statistic,
        spend_bound as value
    from {{ ref("int_quadrant_bounds") }}
    {% for name in ["window_days", "half_life_days"] %}
    union all
    select
        scorecard_version,
        'setting' as kind,
        '{{ name }}' as name,
        'value' as statistic,
        cast({{ var(name) }} as {{ type_double() }}) as value
    from {{ ref("int_scorecard_versions") }}
    {% endfor %}
    union all
    select
        scorecard_version,
        'weight' as kind,
        variable_name as name,
        market as statistic,
        weight as value
    from {{ ref("int_scorecards") }}
)

select * from calibration
