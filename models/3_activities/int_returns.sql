-- Over 100 lines: what a return is, and which order it takes back, stand in one place.
{{ config(
    materialized=incremental_or_table(),
    incremental_strategy="keep_replaced",
    unique_key="transaction_id",
) }}

with

accounts as (
    select * from {{ ref("int_customer_accounts") }}
    where replaced_at is null
),

cards as (
    select * from {{ ref("int_card_customers") }}
    where replaced_at is null
),

transactions as {{ computed("inline") }} (
    select * from {{ ref("stg_loyalty__transactions") }}
    where replaced_at is null
),

lines as {{ computed("inline") }} (
    select
        transaction_id,
        units,
        -- The goods as one number; of a few digits, so that a receipt's sum is exact.
        cast({{ key_hash("product_id") }} % 9999991 as {{ dbt.type_bigint() }})
        * cast(round(units * 1000) as {{ dbt.type_bigint() }}) as goods
    from {{ ref("stg_loyalty__transaction_lines") }}
    where replaced_at is null
),

lines_back as (
    select transaction_id from lines
    where units < 0
),

with_goods_back as (
    select
        transaction_id,
        max(units) < 0 as is_return,
        sum(goods) = 0 as is_nothing
    from lines
    where transaction_id in (select lines_back.transaction_id from lines_back)
    group by transaction_id
),

owned as (
    select
        coalesce(accounts.customer_id, cards.customer_id) as customer_id,
        transactions.transaction_id,
        transactions.transacted_at,
        transactions.is_return or coalesce(with_goods_back.is_return, false) as is_return
    from transactions
    left join with_goods_back on transactions.transaction_id = with_goods_back.transaction_id
    left join accounts on transactions.customer_id = accounts.account_id
    left join cards on transactions.member_id = cards.member_id
),

returners as (
    select distinct customer_id from owned
    where
        is_return
        and customer_id is not null
),

receipts as (
    select * from owned
    where customer_id in (select returners.customer_id from returners)
),

receipt_goods as (
    select
        transaction_id,
        abs(sum(goods)) as goods
    from lines
    where transaction_id in (select receipts.transaction_id from receipts)
    group by transaction_id
),

{% set sequence = "order by receipts.transacted_at, receipts.is_return, receipts.transaction_id" %}
-- Of a customer's receipts over the same goods, an order opens a bracket and a return closes the
-- latest open one: both have the same depth.
brackets as (
    select
        receipts.*,
        receipt_goods.goods,
        case when receipts.is_return then 1 else 0 end
        + sum(case when receipts.is_return then -1 else 1 end) over (
            partition by receipts.customer_id, receipt_goods.goods
            {{ sequence }} rows unbounded preceding
        ) as depth
    from receipts
    inner join receipt_goods on receipts.transaction_id = receipt_goods.transaction_id
    where receipt_goods.goods != 0
),

closed as (
    select
        receipts.transaction_id,
        receipts.is_return,
        lead(receipts.transacted_at) over bracket as returned_at
    from brackets as receipts
    window bracket as (
        partition by receipts.customer_id, receipts.goods, receipts.depth {{ sequence }}
    )
),

found as (
    select
        transaction_id,
        true as is_return,
        cast(null as timestamp) as returned_at
    from owned
    where is_return
    union all
    select
        transaction_id,
        is_return,
        returned_at
    from closed
    where
        not is_return
        and returned_at is not null
    union all
    select
        transactions.transaction_id,
        false as is_return,
        transactions.transacted_at as returned_at
    from transactions
    inner join with_goods_back on transactions.transaction_id = with_goods_back.transaction_id
    where
        with_goods_back.is_nothing
        and not transactions.is_return
)

{{ keep_replaced("found", "select transaction_id from " ~ this ~ " union select transaction_id from"
    ~ " found") }}
