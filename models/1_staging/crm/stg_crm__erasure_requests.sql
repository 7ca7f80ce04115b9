{{ config(incremental_strategy="append", full_refresh=false) }}

with

requests as (
    select * from {{ source("raw_crm", "erasure_requests") }}
),

hashed as (
    select
        {{ hash_identifier("customer_id") }} as account_hash,
        {{ hash_identifier("member_id") }} as card_hash,
        {{ hash_identifier("email") }} as email_hash,
        min(requested_at) as requested_at
    from requests
    where coalesce(customer_id, member_id, email) is not null
    group by 1, 2, 3
)

select
    hashed.*,
    {{ run_time() }} as erased_at
from hashed
{% if is_incremental() %}
left join {{ this }} as known
    on hashed.account_hash is not distinct from known.account_hash
    and hashed.card_hash is not distinct from known.card_hash
    and hashed.email_hash is not distinct from known.email_hash
where known.erased_at is null
{% endif %}
