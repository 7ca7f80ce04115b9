-- One row per coupon; the file has one per coupon, campaign and product that it is good for.
with

coupons as (
    select * from source.coupons
),

distinct_coupons as (
    select distinct coupon_upc from coupons
)

select
    coupon_upc as benefit_id,
    'coupon' as benefit_type,
    loaded_at() as _loaded_at
from distinct_coupons
