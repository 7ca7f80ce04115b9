-- Over 100 lines: it holds one expression per variable, so that all stand in one place.
{{ config(
    materialized=incremental_or_table(),
    incremental_strategy="due_scores",
    pre_hook="{{ start_batches() }}",
    post_hook="{{ add_batches() }}",
) }}
-- depends_on: {{ ref("int_carried_scores") }}, {{ ref("int_due_dates") }}

with

totals as (
    select * from {{ ref("int_customer_totals") }}
),

running as (
    select * from {{ ref("int_running_activities") }}
    where replaced_at is null
),

-- What of a customer can be observed at the score date. Whoever left a channel stays observed on
-- it: nothing they did there counts any more, so that leaving never raises a score.
reach as (
    select
        {% for channel in ["email", "postal", "sms", "push"] %}
        running.has_{{ channel }}_sent and (
            totals.{{ channel }}_left > 0
            or (
                totals.{{ channel }}_sent_count > 0
                and (totals.{{ channel }}_granted > 0 or not running.is_{{ channel }}_consent_kept)
            )
        ) as is_{{ channel }}_reached,
        {% endfor %}
        totals.is_web_visitor and (
            running.has_web_visited or running.has_online_ordered
            or running.has_review_written or running.has_comment_written
        ) as is_web_reached,
        totals.is_app_user and running.has_app_visited as is_app_reached,
        running.attributes_asked,
        {% for activity, kind in activity_catalogue().items() %}
        running.has_{{ activity }},
        {% if kind.has_duration %}
        running.has_{{ activity }}_seconds,
        {% endif %}
        {% endfor %}
        totals.*
    from totals
    inner join running on totals.score_date = running.score_date
),

across_channels as (
    select
        *,
        greatest(
            {% for channel in engagement_channels() %}
            {{ channel }}_last_date,
            {% endfor %}
            cast(null as date)
        ) as last_active_date,
        0
        {% for channel in engagement_channels() %}
        + case when {{ channel }}_last_date is not null then 1 else 0 end
        {% endfor %} as active_channels,
        is_email_reached or is_postal_reached or is_sms_reached or is_push_reached
        or is_web_reached or is_app_reached or is_member
        or has_store_purchased or has_store_visited or has_event_attended
        or has_service_contacted or has_survey_answered as is_reached
    from reach
),

measures as (
    select
        *,
        greatest(email_sent_count - email_bounced_count, 0) as emails_arrived,
        {{ dbt.datediff("last_active_date", "score_date", "day") }} as days_since_last
    from across_channels
),

variables as (
    select
        customer_id,
        score_date,
        case when is_email_reached and has_email_opened then email_opened_count end as email_opens,
        case when is_email_reached and has_email_clicked then email_clicked_count end
            as email_clicks,
        case
            when is_email_reached and has_email_clicked
                then least(coalesce(email_clicked_count / nullif(emails_arrived, 0), 0), 1)
        end as email_click_rate,
        case when is_postal_reached and has_postal_replied then postal_replied_count end
            as postal_replies,
        case when is_sms_reached and has_sms_answered then sms_answered_count end as sms_answers,
        case when is_push_reached and has_push_opened then push_opened_count end as push_opens,
        case when is_web_reached and has_web_visited then web_visited_count end as web_visits,
        case when is_web_reached and has_web_visited_seconds then web_visited_seconds / 60 end
            as web_engaged_minutes,
        case when is_web_reached and has_online_ordered then online_ordered_count end
            as online_orders,
        case when is_app_reached then app_visited_count end as app_visits,
        case when is_app_reached and has_app_visited_seconds then app_visited_seconds / 60 end
            as app_engaged_minutes,
        case
            when has_store_purchased or has_store_visited or has_event_attended
                then store_purchased_count + store_visited_count + event_attended_count
        end as store_visits,
        case
            when has_store_visited_seconds or has_event_attended_seconds
                then (store_visited_seconds + event_attended_seconds) / 60
        end as store_visit_minutes,
        case when has_event_attended and is_member then event_attended_count end as events_attended,
        case when has_service_contacted then service_contacted_count end as service_contacts,
        case
            when is_reached
                then coalesce(days_since_last, {{ var("window_days") }})
        end as recency_days,
        case when is_reached then round(decayed_days, 12) end as decayed_active_days,
        case when is_reached then least(active_weeks * 7.0e0 / {{ var("window_days") }}, 1) end
            as active_weeks_rate,
        case when is_reached then active_channels end as channel_diversity,
        case when has_category_bought then categories_bought end as category_diversity,
        case when is_member and has_promotion_joined then promotion_joined_count end
            as promotions_joined,
        case when is_member and has_benefit_redeemed then benefit_redeemed_count end
            as benefits_redeemed,
        case
            when is_member and has_points_earned
                then least(coalesce(points_burned_count / nullif(points_earned_count, 0), 0), 1)
        end as points_use_rate,
        case when attributes_asked > 0 then least(preferences_held / attributes_asked, 1) end
            as preference_completeness,
        case when has_survey_answered then survey_answered_count end as surveys_answered,
        case
            when is_web_reached and (has_review_written or has_comment_written)
                then review_written_count + comment_written_count
        end as reviews_written,
        case when is_member and has_referral_made then referral_made_count end as referrals_made
    from measures
){% if is_incremental() %},

-- What is carried is as it was at the earlier date, and older.
{% set aged = {
    "recency_days": "least(known.recency_days + "
        ~ dbt.datediff("carried.carried_from", "carried.score_date", "day")
        ~ ", " ~ var("window_days") ~ ")",
    "decayed_active_days": "round(known.decayed_active_days * "
        ~ decay("carried.carried_from", "carried.score_date") ~ ", 12)",
} %}
carried_variables as (
    select
        carried.customer_id,
        carried.score_date{% for variable in engagement_variables() %},
        {{ aged.get(variable, "known." ~ variable) }} as {{ variable }}{% endfor %}
    from {{ ref("int_carried_scores") }} as carried
    inner join {{ this }} as known
        on carried.customer_id = known.customer_id
        and carried.carried_from = known.score_date
    where carried.score_date in (select score_date from {{ ref("int_due_dates") }})
){% endif %}

select
    customer_id,
    score_date{% for variable in engagement_variables() %},
    cast({{ variable }} as {{ type_double() }}) as {{ variable }}{% endfor %}
from variables
{{ "where false" if nothing_is_due() }}
{% if is_incremental() %}
union all
select * from carried_variables
{% endif %}
{{ cluster("customer_id") }}
