{{ config(unique_key="campaign_id") }}

with

campaigns as (
    {{ current_rows("raw_crm", "campaigns") }}
),

renamed as (
    select
        campaign_id,
        campaign_name,
        lower(campaign_type) as campaign_type
    from campaigns
    where not coalesce(_is_deleted, false)
)

{{ keep_replaced("renamed", "select row_key from campaigns") }}
