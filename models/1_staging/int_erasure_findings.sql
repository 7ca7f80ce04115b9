-- Over 100 lines: what identifies a person is followed through all systems in one place.
{{ config(materialized="ephemeral") }}
-- depends_on: {{ ref("stg_crm__erasure_requests") }}

{# Every table that names a visitor with a login: [source, table, staging model, visitor, login]. #}
{% set visitor_tables = [
    ["raw_web", "events", "stg_web__events", "anonymous_id", "login_id", "session_id"],
    ["raw_app", "events", "stg_app__events", "device_id", "login_id", "session_id"],
    ["raw_app", "devices", "stg_app__devices", "device_id", "customer_id", "null"],
] %}

with

named as (
    select * from {{ ref("int_erasure_persons") }}
),

erased as (
    select distinct person from named
    where is_one_person
),

merged as (
    select * from {{ ref("int_erasure_accounts") }}
),

owners as (
    select * from {{ ref("int_erasure_owners") }}
),

uses as (
    {% for source_name, table_name, model_name, visitor, login, session in visitor_tables %}
    {% set seen = seen_by_staging(model_name) %}
    {% for relation in [source(source_name, table_name)] + ([seen] if seen else []) %}
    select
        {{ visitor }} as visitor_id,
        cast({{ session }} as {{ dbt.type_string() }}) as session_id,
        {{ login }} as login,
        '{{ source_name }}.{{ table_name }}' as found_in
    from {{ relation }}
    where {{ login }} is not null and {{ somebody_asked() }}
    {{ "union" if not loop.last }}
    {% endfor %}
    {{ "union" if not loop.last }}
    {% endfor %}
),

contacts as (
    {% set seen = seen_by_staging("stg_crm__campaign_contacts") %}
    {% for relation in [
        source("raw_crm", "campaign_contacts"), source("raw_crm", "contact_responses"),
    ] + ([seen] if seen else []) %}
    select
        contact_id,
        customer_id
    from {{ relation }}
    where contact_id is not null and customer_id is not null and {{ somebody_asked() }}
    {{ "union" if not loop.last }}
    {% endfor %}
),

receipts as (
    {% set seen = seen_by_staging("stg_loyalty__transactions") %}
    {% for relation in [source("raw_loyalty", "transactions")] + ([seen] if seen else []) %}
    select
        transaction_id,
        customer_id,
        member_id
    from {{ relation }}
    where
        transaction_id is not null
        and coalesce(customer_id, member_id) is not null
        and {{ somebody_asked() }}
    {{ "union" if not loop.last }}
    {% endfor %}
),

-- Who each account id and login is. A login that is an e-mail address may be several people's.
names as (
    select login as name from uses
    union
    select customer_id as name from contacts
    union
    select customer_id as name from receipts
    where customer_id is not null
),

hashed_names as (
    select
        name,
        {{ hash_login("name") }} as name_hash
    from names
),

people as (
    select
        hashed_names.name,
        coalesce(owners.person, merged.person, hashed_names.name_hash) as person
    from hashed_names
    left join merged on hashed_names.name_hash = merged.account_hash
    left join owners
        on hashed_names.name_hash = owners.identifier_hash
        and owners.identifier_type = 'email'
        and hashed_names.name like '%@%'
),

links as (
    select
        'visitor' as identifier_type,
        uses.visitor_id as identifier,
        people.person,
        uses.found_in
    from uses
    inner join people on uses.login = people.name
    union
    select
        'session' as identifier_type,
        {{ session_of("uses.visitor_id", "uses.session_id") }} as identifier,
        people.person,
        uses.found_in
    from uses
    inner join people on uses.login = people.name
    where uses.session_id is not null
    union
    select
        'contact' as identifier_type,
        contacts.contact_id as identifier,
        people.person,
        'raw_crm.campaign_contacts' as found_in
    from contacts
    inner join people on contacts.customer_id = people.name
    union
    select
        'receipt' as identifier_type,
        receipts.transaction_id as identifier,
        people.person,
        'raw_loyalty.transactions' as found_in
    from receipts
    inner join people on receipts.customer_id = people.name
    union
    select
        'receipt' as identifier_type,
        receipts.transaction_id as identifier,
        owners.person,
        'raw_loyalty.members' as found_in
    from receipts
    inner join owners
        on receipts.member_id = owners.identifier
        and owners.identifier_type = 'card'
),

touched as (
    select distinct
        identifier_type,
        identifier
    from links
    where person in (select erased.person from erased)
),

theirs as (
    select links.*
    from links
    inner join touched
        on links.identifier_type = touched.identifier_type
        and links.identifier = touched.identifier
),

-- Every identifier with each person who has it or ever had it.
candidates as (
    select
        identifier_type,
        {{ hash_identifier("identifier") }} as identifier_hash,
        identifier,
        person,
        found_in
    from theirs
    union
    select
        identifier_type,
        identifier_hash,
        identifier,
        person,
        found_in
    from owners
    union
    select
        'account' as identifier_type,
        account_hash as identifier_hash,
        customer_id as identifier,
        person,
        found_in
    from owners
    where account_hash is not null
    union
    select
        'account' as identifier_type,
        account_hash as identifier_hash,
        account_id as identifier,
        person,
        'raw_crm.customer_merges' as found_in
    from merged
    union
    select
        identifier_type,
        identifier_hash,
        cast(null as {{ dbt.type_string() }}) as identifier,
        person,
        'request' as found_in
    from named
),

per_person as (
    select
        identifier_type,
        identifier_hash,
        max(identifier) as identifier,
        person,
        max(found_in) as found_in,
        person in (select erased.person from erased) as is_erased
    from candidates
    group by identifier_type, identifier_hash, person
)

select
    identifier_type,
    identifier_hash,
    max(identifier) over has_it as identifier,
    person,
    found_in,
    is_erased,
    min(case when is_erased then 1 else 0 end) over has_it = 1 as is_certain
from per_person
window has_it as (partition by identifier_type, identifier_hash)
