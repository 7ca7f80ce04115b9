{{ config(unique_key="review_id") }}

with

reviews as (
    {{ current_rows("raw_web", "reviews") }}
),

renamed as (
    select
        row_key as review_id,
        {{ hash_login('login_id') }} as login_hash,
        lower(coalesce(review_type, 'review')) as review_type,
        product_id,
        reviewed_at,
        _loaded_at as loaded_at
    from reviews
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "reviews") }}
