{{ config(unique_key="event_id") }}

with

events as (
    {{ current_rows("raw_app", "events") }}
),

renamed as (
    select
        row_key as event_id,
        device_id,
        login_id,
        session_id,
        event_at,
        event_name,
        duration_seconds as engaged_seconds,
        _loaded_at as loaded_at
    from events
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "events", found_by="device_id, coalesce(session_id, '')") }}
