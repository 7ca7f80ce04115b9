{{ config(materialized="view") }}

{{ judged("intermediate") }}
