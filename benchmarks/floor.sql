-- The way from the raw Parquet files to the engagement variables, by hand, for DuckDB. floor.py
-- runs it step by step (`-- step:` lines), then fits, scores and writes. See README.md.
--
-- From outside (floor.py): the variables raw (folder), zone, window_days and so on; the types
-- channel and activity; the tables bot_pattern and channel_run (seeds) and activity_kind. The steps
-- from totals on are run once for every batch of customers, so that their memory is bounded.
--
-- Everything after identity works on integers: customer_no for a customer, a number for a score
-- date. A big raw table is deduplicated in two steps: hash the keys, and only where a hash occurs
-- twice look at the rows themselves; 98 % of the rows never meet a sort. The largest tables are in
-- the file rather than temporary, so that they need no memory.

-- step: accounts
create temp table crm_customer as
select
    customer_id,
    lower(trim(email)) as email,
    market,
    created_at,
    coalesce(is_test, false) or coalesce(is_employee, false) as is_internal
from (
    select * from read_parquet(getvariable('raw') || '/raw_crm/customers.parquet')
    where customer_id is not null
    qualify row_number() over (partition by customer_id order by _loaded_at desc) = 1
)
where not coalesce(_is_deleted, false);

create temp table merge as
select
    from_customer_id as account_id,
    into_customer_id as next_id
from (
    select * from read_parquet(getvariable('raw') || '/raw_crm/customer_merges.parquet')
    where from_customer_id is not null and into_customer_id is not null and merged_at is not null
    qualify row_number() over (partition by from_customer_id order by _loaded_at desc) = 1
)
where not coalesce(_is_deleted, false) and from_customer_id != into_customer_id;

-- Follow the merges to the account that is merged no further; of a circle, the least.
create temp table account as
with recursive walk as (
    select account_id, next_id as reached_id from merge
    union
    select walk.account_id, merge.next_id
    from walk
    inner join merge on merge.account_id = walk.reached_id
),

ends as (
    select
        account_id,
        coalesce(
            min(reached_id) filter (reached_id not in (select account_id from merge)),
            min(reached_id)
        ) as customer_id
    from walk
    group by account_id
)

select
    account_id,
    coalesce(ends.customer_id, account_id) as customer_id,
    dense_rank() over (order by coalesce(ends.customer_id, account_id))::integer as customer_no
from (select customer_id as account_id from crm_customer union select account_id from ends)
left join ends using (account_id);

-- step: cards
-- What a person logs in with or writes on a form: an account number or an e-mail address. One that
-- stands for two customers stands for nobody.
create temp table identifier as
select
    login,
    case when min(customer_no) = max(customer_no) then min(customer_no) end as customer_no,
    not bool_or(is_account) as is_email
from (
    select lower(trim(account_id)) as login, customer_no, true as is_account from account
    union all
    select email, customer_no, false
    from crm_customer
    inner join account on crm_customer.customer_id = account.account_id
    where email is not null
)
group by login;

create temp table card as
with member as (
    select member_id, customer_id as account_id, lower(trim(email)) as email, joined_at
    from (
        select * from read_parquet(getvariable('raw') || '/raw_loyalty/members.parquet')
        where member_id is not null and joined_at is not null
        qualify row_number() over (partition by member_id order by _loaded_at desc) = 1
    )
    where not coalesce(_is_deleted, false)
)

select
    member.member_id,
    member.joined_at,
    case
        when member.account_id is not null then account.customer_no
        when identifier.login is not null then identifier.customer_no
        else (select max(customer_no) from account) + row_number() over ()
    end::integer as customer_no,
    member.account_id is null and identifier.login is null as is_card_only
from member
left join account using (account_id)
left join identifier on identifier.login = member.email and identifier.is_email;

-- step: people
create temp table person as
with crm as (
    select
        account.customer_no,
        any_value(account.customer_id) as customer_id,
        any_value(market) filter (account.account_id = account.customer_id) as market,
        min(created_at) as created_at,
        bool_or(is_internal) as is_internal
    from crm_customer
    inner join account on crm_customer.customer_id = account.account_id
    group by account.customer_no
),

holder as (
    select
        customer_no,
        any_value('card:' || member_id) filter (is_card_only) as customer_id,
        min(joined_at) as joined_at
    from card
    where customer_no is not null
    group by customer_no
)

select
    customer_no,
    coalesce(
        crm.customer_id,
        holder.customer_id,
        (select any_value(customer_id) from account where account.customer_no = holder.customer_no)
    ) as customer_id,
    crm.market,
    coalesce(crm.is_internal, false) as is_internal,
    least(crm.created_at, holder.joined_at) as registered_at,
    holder.joined_at
from crm
full outer join holder using (customer_no);

-- step: events
create temp table bot_agent as
select distinct user_agent
from (
    select distinct user_agent
    from read_parquet(getvariable('raw') || '/raw_web/events/*.parquet')
)
where is_bot(user_agent);

create temp table web_double as
select if(event_id is null, hash(anonymous_id, event_at, event_name), hash(event_id)) as key_hash
from read_parquet(getvariable('raw') || '/raw_web/events/*.parquet')
where anonymous_id is not null and event_at is not null and event_name is not null
group by key_hash
having count(*) > 1;

create temp table web_repeated as
select
    anonymous_id, session_id, login_id, event_at, engaged_seconds, user_agent, _is_deleted
from (
    select * from read_parquet(getvariable('raw') || '/raw_web/events/*.parquet')
    where
        anonymous_id is not null and event_at is not null and event_name is not null
        and if(event_id is null, hash(anonymous_id, event_at, event_name), hash(event_id))
        in (from web_double)
)
qualify row_number() over (
    partition by event_id, if(event_id is null, row(anonymous_id, event_at, event_name), null)
    order by _loaded_at desc
) = 1;

create temp table app_double as
select if(event_id is null, hash(device_id, event_at, event_name), hash(event_id)) as key_hash
from read_parquet(getvariable('raw') || '/raw_app/events/*.parquet')
where device_id is not null and event_at is not null and event_name is not null
group by key_hash
having count(*) > 1;

create temp table app_repeated as
select
    device_id, session_id, login_id, event_at, duration_seconds, _is_deleted
from (
    select * from read_parquet(getvariable('raw') || '/raw_app/events/*.parquet')
    where
        device_id is not null and event_at is not null and event_name is not null
        and if(event_id is null, hash(device_id, event_at, event_name), hash(event_id))
        in (from app_double)
)
qualify row_number() over (
    partition by event_id, if(event_id is null, row(device_id, event_at, event_name), null)
    order by _loaded_at desc
) = 1;

create table event as
select
    'web'::channel as channel,
    anonymous_id as visitor_id,
    session_id,
    login_id,
    event_at,
    engaged_seconds,
    coalesce(user_agent in (from bot_agent), false) as is_bot
from (
    select anonymous_id, session_id, login_id, event_at, engaged_seconds, user_agent, _is_deleted
    from read_parquet(getvariable('raw') || '/raw_web/events/*.parquet')
    where
        anonymous_id is not null and event_at is not null and event_name is not null
        and if(event_id is null, hash(anonymous_id, event_at, event_name), hash(event_id))
        not in (from web_double)
    union all
    from web_repeated
)
where not coalesce(_is_deleted, false)
union all
select 'app'::channel, device_id, session_id, login_id, event_at, duration_seconds, false
from (
    select device_id, session_id, login_id, event_at, duration_seconds, _is_deleted
    from read_parquet(getvariable('raw') || '/raw_app/events/*.parquet')
    where
        device_id is not null and event_at is not null and event_name is not null
        and if(event_id is null, hash(device_id, event_at, event_name), hash(event_id))
        not in (from app_double)
    union all
    from app_repeated
)
where not coalesce(_is_deleted, false);

-- step: visits
-- A visit is a session of the tracker or, without one, events at most session_gap apart. Attention
-- that was not measured is the time until the next unmeasured event, capped.
create temp table guessed_event as
with gap as (
    select
        *,
        date_diff('second', lag(event_at) over visitor, event_at) as gap_before,
        date_diff('second', event_at, lead(event_at) over visitor) as gap_after
    from event
    where session_id is null or engaged_seconds is null
    window visitor as (partition by channel, visitor_id, session_id order by event_at)
)

select
    * exclude (gap_before, gap_after) replace (
        coalesce(session_id, 'visit ' || sum(
            case when gap_before <= getvariable('session_gap_seconds') then 0 else 1 end
        ) over (
            partition by channel, visitor_id, session_id
            order by event_at rows unbounded preceding
        )) as session_id,
        case
            when engaged_seconds is not null then engaged_seconds
            when gap_after <= getvariable('session_gap_seconds')
                then least(gap_after, getvariable('event_gap_cap_seconds'))
            else 0
        end as engaged_seconds
    )
from gap;

create temp view whole_event as
select * from event
where session_id is not null and engaged_seconds is not null
union all
select * from guessed_event;

create table session as
select
    channel,
    visitor_id,
    session_id,
    min(login_id) as login_id,
    max(login_id) as last_login_id,
    min(event_at) as started_at,
    min(event_at) filter (login_id is not null) as login_at,
    count(*) as event_count,
    sum(engaged_seconds) as engaged_seconds,
    bool_or(is_bot) as is_bot
from whole_event
group by channel, visitor_id, session_id;

-- The rare session with several logins: whoever they are. Of one person it is all theirs; of
-- several it is split, and what lies between their logins is nobody's.
create temp table shared_event as
select
    channel,
    visitor_id,
    session_id,
    event_at,
    engaged_seconds,
    lower(trim(login_id)) as login,
    identifier.customer_no,
    coalesce(identifier.customer_no::varchar, 'login ' || lower(trim(login_id))) as person
from whole_event
semi join (select * from session where login_id != last_login_id)
    using (channel, visitor_id, session_id)
left join identifier on lower(trim(login_id)) = identifier.login;

create temp table shared_visit as
with whose as (
    select
        *,
        if(
            min(person) over same_session = max(person) over same_session,
            max(person) over same_session, person
        ) as owner
    from shared_event
    window same_session as (partition by channel, visitor_id, session_id)
)

select
    channel,
    visitor_id,
    max(customer_no) as customer_no,
    min(event_at) as started_at,
    sum(engaged_seconds) as engaged_seconds
from whose
where owner is not null
group by channel, visitor_id, session_id, owner;

create temp table bot as
select channel, visitor_id from session where is_bot
union
select channel, visitor_id
from session
semi join (
    select channel, visitor_id from session
    group by channel, visitor_id
    having sum(event_count) > getvariable('bot_events_per_day')
) using (channel, visitor_id)
group by
    channel,
    visitor_id,
    cast(started_at at time zone 'UTC' at time zone getvariable('zone') as date)
having sum(event_count) > getvariable('bot_events_per_day');

create temp table known_use as
select channel, visitor_id, customer_no, min(known_at) as known_at
from (
    select channel, visitor_id, identifier.customer_no, known_at
    from (
        select channel, visitor_id, login_id, min(login_at) as known_at from session
        where login_id = last_login_id
        group by channel, visitor_id, login_id
    )
    inner join identifier on lower(trim(login_id)) = identifier.login
    where identifier.customer_no is not null
    union all
    select channel, visitor_id, customer_no, event_at from shared_event
    where customer_no is not null
    union all
    select 'app', device_id, account.customer_no, installed_at
    from (
        select device_id, customer_id as account_id, installed_at, _is_deleted
        from read_parquet(getvariable('raw') || '/raw_app/devices.parquet')
        where device_id is not null and customer_id is not null and installed_at is not null
        qualify row_number() over (partition by device_id, customer_id order by _loaded_at desc) = 1
    )
    inner join account using (account_id)
    where not coalesce(_is_deleted, false)
)
group by channel, visitor_id, customer_no;

create table visit as
with sole_owner as (
    select channel, visitor_id, any_value(customer_no) as customer_no from known_use
    group by channel, visitor_id
    having count(*) = 1
),

whole as (
    select
        channel,
        visitor_id,
        if(login_id is not null, identifier.customer_no, sole_owner.customer_no) as customer_no,
        started_at,
        engaged_seconds
    from session
    left join identifier on lower(trim(login_id)) = identifier.login
    left join sole_owner using (channel, visitor_id)
    where login_id is not distinct from last_login_id
    union all
    from shared_visit
)

select channel, customer_no, started_at, round(engaged_seconds, 3) as engaged_seconds
from whole
anti join bot using (channel, visitor_id)
where customer_no is not null;

drop view whole_event;
drop table event;
drop table guessed_event;
drop table session;
drop table shared_event;
drop table shared_visit;

-- step: campaigns
create temp table contact_double as
select if(
    contact_id is null, hash(customer_id, campaign_id, channel, sent_at), hash(contact_id)
) as key_hash
from read_parquet(getvariable('raw') || '/raw_crm/campaign_contacts/*.parquet')
where customer_id is not null and channel is not null and sent_at is not null
group by key_hash
having count(*) > 1;

create table contact as
with landed as not materialized (
    select
        *,
        if(
            contact_id is null, hash(customer_id, campaign_id, channel, sent_at), hash(contact_id)
        ) in (from contact_double) as is_double
    from read_parquet(getvariable('raw') || '/raw_crm/campaign_contacts/*.parquet')
    where customer_id is not null and channel is not null and sent_at is not null
)

select contact_id, campaign_id, customer_id, lower(channel) as channel, sent_at
from landed
where not is_double and not coalesce(_is_deleted, false)
union all
select contact_id, campaign_id, customer_id, lower(channel) as channel, sent_at
from (
    select * from landed
    where is_double
    qualify row_number() over (
        partition by
            contact_id,
            if(contact_id is null, row(customer_id, campaign_id, channel, sent_at), null)
        order by _loaded_at desc
    ) = 1
)
where not coalesce(_is_deleted, false);

create temp table response_double as
select if(
    response_id is null,
    hash(contact_id, campaign_id, customer_id, response_type, responded_at),
    hash(response_id)
) as key_hash
from read_parquet(getvariable('raw') || '/raw_crm/contact_responses/*.parquet')
where response_type is not null and responded_at is not null
group by key_hash
having count(*) > 1;

create table response as
with landed as not materialized (
    select
        *,
        if(
            response_id is null,
            hash(contact_id, campaign_id, customer_id, response_type, responded_at),
            hash(response_id)
        ) in (from response_double) as is_double
    from read_parquet(getvariable('raw') || '/raw_crm/contact_responses/*.parquet')
    where response_type is not null and responded_at is not null
)

select
    contact_id, campaign_id, customer_id, responded_at,
    lower(response_type) as response_type, lower(coalesce(is_machine, 'unknown')) as machine
from landed
where not is_double and not coalesce(_is_deleted, false)
union all
select
    contact_id, campaign_id, customer_id, responded_at,
    lower(response_type) as response_type, lower(coalesce(is_machine, 'unknown')) as machine
from (
    select * from landed
    where is_double
    qualify row_number() over (
        partition by
            response_id,
            if(
                response_id is null,
                row(contact_id, campaign_id, customer_id, response_type, responded_at),
                null
            )
        order by _loaded_at desc
    ) = 1
)
where not coalesce(_is_deleted, false);

-- Answers of people; without a contact's number, to the customer's nearest earlier send of the
-- campaign.
create table answer as
with orphan as (
    select row_number() over () as orphan_no, response.*, account.customer_no
    from response
    inner join account on account.account_id = response.customer_id
    where contact_id is null
),

candidate as (
    select contact.*, account.customer_no
    from contact
    inner join account on account.account_id = contact.customer_id
    semi join orphan
        on orphan.customer_no = account.customer_no and orphan.campaign_id = contact.campaign_id
),

found as (
    select orphan.*, candidate.channel, candidate.sent_at, candidate.customer_id as account_id
    from orphan
    inner join candidate
        on candidate.customer_no = orphan.customer_no
        and candidate.campaign_id = orphan.campaign_id
        and candidate.sent_at <= orphan.responded_at
    qualify row_number() over (
        partition by orphan_no order by candidate.sent_at desc, candidate.contact_id
    ) = 1
),

linked as (
    select responded_at, response_type, machine, channel, sent_at, account_id from found
    union all
    select responded_at, response_type, machine, channel, sent_at, contact.customer_id
    from response
    inner join contact using (contact_id)
)

select
    account.customer_no,
    case
        when response_type = 'unsubscribed' then 'unsubscribed'
        when channel = 'email' and response_type = 'bounced' then 'email_bounced'
        when channel = 'email' and response_type = 'opened' then 'email_opened'
        when channel = 'email' and response_type in ('clicked', 'replied') then 'email_clicked'
        when channel = 'push' and response_type in ('opened', 'clicked', 'replied')
            then 'push_opened'
        when channel = 'sms' and response_type in ('clicked', 'replied') then 'sms_answered'
        when channel = 'postal' and response_type in ('clicked', 'replied') then 'postal_replied'
        else 'other'
    end::activity as activity,
    channel::channel as channel,
    responded_at
from linked
inner join account on account.account_id = linked.account_id
where
    machine != 'yes'
    and not (
        machine = 'unknown'
        and (
            response_type = 'opened' and channel = 'email'
            or response_type in ('opened', 'clicked')
            and date_diff('second', sent_at, responded_at)
            <= getvariable('machine_response_seconds')
        )
    );

-- step: consents
-- Score dates are numbered from the first period end since 2000; the open as-of row is the last.
-- A day counts at the first score date from it on (from_no) until the one at which it has left the
-- window (until_no). One row per day in UTC: a local day begins in it, at next_day_at.
create temp table score_date as
with newest as (
    select max(_loaded_at) as loaded_at
    from read_parquet(getvariable('raw') || '/raw_crm/**/*.parquet', union_by_name = true)
    union all
    select max(_loaded_at)
    from read_parquet(getvariable('raw') || '/raw_web/**/*.parquet', union_by_name = true)
    union all
    select max(_loaded_at)
    from read_parquet(getvariable('raw') || '/raw_app/**/*.parquet', union_by_name = true)
    union all
    select max(_loaded_at)
    from read_parquet(getvariable('raw') || '/raw_loyalty/**/*.parquet', union_by_name = true)
),

as_of as (
    select min((loaded_at at time zone 'UTC' at time zone getvariable('zone'))::date - 1) as day
    from newest
)

select
    row_number() over (order by day)::usmallint as score_no,
    day as score_date,
    day = last_day(day) as is_period_end
from (
    select unnest(generate_series('2000-01-01'::date, as_of.day, interval 1 day))::date as day
    from as_of
)
where day = last_day(day) or day = (select day from as_of);

create temp table day_number as
select day, min(score_no) as score_no
from (
    select unnest(generate_series('2000-01-01'::date, max(score_date), interval 1 day))::date as day
    from score_date
)
inner join score_date on score_date >= day
group by day;

create temp table clock as
with utc_day as (
    select
        day as utc_date,
        (day::timestamp at time zone 'UTC' at time zone getvariable('zone'))::date as day
    from day_number
)

select
    utc_date,
    utc_day.day,
    (utc_day.day + 1)::timestamp at time zone getvariable('zone') at time zone 'UTC' as next_day_at,
    here.score_no as from_no,
    next.score_no as next_from_no,
    coalesce(gone.score_no, (select max(score_no) + 1 from score_date))::usmallint as until_no,
    coalesce(next_gone.score_no, (select max(score_no) + 1 from score_date))::usmallint
        as next_until_no
from utc_day
left join day_number as here on here.day = utc_day.day
left join day_number as next on next.day = utc_day.day + 1
left join day_number as gone on gone.day = utc_day.day + getvariable('window_days')
left join day_number as next_gone on next_gone.day = utc_day.day + 1 + getvariable('window_days');

-- What was agreed and withdrawn, each until the next change.
create temp table consent as
with change as (
    select
        account.customer_no,
        lower(channel) as channel,
        lower(status) = 'granted' as is_granted,
        false as is_unsubscribe,
        changed_at
    from (
        select customer_id as account_id, channel, status, changed_at, _is_deleted
        from read_parquet(getvariable('raw') || '/raw_crm/consents.parquet')
        where
            customer_id is not null and channel is not null
            and status is not null and changed_at is not null
        qualify row_number() over (
            partition by customer_id, channel, changed_at order by _loaded_at desc
        ) = 1
    )
    inner join account using (account_id)
    where not coalesce(_is_deleted, false)
    union all
    select customer_no, channel::varchar, false, true, responded_at from answer
    where activity = 'unsubscribed'
),

-- Where consent is not on record, a send shows that the channel was open.
first_send as (
    select account.customer_no, contact.channel, min(sent_at) as first_sent_at
    from contact
    inner join account on account.account_id = contact.customer_id
    semi join (select * from change where not is_granted) as refusal
        on refusal.customer_no = account.customer_no and refusal.channel = contact.channel
    group by account.customer_no, contact.channel
),

dated as (
    select
        change.*,
        (changed_at at time zone 'UTC' at time zone getvariable('zone'))::date as from_day,
        lead(from_day) over later as until_day,
        bool_or(
            is_granted or is_unsubscribe or coalesce(first_sent_at < changed_at, false)
        ) over later as had_agreed
    from change
    left join first_send
        on first_send.customer_no = change.customer_no and first_send.channel = change.channel
    window later as (
        partition by change.customer_no, change.channel order by changed_at, is_granted
    )
)

select
    customer_no,
    try_cast(channel as channel) as channel,
    is_granted,
    not is_granted and had_agreed as is_left,
    from_day,
    until_day
from dated;

-- Stretches between withdrawals: nothing before countable_from counts, and nothing counts past
-- until_day.
create temp table consent_stretch as
with withdrawal as (
    select
        customer_no,
        channel,
        from_day,
        max(coalesce(until_day, '9999-12-31'::date)) as countable_from
    from consent
    where not is_granted
    group by customer_no, channel, from_day
),

stretch as (
    select
        *,
        lead(from_day, 1, '9999-12-31'::date) over (
            partition by customer_no, channel order by from_day
        ) as until_day
    from withdrawal
    union all
    select customer_no, channel, '0001-01-01'::date, '0001-01-01'::date, min(from_day)
    from withdrawal
    group by customer_no, channel
)

select stretch.*, day_number.score_no as cut_no
from stretch
left join day_number on day_number.day = stretch.until_day;

-- step: activities
create table transaction as
select *
from (
    select
        transaction_id, transacted_at, lower(sales_channel) = 'online' as is_online,
        member_id, customer_id, is_return, _is_deleted
    from read_parquet(getvariable('raw') || '/raw_loyalty/transactions/*.parquet')
    where transaction_id is not null and transacted_at is not null and sales_channel is not null
    qualify row_number() over (partition by transaction_id order by _loaded_at desc) = 1
)
where not coalesce(_is_deleted, false) and not coalesce(is_return, false);

create table purchase as
select
    transaction_id,
    coalesce(account.customer_no, card.customer_no) as customer_no,
    transacted_at,
    is_online
from transaction
left join account on account.account_id = transaction.customer_id
left join card using (member_id)
where coalesce(account.customer_no, card.customer_no) is not null;

create temp table line_double as
select hash(transaction_id, coalesce(line_id, product_id)) as key_hash
from read_parquet(getvariable('raw') || '/raw_loyalty/transaction_lines/*.parquet')
where transaction_id is not null and product_id is not null
group by key_hash
having count(*) > 1;

create table category_bought as
with landed as not materialized (
    select
        transaction_id, line_id, product_id, _loaded_at, _is_deleted,
        hash(transaction_id, coalesce(line_id, product_id)) in (from line_double) as is_double
    from read_parquet(getvariable('raw') || '/raw_loyalty/transaction_lines/*.parquet')
    where transaction_id is not null and product_id is not null
),

line as (
    select transaction_id, product_id from landed
    where not is_double and not coalesce(_is_deleted, false)
    union all
    select transaction_id, product_id
    from (
        select * from landed
        where is_double
        qualify row_number() over (
            partition by transaction_id, coalesce(line_id, product_id) order by _loaded_at desc
        ) = 1
    )
    where not coalesce(_is_deleted, false)
),

product as (
    select product_id, category
    from (
        select * from read_parquet(getvariable('raw') || '/raw_loyalty/products.parquet')
        where product_id is not null and category is not null
        qualify row_number() over (partition by product_id order by _loaded_at desc) = 1
    )
    where not coalesce(_is_deleted, false)
)

select distinct customer_no, transacted_at, is_online, category
from line
inner join product using (product_id)
inner join purchase using (transaction_id);

create table card_activity as
select
    customer_no,
    'benefit_redeemed'::activity as activity,
    'loyalty'::channel as channel,
    happened_at,
    seconds
from (
    select member_id, redeemed_at as happened_at, null::double as seconds, _is_deleted
    from read_parquet(getvariable('raw') || '/raw_loyalty/benefit_redemptions.parquet')
    where member_id is not null and benefit_id is not null and redeemed_at is not null
    qualify row_number() over (
        partition by
            redemption_id, if(redemption_id is null, row(member_id, benefit_id, redeemed_at), null)
        order by _loaded_at desc
    ) = 1
)
inner join card using (member_id)
where not coalesce(_is_deleted, false)
union all
select customer_no, 'promotion_joined', 'loyalty', participated_at, null
from (
    select member_id, participated_at, _is_deleted
    from read_parquet(getvariable('raw') || '/raw_loyalty/promotion_participations.parquet')
    where member_id is not null and promotion_id is not null and participated_at is not null
    qualify row_number() over (
        partition by
            participation_id,
            if(participation_id is null, row(member_id, promotion_id, participated_at), null)
        order by _loaded_at desc
    ) = 1
)
inner join card using (member_id)
where not coalesce(_is_deleted, false)
union all
select customer_no, 'referral_made', 'loyalty', referred_at, null
from (
    select referrer_member_id as member_id, referred_at, _is_deleted
    from read_parquet(getvariable('raw') || '/raw_loyalty/referrals.parquet')
    where referrer_member_id is not null and referred_at is not null
    qualify row_number() over (
        partition by
            referral_id,
            if(
                referral_id is null,
                row(referrer_member_id, referred_customer_id, referred_at), null
            )
        order by _loaded_at desc
    ) = 1
)
inner join card using (member_id)
where not coalesce(_is_deleted, false)
union all
select
    customer_no,
    if(lower(entry_type) = 'earn', 'points_earned', 'points_burned')::activity,
    'loyalty',
    booked_at,
    null
from (
    select member_id, entry_type, booked_at, _is_deleted
    from read_parquet(getvariable('raw') || '/raw_loyalty/points_ledger/*.parquet')
    where member_id is not null and entry_type is not null and booked_at is not null
    qualify row_number() over (
        partition by entry_id, if(entry_id is null, row(member_id, entry_type, booked_at), null)
        order by _loaded_at desc
    ) = 1
)
inner join card using (member_id)
where lower(entry_type) in ('earn', 'burn') and not coalesce(_is_deleted, false)
union all
select
    customer_no,
    if(lower(visit_type) = 'visit', 'store_visited', 'event_attended')::activity,
    'store',
    visited_at,
    round(duration_seconds, 3)
from (
    select member_id, visit_type, visited_at, duration_seconds, _is_deleted
    from read_parquet(getvariable('raw') || '/raw_loyalty/store_visits.parquet')
    where member_id is not null and visit_type is not null and visited_at is not null
    qualify row_number() over (
        partition by visit_id, if(visit_id is null, row(member_id, visit_type, visited_at), null)
        order by _loaded_at desc
    ) = 1
)
inner join card using (member_id)
where not coalesce(_is_deleted, false);

create table voice as
select
    customer_no,
    'survey_answered'::activity as activity,
    'survey'::channel as channel,
    answered_at as happened_at,
    null as label
from (
    select customer_id as account_id, answered_at, _is_deleted
    from read_parquet(getvariable('raw') || '/raw_crm/surveys.parquet')
    where customer_id is not null and survey_type is not null and answered_at is not null
    qualify row_number() over (
        partition by
            survey_id,
            if(survey_id is null, row(customer_id, survey_type, answered_at), null)
        order by _loaded_at desc
    ) = 1
)
inner join account using (account_id)
where not coalesce(_is_deleted, false)
union all
select customer_no, 'service_contacted', 'contact_centre', opened_at, null
from (
    select customer_id as account_id, opened_at, _is_deleted
    from read_parquet(getvariable('raw') || '/raw_crm/service_tickets.parquet')
    where ticket_id is not null and customer_id is not null and opened_at is not null
    qualify row_number() over (partition by ticket_id order by _loaded_at desc) = 1
)
inner join account using (account_id)
where not coalesce(_is_deleted, false)
union all
select
    customer_no,
    if(value is not null, 'preference_given', 'preference_withdrawn')::activity,
    'survey',
    changed_at,
    attribute
from (
    select customer_id as account_id, attribute, value, changed_at, _is_deleted
    from read_parquet(getvariable('raw') || '/raw_crm/preferences.parquet')
    where customer_id is not null and attribute is not null and changed_at is not null
    qualify row_number() over (
        partition by customer_id, attribute, changed_at order by _loaded_at desc
    ) = 1
)
inner join account using (account_id)
where not coalesce(_is_deleted, false)
union all
select customer_no, 'review_written', 'web', reviewed_at, null
from (
    select lower(trim(login_id)) as login, reviewed_at, _is_deleted
    from read_parquet(getvariable('raw') || '/raw_web/reviews.parquet')
    where login_id is not null and reviewed_at is not null
    qualify row_number() over (
        partition by
            review_id,
            if(review_id is null, row(login_id, review_type, product_id, reviewed_at), null)
        order by _loaded_at desc
    ) = 1
)
inner join identifier using (login)
where not coalesce(_is_deleted, false);

-- Everything that counts for somebody, with the score dates that it counts at. All rows pass what
-- they are joined with; guessed smaller than they are, DuckDB would hold them in memory instead.
set disabled_optimizers = 'join_order,build_side_probe_side';

create table activity as
with stacked as (
    select
        account.customer_no,
        case channel
            when 'email' then 'email_sent'
            when 'postal' then 'postal_sent'
            when 'sms' then 'sms_sent'
            when 'push' then 'push_sent'
            else 'other'
        end::activity as activity,
        try_cast(channel as channel) as channel,
        sent_at as happened_at,
        null::double as seconds,
        null as label
    from contact
    inner join account on account.account_id = contact.customer_id
    union all
    select customer_no, activity, channel, responded_at, null, null from answer
    union all
    select
        customer_no, if(channel = 'web', 'web_visited', 'app_visited')::activity, channel,
        started_at, engaged_seconds, null
    from visit
    union all
    select
        customer_no, if(is_online, 'online_ordered', 'store_purchased')::activity,
        if(is_online, 'web', 'store')::channel, transacted_at, null, null
    from purchase
    union all
    select
        customer_no, 'category_bought', if(is_online, 'web', 'store')::channel,
        transacted_at, null, category
    from category_bought
    union all
    select customer_no, activity, channel, happened_at, seconds, null from card_activity
    union all
    select customer_no, activity, channel, happened_at, null, label from voice
),

dated as (
    select
        stacked.*,
        happened_at >= next_day_at as is_next_day,
        if(is_next_day, day + 1, day) as day,
        if(is_next_day, next_from_no, from_no) as from_no,
        if(is_next_day, next_until_no, until_no) as until_no
    from stacked
    inner join clock on clock.utc_date = happened_at::date
    where customer_no is not null
)

select
    dated.customer_no,
    activity,
    dated.channel,
    happened_at,
    dated.day,
    from_no,
    least(dated.until_no, cut_no) as until_no,
    seconds,
    label
from dated
left join consent_stretch
    on consent_stretch.customer_no = dated.customer_no
    and consent_stretch.channel = dated.channel
    and dated.day >= consent_stretch.from_day
    and dated.day < consent_stretch.until_day
anti join (select * from person where is_internal) as internal
    on internal.customer_no = dated.customer_no
where dated.day >= coalesce(countable_from, '0001-01-01'::date);

reset disabled_optimizers;

drop table contact;
drop table response;
drop table answer;
drop table visit;
drop table transaction;
drop table purchase;
drop table category_bought;
drop table card_activity;
drop table voice;

-- step: company
create temp table bound as
select
    (select min(day) from activity) as first_day,
    (select score_no from day_number where day = (select min(day) from activity)) as first_no,
    max(score_no) + 1 as end_no,
    max(score_date) as as_of
from score_date;

-- What the company runs, and asks its customers, at each score date.
create temp table offer as
with first_use as (
    select activity, min(from_no) as from_no from activity
    where until_no > from_no
    group by activity
),

running as (
    select score_no, score_date, activity
    from score_date
    inner join first_use on first_use.from_no <= score_no
    inner join activity_kind using (activity)
    anti join channel_run
        on channel_run.channel = activity_kind.channel
        and (score_date < runs_from or score_date >= runs_until)
),

first_consent as (
    select channel, min(from_day) as first_day from consent
    where is_granted
    group by channel
),

first_answer as (
    select label, min(day) as first_day from activity
    where activity = 'preference_given'
    group by label
)

select
    score_no,
    score_date,
    pow(2.0::double, (score_date - '2000-01-01'::date) / getvariable('half_life_days')::double)
        as growth,
    (select count(*) from first_answer where first_day <= score_date) as attributes_asked,
    score_date >= (select first_day from first_consent where channel = 'email') is true
        as keeps_email_consent,
    score_date >= (select first_day from first_consent where channel = 'postal') is true
        as keeps_postal_consent,
    score_date >= (select first_day from first_consent where channel = 'sms') is true
        as keeps_sms_consent,
    score_date >= (select first_day from first_consent where channel = 'push') is true
        as keeps_push_consent,
    coalesce(bool_or(activity = 'email_sent'), false) as has_email_sent,
    coalesce(bool_or(activity = 'postal_sent'), false) as has_postal_sent,
    coalesce(bool_or(activity = 'sms_sent'), false) as has_sms_sent,
    coalesce(bool_or(activity = 'push_sent'), false) as has_push_sent,
    coalesce(bool_or(activity = 'web_visited'), false) as has_web_visited,
    coalesce(bool_or(activity = 'app_visited'), false) as has_app_visited,
    coalesce(bool_or(activity = 'online_ordered'), false) as has_online_ordered,
    coalesce(bool_or(activity = 'store_purchased'), false) as has_store_purchased,
    coalesce(bool_or(activity = 'store_visited'), false) as has_store_visited,
    coalesce(bool_or(activity = 'event_attended'), false) as has_event_attended,
    coalesce(bool_or(activity = 'service_contacted'), false) as has_service_contacted,
    coalesce(bool_or(activity = 'category_bought'), false) as has_category_bought,
    coalesce(bool_or(activity = 'promotion_joined'), false) as has_promotion_joined,
    coalesce(bool_or(activity = 'benefit_redeemed'), false) as has_benefit_redeemed,
    coalesce(bool_or(activity = 'points_earned'), false) as has_points_earned,
    coalesce(bool_or(activity = 'survey_answered'), false) as has_survey_answered,
    coalesce(bool_or(activity = 'review_written'), false) as has_review_written,
    coalesce(bool_or(activity = 'referral_made'), false) as has_referral_made
from score_date
left join running using (score_no, score_date)
group by score_no, score_date;

-- From when on somebody is scored, a member, or to be seen on the web and in the app.
create temp table scored as
with first_doing as (
    select
        customer_no,
        min(day) filter (is_engagement) as engaged,
        min(from_no) filter (activity.channel = 'web') as web_from_no
    from activity
    inner join activity_kind using (activity)
    group by customer_no
),

app_use as (
    select
        customer_no,
        min((known_at at time zone 'UTC' at time zone getvariable('zone'))::date) as app_from
    from known_use
    where channel = 'app'
    group by customer_no
),

dated as (
    select
        customer_no,
        customer_id,
        market,
        least(
            (registered_at at time zone 'UTC' at time zone getvariable('zone'))::date,
            engaged
        ) as scored_from,
        (joined_at at time zone 'UTC' at time zone getvariable('zone'))::date as member_from,
        app_from,
        web_from_no
    from person
    left join first_doing using (customer_no)
    left join app_use using (customer_no)
    where not is_internal
)

select
    customer_no,
    customer_id,
    market,
    greatest(coalesce(day_number.score_no, first_no), first_no) as first_no,
    member_from,
    app_from,
    web_from_no
from dated
cross join bound
left join day_number on day_number.day = scored_from
where scored_from <= as_of;

-- step: totals
create temp table batch_activity as
select * from activity
where customer_no % getvariable('batches') = getvariable('batch');

-- One row per customer and stretch of score dates with the same things in the window.
create temp table cell as
select
    customer_no,
    from_no,
    until_no,
    max(day) filter (is_engagement) as last_day,
    (count(*) filter (activity = 'email_sent'))::double as email_sent,
    (count(*) filter (activity = 'email_bounced'))::double as email_bounced,
    (count(*) filter (activity = 'email_opened'))::double as email_opened,
    (count(*) filter (activity = 'email_clicked'))::double as email_clicked,
    (count(*) filter (activity = 'postal_sent'))::double as postal_sent,
    (count(*) filter (activity = 'postal_replied'))::double as postal_replied,
    (count(*) filter (activity = 'sms_sent'))::double as sms_sent,
    (count(*) filter (activity = 'sms_answered'))::double as sms_answered,
    (count(*) filter (activity = 'push_sent'))::double as push_sent,
    (count(*) filter (activity = 'push_opened'))::double as push_opened,
    (count(*) filter (activity = 'web_visited'))::double as web_visited,
    (count(*) filter (activity = 'app_visited'))::double as app_visited,
    (count(*) filter (activity = 'online_ordered'))::double as online_ordered,
    (count(*) filter (activity = 'review_written'))::double as review_written,
    (count(*) filter (activity = 'event_attended'))::double as event_attended,
    (count(*) filter (activity = 'service_contacted'))::double as service_contacted,
    (count(*) filter (activity = 'promotion_joined'))::double as promotion_joined,
    (count(*) filter (activity = 'benefit_redeemed'))::double as benefit_redeemed,
    (count(*) filter (activity = 'points_earned'))::double as points_earned,
    (count(*) filter (activity = 'points_burned'))::double as points_burned,
    (count(*) filter (activity = 'referral_made'))::double as referral_made,
    (count(*) filter (activity = 'survey_answered'))::double as survey_answered,
    (count(*) filter (activity = 'preference_given'))::double as preference_given,
    (count(*) filter (activity in ('store_purchased', 'store_visited', 'event_attended')))::double
        as store_visited,
    coalesce(sum(seconds) filter (activity = 'web_visited'), 0) as web_seconds,
    coalesce(sum(seconds) filter (activity = 'app_visited'), 0) as app_seconds,
    coalesce(sum(seconds) filter (activity in ('store_visited', 'event_attended')), 0)
        as store_seconds
from batch_activity
inner join activity_kind using (activity)
where until_no > from_no
group by customer_no, from_no, until_no;

create temp table active_day as
select customer_no, day, any_value(from_no) as from_no, max(until_no) as until_no
from batch_activity
semi join (select * from activity_kind where is_engagement) using (activity)
where until_no > from_no
group by customer_no, day;

create temp table day_cell as
select
    customer_no,
    from_no,
    until_no,
    sum(pow(2.0::double, (day - '2000-01-01'::date) / getvariable('half_life_days')::double))
        as growth
from active_day
group by customer_no, from_no, until_no;

create temp table activity_total as
select
    customer_no,
    score_no,
    max(last_day) as last_day,
    sum(growth) as growth,
    sum(email_sent) as email_sent,
    sum(email_bounced) as email_bounced,
    sum(email_opened) as email_opened,
    sum(email_clicked) as email_clicked,
    sum(postal_sent) as postal_sent,
    sum(postal_replied) as postal_replied,
    sum(sms_sent) as sms_sent,
    sum(sms_answered) as sms_answered,
    sum(push_sent) as push_sent,
    sum(push_opened) as push_opened,
    sum(web_visited) as web_visited,
    sum(app_visited) as app_visited,
    sum(online_ordered) as online_ordered,
    sum(review_written) as review_written,
    sum(event_attended) as event_attended,
    sum(service_contacted) as service_contacted,
    sum(promotion_joined) as promotion_joined,
    sum(benefit_redeemed) as benefit_redeemed,
    sum(points_earned) as points_earned,
    sum(points_burned) as points_burned,
    sum(referral_made) as referral_made,
    sum(survey_answered) as survey_answered,
    sum(preference_given) as preference_given,
    sum(store_visited) as store_visited,
    round(sum(web_seconds), 3) as web_seconds,
    round(sum(app_seconds), 3) as app_seconds,
    round(sum(store_seconds), 3) as store_seconds
from (
    select
        cell.*,
        coalesce(growth, 0) as growth,
        unnest(range(cell.from_no::bigint, cell.until_no::bigint))::usmallint as score_no
    from cell
    left join day_cell using (customer_no, from_no, until_no)
)
group by customer_no, score_no;

drop table cell;
drop table day_cell;

-- A week counts as long as one of its active days does. Those of one week begin to count at the
-- same score date or the next, so their stretches have no gap between them.
create temp table week_total as
select customer_no, score_no, sum(weeks) as weeks
from (
    select
        customer_no,
        unnest(range(from_no, until_no))::usmallint as score_no,
        weeks
    from (
        select customer_no, from_no, until_no, count(*)::double as weeks
        from (
            select customer_no, min(from_no)::bigint as from_no, max(until_no)::bigint as until_no
            from active_day
            group by customer_no, date_trunc('week', day)
        )
        group by customer_no, from_no, until_no
    )
)
group by customer_no, score_no;

drop table active_day;

create temp table category_total as
select customer_no, score_no, count(*)::double as categories
from (
    select distinct
        customer_no, label, unnest(range(from_no::bigint, until_no::bigint))::usmallint as score_no
    from (
        select customer_no, label, from_no, max(until_no) as until_no from batch_activity
        where activity = 'category_bought' and until_no > from_no
        group by customer_no, label, from_no
    )
)
group by customer_no, score_no;

-- step: states
-- What customers have told and not taken back.
create temp table preference_total as
select customer_no, score_no, count(*)::double as preferences
from (
    select customer_no, unnest(range(from_no, until_no))::usmallint as score_no
    from (
        select
            customer_no,
            activity,
            greatest(from_no, first_no)::bigint as from_no,
            coalesce(
                lead(from_no) over (
                    partition by customer_no, label order by happened_at, activity::varchar
                ),
                end_no
            )::bigint as until_no
        from batch_activity
        cross join bound
        where activity in ('preference_given', 'preference_withdrawn') and from_no is not null
    )
    where activity = 'preference_given' and until_no > from_no
)
group by customer_no, score_no;

create temp table consent_total as
select
    customer_no,
    score_no,
    bool_or(channel = 'email' and is_granted) as email_granted,
    bool_or(channel = 'email' and is_left) as email_left,
    bool_or(channel = 'postal' and is_granted) as postal_granted,
    bool_or(channel = 'postal' and is_left) as postal_left,
    bool_or(channel = 'sms' and is_granted) as sms_granted,
    bool_or(channel = 'sms' and is_left) as sms_left,
    bool_or(channel = 'push' and is_granted) as push_granted,
    bool_or(channel = 'push' and is_left) as push_left
from (
    select
        customer_no,
        channel,
        is_granted,
        is_left,
        unnest(range(from_no, until_no))::usmallint as score_no
    from (
        select
            customer_no,
            channel,
            is_granted,
            is_left,
            greatest(coalesce(started.score_no, first_no), first_no)::bigint as from_no,
            case
                when until_day <= as_of
                    then greatest(coalesce(ended.score_no, first_no), first_no)
                else end_no
            end::bigint as until_no
        from consent
        cross join bound
        left join day_number as started on started.day = from_day
        left join day_number as ended on ended.day = until_day
        where
            from_day <= as_of
            and customer_no % getvariable('batches') = getvariable('batch')
    )
    where until_no > from_no and (is_granted or is_left)
)
group by customer_no, score_no;

-- step: variables
create temp table batch_variable as
with total as (
    select
        scored.customer_no,
        customer_id,
        market,
        offer.*,
        offer.growth as day_growth,
        attributes_asked,
        coalesce(activity_total.growth, 0) as active_growth,
        last_day,
        coalesce(weeks, 0) as weeks,
        coalesce(categories, 0) as categories,
        coalesce(preferences, 0) as preferences,
        coalesce(email_sent, 0) as email_sent,
        coalesce(email_bounced, 0) as email_bounced,
        coalesce(email_opened, 0) as email_opened,
        coalesce(email_clicked, 0) as email_clicked,
        coalesce(postal_sent, 0) as postal_sent,
        coalesce(postal_replied, 0) as postal_replied,
        coalesce(sms_sent, 0) as sms_sent,
        coalesce(sms_answered, 0) as sms_answered,
        coalesce(push_sent, 0) as push_sent,
        coalesce(push_opened, 0) as push_opened,
        coalesce(web_visited, 0) as web_visited,
        coalesce(app_visited, 0) as app_visited,
        coalesce(online_ordered, 0) as online_ordered,
        coalesce(review_written, 0) as review_written,
        coalesce(event_attended, 0) as event_attended,
        coalesce(service_contacted, 0) as service_contacted,
        coalesce(promotion_joined, 0) as promotion_joined,
        coalesce(benefit_redeemed, 0) as benefit_redeemed,
        coalesce(points_earned, 0) as points_earned,
        coalesce(points_burned, 0) as points_burned,
        coalesce(referral_made, 0) as referral_made,
        coalesce(survey_answered, 0) as survey_answered,
        coalesce(preference_given, 0) as preference_given,
        coalesce(store_visited, 0) as store_visited,
        coalesce(web_seconds, 0) as web_seconds,
        coalesce(app_seconds, 0) as app_seconds,
        coalesce(store_seconds, 0) as store_seconds,
        coalesce(member_from <= score_date, false) as is_member,
        coalesce(web_from_no <= score_no, false)
        and (has_web_visited or has_online_ordered or has_review_written) as is_web_reached,
        coalesce(app_from <= score_date, false) and has_app_visited as is_app_reached,
        has_email_sent and (
            coalesce(email_left, false)
            or (
                coalesce(email_sent, 0) > 0
                and (coalesce(email_granted, false) or not keeps_email_consent)
            )
        ) as is_email_reached,
        has_postal_sent and (
            coalesce(postal_left, false)
            or (
                coalesce(postal_sent, 0) > 0
                and (coalesce(postal_granted, false) or not keeps_postal_consent)
            )
        ) as is_postal_reached,
        has_sms_sent and (
            coalesce(sms_left, false)
            or (
                coalesce(sms_sent, 0) > 0
                and (coalesce(sms_granted, false) or not keeps_sms_consent)
            )
        ) as is_sms_reached,
        has_push_sent and (
            coalesce(push_left, false)
            or (
                coalesce(push_sent, 0) > 0
                and (coalesce(push_granted, false) or not keeps_push_consent)
            )
        ) as is_push_reached,
        is_email_reached or is_postal_reached or is_sms_reached or is_push_reached
        or is_web_reached or is_app_reached or is_member or has_store_purchased
        or has_store_visited or has_event_attended or has_survey_answered
        or has_service_contacted as is_reached
    from scored
    inner join offer on offer.score_no >= scored.first_no
    left join activity_total using (customer_no, score_no)
    left join week_total using (customer_no, score_no)
    left join category_total using (customer_no, score_no)
    left join preference_total using (customer_no, score_no)
    left join consent_total using (customer_no, score_no)
    where customer_no % getvariable('batches') = getvariable('batch')
)

select
    customer_id,
    market,
    score_date,
    if(is_email_reached, email_opened, null) as email_opens,
    if(is_email_reached, email_clicked, null) as email_clicks,
    if(
        is_email_reached,
        least(coalesce(email_clicked / nullif(greatest(email_sent - email_bounced, 0), 0), 0), 1),
        null
    ) as email_click_rate,
    if(is_postal_reached, postal_replied, null) as postal_replies,
    if(is_sms_reached, sms_answered, null) as sms_answers,
    if(is_push_reached, push_opened, null) as push_opens,
    if(is_web_reached and has_web_visited, web_visited, null) as web_visits,
    if(is_web_reached and has_web_visited, web_seconds / 60, null) as web_engaged_minutes,
    if(is_web_reached and has_online_ordered, online_ordered, null) as online_orders,
    if(is_app_reached, app_visited, null) as app_visits,
    if(is_app_reached, app_seconds / 60, null) as app_engaged_minutes,
    if(
        has_store_purchased or has_store_visited or has_event_attended, store_visited, null
    ) as store_visits,
    if(has_store_visited or has_event_attended, store_seconds / 60, null) as store_visit_minutes,
    if(has_event_attended and is_member, event_attended, null) as events_attended,
    if(has_service_contacted, service_contacted, null) as service_contacts,
    if(
        is_reached, coalesce(score_date - last_day, getvariable('window_days')), null
    )::double as recency_days,
    if(is_reached, round(active_growth / day_growth, 12), null) as decayed_active_days,
    if(is_reached, least(weeks * 7.0::double / getvariable('window_days'), 1), null)
        as active_weeks_rate,
    if(
        is_reached,
        (email_opened + email_clicked > 0)::integer
        + (postal_replied > 0)::integer
        + (sms_answered > 0)::integer
        + (push_opened > 0)::integer
        + (web_visited + online_ordered + review_written > 0)::integer
        + (app_visited > 0)::integer
        + (store_visited > 0)::integer
        + (service_contacted > 0)::integer
        + (promotion_joined + benefit_redeemed + points_burned + referral_made > 0)::integer
        + (survey_answered + preference_given > 0)::integer,
        null
    )::double as channel_diversity,
    if(has_category_bought, categories, null) as category_diversity,
    if(is_member and has_promotion_joined, promotion_joined, null) as promotions_joined,
    if(is_member and has_benefit_redeemed, benefit_redeemed, null) as benefits_redeemed,
    if(
        is_member and has_points_earned,
        least(coalesce(points_burned / nullif(points_earned, 0), 0), 1),
        null
    ) as points_use_rate,
    if(attributes_asked > 0, least(preferences / attributes_asked, 1), null)
        as preference_completeness,
    if(has_survey_answered, survey_answered, null) as surveys_answered,
    if(is_web_reached and has_review_written, review_written, null) as reviews_written,
    if(is_member and has_referral_made, referral_made, null) as referrals_made
from total;

create table if not exists variable as from batch_variable limit 0;
insert into variable from batch_variable;

drop table batch_activity;
drop table activity_total;
drop table week_total;
drop table category_total;
drop table preference_total;
drop table consent_total;
drop table batch_variable;
