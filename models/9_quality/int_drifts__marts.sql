{{ config(materialized="view") }}

{{ drifts("marts") }}
