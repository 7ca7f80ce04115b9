-- Over 100 lines: visits with and without sessions of the tracker are told in one place.
{{ config(unique_key=["channel", "visitor_id", "session_id", "login_hash"]) }}

with

{% if is_incremental() %}
-- Sessions with new, changed or removed events; all their visits are told anew.
looked_at as (
    select distinct
        'web' as channel,
        anonymous_id as visitor_id,
        {{ session_name() }} as session_name
    from {{ ref("stg_web__events") }}
    where written_at > {{ mark() }}
    union all
    select distinct
        'app' as channel,
        device_id as visitor_id,
        {{ session_name() }} as session_name
    from {{ ref("stg_app__events") }}
    where written_at > {{ mark() }}
),

{% endif %}
events as (
    select
        'web' as channel,
        event_id,
        anonymous_id as visitor_id,
        session_id,
        login_id,
        event_at,
        engaged_seconds,
        user_agent
    from {{ few_of(
        ref("stg_web__events"), "anonymous_id, " ~ session_name(),
        "select visitor_id, session_name from looked_at where channel = 'web'", is_incremental(),
    ) }}
    where replaced_at is null
    union all
    select
        'app' as channel,
        event_id,
        device_id as visitor_id,
        session_id,
        login_id,
        event_at,
        engaged_seconds,
        cast(null as {{ dbt.type_string() }}) as user_agent
    from {{ few_of(
        ref("stg_app__events"), "device_id, " ~ session_name(),
        "select visitor_id, session_name from looked_at where channel = 'app'", is_incremental(),
    ) }}
    where replaced_at is null
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

numbered as (
    select
        *,
        sum(case when gap_before <= {{ var("session_gap_seconds") }} then 0 else 1 end) over (
            partition by channel, visitor_id, session_id
            order by event_at, event_id rows unbounded preceding
        ) as visit_number
    from gaps
),

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
        coalesce(session_id, {{ dbt.concat(["'visit '", as_text("visit_number")]) }}) as session_id,
        login_id,
        event_at,
        coalesce(
            engaged_seconds,
            case
                when gap_after <= {{ var("session_gap_seconds") }}
                    then least(gap_after, {{ var("event_gap_cap_seconds") }})
            end,
            0
        ) as engaged_seconds,
        user_agent
    from numbered
),

visits as (
    select
        channel,
        visitor_id,
        session_id,
        {{ hash_identifier("lower(trim(login_id))") }} as login_hash,
        min(event_at) as started_at,
        count(*) as event_count,
        round(sum(round(engaged_seconds, 3)), 3) as engaged_seconds,
        max(user_agent) as user_agent
    from complete_events
    group by channel, visitor_id, session_id, lower(trim(login_id))
)

{{ keep_replaced(
    "visits", "select * from looked_at", by="channel, visitor_id, " ~ session_name(),
    clustered_by="visitor_id",
) }}
