{{ config(unique_key="redemption_id") }}

with

benefit_redemptions as (
    {{ current_rows("raw_loyalty", "benefit_redemptions") }}
),

renamed as (
    select
        row_key as redemption_id,
        member_id,
        benefit_id,
        redeemed_at,
        _loaded_at as loaded_at
    from benefit_redemptions
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "benefit_redemptions") }}
