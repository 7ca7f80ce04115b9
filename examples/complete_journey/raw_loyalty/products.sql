-- One row per product. The set knows three levels (department, product_category, product_type),
-- the contract two: the upper two are kept.
with

products as (
    select * from source.products
)

select
    product_id,
    department as category,
    product_category as subcategory,
    -- National or Private: the kind of brand is all that is known of it.
    brand,
    loaded_at() as _loaded_at
from products
