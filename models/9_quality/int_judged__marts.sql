{{ config(materialized="view") }}

{{ judged("marts") }}
