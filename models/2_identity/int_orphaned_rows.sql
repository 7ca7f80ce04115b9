-- Over 100 lines: which raw tables refer to which, and what is known, stand in one place.
{{ config(
    unique_key=["source_system", "table_name", "row_key"],
    post_hook=after_commit("{{ check_orphans() }}"),
) }}

{# What a reference may name, and where those that are known stand. #}
{% set known = {
    "account": ["int_customer_accounts", "account_id"],
    "card": ["stg_loyalty__members", "member_id"],
    "contact": ["stg_crm__campaign_contacts", "contact_id"],
    "receipt": ["stg_loyalty__transactions", "transaction_id"],
} %}

{# What the large ones among them are looked into by (keep_replaced). #}
{% set found_by = {"campaign_contacts": "customer_id", "contact_responses": "contact_id"} %}

{# Each staging table, its key, and whom or what its rows belong to; one that is known is enough. #}
{% set tables = [
    ["app", "devices", hash_identifier("row_key"), {"customer_id": "account"}],
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
{% for kind, (model_name, name) in known.items() %}
known_{{ kind }} as (
    select
        {{ name }} as name,
        count(replaced_at) < count(*) as is_there
    from {{ ref(model_name) }}
    where {{ is_changed(model_name) }}
    group by {{ name }}
),

{% endfor %}
{% endif %}
-- In an increment: the rows that changed, and those that refer to something that is gone.
{% for system, table, key, references in tables %}
{% set staged = "stg_" ~ system ~ "__" ~ table %}
{% set parts = [[ref(staged), is_changed(staged) if is_incremental() else "true"]] %}
{% for column, kind in (references if is_incremental() else {}).items() %}
{% do parts.append([few_of(
    ref(staged), column, "select name from known_" ~ kind ~ " where not is_there",
    found_by=found_by.get(table),
), "true"]) %}
{% endfor %}
{{ table }} as (
    {% for relation, condition in parts %}
    select
        {{ key }} as row_key,
        {{ references | join(", ") }}
    from {{ relation }}
    where
        replaced_at is null
        and coalesce({{ references | join(", ") }}) is not null
        and {{ condition }}
    {{ "union" if not loop.last }}
    {% endfor %}
),

{% endfor %}
{% if is_incremental() %}
-- An orphan that did not change is one until something of the name it gives is there.
looked_at as (
    select
        source_system,
        table_name,
        row_key
    from {{ this }}
    where
        replaced_at is null
        and (
            {% for kind, (model_name, name) in known.items() %}
            {{ name }} in (select known.name from known_{{ kind }} as known where known.is_there)
            {{ "or" if not loop.last }}
            {% endfor %}
        )
    {% for system, table, key, references in tables %}
    {% set staged = "stg_" ~ system ~ "__" ~ table %}
    {% for row_key, relation, condition in [
        (key, ref(staged), is_changed(staged)), ("row_key", table, "true")
    ] %}
    union
    select
        'raw_{{ system }}' as source_system,
        '{{ table }}' as table_name,
        {{ row_key }} as row_key
    from {{ relation }}
    where {{ condition }}
    {% endfor %}
    {% endfor %}
),

{% endif %}
orphaned as (
    {% for system, table, key, references in tables %}
    select
        'raw_{{ system }}' as source_system,
        '{{ table }}' as table_name,
        row_key,
        {% set named = dict(zip(references.values(), references)) %}
        {% for kind, (model_name, name) in known.items() %}
        cast({{ named.get(kind, "null") }} as {{ dbt.type_string() }}) as {{ name }},
        {% endfor %}
        case
            {% for column in references %}
            when {{ column }} is not null then '{{ column }}'
            {% endfor %}
        end as column_name
    from {{ table }}
    where {{ are_unknown(table, references, known) }}
    {{ "union all" if not loop.last }}
    {% endfor %}
)

{{ keep_replaced(
    "orphaned",
    "select source_system, table_name, row_key from looked_at",
    by="source_system, table_name, row_key",
) }}
