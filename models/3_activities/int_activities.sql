-- Over 100 lines: the parts of the stream are stacked, and consent applied, in one place.
{{ config(materialized=incremental_or_table(), incremental_strategy="touched_rows") }}
-- depends_on: {{ ref("int_touched_customers") }}

with

{% if is_incremental() %}
touched as (
    select * from {{ touched_since() }} as touched
),

{{ recent_and_early() }},

outbound as (
    select * from {{ few_of(
        ref("int_activities__outbound"), ["customer_id", "unidentified_as"],
        "select customer_id from early",
    ) }}
    union all
    select * from {{ ref("int_activities__outbound") }}
    where
        activity_at >= (select recent_from from recent)
        and coalesce(customer_id, unidentified_as) not in (select early.customer_id from early)
),

{% else %}
outbound as (
    select * from {{ ref("int_activities__outbound") }}
),

{% endif %}

visits as (
    select * from {{ ref("int_activities__visits") }}
),

purchases as (
    select * from {{ ref("int_activities__purchases") }}
),

programme as (
    select * from {{ ref("int_activities__programme") }}
),

voice as (
    select * from {{ ref("int_activities__voice") }}
),

customers as (
    select * from {{ ref("int_customers") }}
    where replaced_at is null
),

-- From a withdrawal until consent is given again nothing on the channel counts, nor ever again what
-- came before it.
withdrawals as (
    select
        customer_id,
        channel,
        counts_from as withdrawn_date,
        max(coalesce(counts_until, cast('9999-12-31' as date))) as granted_again_date
    from {{ ref("int_consents") }}
    where consent_state != 'granted'
    {% if is_incremental() %}
        and customer_id in (select customer_id from touched)
    {% endif %}
    group by customer_id, channel, counts_from
),

consent_spans as (
    select
        customer_id,
        channel,
        withdrawn_date as span_from,
        lead(withdrawn_date) over (
            partition by customer_id, channel order by withdrawn_date
        ) as span_until,
        granted_again_date
    from withdrawals
    union all
    select
        customer_id,
        channel,
        cast('0001-01-01' as date) as span_from,
        min(withdrawn_date) as span_until,
        cast('0001-01-01' as date) as granted_again_date
    from withdrawals
    group by customer_id, channel
),

{% set optional_columns = {
    "outbound": ["campaign_id", "excluded_reason"],
    "visits": ["engaged_seconds", "excluded_reason"],
    "purchases": ["category", "returned_at", "excluded_reason"],
    "programme": ["engaged_seconds", "excluded_reason"],
    "voice": ["category"],
} %}
{% set types = {
    "engaged_seconds": type_double(),
    "campaign_id": dbt.type_string(),
    "category": dbt.type_string(),
    "returned_at": dbt.type_timestamp(),
    "excluded_reason": dbt.type_string(),
} %}
stacked as (
    {% for part, filled in optional_columns.items() %}
    select
        customer_id,
        case when customer_id is null then unidentified_as end as unidentified_as,
        activity_at,
        channel,
        {% for column, type in types.items() %}
        {{ column if column in filled else "cast(null as " ~ type ~ ")" }} as {{ column }},
        {% endfor %}
        activity
    from {{ part }}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

dated as (
    select
        stacked.*,
        {{ local_date("stacked.activity_at") }} as activity_date
    from stacked
    {% if is_incremental() %}
    inner join touched
        on coalesce(stacked.customer_id, stacked.unidentified_as) = touched.customer_id
        and stacked.activity_at >= touched.touched_from
    {% endif %}
),

activities as {{ computed("once") }} (
    select
        dated.customer_id,
        dated.unidentified_as,
        dated.activity_at,
        dated.activity_date,
        least(
            cast({{ dbt.dateadd("day", var("window_days"), "dated.activity_date") }} as date),
            coalesce(consent_spans.span_until, cast('9999-12-31' as date)),
            coalesce({{ local_date("dated.returned_at") }}, cast('9999-12-31' as date))
        ) as counts_until,
        dated.channel,
        dated.activity,
        round(dated.engaged_seconds, 3) as engaged_seconds,
        dated.campaign_id,
        dated.category,
        coalesce(
            dated.excluded_reason,
            case
                when dated.customer_id is null then 'unidentified'
                when customers.is_test then 'test_account'
                when customers.is_employee then 'employee'
                when dated.activity_date < consent_spans.granted_again_date then 'no_consent'
            end
        ) as excluded_reason
    from dated
    left join customers on dated.customer_id = customers.customer_id
    left join consent_spans
        on dated.customer_id = consent_spans.customer_id
        and dated.channel = consent_spans.channel
        and dated.activity_date >= consent_spans.span_from
        and dated.activity_date < coalesce(consent_spans.span_until, cast('9999-12-31' as date))
)

select * from activities
{{ "where false" if is_idle(["int_touched_customers"]) }}
{{ cluster("customer_id, unidentified_as") }}
