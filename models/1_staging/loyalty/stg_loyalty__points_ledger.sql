{{ config(unique_key="entry_id") }}

with

points_ledger as (
    {{ current_rows("raw_loyalty", "points_ledger") }}
),

renamed as (
    select
        row_key as entry_id,
        member_id,
        lower(entry_type) as entry_type,
        coalesce(points < 0, false) as is_negative,
        booked_at,
        _loaded_at as loaded_at
    from points_ledger
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "points_ledger") }}
