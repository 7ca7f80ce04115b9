-- One row per household, wherever it occurs. When its account was opened is unknown: no created_at.
with

households as (
    select household_id from source.transactions
    union
    select household_id from source.campaigns
    union
    select household_id from source.coupon_redemptions
)

select
    household_id as customer_id,
    loaded_at() as _loaded_at
from households
