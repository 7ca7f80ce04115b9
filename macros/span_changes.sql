{#
Turns spans of time in which something counts into the score dates at which totals change: an amount
is added at the first score date on or after counts_from, and taken off again at the first one on or
after counts_until (null: never). A running sum over a customer's score dates is then what counts.

spans: name of a CTE with customer_id, counts_from, counts_until and what the amounts are made of.
amounts: {column: SQL expression of what one span adds to it}, in 64-bit floats.
by: columns of the spans to keep apart. newest: name for the last counts_from among what is added.
Rows: several per customer and score date; sum the amounts.

    one span, counts_from 2026-01-10, counts_until 2026-03-05, month ends, amount 2
    -> +2 at 2026-01-31, -2 at 2026-03-31
#}
{% macro span_changes(spans, amounts, by=[], newest=none) %}
    {% set keys = ["customer_id"] + by %}
    select
        {{ keys | join(", ") }},
        case when signs.sign > 0 then starts_at_number else ends_at_number end as score_date_number
        {% for column in amounts %}
        , signs.sign * {{ column }} as {{ column }}
        {% endfor %}
        {% if newest %}
        , case when signs.sign > 0 then {{ newest }} end as {{ newest }}
        {% endif %}
    from (
        select
            spans.{{ keys | join(", spans.") }},
            starts.score_date_number as starts_at_number,
            ends.score_date_number as ends_at_number
            {% for column, amount in amounts.items() %}
            , sum({{ amount }}) as {{ column }}
            {% endfor %}
            {% if newest %}
            , max(spans.counts_from) as {{ newest }}
            {% endif %}
        from {{ spans }} as spans
        cross join (
            select min(calendar_date) as first_date from {{ ref("int_calendar") }}
        ) as bounds
        inner join {{ ref("int_calendar") }} as starts
            on starts.calendar_date = greatest(spans.counts_from, bounds.first_date)
        left join {{ ref("int_calendar") }} as ends
            on ends.calendar_date = spans.counts_until
        where
            coalesce(spans.counts_until > bounds.first_date, true)
            and coalesce(ends.score_date_number > starts.score_date_number, true)
        group by
            spans.{{ keys | join(", spans.") }},
            starts.score_date_number,
            ends.score_date_number
    ) as summed
    cross join (select 1.0e0 as sign union all select -1.0e0 as sign) as signs
    where signs.sign > 0 or ends_at_number is not null
{% endmacro %}
