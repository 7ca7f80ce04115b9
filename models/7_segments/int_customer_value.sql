-- Over 100 lines: everything that reads an amount stands in one place.
{{ config(
    materialized=incremental_or_table(),
    incremental_strategy="due_scores",
    meta={"has_more_due": true},
) }}
-- depends_on: {{ ref("int_scored_customers") }}, {{ ref("int_score_dates") }}
-- depends_on: {{ ref("int_carried_scores") }}, {{ ref("int_due_dates") }}

{% set reporting_currency = var("reporting_currency") | upper %}
with

accounts as (
    select * from {{ ref("int_customer_accounts") }}
    where replaced_at is null
),

cards as (
    select * from {{ ref("int_card_customers") }}
    where replaced_at is null
),

-- Units of the base currency, which is the one whose rate is 1.
rates as (
    select
        upper(currency) as currency,
        rate,
        valid_from,
        coalesce(
            lead(valid_from) over (partition by upper(currency) order by valid_from),
            cast('9999-12-31' as date)
        ) as valid_until
    from {{ ref("currency_rates") }}
),

reporting_rates as (
    select * from rates
    where currency = '{{ reporting_currency }}'
),

{% if is_incremental() %}
-- An amount that changed has a say here and nowhere else.
changed_amounts as (
    select distinct transaction_id from {{ ref("stg_loyalty__transaction_amounts") }}
    where written_at > {{ mark() }}
),

changed as (
    select
        coalesce(accounts.customer_id, cards.customer_id) as customer_id,
        min({{ local_date("transactions.transacted_at") }}) as counts_from
    from {{ ref("stg_loyalty__transactions") }} as transactions
    inner join changed_amounts on transactions.transaction_id = changed_amounts.transaction_id
    left join accounts on transactions.customer_id = accounts.account_id
    left join cards on transactions.member_id = cards.member_id
    where transactions.replaced_at is null
    group by coalesce(accounts.customer_id, cards.customer_id)
),

carried as (
    select
        carried.customer_id,
        carried.score_date,
        known.spend,
        known.order_count,
        known.return_count,
        known.unconverted_count
    from {{ ref("int_carried_scores") }} as carried
    inner join {{ this }} as known
        on carried.customer_id = known.customer_id
        and carried.carried_from = known.score_date
    left join changed on carried.customer_id = changed.customer_id
    where
        carried.score_date in (select score_date from {{ ref("int_due_dates") }})
        and changed.customer_id is null
),

{% endif %}
due_scores as (
    select
        due_scores.customer_id,
        due_scores.score_date
    from {{ ref("int_due_scores") }} as due_scores
    {% if is_incremental() %}
    left join carried
        on due_scores.customer_id = carried.customer_id
        and due_scores.score_date = carried.score_date
    where carried.customer_id is null
    union
    select
        scored.customer_id,
        score_dates.score_date
    from changed
    inner join {{ ref("int_scored_customers") }} as scored
        on changed.customer_id = scored.customer_id
    inner join {{ ref("int_score_dates") }} as score_dates
        on greatest(changed.counts_from, scored.scored_from_date) <= score_dates.score_date
    {% endif %}
),

due_customers as (
    select
        customer_id,
        min(score_date) as first_due_date
    from due_scores
    group by customer_id
),

{% if is_incremental() %}
-- Their accounts and cards.
due_names as (
    select accounts.account_id as name
    from accounts
    inner join due_customers on accounts.customer_id = due_customers.customer_id
    union all
    select cards.member_id as name
    from cards
    inner join due_customers on cards.customer_id = due_customers.customer_id
),

{% endif %}
dated as (
    select
        coalesce(accounts.customer_id, cards.customer_id) as customer_id,
        transactions.transaction_id,
        coalesce(transactions.currency, '{{ reporting_currency }}') as currency,
        transactions.is_return or coalesce(returns.is_return, false) as is_return,
        {{ local_date("returns.returned_at") }} as order_until,
        {{ local_date("transactions.transacted_at") }} as counts_from
    from {{ few_of(
        ref("stg_loyalty__transactions"), ["customer_id", "member_id"],
        "select name from due_names", is_incremental(),
    ) }} as transactions
    left join accounts on transactions.customer_id = accounts.account_id
    left join cards on transactions.member_id = cards.member_id
    left join {{ ref("int_returns") }} as returns
        on transactions.transaction_id = returns.transaction_id
        and returns.replaced_at is null
    where transactions.replaced_at is null
),

windows as (
    select
        *,
        cast({{ dbt.dateadd("day", var("window_days"), "counts_from") }} as date) as counts_until
    from dated
),

due_receipts as (
    select windows.*
    from windows
    inner join due_customers
        on windows.customer_id = due_customers.customer_id
        and windows.counts_until > due_customers.first_due_date
),

amounts as (
    select
        transaction_id,
        round(cast(sum(amount) as {{ type_double() }}), 2) as amount
    from {{ ref("stg_loyalty__transaction_amounts") }}
    where
        replaced_at is null
    {% if is_incremental() %}
        and transaction_id in (select due_receipts.transaction_id from due_receipts)
    {% endif %}
    group by transaction_id
),

receipts as (
    select
        due_receipts.customer_id,
        due_receipts.counts_from,
        due_receipts.counts_until,
        coalesce(due_receipts.order_until, cast('9999-12-31' as date)) as order_until,
        case when due_receipts.is_return then 0.0e0 else 1.0e0 end as orders,
        case when due_receipts.is_return then 1.0e0 else 0.0e0 end as returns,
        case when due_receipts.is_return then -abs(amounts.amount) else amounts.amount end
            as amount,
        -- Amounts in the reporting currency need no rate.
        case
            when due_receipts.currency = '{{ reporting_currency }}' then 1.0e0
            else rates.rate / nullif(reporting_rates.rate, 0)
        end as rate
    from due_receipts
    left join amounts on due_receipts.transaction_id = amounts.transaction_id
    left join rates
        on due_receipts.currency = rates.currency
        and due_receipts.counts_from >= rates.valid_from
        and due_receipts.counts_from < rates.valid_until
    left join reporting_rates
        on due_receipts.counts_from >= reporting_rates.valid_from
        and due_receipts.counts_from < reporting_rates.valid_until
),

totals as (
    select
        due_scores.customer_id,
        due_scores.score_date,
        round(coalesce(sum(round(receipts.amount * receipts.rate, 2)), 0), 2) as spend,
        cast(coalesce(sum(
            case when due_scores.score_date < receipts.order_until then receipts.orders end
        ), 0) as integer) as order_count,
        cast(coalesce(sum(receipts.returns), 0) as integer) as return_count,
        cast(count(receipts.orders) - count(receipts.rate) as integer) as unconverted_count
    from due_scores
    left join receipts
        on due_scores.customer_id = receipts.customer_id
        and due_scores.score_date >= receipts.counts_from
        and due_scores.score_date < receipts.counts_until
    group by due_scores.customer_id, due_scores.score_date
)

select * from totals
{{ "where false" if nothing_is_due() and is_idle(["stg_loyalty__transaction_amounts"]) }}
{% if is_incremental() %}
union all
select * from carried
{% endif %}
{{ cluster("customer_id") }}
