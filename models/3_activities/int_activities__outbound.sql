with

contacts as (
    select * from {{ ref("stg_crm__campaign_contacts") }}
),

responses as (
    select * from {{ ref("stg_crm__contact_responses") }}
),

nearest_sends as (
    select
        responses.response_id,
        contacts.contact_id
    from responses
    inner join contacts
        on responses.customer_id = contacts.customer_id
        and responses.campaign_id = contacts.campaign_id
        and responses.responded_at >= contacts.sent_at
    where responses.contact_id is null
    qualify row_number() over (
            partition by responses.response_id order by contacts.sent_at desc, contacts.contact_id asc
        ) = 1
),

answered as (
    select
        responses.*,
        coalesce(responses.contact_id, nearest_sends.contact_id) as answered_contact_id
    from responses
    left join nearest_sends on responses.response_id = nearest_sends.response_id
),

answers as (
    select
        coalesce(contacts.customer_id, answered.customer_id) as account_id,
        answered.responded_at as activity_at,
        coalesce(contacts.channel, 'unknown') as channel,
        case
            when answered.response_type not in ('clicked', 'replied')
                then {{ dbt.concat([
                    "coalesce(contacts.channel, 'unknown')", "'_'", "answered.response_type"
                ]) }}
            when contacts.channel = 'email' then 'email_clicked'
            when contacts.channel = 'push' then 'push_opened'
            when contacts.channel = 'sms' then 'sms_answered'
            else {{ dbt.concat(["coalesce(contacts.channel, 'unknown')", "'_replied'"]) }}
        end as activity,
        coalesce(contacts.campaign_id, answered.campaign_id) as campaign_id,
        case
            when contacts.channel is null then 'response_without_send'
            when answered.machine_flag = 'yes' then 'machine'
            when
                answered.machine_flag = 'unknown'
                and answered.response_type in ('opened', 'clicked')
                and {{ dbt.datediff("contacts.sent_at", "answered.responded_at", "second") }}
                <= {{ var("machine_response_seconds") }}
                then 'machine'
        end as excluded_reason
    from answered
    left join contacts on answered.answered_contact_id = contacts.contact_id
),

sends as (
    select
        customer_id as account_id,
        sent_at as activity_at,
        channel,
        {{ dbt.concat(["channel", "'_sent'"]) }} as activity,
        campaign_id,
        cast(null as {{ dbt.type_string() }}) as excluded_reason
    from contacts
),

outbound as (
    select * from answers
    union all
    select * from sends
),

identified as (
    select
        accounts.customer_id,
        outbound.activity_at,
        outbound.channel,
        outbound.activity,
        outbound.campaign_id,
        outbound.excluded_reason
    from outbound
    left join {{ ref("int_customer_accounts") }} as accounts
        on outbound.account_id = accounts.account_id
)

select * from identified
