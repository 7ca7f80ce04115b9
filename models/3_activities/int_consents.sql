with

changes as (
    select
        accounts.customer_id,
        consents.channel,
        consents.is_granted,
        false as is_unsubscribe,
        consents.changed_at
    from {{ ref("stg_crm__consents") }} as consents
    inner join {{ ref("int_customer_accounts") }} as accounts
        on consents.customer_id = accounts.account_id
    union all
    select
        customer_id,
        channel,
        false as is_granted,
        true as is_unsubscribe,
        activity_at as changed_at
    from {{ ref("int_activities__outbound") }}
    where
        activity = {{ dbt.concat(["channel", "'_unsubscribed'"]) }}
        and customer_id is not null
        and excluded_reason is null
),

ordered as (
    select
        customer_id,
        channel,
        is_granted,
        {{ local_date("changed_at") }} as counts_from,
        {{ local_date("lead(changed_at) over customer_channel") }} as counts_until,
        max(case when is_granted or is_unsubscribe then 1 else 0 end) over customer_channel
            as had_consent
    from changes
    window customer_channel as (partition by customer_id, channel order by changed_at, is_granted)
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
