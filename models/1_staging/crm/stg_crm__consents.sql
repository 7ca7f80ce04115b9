{{ config(unique_key="row_key") }}

with

consents as (
    {{ current_rows("raw_crm", "consents") }}
),

renamed as (
    select
        row_key,
        customer_id,
        coalesce(nullif(lower(channel), '*'), 'all') as channel,
        lower(status) = 'granted' as is_granted,
        changed_at,
        _loaded_at as loaded_at
    from consents
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "consents") }}
