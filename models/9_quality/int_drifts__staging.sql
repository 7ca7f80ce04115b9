{{ config(materialized="view") }}

{{ drifts("staging") }}
