-- How well the score of one day ranks who buys in the days after it, beside recency, frequency and
-- their sum for the same customers: area under the ROC curve, and the 95 % interval of the score's
-- lead over each from a paired bootstrap (the same resampled customers for all measures).
-- Variables: validation_date, validation_scorecard. Needs purchases for 90 days after the date.
{% set as_of = "cast('" ~ var("validation_date") ~ "' as date)" %}
with

purchase_days as (
    select distinct
        customer_id,
        activity_date
    from {{ ref("int_activities") }}
    where
        activity in ('store_purchased', 'online_ordered')
        and excluded_reason is null
),

history as (
    select
        customer_id,
        max(activity_date) as last_date,
        count(*) as purchase_days
    from purchase_days
    where activity_date <= {{ as_of }}
    group by customer_id
),

futures as (
    select
        customer_id,
        min({{ dbt.datediff(as_of, "activity_date", "day") }}) as days_until_next
    from purchase_days
    where activity_date > {{ as_of }}
    group by customer_id
),

customers as (
    select
        scores.customer_id,
        scores.score,
        futures.days_until_next,
        {{ dbt.datediff("history.last_date", as_of, "day") }} as days_since_last,
        history.purchase_days
    from {{ ref("fct_engagement_scores") }} as scores
    inner join history on scores.customer_id = history.customer_id
    left join futures on scores.customer_id = futures.customer_id
    where
        scores.score_date = {{ as_of }}
        and scores.scorecard_version = '{{ var("validation_scorecard") }}'
        and scores.score is not null
),

measures as (
    select
        customer_id,
        days_until_next,
        'score' as measure,
        score as value
    from customers
    union all
    select
        customer_id,
        days_until_next,
        'recency' as measure,
        -days_since_last as value
    from customers
    union all
    select
        customer_id,
        days_until_next,
        'frequency' as measure,
        purchase_days as value
    from customers
    union all
    select
        customer_id,
        days_until_next,
        'recency + frequency' as measure,
        rank() over (order by days_since_last desc)
        + (count(*) over (partition by days_since_last) - 1) / 2.0e0
        + rank() over (order by purchase_days)
        + (count(*) over (partition by purchase_days) - 1) / 2.0e0 as value
    from customers
),

samples as (
    select row_number() over (order by calendar_date) - 1 as sample
    from ({{ days_between("cast('2000-01-01' as date)", "cast('2001-02-04' as date)") }}) as days
),

shuffled as (
    select
        customers.customer_id,
        samples.sample,
        (
            row_number() over (
                partition by samples.sample
                order by md5({{ dbt.concat(["customer_id", "'|'", as_text("samples.sample")]) }})
            ) - 0.5e0
        ) / count(*) over (partition by samples.sample) as share
    from customers
    cross join samples
),

-- How often each customer is drawn: Poisson with mean 1, which is what drawing with replacement
-- tends to. Sample 0 is everybody once.
draws as (
    select
        customer_id,
        sample,
        case
            when sample = 0 then 1
            when share < 0.367879 then 0
            when share < 0.735759 then 1
            when share < 0.919699 then 2
            when share < 0.981012 then 3
            when share < 0.996340 then 4
            else 5
        end as times
    from shuffled
),

horizons as (
    select 30 as horizon_days
    union all
    select 90 as horizon_days
),

tied as (
    select
        horizons.horizon_days,
        draws.sample,
        measures.measure,
        measures.value,
        sum(case when measures.days_until_next <= horizons.horizon_days then draws.times else 0 end)
            as buyers,
        sum(case when measures.days_until_next <= horizons.horizon_days then 0 else draws.times end)
            as others
    from measures
    inner join draws on measures.customer_id = draws.customer_id
    cross join horizons
    group by horizons.horizon_days, draws.sample, measures.measure, measures.value
),

ranked as (
    select
        *,
        sum(others) over (
            partition by horizon_days, sample, measure order by value rows unbounded preceding
        ) - others / 2.0e0 as others_below
    from tied
),

areas as (
    select
        horizon_days,
        sample,
        measure,
        sum(buyers * others_below) / (sum(buyers) * cast(sum(others) as {{ type_double() }})) as auc
    from ranked
    group by horizon_days, sample, measure
),

leads as (
    select
        areas.horizon_days,
        areas.measure,
        areas.sample,
        areas.auc,
        score_areas.auc - areas.auc as score_lead
    from areas
    inner join areas as score_areas
        on areas.horizon_days = score_areas.horizon_days
        and areas.sample = score_areas.sample
    where score_areas.measure = 'score'
)

select
    horizon_days,
    measure,
    round(max(case when sample = 0 then auc end), 4) as auc,
    round(max(case when sample = 0 then score_lead end), 4) as score_lead,
    round(percentile_cont(0.025) within group (order by score_lead), 4) as lead_from,
    round(percentile_cont(0.975) within group (order by score_lead), 4) as lead_to,
    (select count(*) from customers) as customers
from leads
group by horizon_days, measure
order by horizon_days asc, auc desc
