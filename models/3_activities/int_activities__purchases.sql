{{ config(materialized="view") }}

with

transactions as (
    select * from {{ ref("stg_loyalty__transactions") }}
),

identified as (
    select
        coalesce(accounts.customer_id, cards.customer_id) as customer_id,
        transactions.transaction_id,
        transactions.transacted_at as activity_at,
        case when transactions.sales_channel = 'online' then 'web' else 'store' end as channel,
        case
            when transactions.sales_channel = 'online' then 'online_ordered'
            else 'store_purchased'
        end as activity,
        case when transactions.is_return then 'return' end as excluded_reason
    from transactions
    left join {{ ref("int_customer_accounts") }} as accounts
        on transactions.customer_id = accounts.account_id
    left join {{ ref("int_card_customers") }} as cards
        on transactions.member_id = cards.member_id
),

categories as (
    select distinct
        lines.transaction_id,
        products.category
    from {{ ref("stg_loyalty__transaction_lines") }} as lines
    left join {{ ref("stg_loyalty__products") }} as products
        on lines.product_id = products.product_id
),

category_purchases as (
    select
        identified.customer_id,
        identified.activity_at,
        identified.channel,
        'category_bought' as activity,
        categories.category,
        coalesce(
            identified.excluded_reason,
            case when categories.category is null then 'unknown_product' end
        ) as excluded_reason
    from identified
    inner join categories on identified.transaction_id = categories.transaction_id
),

purchases as (
    select
        customer_id,
        activity_at,
        channel,
        activity,
        cast(null as {{ dbt.type_string() }}) as category,
        excluded_reason
    from identified
    union all
    select * from category_purchases
)

select * from purchases
