{{ config(incremental_strategy="append", full_refresh=false) }}

with

certain as (
    select
        identifier_type,
        identifier_hash,
        identifier
    from {{ ref("int_erasure_findings") }}
    where is_certain and identifier_hash is not null
),

identifiers as (
    select
        identifier_type,
        identifier_hash
    from certain
    union
    -- The customer that a card without an account is.
    select
        'account' as identifier_type,
        {{ hash_login(dbt.concat(["'card:'", "identifier"])) }} as identifier_hash
    from certain
    where identifier_type = 'card' and identifier is not null
)

select
    identifiers.*,
    {{ run_time() }} as written_at
from identifiers
where
    {{ somebody_asked() }}
{% if is_incremental() %}
    and not exists (
        select 1 from {{ this }} as known
        where
            known.identifier_type = identifiers.identifier_type
            and known.identifier_hash = identifiers.identifier_hash
    )
{% endif %}
