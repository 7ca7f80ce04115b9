{{ config(materialized="ephemeral") }}

{% set adds = adds_to("int_activities") %}

with

{% if adds %}
touched_cards as (
    {{ touched_names("member", touched_since("int_activities")) }}
),

{% endif %}
{% set is_looked_at = "member_id in (select name from touched_cards)" if adds else "true" %}
card_activities as (
    select
        member_id,
        redeemed_at as activity_at,
        'loyalty' as channel,
        'benefit_redeemed' as activity,
        null as engaged_seconds
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
        null as engaged_seconds
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
        null as engaged_seconds
    from {{ ref("stg_loyalty__referrals") }}
    where
        replaced_at is null
        and {{ is_looked_at }}
    union all
    select
        member_id,
        booked_at as activity_at,
        'loyalty' as channel,
        case when entry_type = 'earn' then 'points_earned' else 'points_burned' end as activity,
        null as engaged_seconds
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
        duration_seconds as engaged_seconds
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
        card_activities.engaged_seconds
    from card_activities
    left join {{ ref("int_card_customers") }} as cards
        on card_activities.member_id = cards.member_id
        and cards.replaced_at is null
)

select * from identified
