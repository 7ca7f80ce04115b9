{{ config(materialized="ephemeral") }}

with

requests as (
    {{ erasure_requests() }}
),

merged as (
    select * from {{ ref("int_erasure_accounts") }}
),

owners as (
    select * from {{ ref("int_erasure_owners") }}
),

named as (
    select
        requests.*,
        'account' as identifier_type,
        requests.account_hash as identifier_hash,
        coalesce(merged.person, requests.account_hash) as person
    from requests
    left join merged on requests.account_hash = merged.account_hash
    where requests.account_hash is not null
    {% for kind in ["card", "email"] %}
    union
    select
        requests.*,
        '{{ kind }}' as identifier_type,
        requests.{{ kind }}_hash as identifier_hash,
        coalesce(owners.person, requests.{{ kind }}_hash) as person
    from requests
    left join owners
        on requests.{{ kind }}_hash = owners.identifier_hash
        and owners.identifier_type = '{{ kind }}'
    where requests.{{ kind }}_hash is not null
    {% endfor %}
)

select
    *,
    -- What several people have, or have had, does not say who asks.
    min(person) over identifier = max(person) over identifier as is_one_person
from named
window identifier as (partition by identifier_type, identifier_hash)
