{{ config(unique_key="row_key") }}

with

devices as (
    {{ current_rows("raw_app", "devices") }}
),

renamed as (
    select
        row_key,
        device_id,
        {{ hash_identifier("device_id") }} as device_hash,
        customer_id,
        installed_at,
        uninstalled_at,
        _loaded_at as loaded_at
    from devices
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "devices") }}
