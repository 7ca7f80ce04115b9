-- One row per household, coupon and day. A coupon that two campaigns handed out is booked under
-- both; the customer used it once.
with

redemptions as (
    select * from source.coupon_redemptions
),

uses as (
    select distinct
        household_id,
        coupon_upc,
        redemption_date
    from redemptions
)

select
    household_id as member_id,
    coupon_upc as benefit_id,
    utc_noon(redemption_date) as redeemed_at,
    loaded_at() as _loaded_at
from uses
