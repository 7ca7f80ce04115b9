-- One row per basket. Every household shops with its card, all baskets come from stores, and no
-- line has a negative quantity or value: the set holds no returns.
with

lines as (
    select * from source.transactions
),

baskets as (
    select distinct
        basket_id,
        household_id,
        store_id,
        transaction_timestamp
    from lines
)

select
    basket_id as transaction_id,
    utc(transaction_timestamp) as transacted_at,
    'store' as sales_channel,
    store_id,
    household_id as member_id,
    'USD' as currency,
    false as is_return,
    loaded_at() as _loaded_at
from baskets
