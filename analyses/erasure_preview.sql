{#
What `make erasure-preview` shows: what the next build would erase and what it leaves, with the rows
of each raw table. Reads what int_erased_identifiers reads; the result is personal data.
#}
with

requests as (
    select
        customer_id,
        member_id,
        email,
        requested_at,
        {{ hash_login("customer_id") }} as account_hash,
        {{ hash_identifier("member_id") }} as card_hash,
        {{ hash_email("email") }} as email_hash
    from {{ source("raw_crm", "erasure_requests") }}
),

named as (
    select * from {{ ref("int_erasure_persons") }}
),

findings as (
    select * from {{ ref("int_erasure_findings") }}
),

certain as (
    select distinct
        identifier_type,
        identifier_hash
    from findings
    where is_certain
),

identifiers as (
    select distinct
        identifier_type,
        identifier_hash
    from findings
),

rows_named as (
    {% for raw in raw_sources() if raw.name != "erasure_requests" %}
    {% set columns = contract_columns(raw.source_name, raw.name) %}
    {% for column, kinds in identifier_columns().items() if column in columns %}
    select
        '{{ raw.source_name }}.{{ raw.name }}' as table_name,
        '{{ kinds[0] if column != "login_id" else "login" }}' as identifier_type,
        {{ hash_of_kinds(column, kinds) }} as identifier_hash,
        count(*) as row_count
    from {{ source(raw.source_name, raw.name) }}
    where {{ column }} is not null
    group by {{ hash_of_kinds(column, kinds) }}
    union all
    {% endfor %}
    {% endfor %}
    select
        cast(null as {{ dbt.type_string() }}) as table_name,
        cast(null as {{ dbt.type_string() }}) as identifier_type,
        cast(null as {{ dbt.type_string() }}) as identifier_hash,
        0 as row_count
    where false
),

rows_per_identifier as (
    select
        identifiers.identifier_type,
        identifiers.identifier_hash,
        rows_named.table_name,
        sum(rows_named.row_count) as row_count
    from identifiers
    inner join rows_named
        on identifiers.identifier_hash = rows_named.identifier_hash
        and (
            identifiers.identifier_type = rows_named.identifier_type
            or rows_named.identifier_type = 'login'
            and identifiers.identifier_type in ('account', 'email')
        )
    group by identifiers.identifier_type, identifiers.identifier_hash, rows_named.table_name
),

rows_per_table as (
    {% for raw in raw_sources() if raw.name != "erasure_requests" %}
    select
        '{{ raw.source_name }}.{{ raw.name }}' as table_name,
        count(*) as row_count
    from {{ source(raw.source_name, raw.name) }}
    where {{ is_erased(contract_columns(raw.source_name, raw.name), "certain") }}
    union all
    {% endfor %}
    select
        cast(null as {{ dbt.type_string() }}) as table_name,
        0 as row_count
    where false
)
,

persons as (
    select
        person,
        min(identifier) as account_id
    from findings
    where identifier_type = 'account'
    group by person
),

others as (
    select
        findings.identifier_type,
        findings.identifier_hash,
        count(*) as other_people,
        min(persons.account_id) as other_account
    from findings
    left join persons on findings.person = persons.person
    where not findings.is_erased
    group by findings.identifier_type, findings.identifier_hash
),

-- Whom each request is certainly about.
asked as (
    select distinct
        account_hash,
        card_hash,
        email_hash,
        person
    from named
    where is_one_person
),

of_requests as (
    select
        case when findings.is_certain then 'erased' else 'kept' end as part,
        asked.account_hash,
        asked.card_hash,
        asked.email_hash,
        findings.identifier_type,
        findings.identifier_hash,
        findings.identifier,
        findings.found_in
    from asked
    inner join findings on asked.person = findings.person
    union
    -- What a request names and several people have.
    select
        'unclear' as part,
        named.account_hash,
        named.card_hash,
        named.email_hash,
        named.identifier_type,
        named.identifier_hash,
        findings.identifier,
        findings.found_in
    from named
    inner join findings
        on named.identifier_type = findings.identifier_type
        and named.identifier_hash = findings.identifier_hash
    where not named.is_one_person and not findings.is_certain
),

undone as (
    {% set seen = seen_by_staging("stg_crm__customer_merges") %}
    {% for relation in [source("raw_crm", "customer_merges")] + ([seen] if seen else []) %}
    {% for one, other in [
        ("from_customer_id", "into_customer_id"), ("into_customer_id", "from_customer_id"),
    ] %}
    select
        {{ hash_login(one) }} as account_hash,
        {{ other }} as other_account,
        {{ hash_login(other) }} as other_hash
    from {{ relation }}
    where from_customer_id is not null and into_customer_id is not null
    {{ "union" if not loop.last }}
    {% endfor %}
    {{ "union" if not loop.last }}
    {% endfor %}
),

undone_of_requests as (
    select distinct
        of_requests.account_hash,
        of_requests.card_hash,
        of_requests.email_hash,
        undone.other_account,
        undone.other_hash
    from of_requests
    inner join undone on of_requests.identifier_hash = undone.account_hash
    where
        of_requests.part = 'erased'
        and of_requests.identifier_type = 'account'
        and undone.other_hash not in (
            select certain.identifier_hash from certain
            where certain.identifier_type = 'account'
        )
),

listed as (
    select
        of_requests.*,
        coalesce(others.other_people, 0) as other_people,
        others.other_account,
        rows_per_identifier.table_name,
        rows_per_identifier.row_count
    from of_requests
    left join others
        on of_requests.identifier_type = others.identifier_type
        and of_requests.identifier_hash = others.identifier_hash
    left join rows_per_identifier
        on of_requests.identifier_type = rows_per_identifier.identifier_type
        and of_requests.identifier_hash = rows_per_identifier.identifier_hash
    union all
    select
        'undone merge' as part,
        account_hash,
        card_hash,
        email_hash,
        'account' as identifier_type,
        other_hash as identifier_hash,
        other_account as identifier,
        'raw_crm.customer_merges' as found_in,
        1 as other_people,
        other_account,
        cast(null as {{ dbt.type_string() }}) as table_name,
        cast(null as bigint) as row_count
    from undone_of_requests
    union all
    select
        'total' as part,
        cast(null as {{ dbt.type_string() }}) as account_hash,
        cast(null as {{ dbt.type_string() }}) as card_hash,
        cast(null as {{ dbt.type_string() }}) as email_hash,
        cast(null as {{ dbt.type_string() }}) as identifier_type,
        cast(null as {{ dbt.type_string() }}) as identifier_hash,
        cast(null as {{ dbt.type_string() }}) as identifier,
        cast(null as {{ dbt.type_string() }}) as found_in,
        0 as other_people,
        cast(null as {{ dbt.type_string() }}) as other_account,
        table_name,
        row_count
    from rows_per_table
    where row_count > 0
)

select
    listed.part,
    requests.customer_id,
    requests.member_id,
    requests.email,
    coalesce(listed.account_hash, listed.card_hash, listed.email_hash) as request_hash,
    {{ as_text("requests.requested_at") }} as requested_at,
    listed.identifier_type,
    coalesce(
        listed.identifier,
        case
            when listed.identifier_hash = listed.account_hash then requests.customer_id
            when listed.identifier_hash = listed.card_hash then requests.member_id
            when listed.identifier_hash = listed.email_hash then requests.email
        end,
        listed.identifier_hash
    ) as identifier,
    listed.found_in,
    listed.other_people,
    listed.other_account,
    listed.table_name,
    listed.row_count
from listed
left join requests
    on listed.account_hash is not distinct from requests.account_hash
    and listed.card_hash is not distinct from requests.card_hash
    and listed.email_hash is not distinct from requests.email_hash
    and listed.part != 'total'
order by
    requests.requested_at, request_hash, listed.part, listed.identifier_type, identifier,
    listed.table_name
