{{ config(materialized="view") }}

select scorecard_version
from {{ ref("int_restated_scorecards") }}
where
    replaced_at is null
    and written_at > {{ oldest_score_mark() }}
