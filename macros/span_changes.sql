{#
Turns spans of time in which something counts into the score dates at which totals change: an amount
is added at the first score date on or after counts_from, and taken off again at the first one on or
after counts_until (null: never). A running sum over a customer's score dates is then what counts.

spans: name of a CTE with customer_id, counts_from, counts_until and the amounts' columns.
amounts: {column: SQL expression of what one span adds to it}.

    one span, counts_from 2026-01-10, counts_until 2026-03-05, month ends, amount 2
    -> +2 at 2026-01-31, -2 at 2026-03-31
#}
{% macro span_changes(spans, amounts) %}
    select
        customer_id,
        score_date_number{% for column in amounts %},
        sum({{ column }}) as {{ column }}{% endfor %}
    from (
        {% for number, sign in [("starts_at_number", ""), ("ends_at_number", "-")] %}
        select
            customer_id,
            {{ number }} as score_date_number{% for column in amounts %},
            {{ sign }}{{ column }} as {{ column }}{% endfor %}
        from (
            select
                spans.customer_id,
                starts.score_date_number as starts_at_number,
                ends.score_date_number as ends_at_number{% for column, amount in amounts.items() %},
                sum({{ amount }}) as {{ column }}{% endfor %}
            from {{ spans }} as spans
            cross join (select min(calendar_date) as first_date from {{ ref("int_calendar") }}) as bounds
            inner join {{ ref("int_calendar") }} as starts
                on starts.calendar_date = greatest(spans.counts_from, bounds.first_date)
            left join {{ ref("int_calendar") }} as ends
                on ends.calendar_date = spans.counts_until
            where
                (spans.counts_until is null or spans.counts_until > bounds.first_date)
                and (ends.score_date_number is null or ends.score_date_number > starts.score_date_number)
            group by spans.customer_id, starts.score_date_number, ends.score_date_number
        ) as summed
        {{ "where ends_at_number is not null" if sign }}
        {{ "union all" if not loop.last }}
        {% endfor %}
    ) as changes
    group by customer_id, score_date_number
{% endmacro %}
