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

account_merges as (
    select
        from_customer_id,
        into_customer_id
    from {{ ref("stg_crm__customer_merges") }}
    where
        replaced_at is null
        and from_customer_id != into_customer_id
),

paths as (
    select
        from_customer_id as account_id,
        into_customer_id as reached_id,
        1 as merge_count
    from account_merges
    union all
    select
        paths.account_id,
        account_merges.into_customer_id as reached_id,
        paths.merge_count + 1 as merge_count
    from paths
    inner join account_merges on paths.reached_id = account_merges.from_customer_id
    where paths.merge_count < {{ var("longest_merge_chain") }}
),

-- A circle of account_merges has no end: its accounts become the least of them.
successors as (
    select
        paths.account_id,
        coalesce(
            min(case when account_merges.from_customer_id is null then paths.reached_id end),
            min(paths.reached_id)
        ) as customer_id
    from paths
    left join account_merges on paths.reached_id = account_merges.from_customer_id
    group by paths.account_id
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
