{{ config(materialized="ephemeral") }}
-- depends_on: {{ ref("stg_crm__erasure_requests") }}

with recursive

versions as (
    select
        from_customer_id,
        into_customer_id,
        coalesce(_is_deleted, false) as is_undone,
        row_number() over (
            partition by from_customer_id order by {{ version_order("raw_crm", "customer_merges") }}
        ) as version_number
    from {{ source("raw_crm", "customer_merges") }}
    where
        _rejected is null
        and {{ somebody_asked() }}
),

-- A merge that was undone is no link; one whose raw row has gone still is.
links as (
    select
        from_customer_id as account_id,
        {{ hash_login("from_customer_id") }} as account_hash,
        into_customer_id as into_id,
        {{ hash_login("into_customer_id") }} as into_hash
    from versions
    where version_number = 1 and not is_undone and from_customer_id != into_customer_id
    {% set seen = seen_by_staging("stg_crm__customer_merges") %}
    {% if seen %}
    union
    select
        from_customer_id as account_id,
        {{ hash_login("from_customer_id") }} as account_hash,
        into_customer_id as into_id,
        {{ hash_login("into_customer_id") }} as into_hash
    from {{ seen }}
    where
        replaced_at is null
        and from_customer_id != into_customer_id
        and from_customer_id not in (select versions.from_customer_id from versions)
        and {{ somebody_asked() }}
    {% endif %}
),

reached as (
    {{ reached_accounts("links", "hash") }}
),

-- The person is the account at the end; of a circle, its least.
persons as (
    select
        reached.account_hash,
        coalesce(
            min(case when links.account_hash is null then reached.reached_hash end),
            min(case when circles.account_hash is not null then reached.reached_hash end)
        ) as person
    from reached
    left join links on reached.reached_hash = links.account_hash
    left join reached as circles
        on reached.reached_hash = circles.account_hash
        and circles.account_hash = circles.reached_hash
    group by reached.account_hash
),

accounts as (
    select
        account_id,
        account_hash
    from links
    union
    select
        into_id as account_id,
        into_hash as account_hash
    from links
)

select
    accounts.account_id,
    accounts.account_hash,
    coalesce(persons.person, accounts.account_hash) as person
from accounts
left join persons on accounts.account_hash = persons.account_hash
