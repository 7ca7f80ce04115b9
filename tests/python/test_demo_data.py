"""The demo's raw data: what the contract asks for, the same each time, and as messy as promised."""

import json
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness import demo_contract

ROOT = Path(__file__).resolve().parents[2]
CUSTOMERS = 300
END = "2026-10-31"
LAST_LOAD = "timestamp '2026-11-01 03:00:00'"
END_OF_DATA = "timestamp '2026-10-31 23:00:00'"  # midnight in Paris
TYPES = {
    "varchar": pa.string(),
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
}
EVENT_TIMES = {
    "raw_crm.consents": "changed_at",
    "raw_crm.preferences": "changed_at",
    "raw_crm.campaign_contacts": "sent_at",
    "raw_crm.contact_responses": "responded_at",
    "raw_crm.surveys": "answered_at",
    "raw_crm.service_tickets": "opened_at",
    "raw_web.events": "event_at",
    "raw_web.reviews": "reviewed_at",
    "raw_app.events": "event_at",
    "raw_loyalty.transactions": "transacted_at",
    "raw_loyalty.points_ledger": "booked_at",
    "raw_loyalty.benefit_redemptions": "redeemed_at",
    "raw_loyalty.promotion_participations": "participated_at",
    "raw_loyalty.referrals": "referred_at",
    "raw_loyalty.store_visits": "visited_at",
}


CONTRACT = demo_contract()


def run(out: Path, *more: str) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "demo" / "generate.py", "--out", out, "--quiet", *more]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def make(out: Path, seed: int) -> Path:
    done = run(out, "--customers", str(CUSTOMERS), "--end", END, "--seed", str(seed))
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("demo") / "data", seed=7)


@pytest.fixture(scope="module")
def fixtures(demo) -> dict:
    return json.loads((demo / "truth" / "fixtures.json").read_text())


@pytest.fixture(scope="module")
def ask(demo):
    """A question in SQL, over one view per raw table (`raw_web.events`), → its rows."""
    con = duckdb.connect()
    for name in CONTRACT:
        source, table = name.split(".")
        con.execute(f"create schema if not exists {source}")
        con.execute(f"create view {name} as select * from read_parquet({paths(demo, name)})")
        con.execute(
            f"create view {source}.{table}_distinct as"
            f" select distinct * exclude (_loaded_at) from {name} where not _is_deleted"
        )
    truth = demo / "truth" / "latent_engagement.parquet"
    con.execute(f"create view truth as select * from read_parquet('{truth}')")
    return lambda sql: con.execute(sql).fetchall()


def paths(demo: Path, name: str) -> list[str]:
    base = demo / name.replace(".", "/")
    return [str(f) for f in sorted(base.glob("*.parquet")) or [base.with_suffix(".parquet")]]


def one(rows: list[tuple]):
    ((value,),) = rows
    return value


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(demo, tmp_path):
    again, other = make(tmp_path / "again", seed=7), make(tmp_path / "other", seed=8)
    assert contents(again) == contents(demo)
    assert contents(other).keys() == contents(demo).keys()
    events = "raw_web/events/part-0000.parquet"
    assert contents(other)[events] != contents(demo)[events]


@pytest.mark.parametrize("name", sorted(CONTRACT))
def test_columns_and_types_are_the_contracts(demo, name):
    expected = [(column, TYPES[c["data_type"]]) for column, c in CONTRACT[name].items()]
    for path in paths(demo, name):
        schema = pq.read_schema(path)
        assert list(zip(schema.names, schema.types, strict=True)) == expected


def test_nothing_but_the_contracts_tables_and_the_truth_is_written(demo):
    found = {path.removesuffix(".parquet") for path in contents(demo)}
    tables = {re.sub(r"/part-\d{4}$", "", path).replace("/", ".") for path in found}
    assert tables == set(CONTRACT) | {"truth.latent_engagement", "truth.fixtures.json"}


def test_every_optional_column_is_filled_somewhere(ask):
    empty = [
        f"{name}.{column}"
        for name, columns in CONTRACT.items()
        for column in columns
        if one(ask(f"select count({column}) from {name}")) == 0
    ]
    assert empty == []


@pytest.mark.parametrize("name", sorted(EVENT_TIMES))
def test_nothing_happens_after_the_end_or_is_loaded_before_it_happened(ask, name):
    at = EVENT_TIMES[name]
    assert one(ask(f"select count(*) from {name} where {at} >= {END_OF_DATA}")) == 0
    assert one(ask(f"select count(*) from {name} where _loaded_at < {at}")) == 0


@pytest.mark.parametrize(
    "name",
    [n for n in sorted(EVENT_TIMES) if "customer_id" in CONTRACT[n] and n != "raw_web.events"],
)
def test_nothing_happens_before_registration(ask, name):
    early = f"""
        select count(*) from {name} join raw_crm.customers using (customer_id)
        where {EVENT_TIMES[name]} < created_at"""
    assert one(ask(early)) == 0


def test_cards_and_devices_do_nothing_before_they_exist(ask):
    for table in ("transactions", "points_ledger", "benefit_redemptions", "store_visits"):
        at = EVENT_TIMES[f"raw_loyalty.{table}"]
        early = f"""
            select count(*) from raw_loyalty.{table} join raw_loyalty.members using (member_id)
            where {at} < joined_at"""
        assert one(ask(early)) == 0, table
    first = "select device_id, min(installed_at) as since from raw_app.devices group by device_id"
    early = f"""
        select count(*) from raw_app.events join ({first}) using (device_id)
        where event_at < since"""
    assert one(ask(early)) == 0


def test_the_last_load_is_at_three_in_the_morning_after_the_end_in_every_system(ask):
    for source in {name.split(".")[0] for name in CONTRACT}:
        loads = " union all ".join(
            f"select max(_loaded_at) as loaded from {n}" for n in CONTRACT if n.startswith(source)
        )
        assert one(ask(f"select max(loaded) = {LAST_LOAD} from ({loads})")), source


def test_sends_go_only_to_whom_consent_is_held(ask):
    unasked = """
        select count(distinct (sent.customer_id, sent.channel))
        from raw_crm.campaign_contacts_distinct as sent
        asof left join (
            select * from raw_crm.consents_distinct where status is not null
        ) as consent
            on sent.customer_id = consent.customer_id
            and sent.channel = consent.channel
            and sent.sent_at >= consent.changed_at
        where sent.sent_at is not null and sent.customer_id is not null and sent.channel is not null
            and consent.status is distinct from 'granted'"""
    lost = """
        select count(*) from raw_crm.consents
        where customer_id is null or channel is null or status is null or changed_at is null"""
    assert one(ask(unasked)) <= one(ask(lost))
    assert one(ask(lost)) <= 5


def test_the_truth_has_one_value_in_0_to_1_per_customer_and_month(ask):
    assert one(ask("select count(*) from truth where latent_engagement not between 0 and 1")) == 0
    twice = "select count(*) - count(distinct (customer_id, month_end)) from truth"
    assert one(ask(twice)) == 0
    assert one(ask("select count(distinct month_end) from truth")) == 18
    assert one(ask("select max(month_end)::varchar from truth")) == END
    early = """
        select count(*) from truth join raw_crm.customers using (customer_id)
        where month_end + 1 < created_at"""
    assert one(ask(early)) == 0


EVERY_QUIRK = """anonymous_only_cookies behavioural_bot_with_login bot_cookies
bot_user_agent_with_login both_log_in_in_one_session corrected_rows created_at_unknown deleted_rows
duplicate_rows email_consent_regranted email_consent_withdrawn email_never_consented employees
foreign_currency household_shares_email late_rows line_of_unknown_product machine_clicks
machine_opens member_by_email_only members_matching_no_account merges preference_withdrawn
referred_customers response_without_contact returns shared_cookies shared_devices test_accounts
transaction_without_customer unusable_rows visited_before_registration"""


@pytest.mark.parametrize("quirk", EVERY_QUIRK.split())
def test_the_fixtures_name_every_quirk(fixtures, quirk):
    assert fixtures[quirk]["count"] > 0


def test_some_rows_land_twice_some_corrected_some_deleted_and_some_late(ask):
    events = "raw_loyalty.transaction_lines"
    per_key = f"""
        select count(*) as versions, count(distinct amount) as amounts,
            count(distinct _loaded_at) as loads, bool_or(_is_deleted) as gone
        from {events} where transaction_id is not null and product_id is not null
        group by transaction_id, line_id"""
    assert one(
        ask(f"select count(*) from ({per_key}) where versions = 2 and amounts = 1 and not gone")
    )
    assert one(ask(f"select count(*) from ({per_key}) where versions = 2 and amounts = 2"))
    assert one(ask(f"select count(*) from ({per_key}) where versions <> loads")) == 0
    assert one(ask("select count(*) from raw_web.events where _is_deleted")) > 0
    late = "select count(*) from raw_web.events where _loaded_at > event_at + interval 36 hour"
    assert one(ask(late)) > 0


def test_a_few_rows_lack_a_required_value(ask):
    lacking = [
        one(ask(f"select count(*) from {name} where {column} is null"))
        for name, columns in CONTRACT.items()
        for column, c in columns.items()
        if c.get("config", {}).get("meta", {}).get("required")
    ]
    rows = sum(one(ask(f"select count(*) from {name}")) for name in CONTRACT)
    assert 0 < sum(lacking) < 0.002 * rows


def test_shared_cookies_and_devices_have_two_customers(ask, fixtures):
    def logins(table: str, key: str, value: str) -> set[str]:
        found = ask(f"""
            select distinct coalesce(c.customer_id, e.login_id)
            from {table} as e left join raw_crm.customers as c on e.login_id = c.email
            where e.{key} = '{value}' and e.login_id is not null""")
        return {login for (login,) in found}

    mixed = fixtures["both_log_in_in_one_session"]
    for pair, cookie in zip(mixed["pairs"], mixed["cookies"], strict=True):
        assert set(pair) <= logins("raw_web.events", "anonymous_id", cookie)
    for pair, device in zip(
        *(fixtures["shared_devices"][k] for k in ("pairs", "devices")), strict=True
    ):
        owners = f"select distinct customer_id from raw_app.devices where device_id = '{device}'"
        assert {owner for (owner,) in ask(owners)} >= set(pair)
    silent = fixtures["anonymous_only_cookies"]["cookies"]
    assert all(not logins("raw_web.events", "anonymous_id", cookie) for cookie in silent)


def test_a_chain_of_merges_stops_the_accounts_that_ended(ask):
    chain = """
        select count(*) from raw_crm.customer_merges_distinct as one
        join raw_crm.customer_merges_distinct as two
            on one.into_customer_id = two.from_customer_id"""
    assert one(ask(chain)) > 0
    for table in ("surveys", "preferences", "campaign_contacts"):
        name = f"raw_crm.{table}"
        after = f"""
            select count(*) from {name} join raw_crm.customer_merges
                on customer_id = from_customer_id
            where {EVENT_TIMES[name]} >= merged_at"""
        assert one(ask(after)) == 0, table


def test_bots_are_told_by_agent_or_by_a_day_of_thousands_of_events(ask, fixtures):
    agents = "select count(*) from raw_web.events where regexp_matches(user_agent, 'bot|Headless')"
    assert one(ask(agents)) > 100
    (cookie,) = fixtures["behavioural_bot_with_login"]["cookies"]
    busiest = f"""
        select max(n) from (
            select count(*) as n from raw_web.events
            where anonymous_id = '{cookie}'
                and not regexp_matches(user_agent, 'bot|Headless|python')
            group by event_at::date
        )"""
    assert one(ask(busiest)) > 1_000


def test_machine_opens_are_marked_or_come_within_two_seconds(ask):
    waits = dict(
        ask("""
        select is_machine, count(*) filter (responded_at < sent_at + interval 2 second)
        from raw_crm.contact_responses join raw_crm.campaign_contacts using (contact_id)
        where response_type = 'opened' group by is_machine""")
    )
    assert waits["unknown"] > 0
    assert waits["no"] == 0
    assert waits["yes"] is not None


def test_members_without_account_id_are_known_by_an_untidy_email(ask, fixtures):
    ids = fixtures["member_by_email_only"]["customer_ids"]
    found = ask("""
        select customers.customer_id
        from raw_loyalty.members join raw_crm.customers
            on lower(trim(members.email)) = customers.email
        where members.customer_id is null and members.email <> customers.email""")
    assert {customer for (customer,) in found} == set(ids)
    strange = one(ask("select count(*) from raw_loyalty.members where email like 'lost%'"))
    assert strange > 0


def test_receipts_and_lines_have_their_oddities(ask):
    receipts = "raw_loyalty.transactions"
    assert one(
        ask(f"select count(*) from {receipts} where member_id is null and customer_id is null")
    )
    assert one(ask(f"select count(*) from {receipts} where is_return")) > 0
    currencies = {c for (c,) in ask(f"select distinct currency from {receipts}")}
    assert currencies == {"EUR", "CHF", "USD", None}
    unknown = """
        select count(*) from raw_loyalty.transaction_lines
        anti join raw_loyalty.products using (product_id) where product_id is not null"""
    assert one(ask(unknown)) > 0
    assert one(ask("select count(*) from raw_loyalty.transaction_lines where amount <= 0")) == 0


@pytest.mark.parametrize(
    ("table", "column", "low", "high"),
    [
        ("raw_web.events", "event_id", 0.01, 0.03),
        ("raw_crm.contact_responses", "contact_id", 0.03, 0.07),
        ("raw_crm.preferences", "value", 0.01, 0.1),
    ],
)
def test_optional_values_are_missing_in_a_share_of_the_rows(ask, table, column, low, high):
    assert low < one(ask(f"select avg(({column} is null)::int) from {table}")) < high


@pytest.mark.parametrize(
    ("table", "key", "seconds"),
    [
        ("raw_web.events", "anonymous_id", "engaged_seconds"),
        ("raw_app.events", "device_id", "duration_seconds"),
    ],
)
def test_a_tenth_of_the_cookies_and_devices_has_no_session_ids(ask, table, key, seconds):
    per_key = f"""
        select count(session_id) as told, count(*) filter (session_id is null) as untold,
            count({seconds}) filter (session_id is null) as timed
        from {table} where {key} is not null group by {key}"""
    assert one(ask(f"select count(*) from ({per_key}) where told > 0 and untold > 0")) == 0
    assert 0.03 < one(ask(f"select avg((untold > 0)::int) from ({per_key})")) < 0.2
    assert one(ask(f"select sum(timed) from ({per_key})")) == 0


def test_logins_are_account_ids_and_sometimes_emails(ask):
    share = one(ask("select avg(contains(login_id, '@')::int) from raw_web.events"))
    assert 0.02 < share < 0.3


def test_some_events_fall_on_another_local_date(ask):
    other = """
        select count(*) filter (
            ((event_at at time zone 'UTC') at time zone 'Europe/Paris')::date <> event_at::date
        ) / count(*) from raw_web.events where event_at is not null"""
    assert 0.005 < one(ask(other)) < 0.2


def test_what_people_spend_says_nothing_about_their_engagement(ask):
    correlation = one(
        ask("""
        select corr(latent, spent) from (
            select avg(ln(amount)) as spent, any_value(latent) as latent
            from raw_loyalty.transaction_lines join raw_loyalty.transactions using (transaction_id)
            join (
                select right(customer_id, 8) as digits, avg(latent_engagement) as latent
                from truth group by customer_id
            ) on digits = right(member_id, 8)
            group by member_id
        )""")
    )
    assert abs(correlation) < 0.25


def test_the_engaged_use_benefits_more(ask):
    engaged, others = (
        one(
            ask(f"""
            with latent as (
                select customer_id, avg(latent_engagement) as mean from truth group by customer_id
            )
            select count(redemption_id) / count(distinct members.member_id)
            from raw_loyalty.members join latent using (customer_id)
            left join raw_loyalty.benefit_redemptions using (member_id)
            where mean {side} (select median(mean) from latent)""")
        )
        for side in (">", "<")
    )
    assert engaged > 2 * others


def test_bad_arguments_and_a_full_folder_are_refused(demo, tmp_path):
    for arguments in (["--customers", "5"], ["--months", "x"], ["--end", "2026-02-30"]):
        refused = run(tmp_path / "none", *arguments)
        assert refused.returncode == 2
        assert "error: argument" in refused.stderr
    before = contents(demo)
    refused = run(demo, "--customers", "100")
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    assert contents(demo) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep")
    refused = run(tmp_path / "mine", "--force")
    assert refused.returncode == 1
    assert [f.name for f in tmp_path.iterdir()] == ["mine"]


def test_force_replaces_demo_data(tmp_path):
    small = ["--customers", "100", "--months", "3"]
    assert run(tmp_path / "demo", *small, "--seed", "1").returncode == 0
    first = contents(tmp_path / "demo")
    done = run(tmp_path / "demo", *small, "--seed", "2", "--force")
    assert done.returncode == 0
    assert "raw_web" in done.stdout
    assert contents(tmp_path / "demo") != first
    assert [f.name for f in tmp_path.iterdir()] == ["demo"]
