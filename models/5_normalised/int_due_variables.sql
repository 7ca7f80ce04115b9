{{ config(materialized="view") }}

select due.*
from {{ few_of(
    ref("int_engagement_variables"), "customer_id, score_date",
    "select customer_id, score_date from " ~ ref("int_due_scores"),
) }} as due
