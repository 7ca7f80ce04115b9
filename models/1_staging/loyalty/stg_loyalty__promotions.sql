{{ config(unique_key="promotion_id") }}

with

promotions as (
    {{ current_rows("raw_loyalty", "promotions") }}
),

renamed as (
    select
        promotion_id,
        promotion_name,
        lower(promotion_type) as promotion_type,
        starts_at,
        ends_at,
        _loaded_at as loaded_at
    from promotions
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "promotions") }}
