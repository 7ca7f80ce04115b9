{{ config(unique_key=["channel", "visitor_id"]) }}

with

{% if is_incremental() %}
looked_at as (
    select distinct
        channel,
        visitor_id
    from {{ ref("int_visits") }}
    where written_at > {{ mark() }}
),

{% endif %}
visits as (
    select * from {{ ref("int_visits") }}
    where replaced_at is null
    {% if is_incremental() %}
        and (channel, visitor_id) in (select channel, visitor_id from looked_at)
    {% endif %}
),

agents as (
    select distinct lower(user_agent) as user_agent from visits
    where user_agent is not null
),

bot_agents as (
    select distinct agents.user_agent
    from agents
    inner join {{ ref("bot_user_agents") }} as patterns
        on agents.user_agent like {{ dbt.concat(["'%'", "patterns.user_agent_part", "'%'"]) }}
),

declared as (
    select distinct
        visits.channel,
        visits.visitor_id,
        'declares itself' as told_by
    from visits
    inner join bot_agents on lower(visits.user_agent) = bot_agents.user_agent
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

{{ keep_replaced("bots", "select channel, visitor_id from looked_at") }}
