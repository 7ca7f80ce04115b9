{{ config(unique_key="row_key") }}

with

transaction_lines as (
    {{ current_rows("raw_loyalty", "transaction_lines") }}
),

amounts as (
    select
        row_key,
        transaction_id,
        cast(case when quantity < 0 then -abs(amount) else amount end as {{ type_double() }})
            as amount,
        _loaded_at as loaded_at
    from transaction_lines
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("amounts", "transaction_lines") }}
