{{ config(unique_key="response_id") }}

with

contact_responses as (
    {{ current_rows("raw_crm", "contact_responses") }}
),

renamed as (
    select
        row_key as response_id,
        contact_id,
        campaign_id,
        customer_id,
        lower(response_type) as response_type,
        -- An unreadable flag is read as yes; an unsubscription must not get lost by that.
        case
            when lower(response_type) = 'unsubscribed' and _set_aside like '%:is_machine%'
                then 'unknown'
            else lower(coalesce(is_machine, 'unknown'))
        end as machine_flag,
        responded_at,
        _loaded_at as loaded_at
    from contact_responses
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "contact_responses", clustered_by="customer_id", found_by="contact_id") }}
