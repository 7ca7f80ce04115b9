{{ config(unique_key="account_id") }}

with recursive

{% if is_incremental() %}
-- The accounts that changed and, where a merge did, all that are in one.
merges as (
    select * from {{ ref("stg_crm__customer_merges") }}
    where exists (
        select 1 from {{ ref("stg_crm__customer_merges") }} as changed
        where changed.written_at > {{ mark() }}
    )
),

looked_at as (
    select customer_id as account_id from {{ ref("stg_crm__customers") }}
    where written_at > {{ mark() }}
    union
    select from_customer_id as account_id from merges
    union
    select into_customer_id as account_id from merges
),

{% endif %}
accounts as (
    select customer_id as account_id from {{ ref("stg_crm__customers") }}
    where replaced_at is null
),

links as (
    select
        from_customer_id as account_id,
        into_customer_id as into_id
    from {{ ref("stg_crm__customer_merges") }}
    where
        replaced_at is null
        and from_customer_id != into_customer_id
),

reached as (
    {{ reached_accounts("links", "id") }}
),

-- The end of the merges; a circle has none, so its accounts become the least of them.
successors as (
    select
        reached.account_id,
        coalesce(
            min(case when links.account_id is null then reached.reached_id end),
            min(case when circles.account_id is not null then reached.reached_id end)
        ) as customer_id
    from reached
    left join links on reached.reached_id = links.account_id
    left join reached as circles
        on reached.reached_id = circles.account_id
        and circles.account_id = circles.reached_id
    group by reached.account_id
),

every_account as (
    select account_id from accounts
    union
    select account_id from successors
),

resolved as (
    select
        every_account.account_id,
        {{ hash_login("every_account.account_id") }} as account_hash,
        coalesce(successors.customer_id, every_account.account_id) as customer_id
    from every_account
    left join successors on every_account.account_id = successors.account_id
    {% if is_incremental() %}
    where every_account.account_id in (select account_id from looked_at)
    {% endif %}
)

{{ keep_replaced("resolved", "select account_id from looked_at") }}
