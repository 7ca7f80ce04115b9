{{ config(unique_key="event_id") }}

with

events as (
    {{ current_rows("raw_web", "events") }}
),

renamed as (
    select
        row_key as event_id,
        anonymous_id,
        login_id,
        session_id,
        event_at,
        event_name,
        page_type,
        engaged_seconds,
        user_agent,
        _loaded_at as loaded_at
    from events
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "events", found_by="anonymous_id, coalesce(session_id, '')") }}
