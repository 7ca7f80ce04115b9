{{ config(unique_key="contact_id") }}

with

campaign_contacts as (
    {{ current_rows(
        "raw_crm", "campaign_contacts",
        key=["customer_id", "campaign_id", "channel", "sent_at"],
        id="contact_id",
    ) }}
),

renamed as (
    select
        row_key as contact_id,
        campaign_id,
        customer_id,
        lower(channel) as channel,
        sent_at
    from campaign_contacts
    where not coalesce(_is_deleted, false)
)

{{ keep_replaced("renamed", "select row_key from campaign_contacts") }}
