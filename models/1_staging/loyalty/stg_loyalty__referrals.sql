{{ config(unique_key="referral_id") }}

with

referrals as (
    {{ current_rows("raw_loyalty", "referrals") }}
),

renamed as (
    select
        row_key as referral_id,
        referrer_member_id as member_id,
        {{ hash_login('referred_customer_id') }} as referred_hash,
        referred_at,
        _loaded_at as loaded_at
    from referrals
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "referrals") }}
