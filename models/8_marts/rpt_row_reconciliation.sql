-- Over 100 lines: every staging table is named, and every place that a row can end in.
{{ config(materialized="view") }}

{% set staged = [
    "stg_app__devices",
    "stg_app__events",
    "stg_crm__campaign_contacts",
    "stg_crm__campaigns",
    "stg_crm__consents",
    "stg_crm__contact_responses",
    "stg_crm__customer_merges",
    "stg_crm__customers",
    "stg_crm__preferences",
    "stg_crm__service_tickets",
    "stg_crm__surveys",
    "stg_loyalty__benefit_redemptions",
    "stg_loyalty__benefits",
    "stg_loyalty__members",
    "stg_loyalty__points_ledger",
    "stg_loyalty__products",
    "stg_loyalty__promotion_participations",
    "stg_loyalty__promotions",
    "stg_loyalty__referrals",
    "stg_loyalty__store_visits",
    "stg_loyalty__stores",
    "stg_loyalty__transaction_lines",
    "stg_loyalty__transactions",
    "stg_web__events",
    "stg_web__reviews",
] %}

with

counts as (
    select
        source_system,
        table_name,
        'in' as place,
        rows_in as row_count,
        newest_loaded_at
    from {{ ref("int_raw_rows") }}
    {% for raw in raw_sources() %}
    union all
    select
        '{{ raw.source_name }}' as source_system,
        '{{ raw.name }}' as table_name,
        'in' as place,
        0 as row_count,
        cast(null as timestamp) as newest_loaded_at
    {% endfor %}
    union all
    select
        source_system,
        table_name,
        'erased' as place,
        rows_erased as row_count,
        cast(null as timestamp) as newest_loaded_at
    from {{ ref("int_raw_rows") }}
    {% for name in staged %}
    {% set system, table = name.split("__") %}
    union all
    select
        '{{ system | replace("stg_", "raw_") }}' as source_system,
        '{{ table }}' as table_name,
        'staged' as place,
        count(*) as row_count,
        cast(null as timestamp) as newest_loaded_at
    from {{ ref(name) }}
    where replaced_at is null
    union all
    select
        '{{ system | replace("stg_", "raw_") }}' as source_system,
        '{{ table }}' as table_name,
        'vanished' as place,
        count(*) as row_count,
        cast(null as timestamp) as newest_loaded_at
    from {{ ref(name) }}
    where is_vanished and replaced_at is null
    {% endfor %}
    {% for place in ["duplicate", "superseded", "deleted"] %}
    union all
    select
        source_system,
        table_name,
        '{{ place }}' as place,
        rows_{{ place }} as row_count,
        cast(null as timestamp) as newest_loaded_at
    from {{ ref("int_landed_again") }}
    {% endfor %}
    union all
    select
        source_system,
        table_name,
        case when is_row then 'quarantined' else 'with_values_set_aside' end as place,
        row_count,
        cast(null as timestamp) as newest_loaded_at
    from {{ ref("int_quarantined_rows") }}
    union all
    select
        source_system,
        table_name,
        'orphaned' as place,
        1 as row_count,
        cast(null as timestamp) as newest_loaded_at
    from {{ ref("int_orphaned_rows") }}
    where replaced_at is null
),

placed as (
    select
        source_system,
        table_name,
        {% for place in ["in", "staged", "duplicate", "superseded", "deleted", "quarantined",
            "orphaned", "erased", "vanished", "with_values_set_aside"] %}
        coalesce(sum(case when place = '{{ place }}' then row_count end), 0) as rows_{{ place }},
        {% endfor %}
        max(newest_loaded_at) as newest_loaded_at
    from counts
    group by source_system, table_name
),

reconciled as (
    select
        source_system,
        table_name,
        cast(rows_in as bigint) as rows_in,
        cast(rows_staged - rows_orphaned as bigint) as rows_staged,
        cast(rows_duplicate as bigint) as rows_duplicate,
        cast(rows_superseded as bigint) as rows_superseded,
        cast(rows_deleted as bigint) as rows_deleted,
        cast(rows_quarantined + rows_orphaned as bigint) as rows_quarantined,
        cast(rows_erased as bigint) as rows_erased,
        cast(rows_vanished as bigint) as rows_vanished,
        cast(rows_with_values_set_aside as bigint) as rows_with_values_set_aside,
        newest_loaded_at
    from placed
)

select * from reconciled
