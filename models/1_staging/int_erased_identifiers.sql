{{ config(incremental_strategy="append", full_refresh=false) }}

with

certain as (
    {% if somebody_asked() == "false" %}
    -- Nothing is followed, which spares the engine a long plan.
    select
        cast(null as {{ dbt.type_string() }}) as identifier_type,
        cast(null as {{ dbt.type_string() }}) as identifier_hash,
        cast(null as {{ dbt.type_string() }}) as identifier
    where false
    {% else %}
    select
        identifier_type,
        identifier_hash,
        identifier
    from {{ ref("int_erasure_findings") }}
    where is_certain and identifier_hash is not null
    {% endif %}
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
{% if is_incremental() %}
where
    not exists (
        select 1 from {{ this }} as known
        where
            known.identifier_type = identifiers.identifier_type
            and known.identifier_hash = identifiers.identifier_hash
    )
{% endif %}
