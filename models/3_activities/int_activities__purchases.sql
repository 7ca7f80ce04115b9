-- Over 100 lines: receipts and the categories bought by them are told in one place.
{{ config(materialized="ephemeral") }}

with

accounts as (
    select * from {{ ref("int_customer_accounts") }}
    where replaced_at is null
),

cards as (
    select * from {{ ref("int_card_customers") }}
    where replaced_at is null
),

{% if adds_to("int_activities") %}
touched as (
    select * from {{ touched_since("int_activities") }} as touched
),

{{ recent_and_early() }},

-- Receipts that are nobody's go by themselves.
early_names as (
    {{ touched_names("account", "early") }}
    union all
    {{ touched_names("member", "early") }}
    union all
    select substring(customer_id, 13) as name from early
    where customer_id like 'transaction:%'
),

{% endif %}
{% set columns =
    "transaction_id, customer_id, member_id, sales_channel, is_return, transacted_at" %}
transactions as (
    select {{ columns }}
    from {{ few_of(
        ref("stg_loyalty__transactions"), ["customer_id", "member_id", "transaction_id"],
        "select name from early_names", adds_to("int_activities"), key="transaction_id",
    ) }}
    where replaced_at is null
    {% if adds_to("int_activities") %}
    union
    select {{ columns }}
    from {{ ref("stg_loyalty__transactions") }}
    where
        replaced_at is null
        and transacted_at >= (select recent_from from recent)
    {% endif %}
),

returns as (
    select * from {{ ref("int_returns") }}
    where replaced_at is null
),

every_purchase as (
    select
        coalesce(accounts.customer_id, cards.customer_id) as customer_id,
        {{ dbt.concat(["'transaction:'", "transactions.transaction_id"]) }} as unidentified_as,
        transactions.transaction_id,
        transactions.transacted_at as activity_at,
        case when transactions.sales_channel = 'online' then 'web' else 'store' end as channel,
        case
            when transactions.sales_channel = 'online' then 'online_ordered'
            else 'store_purchased'
        end as activity,
        -- What came back was no order, but to buy it in the store was a visit.
        case when transactions.sales_channel = 'online' then returns.returned_at end as returned_at,
        case
            when transactions.is_return or returns.is_return then 'return'
            when
                transactions.sales_channel = 'online'
                and {{ local_date("returns.returned_at") }}
                = {{ local_date("transactions.transacted_at") }}
                then 'returned'
        end as excluded_reason
    from transactions
    left join returns on transactions.transaction_id = returns.transaction_id
    left join accounts on transactions.customer_id = accounts.account_id
    left join cards on transactions.member_id = cards.member_id
),

identified as (
    select every_purchase.* from every_purchase
    {% if adds_to("int_activities") %}
    inner join touched
        on coalesce(every_purchase.customer_id, every_purchase.unidentified_as)
        = touched.customer_id
        and every_purchase.activity_at >= touched.touched_from
    {% endif %}
),

categories as (
    select distinct
        lines.transaction_id,
        products.category
    from {{ ref("stg_loyalty__transaction_lines") }} as lines
    left join {{ ref("stg_loyalty__products") }} as products
        on lines.product_id = products.product_id
        and products.replaced_at is null
    where lines.replaced_at is null
    {% if adds_to("int_activities") %}
        and lines.transaction_id in (select transaction_id from identified)
    {% endif %}
),

category_purchases as (
    select
        identified.customer_id,
        identified.unidentified_as,
        identified.activity_at,
        identified.channel,
        'category_bought' as activity,
        categories.category,
        identified.returned_at,
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
        unidentified_as,
        activity_at,
        channel,
        activity,
        cast(null as {{ dbt.type_string() }}) as category,
        returned_at,
        excluded_reason
    from identified
    union all
    select * from category_purchases
)

select * from purchases
