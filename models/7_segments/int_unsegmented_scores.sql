{{ config(materialized="view") }}

select due.* from {{ due_rows(ref("int_scores")) }} as due
