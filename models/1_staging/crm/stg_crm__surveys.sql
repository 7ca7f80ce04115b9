{{ config(unique_key="survey_id") }}

with

surveys as (
    {{ current_rows("raw_crm", "surveys") }}
),

renamed as (
    select
        row_key as survey_id,
        customer_id,
        lower(survey_type) as survey_type,
        touchpoint,
        answered_at,
        _loaded_at as loaded_at
    from surveys
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "surveys") }}
