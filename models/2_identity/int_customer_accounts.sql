with recursive

accounts as (
    select customer_id as account_id from {{ ref("stg_crm__customers") }}
),

merges as (
    select
        from_customer_id,
        into_customer_id
    from {{ ref("stg_crm__customer_merges") }}
    where from_customer_id != into_customer_id
),

paths as (
    select
        from_customer_id as account_id,
        into_customer_id as reached_id,
        1 as merge_count
    from merges
    union all
    select
        paths.account_id,
        merges.into_customer_id as reached_id,
        paths.merge_count + 1 as merge_count
    from paths
    inner join merges on paths.reached_id = merges.from_customer_id
    where paths.merge_count < {{ var("longest_merge_chain") }}
),

-- A circle of merges has no end: its accounts become the least of them.
successors as (
    select
        paths.account_id,
        coalesce(
            min(case when merges.from_customer_id is null then paths.reached_id end),
            min(paths.reached_id)
        ) as customer_id
    from paths
    left join merges on paths.reached_id = merges.from_customer_id
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
        coalesce(successors.customer_id, every_account.account_id) as customer_id
    from every_account
    left join successors on every_account.account_id = successors.account_id
)

select * from resolved
