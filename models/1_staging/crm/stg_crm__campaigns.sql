{{ config(unique_key="campaign_id") }}

with

campaigns as (
    {{ current_rows("raw_crm", "campaigns") }}
),

renamed as (
    select
        campaign_id,
        campaign_name,
        lower(campaign_type) as campaign_type,
        _loaded_at as loaded_at
    from campaigns
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "campaigns") }}
