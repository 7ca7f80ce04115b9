-- Over 100 lines: every use of the programme, and what of it counts, stands in one place.
{{ config(materialized="ephemeral") }}

{% set adds = adds_to("int_activities") %}

with

{% if adds %}
touched_cards as (
    {{ touched_names("member", touched_since("int_activities")) }}
),

{% endif %}
{% set is_looked_at = "member_id in (select name from touched_cards)" if adds else "true" %}
cards as (
    select * from {{ ref("int_card_customers") }}
    where replaced_at is null
),

referrals as (
    select * from {{ ref("stg_loyalty__referrals") }}
    where
        replaced_at is null
        and {{ is_looked_at }}
),

known_referrals as (
    select
        referrals.member_id,
        referrals.referral_id,
        referrals.referred_at,
        coalesce(cards.customer_id, referrals.member_id) as referrer,
        accounts.customer_id = cards.customer_id as is_oneself,
        coalesce(accounts.customer_id, referrals.referred_hash) as friend
    from referrals
    left join cards on referrals.member_id = cards.member_id
    left join {{ ref("int_customer_accounts") }} as accounts
        on referrals.referred_hash = accounts.account_hash
        and accounts.replaced_at is null
),

counted_referrals as (
    select
        *,
        row_number() over (
            partition by referrer, friend order by referred_at, referral_id
        ) as friend_number
    from known_referrals
),

card_activities as (
    select
        member_id,
        redeemed_at as activity_at,
        'loyalty' as channel,
        'benefit_redeemed' as activity,
        null as engaged_seconds,
        null as excluded_reason
    from {{ ref("stg_loyalty__benefit_redemptions") }}
    where
        replaced_at is null
        and {{ is_looked_at }}
    union all
    select
        member_id,
        participated_at as activity_at,
        'loyalty' as channel,
        'promotion_joined' as activity,
        null as engaged_seconds,
        null as excluded_reason
    from {{ ref("stg_loyalty__promotion_participations") }}
    where
        replaced_at is null
        and {{ is_looked_at }}
    union all
    select
        member_id,
        referred_at as activity_at,
        'loyalty' as channel,
        'referral_made' as activity,
        null as engaged_seconds,
        case
            when is_oneself then 'self_referral'
            when friend is not null and friend_number > 1 then 'repeated_referral'
        end as excluded_reason
    from counted_referrals
    union all
    select
        member_id,
        booked_at as activity_at,
        'loyalty' as channel,
        case when entry_type = 'earn' then 'points_earned' else 'points_burned' end as activity,
        null as engaged_seconds,
        case
            when entry_type = 'earn' and is_negative then 'reversal'
            when
                entry_type = 'burn'
                and is_negative != {{ var("burned_points_are_negative") | lower }}
                then 'reversal'
        end as excluded_reason
    from {{ ref("stg_loyalty__points_ledger") }}
    where
        entry_type in ('earn', 'burn')
        and replaced_at is null
        and {{ is_looked_at }}
    union all
    select
        member_id,
        visited_at as activity_at,
        'store' as channel,
        case when visit_type = 'visit' then 'store_visited' else 'event_attended' end as activity,
        duration_seconds as engaged_seconds,
        null as excluded_reason
    from {{ ref("stg_loyalty__store_visits") }}
    where
        replaced_at is null
        and {{ is_looked_at }}
),

identified as (
    select
        cards.customer_id,
        {{ dbt.concat(["'member:'", "card_activities.member_id"]) }} as unidentified_as,
        card_activities.activity_at,
        card_activities.channel,
        card_activities.activity,
        card_activities.engaged_seconds,
        card_activities.excluded_reason
    from card_activities
    left join cards on card_activities.member_id = cards.member_id
)

select * from identified
