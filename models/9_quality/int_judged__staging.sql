{{ config(materialized="view") }}

{{ judged("staging") }}
