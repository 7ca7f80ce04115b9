{{ config(materialized="view") }}

{{ judged("raw") }}
