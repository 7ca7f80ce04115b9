with

customer_merges as (
    {{ current_rows("raw_crm", "customer_merges", key=["from_customer_id"]) }}
),

renamed as (
    select
        from_customer_id,
        into_customer_id,
        merged_at
    from customer_merges
    where not coalesce(_is_deleted, false)
)

select * from renamed
