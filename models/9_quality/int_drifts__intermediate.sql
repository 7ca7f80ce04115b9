{{ config(materialized="view") }}

{{ drifts("intermediate") }}
