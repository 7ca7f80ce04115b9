{{ config(unique_key="row_key") }}

with

transaction_lines as (
    {{ current_rows("raw_loyalty", "transaction_lines") }}
),

renamed as (
    select
        row_key,
        transaction_id,
        coalesce(line_id, product_id) as line_id,
        product_id,
        promotion_id,
        case when amount < 0 or quantity < 0 then -1 else 1 end
        * least(coalesce(nullif(abs(quantity), 0), 1.0e0), 1.0e6) as units,
        _loaded_at as loaded_at
    from transaction_lines
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "transaction_lines") }}
