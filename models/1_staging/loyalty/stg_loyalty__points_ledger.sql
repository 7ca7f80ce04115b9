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
        booked_at
    from points_ledger
    where not coalesce(_is_deleted, false)
)

{{ keep_replaced("renamed", "select row_key from points_ledger") }}
