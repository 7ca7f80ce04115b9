with

raw_rows as (
    select
        source_system,
        table_name,
        rows_in,
        rows_unusable,
        rows_deleted_at_source,
        rows_with_unreadable_values,
        newest_loaded_at
    from {{ ref("int_raw_rows") }}
)

select * from raw_rows
