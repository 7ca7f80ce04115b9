{{ config(unique_key="participation_id") }}

with

promotion_participations as (
    {{ current_rows("raw_loyalty", "promotion_participations") }}
),

renamed as (
    select
        row_key as participation_id,
        member_id,
        promotion_id,
        participated_at,
        _loaded_at as loaded_at
    from promotion_participations
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "promotion_participations") }}
