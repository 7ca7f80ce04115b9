{{ config(
    materialized=incremental_or_table(),
    incremental_strategy="append",
    full_refresh=false,
) }}

-- Made by prepare_marks() and filled by advance_mark(), after each incremental model.
select
    cast(null as {{ dbt.type_string() }}) as model_name,
    cast(null as timestamp) as processed_since,
    cast(null as timestamp) as processed_at,
    cast(null as timestamp) as loaded_until,
    cast(null as {{ dbt.type_string() }}) as rows_read,
    cast(null as {{ dbt.type_string() }}) as settings,
    cast(null as timestamp) as refresh_started_at
where false
