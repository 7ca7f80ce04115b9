-- Over 100 lines: whose visits an increment looks at, and what tells a bot, stand in one place.
{{ config(unique_key=["channel", "visitor_id"]) }}

with

{% if is_incremental() %}
changed as (
    select
        channel,
        visitor_id,
        min(started_at) as first_changed_at
    from {{ ref("int_visits") }}
    where written_at > {{ mark() }}
    group by channel, visitor_id
),

-- Who was none can be one by the days of changed visits alone; of a bot all visits are looked at.
touched as (
    select
        changed.channel,
        changed.visitor_id,
        case
            when bots.visitor_id is not null then {{ long_ago() }}
            else {{ dbt.dateadd("day", -2, "changed.first_changed_at") }}
        end as touched_from
    from changed
    left join {{ this }} as bots
        on changed.channel = bots.channel
        and changed.visitor_id = bots.visitor_id
        and bots.replaced_at is null
),

{{ recent_and_early() }},

{% set columns =
    "channel, visitor_id, session_id, login_hash, started_at, event_count, user_agent" %}
visits as (
    select {{ columns }}
    from {{ few_of(
        ref("int_visits"), "channel, visitor_id", "select channel, visitor_id from early",
        found_by="channel, visitor_id",
    ) }}
    where replaced_at is null
    union
    select {{ columns }}
    from {{ ref("int_visits") }}
    where
        replaced_at is null
        and started_at >= (select recent_from from recent)
        and (channel, visitor_id) in (select touched.channel, touched.visitor_id from touched)
),

{% else %}
visits as (
    select * from {{ ref("int_visits") }}
    where replaced_at is null
),

{% endif %}
agents as (
    select distinct
        user_agent,
        {{ without_device_names("user_agent") }} as bot_text
    from visits
    where user_agent is not null
),

bot_agents as (
    select user_agent from agents
    where {{ is_bot_user_agent("bot_text") }}
),

declared as (
    select distinct
        visits.channel,
        visits.visitor_id,
        'declares itself' as told_by
    from visits
    inner join bot_agents on visits.user_agent = bot_agents.user_agent
),

busy as (
    select
        channel,
        visitor_id,
        'too many events in a day' as told_by
    from visits
    group by channel, visitor_id, {{ local_date("started_at") }}
    having sum(event_count) > {{ var("bot_events_per_day") }}
),

told as (
    select * from declared
    union all
    select * from busy
),

bots as (
    select
        channel,
        visitor_id,
        min(told_by) as told_by
    from told
    group by channel, visitor_id
)

{{ keep_replaced("bots", "select channel, visitor_id from touched") }}
