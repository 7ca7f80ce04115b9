-- One row per household, which is its own card. When the card was issued is unknown: the first
-- trace of the household stands in.
with

lines as (
    select * from source.transactions
),

recipients as (
    select * from source.campaigns
),

descriptions as (
    select * from source.campaign_descriptions
),

redemptions as (
    select * from source.coupon_redemptions
),

traces as (
    select
        household_id,
        utc(transaction_timestamp) as seen_at
    from lines
    union all
    select
        recipients.household_id,
        utc_noon(descriptions.start_date) as seen_at
    from recipients
    inner join descriptions on recipients.campaign_id = descriptions.campaign_id
    union all
    select
        household_id,
        utc_noon(redemption_date) as seen_at
    from redemptions
)

select
    household_id as member_id,
    household_id as customer_id,
    min(seen_at) as joined_at,
    loaded_at() as _loaded_at
from traces
group by household_id
