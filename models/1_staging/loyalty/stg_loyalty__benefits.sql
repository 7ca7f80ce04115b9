{{ config(unique_key="benefit_id") }}

with

benefits as (
    {{ current_rows("raw_loyalty", "benefits") }}
),

renamed as (
    select
        benefit_id,
        benefit_name,
        lower(benefit_type) as benefit_type,
        _loaded_at as loaded_at
    from benefits
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "benefits") }}
