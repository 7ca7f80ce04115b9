{{ config(unique_key="store_id") }}

with

stores as (
    {{ current_rows("raw_loyalty", "stores") }}
),

renamed as (
    select
        store_id,
        store_name,
        upper(country) as country,
        _loaded_at as loaded_at
    from stores
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "stores") }}
