{{ config(unique_key="visit_id") }}

with

store_visits as (
    {{ current_rows("raw_loyalty", "store_visits") }}
),

renamed as (
    select
        row_key as visit_id,
        member_id,
        store_id,
        lower(visit_type) as visit_type,
        duration_seconds,
        visited_at,
        _loaded_at as loaded_at
    from store_visits
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "store_visits") }}
