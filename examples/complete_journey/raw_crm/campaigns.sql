-- One row per campaign. They have no names, only a type: A was tailored to the household, B and C
-- sent everyone the same coupons.
with

descriptions as (
    select * from source.campaign_descriptions
)

select
    campaign_id,
    replace(campaign_type, 'Type ', '') as campaign_type,
    loaded_at() as _loaded_at
from descriptions
