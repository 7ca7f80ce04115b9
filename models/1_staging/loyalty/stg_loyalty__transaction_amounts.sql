with

transaction_lines as (
    {{ current_rows(
        "raw_loyalty", "transaction_lines",
        key=["transaction_id", "coalesce(line_id, product_id)"],
    ) }}
),

amounts as (
    select
        transaction_id,
        cast(sum(amount) as {{ type_double() }}) as amount
    from transaction_lines
    where not coalesce(_is_deleted, false)
    group by transaction_id
)

select * from amounts
