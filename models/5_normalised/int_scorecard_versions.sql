with

versions as (
    {% for relation in relations_named("scorecard_version_relations") %}
    select * from {{ ref(relation) }}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

dated as (
    select
        scorecard_version,
        scorecard_name,
        coalesce(reference_start_date, cast('{{ var("reference_start_date") }}' as date))
            as reference_start_date,
        coalesce(reference_end_date, cast('{{ var("reference_end_date") }}' as date))
            as reference_end_date,
        persona_count,
        minimum_coverage,
        description
    from versions
)

select * from dated
