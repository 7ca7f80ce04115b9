{{ config(unique_key="ticket_id") }}

with

service_tickets as (
    {{ current_rows("raw_crm", "service_tickets") }}
),

renamed as (
    select
        ticket_id,
        customer_id,
        lower(contact_method) as contact_method,
        lower(topic) as topic,
        opened_at,
        closed_at,
        _loaded_at as loaded_at
    from service_tickets
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "service_tickets") }}
