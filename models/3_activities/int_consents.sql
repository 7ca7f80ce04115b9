-- Over 100 lines: what grants and withdraws consent, and which counts last, stand in one place.
{{ config(materialized=incremental_or_table(), incremental_strategy="touched_rows") }}
-- depends_on: {{ ref("int_touched_customers") }}

with

{% if is_incremental() %}
touched as (
    select * from {{ touched_since() }} as touched
),

{% endif %}
channels as (
    {% for channel in message_channels() %}
    select '{{ channel }}' as channel
    {{ "union all" if not loop.last }}
    {% endfor %}
),

-- Outbound activities are called by their channel and what came of it: sent, or a response.
changes as (
    select
        accounts.customer_id,
        channels.channel,
        consents.is_granted,
        false as is_unsubscribe,
        consents.changed_at
    from {{ ref("stg_crm__consents") }} as consents
    inner join {{ ref("int_customer_accounts") }} as accounts
        on consents.customer_id = accounts.account_id
        and accounts.replaced_at is null
    inner join channels on consents.channel in (channels.channel, 'all')
    where consents.replaced_at is null
    {% if is_incremental() %}
        and accounts.customer_id in (select customer_id from touched)
    {% endif %}
    union all
    select
        customer_id,
        channel,
        false as is_granted,
        true as is_unsubscribe,
        activity_at as changed_at
    from {{ ref("int_activities__outbound") }}
    where
        activity like '%_unsubscribed'
        and customer_id is not null
        and excluded_reason is null
    {% if is_incremental() %}
        and customer_id in (select customer_id from touched)
    {% endif %}
),

first_sends as (
    select
        customer_id,
        channel,
        min(activity_at) as first_sent_at
    from {{ ref("int_activities__outbound") }}
    where activity like '%_sent'
    {% if is_incremental() %}
        and customer_id in (select customer_id from changes where not is_granted)
    {% endif %}
    group by customer_id, channel
),

ordered as (
    select
        changes.customer_id,
        changes.channel,
        changes.is_granted,
        {{ local_date("changes.changed_at") }} as counts_from,
        {{ local_date("lead(changes.changed_at) over customer_channel") }} as counts_until,
        -- Where consent is not on record, a send shows that the channel was open.
        max(
            case
                when changes.is_granted or changes.is_unsubscribe then 1
                when first_sends.first_sent_at < changes.changed_at then 1
                else 0
            end
        ) over customer_channel as had_consent
    from changes
    left join first_sends
        on changes.customer_id = first_sends.customer_id
        and changes.channel = first_sends.channel
    -- What happened first at one instant is not known: the withdrawal is taken as the last word.
    window customer_channel as (
        partition by changes.customer_id, changes.channel
        order by changes.changed_at asc, changes.is_granted desc
    )
),

consents as (
    select
        customer_id,
        channel,
        case
            when is_granted then 'granted'
            when had_consent = 1 then 'left'
            else 'declined'
        end as consent_state,
        counts_from,
        counts_until
    from ordered
)

select * from consents
{{ "where false" if is_idle(["int_touched_customers"]) }}
