-- One row per household and question that it answered; a question left open has no row.
-- The answers carry no date. They were given at enrolment, so the start of the data year stands in.
with

answers as (
    select * from source.demographics
),

answers_by_attribute as (
    select
        household_id,
        attribute,
        value
    from answers
    unpivot (
        value for attribute in (
            age, income, home_ownership, marital_status, household_size, household_comp, kids_count
        )
    )
)

select
    household_id as customer_id,
    attribute,
    value,
    utc_noon(date '2017-01-01') as changed_at,
    loaded_at() as _loaded_at
from answers_by_attribute
where value != 'Unknown'
