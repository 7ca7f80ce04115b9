{{ config(unique_key="from_customer_id") }}

with

customer_merges as (
    {{ current_rows("raw_crm", "customer_merges") }}
),

renamed as (
    select
        from_customer_id,
        into_customer_id,
        merged_at,
        _loaded_at as loaded_at
    from customer_merges
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "customer_merges") }}
