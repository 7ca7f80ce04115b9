-- Over 100 lines: visits with and without sessions of the tracker are told in one place.
{{ config(unique_key=["channel", "visitor_id", "session_id", "login_hash", "split_at"]) }}

{% set tables = {
    "web": ["stg_web__events", "anonymous_id"],
    "app": ["stg_app__events", "device_id"],
} %}
{% set gap = var("session_gap_seconds") %}
{% set long_gap = gap * var("session_id_gap_multiple") %}

with

{% if is_incremental() %}
-- Sessions with new, changed or removed events; '' is that of all events without one. Within reach
-- is a second more than the gap, as seconds are counted by their beginnings.
changed_events as (
    {% for channel, (table, visitor_id) in tables.items() %}
    select
        '{{ channel }}' as channel,
        {{ visitor_id }} as visitor_id,
        coalesce(session_id, '') as session_name,
        min(event_at) as changed_from,
        {{ dbt.dateadd("second", -gap - 1, "min(event_at)") }} as within_reach_from
    from {{ ref(table) }}
    where written_at > {{ mark() }}
    group by {{ visitor_id }}, coalesce(session_id, '')
    {{ "union all" if not loop.last }}
    {% endfor %}
),

-- Events have cookies and devices in clear, visits their hashes.
changed_sessions as (
    select
        *,
        {{ hash_identifier("visitor_id") }} as visitor_hash
    from changed_events
),

-- Nearly all changes are of the last two days: what is near them is found by its time.
recent as (
    select {{ dbt.dateadd("day", -2, "max(within_reach_from)") }} as recent_from
    from changed_sessions
),

visits_from_gaps as (
    {% set began_at = "case when session_id like ' visit %' then "
        ~ dbt.safe_cast("substring(session_id, 8)", "timestamp") ~ " end" %}
    select
        channel,
        visitor_id,
        session_id,
        ended_at,
        {{ began_at }} as began_at
    from {{ few_of(
        this, "channel, visitor_id", "select channel, visitor_hash from changed_sessions"
        ~ " where session_name = '' and within_reach_from < (select recent_from from recent)",
        found_by="channel, visitor_id",
    ) }}
    where replaced_at is null
    union all
    select
        channel,
        visitor_id,
        session_id,
        ended_at,
        {{ began_at }} as began_at
    from {{ this }}
    where
        replaced_at is null
        and ended_at >= (select recent_from from recent)
),

-- A tracker's session is told anew as a whole. Without one it is what comes with the change or
-- after it, and the visit that may go on to it.
retold as (
    select
        changed_sessions.channel,
        changed_sessions.visitor_id,
        changed_sessions.visitor_hash,
        changed_sessions.session_name,
        case
            when changed_sessions.session_name != '' then {{ long_ago() }}
            else coalesce(min(visits_from_gaps.began_at), changed_sessions.changed_from)
        end as retold_from
    from changed_sessions
    left join visits_from_gaps
        on changed_sessions.channel = visits_from_gaps.channel
        and changed_sessions.visitor_hash = visits_from_gaps.visitor_id
        and changed_sessions.changed_from >= visits_from_gaps.began_at
        and changed_sessions.within_reach_from <= visits_from_gaps.ended_at
    group by
        changed_sessions.channel,
        changed_sessions.visitor_id,
        changed_sessions.visitor_hash,
        changed_sessions.session_name,
        changed_sessions.changed_from
),

looked_at as (
    select
        channel,
        visitor_hash as visitor_id,
        {{ hash_identifier("session_name") }} as session_id
    from retold
    where session_name != ''
    union
    select
        visits_from_gaps.channel,
        visits_from_gaps.visitor_id,
        visits_from_gaps.session_id
    from visits_from_gaps
    inner join retold
        on visits_from_gaps.channel = retold.channel
        and visits_from_gaps.visitor_id = retold.visitor_hash
        and visits_from_gaps.began_at >= retold.retold_from
    where retold.session_name = ''
),

{% endif %}
events as (
    {% for channel, (table, visitor_id) in tables.items() %}
    select
        '{{ channel }}' as channel,
        events.event_id,
        events.{{ visitor_id }} as visitor_id,
        events.session_id,
        events.login_id,
        events.event_at,
        events.engaged_seconds,
        {{ "events.user_agent" if channel == "web" else "null" }} as user_agent
    {% if not is_incremental() %}
    from {{ ref(table) }} as events
    {% else %}
    {% set early = "from retold where channel = '" ~ channel
        ~ "' and retold_from < (select recent_from from recent)" %}
    from (
        select * from {{ few_of(
            ref(table), visitor_id ~ ", coalesce(session_id, '')",
            "select visitor_id, session_name " ~ early,
            found_by=visitor_id ~ ", coalesce(session_id, '')",
        ) }}
        union all
        select * from {{ ref(table) }}
        where
            event_at >= (select recent_from from recent)
            and session_id is null
            and {{ visitor_id }} not in (select visitor_id {{ early }} and session_name = '')
    ) as events
    inner join retold
        on events.{{ visitor_id }} = retold.visitor_id
        and coalesce(events.session_id, '') = retold.session_name
        and events.event_at >= retold.retold_from
        and retold.channel = '{{ channel }}'
    {% endif %}
    where events.replaced_at is null
    {{ "union all" if not loop.last }}
    {% endfor %}
),

-- Where the tracker counts no visits or measures no attention, the gaps between events stand in.
gaps as (
    select
        *,
        {{ dbt.datediff("lag(event_at) over visitor_events", "event_at", "second") }} as gap_before,
        {{ dbt.datediff("event_at", "lead(event_at) over visitor_events", "second") }} as gap_after
    from events
    where session_id is null or engaged_seconds is null
    window visitor_events as (
        partition by channel, visitor_id, session_id order by event_at, event_id
    )
),

begun as (
    select
        *,
        max(case when gap_before <= {{ gap }} then null else event_at end) over (
            partition by channel, visitor_id, session_id
            order by event_at, event_id rows unbounded preceding
        ) as began_at
    from gaps
),

-- Raw text is trimmed: no session of a tracker begins with a space, as what visits are called here.
complete_events as (
    select
        channel,
        visitor_id,
        session_id,
        login_id,
        event_at,
        engaged_seconds,
        user_agent
    from events
    where session_id is not null and engaged_seconds is not null
    union all
    select
        channel,
        visitor_id,
        coalesce(session_id, {{ dbt.concat(["' visit '", as_text("began_at")]) }}) as session_id,
        login_id,
        event_at,
        coalesce(
            engaged_seconds,
            case
                when gap_after <= {{ gap }}
                    then least(gap_after, {{ var("event_gap_cap_seconds") }})
            end,
            0
        ) as engaged_seconds,
        user_agent
    from begun
),

-- Events within so many seconds as end a visit whatever its id: a gap that does lies between two
-- such stretches, so that one pass over the events finds it.
stretches as (
    select
        channel,
        visitor_id,
        session_id,
        {{ login_text("login_id") }} as login_id,
        min(event_at) as started_at,
        max(event_at) as ended_at,
        count(*) as event_count,
        sum(round(engaged_seconds, 3)) as engaged_seconds,
        max(user_agent) as user_agent
    from complete_events
    group by
        channel, visitor_id, session_id, {{ login_text("login_id") }},
        floor({{ dbt.datediff(long_ago(), "event_at", "second") }} / {{ long_gap }}.0e0)
),

ends_before as (
    select
        *,
        max(ended_at) over (
            partition by channel, visitor_id, session_id
            order by started_at, ended_at rows between unbounded preceding and 1 preceding
        ) as ended_before
    from stretches
),

split_sessions as (
    select
        *,
        max(
            case
                when {{ dbt.datediff("ended_before", "started_at", "second") }} > {{ long_gap }}
                    then started_at
            end
        ) over (
            partition by channel, visitor_id, session_id
            order by started_at, ended_at rows unbounded preceding
        ) as split_at
    from ends_before
),

visits as (
    select
        channel,
        visitor_id,
        session_id,
        split_at,
        login_id,
        min(started_at) as started_at,
        max(ended_at) as ended_at,
        cast(sum(event_count) as {{ dbt.type_bigint() }}) as event_count,
        round(sum(engaged_seconds), 3) as engaged_seconds,
        max(user_agent) as user_agent
    from split_sessions
    group by channel, visitor_id, session_id, split_at, login_id
),

hashed as (
    select
        channel,
        {{ hash_identifier("visitor_id") }} as visitor_id,
        case
            when session_id like ' visit %' then session_id
            else {{ hash_identifier("session_id") }}
        end as session_id,
        split_at,
        {{ hash_login("login_id") }} as login_hash,
        started_at,
        ended_at,
        event_count,
        engaged_seconds,
        user_agent
    from visits
)

{{ keep_replaced(
    "hashed", "select * from looked_at", by="channel, visitor_id, session_id",
    clustered_by="visitor_id", found_by="channel, visitor_id",
) }}
