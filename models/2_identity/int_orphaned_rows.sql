-- Over 100 lines: which raw tables refer to which, and what is known, stand in one place.
{{ config(unique_key=["source_system", "table_name", "row_key"]) }}

{# What a reference may name, and where those that are known stand. #}
{% set known = {
    "account": ["int_customer_accounts", "account_id"],
    "card": ["stg_loyalty__members", "member_id"],
    "contact": ["stg_crm__campaign_contacts", "contact_id"],
    "receipt": ["stg_loyalty__transactions", "transaction_id"],
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
-- What was orphaned, what is new or changed, and what refers to something that is gone.
looked_at as (
    select
        source_system,
        table_name,
        row_key
    from {{ this }}
    where replaced_at is null
    {% for system, table, key, references in tables %}
    {% set staged = "stg_" ~ system ~ "__" ~ table %}
    {% set conditions = [is_changed(staged)] %}
    {% for column, what in references.items() %}
    {% do conditions.append(
        column ~ " in (select " ~ known[what][1] ~ " from " ~ ref(known[what][0])
        ~ " where replaced_at is not null and " ~ is_changed(known[what][0]) ~ ")"
    ) %}
    {% endfor %}
    {% for condition in conditions %}
    union
    select
        'raw_{{ system }}' as source_system,
        '{{ table }}' as table_name,
        {{ key }} as row_key
    from {{ ref(staged) }}
    where {{ condition }}
    {% endfor %}
    {% endfor %}
),

{% endif %}
{% for system, table, key, references in tables %}
{{ table }} as (
    select
        {{ key }} as row_key,
        {{ references | join(", ") }}
    from {{ few_of(
        ref("stg_" ~ system ~ "__" ~ table), key,
        "select row_key from looked_at where source_system = 'raw_" ~ system
        ~ "' and table_name = '" ~ table ~ "'",
        is_incremental(),
    ) }}
    where
        replaced_at is null
        and coalesce({{ references | join(", ") }}) is not null
),

{% endfor %}
orphaned as (
    {% for system, table, key, references in tables %}
    select
        'raw_{{ system }}' as source_system,
        '{{ table }}' as table_name,
        row_key,
        case
            {% for column in references %}
            when {{ column }} is not null then '{{ column }}'
            {% endfor %}
        end as column_name
    from {{ table }}
    where {{ are_unknown(references, known, table if is_incremental()) }}
    {{ "union all" if not loop.last }}
    {% endfor %}
)

{{ keep_replaced(
    "orphaned",
    "select source_system, table_name, row_key from looked_at",
    by="source_system, table_name, row_key",
) }}
