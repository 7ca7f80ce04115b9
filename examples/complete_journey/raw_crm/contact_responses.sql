-- One row per household, campaign and day with coupons: bringing the letter's coupons to the till
-- is the reply, and five coupons in one basket are one reply.
with

redemptions as (
    select * from source.coupon_redemptions
),

replies as (
    select distinct
        campaign_id,
        household_id,
        redemption_date
    from redemptions
)

select
    campaign_id,
    household_id as customer_id,
    'replied' as response_type,
    utc_noon(redemption_date) as responded_at,
    loaded_at() as _loaded_at
from replies
