-- Over 100 lines: every way in which a changed row can concern a customer stands in one place.
{{ config(materialized=incremental_or_table(), incremental_strategy="append") }}
-- Activities wait for the gate on orphans.
-- depends_on: {{ ref("int_orphaned_rows") }}

-- Built from nothing, everything is computed anyway: there is nobody to list.
-- Joined with what is there and with what was replaced: whom a row concerns now and did before.

with

-- Identity: an account, a card or a customer's standing changed. It concerns all they ever did.
changed_accounts as (
    select distinct account_id from {{ ref("int_customer_accounts") }}
    where {{ is_changed("int_customer_accounts") }}
),

changed_cards as (
    select member_id from {{ ref("int_card_customers") }}
    where {{ is_changed("int_card_customers") }}
    group by member_id
    having
        count(*) = 1
        or min(customer_id) is distinct from max(customer_id)
        or count(customer_id) < count(*)
        or min(joined_at) is distinct from max(joined_at)
),

changed_identifiers as (
    select distinct identifier_hash from {{ ref("int_customer_identifiers") }}
    where {{ is_changed("int_customer_identifiers") }}
),

changed_customers as (
    select customer_id from {{ ref("int_customers") }}
    where {{ is_changed("int_customers") }}
    group by customer_id
    having
        count(*) = 1
        or min(market) is distinct from max(market)
        or count(market) not in (0, count(*))
        or min(registered_at) is distinct from max(registered_at)
        or count(registered_at) not in (0, count(*))
        or count(distinct is_test) > 1
        or count(distinct is_employee) > 1
),

-- Visits: those of a session belong together; who a visitor is concerns all the visitor did.
changed_visits as (
    select distinct
        channel,
        visitor_id,
        session_id
    from {{ ref("int_visits") }}
    where {{ is_changed("int_visits") }}
),

changed_sessions as (
    select
        channel,
        visitor_id,
        min(started_at) as touched_from
    from {{ few_of(
        ref("int_visits"), "channel, visitor_id, session_id", "select * from changed_visits",
        is_incremental(), key="channel, visitor_id, session_id",
    ) }}
    where
        (channel, visitor_id, session_id) in (
            select
                changed_visits.channel,
                changed_visits.visitor_id,
                changed_visits.session_id
            from changed_visits
        )
    group by channel, visitor_id
),

changed_visitors as (
    select
        channel,
        visitor_id,
        known_at
    from {{ ref("int_visitor_customers") }}
    where {{ is_changed("int_visitor_customers") }}
    union all
    select
        channel,
        visitor_id,
        cast(null as timestamp) as known_at
    from {{ ref("int_bot_visitors") }}
    where {{ is_changed("int_bot_visitors") }}
    union all
    select
        visits.channel,
        visits.visitor_id,
        visits.started_at as known_at
    from {{ ref("int_visits") }} as visits
    inner join changed_identifiers on visits.login_hash = changed_identifiers.identifier_hash
),

visitors_from as (
    select
        channel,
        visitor_id,
        touched_from
    from changed_sessions
    union all
    select
        changed_visitors.channel,
        changed_visitors.visitor_id,
        least(
            min(coalesce(changed_visitors.known_at, visits.started_at)),
            min(coalesce(visits.started_at, changed_visitors.known_at))
        ) as touched_from
    from changed_visitors
    left join {{ few_of(
        ref("int_visits"), "channel, visitor_id",
        "select channel, visitor_id from changed_visitors", is_incremental(),
        found_by="channel, visitor_id",
    ) }} as visits
        on changed_visitors.channel = visits.channel
        and changed_visitors.visitor_id = visits.visitor_id
    group by changed_visitors.channel, changed_visitors.visitor_id
),

-- Sends and answers: an answer belongs to whom its send went to.
changed_contacts as (
    select * from {{ ref("stg_crm__campaign_contacts") }}
    where {{ is_changed("stg_crm__campaign_contacts") }}
),

changed_campaigns as (
    select distinct
        accounts.customer_id,
        changed_contacts.campaign_id
    from changed_contacts
    inner join {{ ref("int_customer_accounts") }} as accounts
        on changed_contacts.customer_id = accounts.account_id
),

touched_contacts as (
    select contact_id from changed_contacts
    union
    select contacts.contact_id
    from {{ few_of(
        ref("stg_crm__campaign_contacts"), "customer_id", "select account_id from changed_accounts",
        is_incremental(), found_by="customer_id",
    ) }} as contacts
    inner join changed_accounts on contacts.customer_id = changed_accounts.account_id
),

{% set response_columns =
    "responses.response_id, responses.contact_id, responses.customer_id, responses.response_type"
    ~ ", responses.responded_at" %}
touched_responses as (
    select {{ response_columns }}
    from {{ ref("stg_crm__contact_responses") }} as responses
    where {{ is_changed("stg_crm__contact_responses") }}
    union
    select {{ response_columns }}
    from {{ few_of(
        ref("stg_crm__contact_responses"), "contact_id", "select contact_id from touched_contacts",
        is_incremental(), found_by="contact_id",
    ) }} as responses
    inner join touched_contacts on responses.contact_id = touched_contacts.contact_id
    union
    select {{ response_columns }}
    from {{ few_of(
        ref("stg_crm__contact_responses"), "customer_id", "select account_id from changed_accounts",
        is_incremental(),
    ) }} as responses
    inner join changed_accounts on responses.customer_id = changed_accounts.account_id
    union
    select {{ response_columns }}
    from {{ ref("stg_crm__contact_responses") }} as responses
    inner join {{ ref("int_customer_accounts") }} as accounts
        on responses.customer_id = accounts.account_id
    inner join changed_campaigns
        on accounts.customer_id = changed_campaigns.customer_id
        and responses.campaign_id = changed_campaigns.campaign_id
    where
        responses.response_type = 'unsubscribed'
        and responses.contact_id is null
),

response_accounts as (
    select
        response_id,
        response_type,
        responded_at,
        customer_id as account_id
    from touched_responses
    union all
    select
        touched_responses.response_id,
        touched_responses.response_type,
        touched_responses.responded_at,
        contacts.customer_id as account_id
    from touched_responses
    inner join {{ few_of(
        ref("stg_crm__campaign_contacts"), "contact_id", "select contact_id from touched_responses",
        is_incremental(), key="contact_id",
    ) }} as contacts
        on touched_responses.contact_id = contacts.contact_id
),

-- Purchases: by the customer, the card, a line or the category of a product in it.
changed_products as (
    select distinct product_id from {{ ref("stg_loyalty__products") }}
    where {{ is_changed("stg_loyalty__products") }}
),

changed_lines as (
    select transaction_id from {{ ref("stg_loyalty__transaction_lines") }}
    where {{ is_changed("stg_loyalty__transaction_lines") }}
    union
    select lines.transaction_id
    from {{ ref("stg_loyalty__transaction_lines") }} as lines
    inner join changed_products on lines.product_id = changed_products.product_id
),

changed_receipts as (
    select transaction_id from changed_lines
    union
    select transaction_id from {{ ref("int_returns") }}
    where {{ is_changed("int_returns") }}
),

{% set transaction_columns =
    "transactions.transaction_id, transactions.customer_id, transactions.member_id"
    ~ ", transactions.transacted_at" %}
touched_transactions as (
    select {{ transaction_columns }}
    from {{ ref("stg_loyalty__transactions") }} as transactions
    where {{ is_changed("stg_loyalty__transactions") }}
    union
    select {{ transaction_columns }}
    from {{ few_of(
        ref("stg_loyalty__transactions"), "transaction_id",
        "select transaction_id from changed_receipts", is_incremental(), key="transaction_id",
    ) }} as transactions
    inner join changed_receipts on transactions.transaction_id = changed_receipts.transaction_id
    union
    select {{ transaction_columns }}
    from {{ few_of(
        ref("stg_loyalty__transactions"), "customer_id", "select account_id from changed_accounts",
        is_incremental(),
    ) }} as transactions
    inner join changed_accounts on transactions.customer_id = changed_accounts.account_id
    union
    select {{ transaction_columns }}
    from {{ few_of(
        ref("stg_loyalty__transactions"), "member_id", "select member_id from changed_cards",
        is_incremental(),
    ) }} as transactions
    inner join changed_cards on transactions.member_id = changed_cards.member_id
),

account_rows as (
    select
        customer_id as account_id,
        sent_at as touched_from
    from changed_contacts
    union all
    -- Leaving a channel ends what earlier activity on it counts.
    select
        account_id,
        case when response_type = 'unsubscribed' then {{ long_ago() }} else responded_at end
            as touched_from
    from response_accounts
    union all
    select
        customer_id as account_id,
        {{ long_ago() }} as touched_from
    from {{ ref("stg_crm__consents") }}
    where {{ is_changed("stg_crm__consents") }}
    {% for table, time in {
        "stg_crm__surveys": "answered_at",
        "stg_crm__service_tickets": "opened_at",
        "stg_crm__preferences": "changed_at",
    }.items() %}
    union all
    select
        customer_id as account_id,
        {{ time }} as touched_from
    from {{ ref(table) }}
    where {{ is_changed(table) }}
    {% endfor %}
    union all
    select
        customer_id as account_id,
        transacted_at as touched_from
    from touched_transactions
    union all
    select
        account_id,
        {{ long_ago() }} as touched_from
    from changed_accounts
),

member_rows as (
    {% for table, time in {
        "stg_loyalty__benefit_redemptions": "redeemed_at",
        "stg_loyalty__promotion_participations": "participated_at",
        "stg_loyalty__referrals": "referred_at",
        "stg_loyalty__points_ledger": "booked_at",
        "stg_loyalty__store_visits": "visited_at",
    }.items() %}
    select
        member_id,
        {{ time }} as touched_from
    from {{ ref(table) }}
    where {{ is_changed(table) }}
    union all
    {% endfor %}
    select
        member_id,
        transacted_at as touched_from
    from touched_transactions
    union all
    -- A friend's account that is merged can be a friend who was referred before.
    select
        referrals.member_id,
        referrals.referred_at as touched_from
    from {{ ref("stg_loyalty__referrals") }} as referrals
    inner join {{ ref("int_customer_accounts") }} as accounts
        on referrals.referred_hash = accounts.account_hash
    where {{ is_changed("int_customer_accounts", "accounts") }}
    union all
    select
        member_id,
        {{ long_ago() }} as touched_from
    from changed_cards
),

login_rows as (
    select
        login_hash,
        reviewed_at as touched_from
    from {{ ref("stg_web__reviews") }}
    where {{ is_changed("stg_web__reviews") }}
    union all
    select
        identifier_hash as login_hash,
        {{ long_ago() }} as touched_from
    from changed_identifiers
),

-- The customers, and the accounts, cards, visitors and logins that belong to none (yet).
touched as (
    select
        accounts.customer_id,
        account_rows.touched_from
    from account_rows
    inner join {{ ref("int_customer_accounts") }} as accounts
        on account_rows.account_id = accounts.account_id
    union all
    select {{ dbt.concat(["'account:'", "account_id"]) }}, touched_from from account_rows
    union all
    select {{ dbt.concat(["'response:'", "response_id"]) }}, responded_at from touched_responses
    union all
    select
        cards.customer_id,
        member_rows.touched_from
    from member_rows
    inner join {{ ref("int_card_customers") }} as cards
        on member_rows.member_id = cards.member_id
    union all
    select {{ dbt.concat(["'member:'", "member_id"]) }}, touched_from from member_rows
    union all
    select {{ dbt.concat(["'transaction:'", "transaction_id"]) }}, transacted_at
    from touched_transactions
    union all
    select
        identifiers.customer_id,
        login_rows.touched_from
    from login_rows
    inner join {{ ref("int_customer_identifiers") }} as identifiers
        on login_rows.login_hash = identifiers.identifier_hash
    union all
    select {{ dbt.concat(["'login:'", "login_hash"]) }}, touched_from from login_rows
    union all
    select
        visitors.customer_id,
        visitors_from.touched_from
    from visitors_from
    inner join {{ ref("int_visitor_customers") }} as visitors
        on visitors_from.channel = visitors.channel
        and visitors_from.visitor_id = visitors.visitor_id
    union all
    select {{ dbt.concat(["channel", "':'", "visitor_id"]) }}, touched_from from visitors_from
    union all
    select customer_id, {{ long_ago() }} from changed_customers
)

select
    customer_id,
    min(touched_from) as touched_from,
    {{ run_time() }} as touched_at
from touched
where
    customer_id is not null
    and {{ "false" if is_idle() else "true" }}
group by customer_id
