{{ config(materialized=incremental_or_table(), incremental_strategy="append") }}

-- Filled by advance_mark(), after each incremental model.
select
    cast(null as {{ dbt.type_string() }}) as model_name,
    cast(null as timestamp) as processed_since,
    cast(null as timestamp) as processed_at,
    cast(null as {{ dbt.type_string() }}) as settings
where false
