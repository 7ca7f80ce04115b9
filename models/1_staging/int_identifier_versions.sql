-- Kept by full refreshes: raw tables that are updated in place do not hold former addresses.
{{ config(
    unique_key=[
        "holder_type", "holder_id", "email_hash", "opened_at", "updated_at", "loaded_at",
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
        _loaded_at as loaded_at
    from ({{ keyed_rows(
        source_name, table_name, is_read(source_name, table_name) if is_incremental() else "true"
    ) }}) as {{ table_name }}
    where not _is_deleted
    {{ "union" if not loop.last }}
    {% endfor %}
),

{% if is_incremental() %}
known as (
    select
        holder_type,
        holder_id,
        email_hash,
        opened_at,
        updated_at,
        loaded_at,
        case when holder_type = 'account' then holder_id end as customer_id,
        case when holder_type = 'card' then holder_id end as member_id
    from {{ this }}
    where replaced_at is null
),

looked_at as (
    select
        holder_type,
        holder_id
    from {{ "known" if has_new_erasures() else "landed" }}
    union
    select
        holder_type,
        holder_id
    from landed
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
        loaded_at
    from known
    where
        (holder_type, holder_id) in (select holder_type, holder_id from looked_at)
        and not {{ is_erased(["customer_id", "member_id", "email_hash"]) }}
    {% endif %}
),

numbered as (
    select
        holder_type,
        holder_id,
        email_hash,
        min(opened_at) over (partition by holder_type, holder_id) as opened_at,
        updated_at,
        loaded_at,
        row_number() over holder_versions as version_number,
        lag(email_hash) over holder_versions as previous_hash
    from versions
    window holder_versions as (
        partition by holder_type, holder_id
        order by
            loaded_at nulls first,
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
            else coalesce(updated_at, loaded_at, {{ long_ago() }})
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
        loaded_at,
        valid_from,
        coalesce(
            lead(valid_from) over (partition by holder_type, holder_id order by version_number),
            {{ end_of_time() }}
        ) as valid_until
    from changes
)

{{ keep_replaced(
    "periods", "select holder_type, holder_id from looked_at", by="holder_type, holder_id"
) }}
