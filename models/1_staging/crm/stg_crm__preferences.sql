{{ config(unique_key="row_key") }}

with

preferences as (
    {{ current_rows("raw_crm", "preferences") }}
),

renamed as (
    select
        row_key,
        customer_id,
        attribute,
        value is not null as has_value,
        changed_at,
        _loaded_at as loaded_at
    from preferences
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "preferences") }}
