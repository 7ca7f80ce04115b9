{{ config(unique_key="member_id") }}

with

members as (
    {{ current_rows("raw_loyalty", "members") }}
),

renamed as (
    select
        member_id,
        customer_id,
        {{ hash_email('email') }} as email_hash,
        lower(tier) as tier,
        joined_at,
        _loaded_at as loaded_at
    from members
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "members") }}
