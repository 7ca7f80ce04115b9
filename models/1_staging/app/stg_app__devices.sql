with

devices as (
    {{ current_rows("raw_app", "devices", key=["device_id", "customer_id"]) }}
),

renamed as (
    select
        device_id,
        customer_id,
        installed_at,
        uninstalled_at
    from devices
    where not coalesce(_is_deleted, false)
)

select * from renamed
