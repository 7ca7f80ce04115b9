-- Over 100 lines: what is remembered of addresses, and what erasure leaves, stand in one place.
-- Kept by full refreshes: raw tables that are updated in place do not hold former addresses.
{{ config(
    unique_key=[
        "holder_type", "holder_id", "email_hash", "opened_at", "updated_at", "landed_at",
        "valid_from", "valid_until",
    ],
    full_refresh=false,
) }}
{% do ref("int_quarantined_rows") %}

{% set holder_columns = {
    "account": ["raw_crm", "customers", "customer_id", "created_at", "updated_at"],
    "card": ["raw_loyalty", "members", "member_id", "joined_at", "null"],
} %}

with

landed as (
    {% for holder_type, (source_name, table_name, id, opened_at, updated_at)
        in holder_columns.items() %}
    select
        '{{ holder_type }}' as holder_type,
        {{ id }} as holder_id,
        {{ hash_email("email") }} as email_hash,
        {{ opened_at }} as opened_at,
        cast({{ updated_at }} as timestamp) as updated_at,
        _loaded_at as landed_at
    from ({{ keyed_rows(
        source_name, table_name, is_read(source_name, table_name) if is_incremental() else "true"
    ) }}) as {{ table_name }}
    where not _is_deleted or is_erased
    {{ "union" if not loop.last }}
    {% endfor %}
),

{% if is_incremental() %}
known as (
    select * from {{ this }}
    where replaced_at is null
),

looked_at as (
    select
        holder_type,
        holder_id
    from landed
    {% if has_new_erasures() %}
    union
    select
        holder_type,
        holder_id
    from known
    {% endif %}
    union
    select
        holder_type,
        holder_id
    from (values ('erased account', ''), ('erased card', '')) as erased (holder_type, holder_id)
),

{% endif %}
versions as (
    select * from landed
    {% if is_incremental() %}
    union
    select
        holder_type,
        holder_id,
        email_hash,
        opened_at,
        updated_at,
        landed_at
    from known
    where
        (holder_type, holder_id) in (select holder_type, holder_id from looked_at)
        and holder_id != ''
    {% endif %}
),

numbered as (
    select
        holder_type,
        holder_id,
        email_hash,
        min(opened_at) over (partition by holder_type, holder_id) as opened_at,
        updated_at,
        landed_at,
        row_number() over holder_versions as version_number,
        lag(email_hash) over holder_versions as previous_hash
    from versions
    window holder_versions as (
        partition by holder_type, holder_id
        order by
            landed_at nulls first,
            updated_at nulls first,
            email_hash nulls first,
            opened_at nulls last
    )
),

changes as (
    select
        *,
        case
            when version_number = 1 then coalesce(opened_at, {{ long_ago() }})
            else coalesce(updated_at, landed_at, {{ long_ago() }})
        end as valid_from
    from numbered
    where version_number = 1 or email_hash is distinct from previous_hash
),

periods as (
    select
        holder_type,
        holder_id,
        email_hash,
        opened_at,
        updated_at,
        landed_at,
        valid_from,
        coalesce(
            lead(valid_from) over (partition by holder_type, holder_id order by version_number),
            {{ end_of_time() }}
        ) as valid_until,
        case when holder_type = 'account' then holder_id end as customer_id,
        case when holder_type = 'card' then holder_id end as member_id
    from changes
),

flagged as (
    select
        {{ all_columns_but("periods", "customer_id, member_id") }},
        {{ is_erased(["email_hash"]) }} as is_address_erased,
        {{ is_erased(["customer_id", "member_id"]) }} as is_holder_erased
    from periods
),

-- Where an erased holder shared an address, it leads to nobody in that period.
without_erased as (
    {% set columns = "holder_type, holder_id, email_hash, opened_at, updated_at, landed_at,"
        ~ " valid_from, valid_until" %}
    select {{ columns }} from flagged
    where
        not is_holder_erased
        and not is_address_erased
    union
    select
        'erased ' || holder_type as holder_type,
        '' as holder_id,
        email_hash,
        cast(null as timestamp) as opened_at,
        cast(null as timestamp) as updated_at,
        cast(null as timestamp) as landed_at,
        valid_from,
        valid_until
    from flagged
    where
        email_hash is not null
        and is_holder_erased
        and not is_address_erased
    {% if is_incremental() %}
    union
    select {{ columns }} from known
    where
        holder_id = ''
        and not {{ is_erased(["email_hash"]) }}
    {% endif %}
)

{{ keep_replaced(
    "without_erased", "select holder_type, holder_id from looked_at", by="holder_type, holder_id"
) }}
