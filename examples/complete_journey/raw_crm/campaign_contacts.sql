-- One row per household and campaign: the letter. It has no key of its own, so no contact_id.
with

recipients as (
    select * from source.campaigns
),

descriptions as (
    select * from source.campaign_descriptions
)

select
    recipients.campaign_id,
    recipients.household_id as customer_id,
    'postal' as channel,
    utc_noon(descriptions.start_date) as sent_at,
    loaded_at() as _loaded_at
from recipients
inner join descriptions on recipients.campaign_id = descriptions.campaign_id
