{{ config(materialized="ephemeral") }}

{% set adds = adds_to("int_activities") %}

with

{% if adds %}
touched_accounts as (
    {{ touched_names("account", touched_since("int_activities")) }}
),

touched_logins as (
    {{ touched_names("login", touched_since("int_activities")) }}
),

{% endif %}
{% set is_looked_at = "customer_id in (select name from touched_accounts)" if adds
    else "true" %}
account_activities as (
    select
        customer_id as account_id,
        answered_at as activity_at,
        'survey' as channel,
        'survey_answered' as activity,
        cast(null as {{ dbt.type_string() }}) as category
    from {{ ref("stg_crm__surveys") }}
    where
        replaced_at is null
        and {{ is_looked_at }}
    union all
    select
        customer_id as account_id,
        opened_at as activity_at,
        'contact_centre' as channel,
        'service_contacted' as activity,
        cast(null as {{ dbt.type_string() }}) as category
    from {{ ref("stg_crm__service_tickets") }}
    where
        replaced_at is null
        and {{ is_looked_at }}
    union all
    select
        customer_id as account_id,
        changed_at as activity_at,
        'survey' as channel,
        case when has_value then 'preference_given' else 'preference_withdrawn' end as activity,
        attribute as category
    from {{ ref("stg_crm__preferences") }}
    where
        replaced_at is null
        and {{ is_looked_at }}
),

from_accounts as (
    select
        accounts.customer_id,
        {{ dbt.concat(["'account:'", "account_activities.account_id"]) }} as unidentified_as,
        account_activities.activity_at,
        account_activities.channel,
        account_activities.activity,
        account_activities.category
    from account_activities
    left join {{ ref("int_customer_accounts") }} as accounts
        on account_activities.account_id = accounts.account_id
        and accounts.replaced_at is null
),

from_logins as (
    select
        identifiers.customer_id,
        {{ dbt.concat(["'login:'", "reviews.login_hash"]) }} as unidentified_as,
        reviews.reviewed_at as activity_at,
        'web' as channel,
        case
            when reviews.review_type = 'comment' then 'comment_written'
            else 'review_written'
        end as activity,
        cast(null as {{ dbt.type_string() }}) as category
    from {{ ref("stg_web__reviews") }} as reviews
    left join {{ ref("int_customer_identifiers") }} as identifiers
        on reviews.login_hash = identifiers.identifier_hash
        and {{ is_valid_at("reviews.reviewed_at", "identifiers") }}
        and identifiers.replaced_at is null
    where
        reviews.replaced_at is null
    {% if adds %}
        and reviews.login_hash in (select name from touched_logins)
    {% endif %}
),

voice as (
    select * from from_accounts
    union all
    select * from from_logins
)

select * from voice
