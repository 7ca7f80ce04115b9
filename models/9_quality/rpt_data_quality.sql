{{ config(materialized="view") }}

{% set layers = ["raw", "staging", "intermediate", "marts"] %}
with

{% for layer in layers %}
of_{{ layer }} as (
    select * from {{ ref("int_quality__" ~ layer) }}
),

{% endfor %}
results as (
    {% for layer in layers %}
    select * from of_{{ layer }}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

-- The last word on a table is its last judgement by the suite that its layer was last judged by.
with_last as (
    select
        results.*,
        max(run_at) over (partition by layer, suite_fingerprint) as suite_run_at,
        max(run_at) over (partition by layer) as layer_run_at,
        max(run_at) over (partition by layer, table_name) as table_run_at
    from results
),

reported as (
    select
        layer,
        table_name,
        expectation,
        column_name,
        severity,
        success,
        observed,
        expected,
        owner,
        action,
        profile_date,
        run_at,
        run_at = table_run_at and suite_run_at = layer_run_at as is_latest
    from with_last
)

select * from reported
