-- Over 100 lines: sends and answers, and which answer is to which send, stand in one place.
{{ config(materialized=incremental_or_table(), incremental_strategy="touched_rows") }}
-- depends_on: {{ ref("int_touched_customers") }}

{% set response_rows, contact_rows =
    ref("stg_crm__contact_responses"), ref("stg_crm__campaign_contacts") %}
{% set response_columns = [
    "response_id", "contact_id", "campaign_id", "customer_id", "response_type", "machine_flag",
    "responded_at", "replaced_at",
] %}
{% set contact_columns = [
    "contact_id", "campaign_id", "customer_id", "channel", "sent_at", "replaced_at",
] %}

with

accounts as (
    select * from {{ ref("int_customer_accounts") }}
    where replaced_at is null
),

{% if is_incremental() %}
touched as (
    select * from {{ touched_since() }} as touched
),

{{ recent_and_early() }},

early_accounts as (
    {{ touched_names("account", touched="early") }}
),

-- What an answer may go by: an account, a send to it, an answer that is nobody's.
early_names as (
    select name from early_accounts
    union all
    select contact_id as name from {{ few_of(
        contact_rows, "customer_id", "select name from early_accounts", found_by="customer_id",
    ) }}
    union all
    select substring(customer_id, 10) as name from early
    where customer_id like 'response:%'
),

looked_at_responses as (
    select {{ response_columns | join(", ") }}
    from {{ few_of(
        response_rows, ["customer_id", "contact_id", "response_id"], "select name from early_names",
        key="response_id", found_by="contact_id",
    ) }}
    union
    select {{ response_columns | join(", ") }}
    from {{ response_rows }}
    where responded_at >= (select recent_from from recent)
),

-- Their sends; of an answer that names none, all that went to the customer.
looked_at as (
    select name from early_accounts
    union
    select contact_id as name from looked_at_responses
    union
    select accounts.account_id as name
    from looked_at_responses
    inner join accounts as answering on looked_at_responses.customer_id = answering.account_id
    inner join accounts on answering.customer_id = accounts.customer_id
    where looked_at_responses.contact_id is null
),

looked_at_contacts as (
    select {{ contact_columns | join(", ") }}
    from {{ few_of(
        contact_rows, ["contact_id", "customer_id"], "select name from looked_at",
        key="contact_id", found_by="customer_id",
    ) }}
    union
    select {{ contact_columns | join(", ") }}
    from {{ contact_rows }}
    where sent_at >= (select recent_from from recent)
),

{% set response_rows, contact_rows = "looked_at_responses", "looked_at_contacts" %}
{% endif %}
contacts as {{ computed("inline") }} (
    select
        contacts.contact_id,
        contacts.campaign_id,
        accounts.customer_id,
        contacts.customer_id as account_id,
        contacts.channel,
        contacts.sent_at
    from {{ contact_rows }} as contacts
    left join accounts on contacts.customer_id = accounts.account_id
    where contacts.replaced_at is null
),

responses as {{ computed("inline") }} (
    select
        responses.response_id,
        responses.contact_id,
        responses.campaign_id,
        accounts.customer_id,
        responses.customer_id as account_id,
        responses.response_type,
        responses.machine_flag,
        responses.responded_at
    from {{ response_rows }} as responses
    left join accounts on responses.customer_id = accounts.account_id
    where responses.replaced_at is null
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
        coalesce(
            {{ dbt.concat(["'account:'", "coalesce(contacts.account_id, responses.account_id)"]) }},
            {{ dbt.concat(["'response:'", "responses.response_id"]) }}
        ) as unidentified_as,
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
            -- Mail programs and scanners open most e-mails by themselves.
            when
                responses.machine_flag = 'unknown'
                and responses.response_type = 'opened'
                and contacts.channel = 'email'
                then 'may_be_machine'
        end as excluded_reason
    from responses
    left join nearest_sends on responses.response_id = nearest_sends.response_id
    left join contacts
        on coalesce(responses.contact_id, nearest_sends.contact_id) = contacts.contact_id
),

outbound as {{ computed("once") }} (
    select
        customer_id,
        case when customer_id is null then unidentified_as end as unidentified_as,
        activity_at,
        channel,
        {{ dbt.concat(["channel", "'_'", "response"]) }} as activity,
        campaign_id,
        excluded_reason
    from answers
    union all
    select
        customer_id,
        case
            when customer_id is null then {{ dbt.concat(["'account:'", "account_id"]) }}
        end as unidentified_as,
        sent_at as activity_at,
        channel,
        {{ dbt.concat(["channel", "'_sent'"]) }} as activity,
        campaign_id,
        cast(null as {{ dbt.type_string() }}) as excluded_reason
    from contacts
)

select outbound.* from outbound
{% if is_incremental() %}
inner join touched
    on coalesce(outbound.customer_id, outbound.unidentified_as) = touched.customer_id
    and outbound.activity_at >= touched.touched_from
{{ "where false" if is_idle(["int_touched_customers"]) }}
{% endif %}
{{ cluster("customer_id, unidentified_as") }}
