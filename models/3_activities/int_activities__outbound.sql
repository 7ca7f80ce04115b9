with

accounts as (
    select * from {{ ref("int_customer_accounts") }}
),

contacts as (
    select
        contacts.contact_id,
        contacts.campaign_id,
        accounts.customer_id,
        contacts.channel,
        contacts.sent_at
    from {{ ref("stg_crm__campaign_contacts") }} as contacts
    left join accounts on contacts.customer_id = accounts.account_id
),

responses as (
    select
        responses.response_id,
        responses.contact_id,
        responses.campaign_id,
        accounts.customer_id,
        responses.response_type,
        responses.machine_flag,
        responses.responded_at
    from {{ ref("stg_crm__contact_responses") }} as responses
    left join accounts on responses.customer_id = accounts.account_id
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
            partition by responses.response_id
            order by contacts.sent_at desc, contacts.contact_id asc
        ) = 1
),

answers as (
    select
        coalesce(contacts.customer_id, responses.customer_id) as customer_id,
        responses.responded_at as activity_at,
        coalesce(contacts.channel, 'unknown') as channel,
        coalesce(contacts.campaign_id, responses.campaign_id) as campaign_id,
        case
            when responses.response_type not in ('clicked', 'replied') or contacts.channel is null
                then responses.response_type
            when contacts.channel = 'email' then 'clicked'
            when contacts.channel = 'push' then 'opened'
            when contacts.channel = 'sms' then 'answered'
            else 'replied'
        end as response,
        case
            when contacts.channel is null then 'response_without_send'
            when responses.machine_flag = 'yes' then 'machine'
            when
                responses.machine_flag = 'unknown'
                and responses.response_type in ('opened', 'clicked')
                and {{ dbt.datediff("contacts.sent_at", "responses.responded_at", "second") }}
                <= {{ var("machine_response_seconds") }}
                then 'machine'
        end as excluded_reason
    from responses
    left join nearest_sends on responses.response_id = nearest_sends.response_id
    left join contacts
        on coalesce(responses.contact_id, nearest_sends.contact_id) = contacts.contact_id
),

outbound as (
    select
        customer_id,
        activity_at,
        channel,
        {{ dbt.concat(["channel", "'_'", "response"]) }} as activity,
        campaign_id,
        excluded_reason
    from answers
    union all
    select
        customer_id,
        sent_at as activity_at,
        channel,
        {{ dbt.concat(["channel", "'_sent'"]) }} as activity,
        campaign_id,
        cast(null as {{ dbt.type_string() }}) as excluded_reason
    from contacts
)

select * from outbound
