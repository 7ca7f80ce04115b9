with

scorecards as (
    {% for relation in relations_named("scorecard_relations") %}
    select * from {{ ref(relation) }}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

dimensions as (
    {% for variable, dimension in variable_dimensions().items() %}
    select
        '{{ variable }}' as variable_name,
        '{{ dimension }}' as dimension
    {{ "union all" if not loop.last }}
    {% else %}
    select
        cast(null as {{ dbt.type_string() }}) as variable_name,
        cast(null as {{ dbt.type_string() }}) as dimension
    {% endfor %}
),

described as (
    select
        scorecards.scorecard_version,
        scorecards.market,
        scorecards.variable_name,
        dimensions.dimension,
        scorecards.direction,
        scorecards.normaliser,
        scorecards.weight,
        scorecards.rationale
    from scorecards
    left join dimensions on scorecards.variable_name = dimensions.variable_name
)

select * from described
