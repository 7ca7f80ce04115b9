{{ config(unique_key=["source_system", "table_name", "row_key"]) }}

{# What a reference may name, and where those that are known stand. #}
{% set known = {
    "account": [ref("int_customer_accounts"), "account_id"],
    "card": [ref("stg_loyalty__members"), "member_id"],
    "contact": [ref("stg_crm__campaign_contacts"), "contact_id"],
    "receipt": [ref("stg_loyalty__transactions"), "transaction_id"],
} %}

{# Each staging table, its key, and whom or what its rows belong to; one that is known is enough. #}
{% set tables = [
    ["app", "devices", "row_key", {"customer_id": "account"}],
    ["crm", "campaign_contacts", "contact_id", {"customer_id": "account"}],
    ["crm", "consents", "row_key", {"customer_id": "account"}],
    ["crm", "contact_responses", "response_id",
        {"contact_id": "contact", "customer_id": "account"}],
    ["crm", "preferences", "row_key", {"customer_id": "account"}],
    ["crm", "service_tickets", "ticket_id", {"customer_id": "account"}],
    ["crm", "surveys", "survey_id", {"customer_id": "account"}],
    ["loyalty", "benefit_redemptions", "redemption_id", {"member_id": "card"}],
    ["loyalty", "members", "member_id", {"customer_id": "account"}],
    ["loyalty", "points_ledger", "entry_id", {"member_id": "card"}],
    ["loyalty", "promotion_participations", "participation_id",
        {"member_id": "card"}],
    ["loyalty", "referrals", "referral_id", {"member_id": "card"}],
    ["loyalty", "store_visits", "visit_id", {"member_id": "card"}],
    ["loyalty", "transaction_lines", "row_key",
        {"transaction_id": "receipt"}],
    ["loyalty", "transactions", "transaction_id",
        {"member_id": "card", "customer_id": "account"}],
] %}

with

{% if is_incremental() %}
looked_at as (
    select
        source_system,
        table_name,
        row_key
    from {{ this }}
    where replaced_at is null
    {% for system, table, key, references in tables %}
    union
    select
        'raw_{{ system }}' as source_system,
        '{{ table }}' as table_name,
        {{ key }} as row_key
    from {{ ref("stg_" ~ system ~ "__" ~ table) }}
    where
        written_at > {{ mark() }}
        {% for column, what in references.items() %}
        or {{ column }} in (
            select {{ known[what][1] }} from {{ known[what][0] }}
            where replaced_at > {{ mark() }}
        )
        {% endfor %}
    {% endfor %}
),

{% endif %}
orphaned as (
    {% for system, table, key, references in tables %}
    select
        'raw_{{ system }}' as source_system,
        '{{ table }}' as table_name,
        {{ key }} as row_key,
        case
            {% for column in references %}
            when {{ column }} is not null then '{{ column }}'
            {% endfor %}
        end as column_name
    from {{ ref("stg_" ~ system ~ "__" ~ table) }}
    where
        replaced_at is null
        and coalesce({{ references | join(", ") }}) is not null
        and {{ are_unknown(references, known) }}
    {% if is_incremental() %}
        and {{ key }} in (
            select row_key from looked_at
            where
                source_system = 'raw_{{ system }}'
                and table_name = '{{ table }}'
        )
    {% endif %}
    {{ "union all" if not loop.last }}
    {% endfor %}
)

{{ keep_replaced(
    "orphaned",
    "select source_system, table_name, row_key from looked_at",
    by="source_system, table_name, row_key",
) }}
