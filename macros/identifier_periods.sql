{#
Which customer an identifier leads to at which time: the rest of a model's CTEs, the last of which
is called periods. claims: a CTE with one row per identifier and customer who has or had it
(identifier_hash, identifier_type, customer_id, valid_from, valid_until); customer_id is empty for
somebody who was erased, whose periods lead to nobody.

What one customer has had alone is theirs for all time. What several have had is theirs in turn: a
period lasts until the next customer has the identifier, the first one begins long ago, and while
two have it at once it leads to nobody.

    ann has x from 2 May to 1 June, bob from 3 June on: before 3 June x is ann's, then bob's
#}
{% macro identifier_periods(claims) %}
owned as (
    select
        identifier_hash,
        max(identifier_type) as identifier_type,
        min(customer_id) as customer_id,
        min(customer_id) != max(customer_id) as is_shared
    from {{ claims }}
    group by identifier_hash
),

moments as (
    select
        claims.identifier_hash,
        claims.valid_from as moment
    from {{ claims }} as claims
    inner join owned on claims.identifier_hash = owned.identifier_hash
    where owned.is_shared
    union
    select
        claims.identifier_hash,
        claims.valid_until as moment
    from {{ claims }} as claims
    inner join owned on claims.identifier_hash = owned.identifier_hash
    where owned.is_shared
),

held as (
    select
        moments.identifier_hash,
        moments.moment,
        min(claims.customer_id) as customer_id,
        min(claims.customer_id) != max(claims.customer_id) as is_ambiguous
    from moments
    inner join {{ claims }} as claims
        on moments.identifier_hash = claims.identifier_hash
        and moments.moment >= claims.valid_from
        and moments.moment < claims.valid_until
    group by moments.identifier_hash, moments.moment
),

holders as (
    select
        identifier_hash,
        moment,
        case when not is_ambiguous then customer_id end as customer_id,
        is_ambiguous,
        row_number() over (partition by identifier_hash order by moment) as moment_number
    from held
),

compared as (
    select
        *,
        lag(customer_id) over (partition by identifier_hash order by moment) as former_id
    from holders
),

handovers as (
    select * from compared
    where moment_number = 1 or customer_id is distinct from former_id
),

periods as (
    select
        identifier_hash,
        identifier_type,
        nullif(customer_id, '') as customer_id,
        false as is_ambiguous,
        {{ long_ago() }} as valid_from,
        {{ end_of_time() }} as valid_until
    from owned
    where not is_shared
    union all
    select
        handovers.identifier_hash,
        owned.identifier_type,
        nullif(handovers.customer_id, '') as customer_id,
        handovers.is_ambiguous,
        case when handovers.moment_number = 1 then {{ long_ago() }} else handovers.moment end
            as valid_from,
        coalesce(
            lead(handovers.moment) over (
                partition by handovers.identifier_hash order by handovers.moment
            ),
            {{ end_of_time() }}
        ) as valid_until
    from handovers
    inner join owned on handovers.identifier_hash = owned.identifier_hash
)
{% endmacro %}


{# Whether a moment lies in an identifier's period, as SQL. #}
{% macro is_valid_at(moment, periods) %}
    {{- return(
        moment ~ " >= " ~ periods ~ ".valid_from and " ~ moment ~ " < " ~ periods ~ ".valid_until"
    ) -}}
{% endmacro %}


{# A time after everything. #}
{% macro end_of_time() %}{{- return("cast('9999-12-31' as timestamp)") -}}{% endmacro %}
