{#
How far a layer's sample has moved from the stored reference (seeds/quality_reference.csv): one row
per table, part and column with the population stability index, psi, the sum over the bins of
(share - reference) * ln(share / reference). A share below 0.0001 counts as that. Columns without a
reference, or with too few values (the var quality_least_rows), have no row.

    reference 0.5 and 0.5, sample 0.75 and 0.25
    -> 0.25 * ln(1.5) - 0.25 * ln(0.5) = 0.1014 + 0.1733 = 0.2747
#}
{% macro drifts(layer) %}
with

reference as (
    select
        table_name,
        coalesce(part, '') as part,
        column_name,
        bin_number,
        above,
        up_to,
        text_value,
        share as reference_share
    from {{ ref("quality_reference") }}
),

known as (
    select * from {{ ref("int_sample__" ~ layer) }}
    where number_value is not null or text_value is not null
),

bins as (
    select
        reference.table_name,
        reference.part,
        reference.column_name,
        reference.bin_number,
        max(reference.reference_share) as reference_share,
        count(known.table_name) as value_count
    from reference
    left join known
        on reference.table_name = known.table_name
        and reference.part = known.part
        and reference.column_name = known.column_name
        and (
            reference.text_value = known.text_value
            or (
                reference.text_value is null
                and known.number_value > coalesce(reference.above, -1e308)
                and known.number_value <= coalesce(reference.up_to, 1e308)
            )
        )
    group by 1, 2, 3, 4
),

sample_sizes as (
    select
        table_name,
        part,
        column_name,
        count(*) as value_count
    from known
    group by table_name, part, column_name
    having count(*) >= {{ var("quality_least_rows") }}
),

-- What lies in no bin is one more.
shares as (
    select
        bins.table_name,
        bins.part,
        bins.column_name,
        bins.reference_share,
        bins.value_count / cast(sample_sizes.value_count as {{ type_double() }}) as share
    from bins
    inner join sample_sizes
        on bins.table_name = sample_sizes.table_name
        and bins.part = sample_sizes.part
        and bins.column_name = sample_sizes.column_name
    union all
    select
        bins.table_name,
        bins.part,
        bins.column_name,
        1 - sum(bins.reference_share) as reference_share,
        1 - sum(bins.value_count) / cast(max(sample_sizes.value_count) as {{ type_double() }})
            as share
    from bins
    inner join sample_sizes
        on bins.table_name = sample_sizes.table_name
        and bins.part = sample_sizes.part
        and bins.column_name = sample_sizes.column_name
    group by 1, 2, 3
),

drifts as (
    select
        table_name,
        part,
        column_name,
        round(sum(
            (greatest(share, 1e-4) - greatest(reference_share, 1e-4))
            * ln(greatest(share, 1e-4) / greatest(reference_share, 1e-4))
        ), 6) as psi
    from shares
    group by table_name, part, column_name
)

select * from drifts
{% endmacro %}
