-- How well the scores of some days rank who buys in the days after them, beside recency, frequency
-- and their sum for the same customers: area under the ROC curve, and the 95 % interval of the
-- score's lead over each from a paired bootstrap (the same resampled customers for all measures).
-- Variables: validation_dates, validation_scorecard. Needs purchases for 90 days after each date.
with

dates as (
    {% for date in var("validation_dates") %}
    select cast('{{ date }}' as date) as score_date
    {{ "union all" if not loop.last }}
    {% endfor %}
),

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
        dates.score_date,
        purchase_days.customer_id,
        max(purchase_days.activity_date) as last_date,
        count(*) as purchase_days
    from dates
    inner join purchase_days on dates.score_date >= purchase_days.activity_date
    group by dates.score_date, purchase_days.customer_id
),

futures as (
    select
        dates.score_date,
        purchase_days.customer_id,
        min(purchase_days.activity_date) as next_date
    from dates
    inner join purchase_days on dates.score_date < purchase_days.activity_date
    group by dates.score_date, purchase_days.customer_id
),

customers as (
    select
        history.score_date,
        history.customer_id,
        scores.score,
        {{ dbt.datediff("history.score_date", "futures.next_date", "day") }} as days_until_next,
        {{ dbt.datediff("history.last_date", "history.score_date", "day") }} as days_since_last,
        history.purchase_days
    from history
    inner join {{ ref("fct_engagement_scores") }} as scores
        on history.customer_id = scores.customer_id
        and history.score_date = scores.score_date
    left join futures
        on history.customer_id = futures.customer_id
        and history.score_date = futures.score_date
    where
        scores.scorecard_version = '{{ var("validation_scorecard") }}'
        and scores.score is not null
),

measures as (
    {% set rank_sum %}
        rank() over (partition by score_date order by days_since_last desc)
        + (count(*) over (partition by score_date, days_since_last) - 1) / 2.0e0
        + rank() over (partition by score_date order by purchase_days)
        + (count(*) over (partition by score_date, purchase_days) - 1) / 2.0e0
    {%- endset %}
    {% for measure, value in {
        "score": "score", "recency": "-days_since_last", "frequency": "purchase_days",
        "recency + frequency": rank_sum,
    }.items() %}
    select
        score_date,
        customer_id,
        days_until_next,
        '{{ measure }}' as measure,
        {{ value }} as value
    from customers
    {{ "union all" if not loop.last }}
    {% endfor %}
),

samples as (
    select row_number() over (order by calendar_date) - 1 as sample
    from ({{ days_between("cast('2000-01-01' as date)", "cast('2001-02-04' as date)") }}) as days
),

shuffled as (
    select
        customers.score_date,
        customers.customer_id,
        samples.sample,
        (
            row_number() over (
                partition by customers.score_date, samples.sample
                order by md5({{ dbt.concat(["customer_id", "'|'", as_text("samples.sample")]) }})
            ) - 0.5e0
        ) / count(*) over (partition by customers.score_date, samples.sample) as share
    from customers
    cross join samples
),

-- How often each customer is drawn: Poisson with mean 1, which is what drawing with replacement
-- tends to. Sample 0 is everybody once.
draws as (
    select
        score_date,
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
        measures.score_date,
        horizons.horizon_days,
        draws.sample,
        measures.measure,
        measures.value,
        sum(case when measures.days_until_next <= horizons.horizon_days then draws.times else 0 end)
            as buyers,
        sum(case when measures.days_until_next <= horizons.horizon_days then 0 else draws.times end)
            as others
    from measures
    inner join draws
        on measures.customer_id = draws.customer_id
        and measures.score_date = draws.score_date
    cross join horizons
    group by
        measures.score_date, horizons.horizon_days, draws.sample, measures.measure, measures.value
),

ranked as (
    select
        *,
        sum(others) over (
            partition by score_date, horizon_days, sample, measure
            order by value rows unbounded preceding
        ) - others / 2.0e0 as others_below
    from tied
),

areas as (
    select
        score_date,
        horizon_days,
        sample,
        measure,
        sum(buyers * others_below) / (sum(buyers) * cast(sum(others) as {{ type_double() }})) as auc
    from ranked
    group by score_date, horizon_days, sample, measure
),

leads as (
    select
        areas.score_date,
        areas.horizon_days,
        areas.measure,
        areas.sample,
        areas.auc,
        score_areas.auc - areas.auc as score_lead
    from areas
    inner join areas as score_areas
        on areas.score_date = score_areas.score_date
        and areas.horizon_days = score_areas.horizon_days
        and areas.sample = score_areas.sample
    where score_areas.measure = 'score'
)

select
    score_date,
    horizon_days,
    measure,
    round(max(case when sample = 0 then auc end), 4) as auc,
    round(max(case when sample = 0 then score_lead end), 4) as score_lead,
    round(percentile_cont(0.025) within group (order by score_lead), 4) as lead_from,
    round(percentile_cont(0.975) within group (order by score_lead), 4) as lead_to,
    (
        select count(*) from customers
        where customers.score_date = leads.score_date
    ) as customers
from leads
group by score_date, horizon_days, measure
order by score_date asc, horizon_days asc, auc desc
