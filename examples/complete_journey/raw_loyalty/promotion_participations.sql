-- One row per household, campaign and day with coupons: taking part is using the offer, however
-- many of its coupons were used that day.
with

redemptions as (
    select * from source.coupon_redemptions
),

participations as (
    select distinct
        household_id,
        campaign_id,
        redemption_date
    from redemptions
)

select
    household_id as member_id,
    campaign_id as promotion_id,
    utc_noon(redemption_date) as participated_at,
    loaded_at() as _loaded_at
from participations
