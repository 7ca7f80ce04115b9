{{ config(unique_key="contact_id") }}

with

campaign_contacts as (
    {{ current_rows("raw_crm", "campaign_contacts") }}
),

renamed as (
    select
        row_key as contact_id,
        campaign_id,
        customer_id,
        lower(channel) as channel,
        sent_at,
        _loaded_at as loaded_at
    from campaign_contacts
    where not coalesce(_is_deleted, false)
)

{{ keep_staged(
    "renamed", "campaign_contacts", clustered_by="customer_id", found_by="customer_id"
) }}
