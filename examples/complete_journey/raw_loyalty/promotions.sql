-- One row per campaign: the letter is the CRM's side of it, the offer in the letter is this one.
with

descriptions as (
    select * from source.campaign_descriptions
)

select
    campaign_id as promotion_id,
    'coupon' as promotion_type,
    utc(start_date) as starts_at,
    -- Its last day is a whole one: it closes at the midnight after.
    utc(end_date + interval 1 day) as ends_at,
    loaded_at() as _loaded_at
from descriptions
