{{ config(unique_key="customer_id") }}

with

customers as (
    {{ current_rows("raw_crm", "customers") }}
),

renamed as (
    select
        customer_id,
        {{ hash_email('email') }} as email_hash,
        extract(year from birth_date) as birth_year,
        upper(country) as country,
        market,
        household_id,
        created_at as registered_at,
        coalesce(is_test, false) as is_test,
        coalesce(is_employee, false) as is_employee,
        _loaded_at as loaded_at
    from customers
    where not coalesce(_is_deleted, false)
)

{{ keep_staged("renamed", "customers") }}
