{% set catalogue = activity_catalogue() %}

with

activities as (
    select
        customer_id,
        activity,
        engaged_seconds,
        activity_date as counts_from,
        counts_until
    from {{ ref("int_activities") }}
    where
        excluded_reason is null
        and activity in ('{{ catalogue.keys() | join("', '") }}')
),

changes as (
    {{ span_changes(
        "activities",
        {"activity_count": "1.0e0", "engaged_seconds": "coalesce(spans.engaged_seconds, 0)"},
        by=["activity"],
        newest="last_date",
    ) }}
),

pivoted as (
    select
        customer_id,
        {% for activity, kind in catalogue.items() %}
        sum(case when activity = '{{ activity }}' then activity_count else 0 end)
            as {{ activity }}_count,
        {% if kind.has_duration %}
        sum(case when activity = '{{ activity }}' then engaged_seconds else 0 end)
            as {{ activity }}_seconds,
        {% endif %}
        {% endfor %}
        {% for channel in engagement_channels() %}
        max(case when activity in ({{ engagements(channel) }}) then last_date end)
            as {{ channel }}_last_date,
        {% endfor %}
        score_date_number
    from changes
    group by customer_id, score_date_number
)

select * from pivoted
