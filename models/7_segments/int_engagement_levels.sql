with

levels as (
    {% for relation in relations_named("engagement_level_relations") %}
    select
        scorecard_version,
        engagement_level,
        level_rank,
        lower_bound,
        margin
    from {{ ref(relation) }}
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select * from levels
