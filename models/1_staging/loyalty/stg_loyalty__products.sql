{{ config(unique_key="product_id") }}

with

products as (
    {{ current_rows("raw_loyalty", "products") }}
),

renamed as (
    select
        product_id,
        category,
        subcategory,
        brand,
        _loaded_at as loaded_at
    from products
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "products") }}
