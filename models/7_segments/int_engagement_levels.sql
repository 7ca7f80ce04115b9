with

levels as (
    {% for relation in var("engagement_level_relations") %}
    select * from {{ ref(relation) }}
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select * from levels
