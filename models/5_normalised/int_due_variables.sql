{{ config(materialized="view") }}

select due.* from {{ due_rows(ref("int_engagement_variables")) }} as due
