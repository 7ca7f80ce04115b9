-- One row per basket and product: a product is on a receipt once, so it needs no line_id.
--
-- What was paid: sales_value is what the retailer receives; the card's discount and the retailer's
-- match of a coupon (retail_disc, coupon_match_disc) are off already. The manufacturer repays
-- coupon_disc to the retailer, so the customer paid that much less. A coupon booked on a line
-- of its own (quantity 0) or above the price of its product counts down to 0, not below.
with

lines as (
    select * from source.transactions
)

select
    basket_id as transaction_id,
    product_id,
    quantity,
    round(greatest(sales_value - coupon_disc, 0), 2) as amount,
    loaded_at() as _loaded_at
from lines
