with

products as (
    {{ current_rows("raw_loyalty", "products", key=["product_id"]) }}
),

renamed as (
    select
        product_id,
        category,
        subcategory,
        brand
    from products
    where not coalesce(_is_deleted, false)
)

select * from renamed
