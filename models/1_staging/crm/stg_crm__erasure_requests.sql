{{ config(incremental_strategy="append", full_refresh=false) }}

with

hashed as (
    {{ hashed_requests() }}
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
