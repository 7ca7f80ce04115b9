-- Over 100 lines: everything that reads an amount stands in one place.
with

transactions as (
    select * from {{ ref("stg_loyalty__transactions") }}
),

amounts as (
    select * from {{ ref("stg_loyalty__transaction_amounts") }}
),

rates as (
    select
        *,
        lead(valid_from) over (partition by currency order by valid_from) as valid_until
    from {{ ref("currency_rates") }}
),

dated as (
    select
        coalesce(accounts.customer_id, cards.customer_id) as customer_id,
        transactions.transaction_id,
        coalesce(transactions.currency, '{{ var("reporting_currency") }}') as currency,
        transactions.is_return,
        {{ local_date("transactions.transacted_at") }} as counts_from
    from transactions
    left join {{ ref("int_customer_accounts") }} as accounts
        on transactions.customer_id = accounts.account_id
    left join {{ ref("int_card_customers") }} as cards
        on transactions.member_id = cards.member_id
),

receipts as (
    select
        dated.customer_id,
        dated.counts_from,
        cast({{ dbt.dateadd("day", var("window_days"), "dated.counts_from") }} as date)
            as counts_until,
        case when dated.is_return then 0.0e0 else 1.0e0 end as orders,
        case when dated.is_return then 1.0e0 else 0.0e0 end as returns,
        case when dated.is_return then -1 else 1 end * coalesce(amounts.amount * rates.rate, 0)
            as spend,
        case when rates.rate is null then 1.0e0 else 0.0e0 end as unconverted
    from dated
    left join amounts on dated.transaction_id = amounts.transaction_id
    left join rates
        on dated.currency = rates.currency
        and dated.counts_from >= rates.valid_from
        and dated.counts_from < coalesce(rates.valid_until, cast('9999-12-31' as date))
    where dated.customer_id is not null
),

changes as (
    {{ span_changes("receipts", {
        "spend": "spans.spend",
        "orders": "spans.orders",
        "returns": "spans.returns",
        "unconverted": "spans.unconverted",
    }) }}
),

summed as (
    select
        customer_id,
        score_date_number,
        sum(spend) as spend,
        sum(orders) as orders,
        sum(returns) as returns,
        sum(unconverted) as unconverted
    from changes
    group by customer_id, score_date_number
),

spine as (
    select
        customers.customer_id,
        customers.first_score_date_number,
        score_dates.score_date_number,
        score_dates.score_date
    from {{ ref("int_scored_customers") }} as customers
    cross join {{ ref("int_score_dates") }} as score_dates
),

totals as (
    select
        spine.customer_id,
        spine.score_date,
        spine.score_date_number,
        spine.first_score_date_number,
        round(coalesce(sum(summed.spend) over history, 0), 2) as spend,
        cast(coalesce(sum(summed.orders) over history, 0) as integer) as order_count,
        cast(coalesce(sum(summed.returns) over history, 0) as integer) as return_count,
        cast(coalesce(sum(summed.unconverted) over history, 0) as integer) as unconverted_count
    from spine
    left join summed
        on spine.customer_id = summed.customer_id
        and spine.score_date_number = summed.score_date_number
    window history as (
        partition by spine.customer_id order by spine.score_date_number rows unbounded preceding
    )
)

select
    customer_id,
    score_date,
    spend,
    order_count,
    return_count,
    unconverted_count
from totals
where score_date_number >= first_score_date_number
