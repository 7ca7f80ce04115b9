{{ config(
    materialized=incremental_or_table(),
    incremental_strategy="delete+insert",
    unique_key=["table_name", "part", "column_name", "profile_date"],
) }}

-- The day of each table; one without is profiled as a whole.
{% set days = {
    "stg_app__devices": "installed_at",
    "stg_app__events": "event_at",
    "stg_crm__campaign_contacts": "sent_at",
    "stg_crm__campaigns": none,
    "stg_crm__consents": "changed_at",
    "stg_crm__contact_responses": "responded_at",
    "stg_crm__customer_merges": none,
    "stg_crm__customers": none,
    "stg_crm__preferences": "changed_at",
    "stg_crm__service_tickets": "opened_at",
    "stg_crm__surveys": "answered_at",
    "stg_loyalty__benefit_redemptions": "redeemed_at",
    "stg_loyalty__benefits": none,
    "stg_loyalty__members": none,
    "stg_loyalty__points_ledger": "booked_at",
    "stg_loyalty__products": none,
    "stg_loyalty__promotion_participations": "participated_at",
    "stg_loyalty__promotions": none,
    "stg_loyalty__referrals": "referred_at",
    "stg_loyalty__store_visits": "visited_at",
    "stg_loyalty__stores": none,
    "stg_loyalty__transaction_amounts": none,
    "stg_loyalty__transaction_lines": none,
    "stg_loyalty__transactions": "transacted_at",
    "stg_web__events": "event_at",
    "stg_web__reviews": "reviewed_at",
} %}
-- What no row should be, over several columns.
{% set checks = {
    "stg_app__devices": {"uninstalled_before_installed": "uninstalled_at < installed_at"},
    "stg_app__events": {"lasts_less_than_nothing": "engaged_seconds < 0"},
    "stg_crm__customer_merges": {"merged_into_itself": "from_customer_id = into_customer_id"},
    "stg_crm__service_tickets": {"closed_before_opened": "closed_at < opened_at"},
    "stg_loyalty__promotions": {"ends_before_it_starts": "ends_at < starts_at"},
    "stg_loyalty__store_visits": {"lasts_less_than_nothing": "duration_seconds < 0"},
    "stg_loyalty__transactions": {
        "in_a_store_without_one": "sales_channel = 'store' and store_id is null",
    },
    "stg_web__events": {"lasts_less_than_nothing": "engaged_seconds < 0"},
} %}

-- Of an increment, the tables with rows written since they were last profiled.
{% set due = written_since_mark(days) if execute and is_incremental() else days %}

{% set tables = {} %}
{% for name, day in days.items() if name in due %}
{% set relation = ref(name) %}
{% do tables.update({name: {
    "relation": relation,
    "source_system": name.split("__")[0].replace("stg_", "raw_"),
    "rhythm": "day",
    "types": column_types(relation),
    "checks": checks.get(name, {}),
    "day": day,
    "where": "replaced_at is null",
    "due": "cast(" ~ day ~ " as date) in (select cast(" ~ day ~ " as date) from " ~ relation
        ~ " where written_at > " ~ mark() ~ ")" if day else none,
}}) %}
{% endfor %}

{{ profile(tables) }}
