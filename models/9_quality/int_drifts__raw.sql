{{ config(materialized="view") }}

{{ drifts("raw") }}
