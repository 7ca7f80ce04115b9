{{ config(unique_key="transaction_id") }}

with

transactions as (
    {{ current_rows("raw_loyalty", "transactions") }}
),

renamed as (
    select
        transaction_id,
        member_id,
        customer_id,
        lower(sales_channel) as sales_channel,
        store_id,
        upper(currency) as currency,
        coalesce(is_return, false) as is_return,
        transacted_at,
        _loaded_at as loaded_at
    from transactions
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "transactions") }}
