"""Who asks to be erased is gone after the next run: from tables, marts, the file, logs, target."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from time import monotonic

import duckdb
import pytest
from comparison import differences
from harness import REQUESTS, ROOT, SALT, SCORES, Project, contract, files, same_rows
from worlds import KEYS, Oracle, World, world, write

sys.path.append(str(ROOT / "scripts"))
from compact import compact

RAW = "raw\\_%"  # schemas of the views on the raw tables themselves


@dataclass(frozen=True)
class Erased:
    """A database before and after a run that read requests, and what identified those people."""

    before: Project
    after: Project
    identifiers: set[str]
    customers: set[str]  # as the marts named them


def rows(project: Project, table: str, columns: str) -> list[tuple]:
    paths = [str(path) for path in files(project.raw, table)]
    return duckdb.sql(f"select {columns} from read_parquet({paths})").fetchall()


def identifiers_of(project: Project, accounts: set[str], cards: set[str]) -> set[str]:
    """What the raw tables know of these people and of nobody else, followed in plain Python."""
    merges = rows(project, "raw_crm.customer_merges", "from_customer_id, into_customer_id")
    for _ in merges:
        accounts |= {one for pair in merges for one in pair if accounts & set(pair)}
    people = rows(project, "raw_crm.customers", "customer_id, lower(trim(email))")
    emails = {email for account, email in people if account in accounts and email}
    emails -= {email for account, email in people if account not in accounts}
    cards |= {
        card
        for card, account, email in rows(
            project, "raw_loyalty.members", "member_id, customer_id, lower(trim(email))"
        )
        if account in accounts or (account is None and email in emails)
    }
    logins = {account.lower() for account in accounts} | emails
    uses = [
        (visitor, login)
        for table, visitor_column in [("raw_web.events", "anonymous_id"),
                                      ("raw_app.events", "device_id")]
        for visitor, login in rows(project, table, f"{visitor_column}, lower(trim(login_id))")
        if login
    ] + [
        (device, account.lower())
        for device, account in rows(project, "raw_app.devices", "device_id, customer_id")
        if account
    ]  # fmt: skip
    visitors = {visitor for visitor, login in uses if login in logins}
    visitors -= {visitor for visitor, login in uses if login not in logins}
    contacts = {
        contact
        for contact, account in rows(
            project, "raw_crm.campaign_contacts", "contact_id, customer_id"
        )
        if account in accounts
    }
    receipts = {
        receipt
        for receipt, account, card in rows(
            project, "raw_loyalty.transactions", "transaction_id, customer_id, member_id"
        )
        if account in accounts or card in cards
    }
    return (accounts | emails | cards | visitors | contacts | receipts) - {None}


@pytest.fixture(scope="module")
def erased(demo, tmp_path_factory) -> Erased:
    """Somebody merged and busy names an account, somebody without an account a card."""
    folder = tmp_path_factory.mktemp("erased")
    ((account,),) = demo.ask("""
        select max_by(customer_id, contacts) from (
            select accounts.customer_id, count(*) as contacts
            from engagement_identity.int_customer_accounts as accounts
            join engagement_staging.stg_crm__customer_merges as merges
                on accounts.account_id = merges.from_customer_id
            join engagement_activities.int_activities as activities
                on accounts.customer_id = activities.customer_id
            group by all)""")
    ((card,),) = demo.ask("""
        select min(member_id) from engagement_identity.int_card_customers
        where matched_by = 'card_only'""")
    raw = shutil.copytree(demo.raw, folder / "raw")
    duckdb.sql(f"""
        copy (
            select *, timestamp '2026-10-31 10:00:00' as requested_at,
                timestamp '2026-11-01 03:00:00' as _loaded_at, false as _is_deleted
            from (values ('{account}', null, null), (null, '{card}', null))
                as requests (customer_id, member_id, email)
        ) to '{raw / "raw_crm" / "erasure_requests.parquet"}' (format parquet)""")
    shutil.copytree(demo.folder, folder / "build")
    after = Project(folder / "build", raw, keeps_traces=True)
    shutil.rmtree(after.logs)
    shutil.rmtree(after.target)
    identifiers = identifiers_of(demo, {account}, {card})
    return Erased(demo, after.dbt("run"), identifiers, {account, f"card:{card}"})


def residue(project: Project, identifiers: set[str]) -> dict[str, int]:
    """Tables and views that hold one of these values in some text -> how many of their values."""
    found = {}
    with project.connect() as connection:
        connection.execute(
            "create temp table wanted as select distinct lower(unnest(?)) as wanted",
            [sorted(identifiers)],
        )
        relations = connection.execute(f"""
            select table_schema || '.' || table_name from information_schema.tables
            where table_catalog = current_database() and table_schema like 'engagement%'
                and table_schema not like '%{RAW}' escape '\\'
            order by all""").fetchall()
        assert len(relations) > 80
        for (relation,) in relations:
            for name, kind, *_ in connection.execute(f"describe {relation}").fetchall():
                if kind != "VARCHAR":
                    continue
                # Words, too, as in the key of several columns, 'account:C1' or a row kept as JSON.
                ((count,),) = connection.execute(f"""
                    with held as (select distinct lower("{name}") as held from {relation})
                    select count(*) from (
                        from held union all
                        select unnest(regexp_split_to_array(held, '[^a-z0-9_@.+-]+')) from held
                    ) where held in (from wanted)""").fetchall()
                if count:
                    found[relation] = found.get(relation, 0) + count
    return found


def test_nothing_that_identified_them_is_left_in_any_table_or_view(erased):
    assert len(erased.identifiers) > 20
    assert residue(erased.after, erased.identifiers) == {}


def test_the_search_finds_them_in_every_layer_before(erased):
    found = residue(erased.before, erased.identifiers)
    layers = {relation.split(".")[0].removeprefix("engagement_") for relation in found}
    assert {"staging", "identity", "activities", "variables", "scores", "marts"} <= layers


def test_they_are_scored_before_and_not_after(erased):
    names = ", ".join(f"'{name}'" for name in sorted(erased.customers))
    scored = f"select count(*) from engagement_scores.int_scores where customer_id in ({names})"
    assert erased.before.ask(scored)[0][0] > 10
    assert erased.after.ask(scored) == [(0,)]


def test_everybody_elses_scores_stay(erased):
    """Nothing is calibrated here, so what is fitted moves; what is not must not."""
    names = ", ".join(f"'{name}'" for name in sorted(erased.customers))
    variables = f"""
        select customer_id, score_date, * exclude (customer_id, score_date)
        from engagement_variables.int_engagement_variables where customer_id not in ({names})"""
    assert same_rows(erased.after, erased.before, variables, key=2) > 5_000


def test_totals_fall_by_what_was_erased_and_say_so(erased):
    counted = """
        select source_system || '.' || table_name, rows_in, rows_erased,
            rows_in - rows_erased
                - (rows_staged + rows_duplicate + rows_superseded + rows_deleted + rows_quarantined)
        from engagement_marts.rpt_row_reconciliation"""
    before = {table: rest for table, *rest in erased.before.ask(counted)}
    after = {table: rest for table, *rest in erased.after.ask(counted)}
    assert after.pop(REQUESTS) == [2, 2, 0]
    assert {rest for _, _, rest in after.values()} == {0}
    assert sum(gone for _, gone, _ in after.values()) > 50
    assert {table: rows_in for table, (rows_in, *_) in after.items()} == {
        table: rows_in for table, (rows_in, *_) in before.items() if table != REQUESTS
    }
    assert {gone for _, gone, _ in before.values()} == {0}


def test_the_run_ends_in_what_a_full_refresh_gives(erased, tmp_path):
    fresh = Project(tmp_path / "fresh", erased.after.raw).build()
    assert differences(erased.after, fresh) == []


def test_a_run_later_they_are_still_gone_and_nothing_is_computed(erased, tmp_path):
    shutil.copytree(erased.after.folder, tmp_path / "again")
    again = Project(tmp_path / "again", erased.after.raw)
    assert "Nothing new" in again.attempt("run").stdout
    assert residue(again, erased.identifiers) == {}


def test_the_request_is_kept_as_hashes_that_outlive_its_raw_row(erased, tmp_path):
    shutil.copytree(erased.after.folder, tmp_path / "again")
    raw = shutil.copytree(erased.after.raw, tmp_path / "raw")
    (raw / "raw_crm" / "erasure_requests.parquet").unlink()
    again = Project(tmp_path / "again", raw)
    again.dbt("run", "--full-refresh")
    assert residue(again, erased.identifiers) == {}
    kept = again.ask("from engagement_staging.stg_crm__erasure_requests")
    assert len(kept) == 2
    hashed = [value for row in kept for value in row if isinstance(value, str)]
    assert [len(value) for value in hashed] == [64, 64]
    assert all(isinstance(value, (str, datetime, type(None))) for row in kept for value in row)


@pytest.fixture(scope="module")
def returned(erased, tmp_path_factory) -> Project:
    """A run after which a new account has an erased e-mail address."""
    folder = tmp_path_factory.mktemp("returned")
    shutil.copytree(erased.after.folder, folder / "build")
    raw = shutil.copytree(erased.after.raw, folder / "raw")
    folder_of_table = raw / "raw_crm" / "customers"
    folder_of_table.mkdir()
    shutil.move(raw / "raw_crm" / "customers.parquet", folder_of_table / "1.parquet")
    addresses = ", ".join(f"'{name}'" for name in sorted(erased.identifiers) if "@" in name)
    duckdb.sql(f"""
        copy (
            select * replace (
                'newcomer' as customer_id, timestamp '2026-11-01 04:00:00' as _loaded_at
            )
            from read_parquet('{folder_of_table / "1.parquet"}')
            where lower(trim(email)) in ({addresses}) limit 1
        ) to '{folder_of_table / "2.parquet"}' (format parquet)""")
    return Project(folder / "build", raw).dbt("run")


NEWCOMER = "select count(*) from engagement_identity.int_customers where customer_id = 'newcomer'"


def test_an_address_stays_erased_when_another_account_has_it(returned, tmp_path):
    shutil.copytree(returned.folder, tmp_path / "build")
    full = Project(tmp_path / "build", returned.raw).dbt("run", "--full-refresh")
    assert differences(returned, full) == []
    assert full.ask(NEWCOMER) == [(0,)]


def test_whoever_has_an_address_that_is_taken_off_the_list_comes_in(erased, returned, tmp_path):
    shutil.copytree(returned.folder, tmp_path / "build")
    again = Project(tmp_path / "build", returned.raw)
    with duckdb.connect(again.database) as connection:
        connection.execute("""
            delete from engagement_staging.int_erased_identifiers
            where identifier_type = 'email'""")
    again.dbt("run", "--full-refresh")
    assert again.ask(NEWCOMER) == [(1,)]
    assert residue(again, {name for name in erased.identifiers if "@" not in name}) == {}


def holding(path, identifiers: set[str]) -> set[str]:
    """Those of the identifiers whose bytes a file holds."""
    content = path.read_bytes().lower()
    return {identifier for identifier in identifiers if identifier.lower().encode() in content}


def test_no_byte_of_them_is_in_the_file_after_compaction_in_logs_or_in_target(erased, tmp_path):
    long = {identifier for identifier in erased.identifiers if len(identifier) >= 9}
    old = shutil.copy(erased.before.database, tmp_path / "before.duckdb")
    new = shutil.copy(erased.after.database, tmp_path / "after.duckdb")
    assert holding(new, long), "deleting alone leaves values behind, so this search finds some"
    compact(old)
    compact(new)
    assert len(holding(old, long)) > 5, "the search finds those who are not erased"
    assert holding(new, long) == set()
    texts = [path for folder in (erased.after.logs, erased.after.target)
             for path in folder.rglob("*") if path.is_file()]  # fmt: skip
    assert len(texts) > 50
    assert [path for path in texts if holding(path, long)] == []


def test_a_compacted_database_holds_the_same_marts(erased, tmp_path):
    copy = Project(tmp_path / "copy", erased.after.raw)
    copy.folder.mkdir()
    shutil.copy(erased.after.database, copy.database)
    compact(copy.database)
    assert same_rows(copy, erased.after, SCORES, key=3) > 1_000


def test_the_contract_tells_how_to_ask():
    assert {"customer_id", "member_id", "email"} <= contract()[REQUESTS].keys()


WORLDS = 30


@dataclass(frozen=True)
class Worlds:
    """Thirty worlds in one raw folder, their staging, and what is certain in each."""

    built: Project
    oracles: list[Oracle]
    made: list[World]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory) -> Worlds:
    folder = tmp_path_factory.mktemp("worlds")
    made = [world(number) for number in range(WORLDS)]
    built = Project(folder / "build", write(made, folder / "raw"))
    built.build("--select", "path:models/1_staging")
    return Worlds(built, [Oracle(one) for one in made], made)


def salted(text: str) -> str:
    return sha256((SALT + text).encode()).hexdigest()


def test_over_30_worlds_what_is_certain_is_erased_and_nothing_else(worlds):
    expected = {what for oracle in worlds.oracles for what in oracle.identifiers()}
    hashed = {(kind, salted(name)): (kind, name) for kind, name in expected}
    every = {(kind, salted(name)): (kind, name)
             for oracle in worlds.oracles for kind, name in oracle.owners}  # fmt: skip
    found = set(worlds.built.ask("""
        select identifier_type, identifier_hash
        from engagement_staging.int_erased_identifiers"""))  # fmt: skip
    assert {kind for kind, _ in expected} == {
        "account", "card", "email", "visitor", "session", "contact", "receipt",
    }  # fmt: skip
    assert sorted(every.get(what, what) for what in found - hashed.keys()) == []
    assert sorted(hashed[what] for what in hashed.keys() - found) == []


@pytest.mark.parametrize("table", KEYS)
def test_over_30_worlds_nobody_else_loses_a_row(worlds, table):
    schema, name = table.removeprefix("raw_").split(".")
    key = "event_id" if name == "events" else KEYS[table]
    staged = {value for (value,) in worlds.built.ask(
        f"select {key} from engagement_staging.stg_{schema}__{name}")}  # fmt: skip
    expected = {value for oracle in worlds.oracles for value in oracle.kept(table)}
    assert staged == expected
    others, kept = set(), 0
    for oracle, one in zip(worlds.oracles, worlds.made, strict=True):
        asked = {person for person in one.asked}
        others |= {value for (found_in, value), person in one.truth.items()
                   if found_in == table and person not in asked}  # fmt: skip
        kept += len(oracle.rows[table])
    assert others - staged == set()
    assert len(others) > 50
    assert len(staged) < kept


def chained(shape: str, count: int = 50) -> list[tuple[str, str]]:
    """Merges of accounts a0 to a49 into each other."""
    return {
        "chain": [(f"a{n}", f"a{n + 1}") for n in range(count - 1)],
        "star": [(f"a{n}", "a0") for n in range(1, count)],
        "circle": [(f"a{n}", f"a{(n + 1) % count}") for n in range(count)],
    }[shape]


@pytest.mark.parametrize("shape", ["chain", "star", "circle"])
def test_somebody_with_50_merged_accounts_is_erased_within_seconds(tmp_path, shape):
    made = World()
    for n in range(50):
        made.land("raw_crm.customers", customer_id=f"a{n}", email=f"a{n}@x.test")
    for one, other in chained(shape):
        made.land("raw_crm.customer_merges", from_customer_id=one, into_customer_id=other)
    made.land("raw_crm.customers", customer_id="b0", email="b0@x.test")
    made.land("raw_crm.erasure_requests", customer_id="a17")
    built = Project(tmp_path / "build", write([made], tmp_path / "raw"))
    began = monotonic()
    built.build("--select", "+int_erased_identifiers")
    assert monotonic() - began < 60
    found = built.ask("""
        select identifier_type, count(*) from engagement_staging.int_erased_identifiers
        group by all order by all""")
    assert found == [("account", 50), ("email", 50)]


SMALL = {
    "score_start_date": "2026-05-01",
    "reference_start_date": "2026-05-01",
    "reference_end_date": "2026-06-30",
}


def test_what_staging_has_seen_is_followed_after_its_raw_row_is_gone(tmp_path):
    """Ann's account vanishes from the CRM before she asks; her address is known from before."""
    made = World()
    made.land("raw_crm.customers", customer_id="bob", email="bob@x.test")
    made.land("raw_web.events", event_id="e1", anonymous_id="w1", login_id="ann@x.test",
              event_at="2026-05-02 10:00:00", event_name="page_view")  # fmt: skip
    later = write([made], tmp_path / "later")
    made.land("raw_crm.customers", customer_id="ann", email="ann@x.test")
    made.land("raw_crm.customers", customer_id="bob", email="Shared@x.test")
    made.land("raw_crm.customers", customer_id="eve", email="shared@x.test")
    before = write([made], tmp_path / "before")
    asked = World()
    asked.land("raw_crm.erasure_requests", customer_id="ann")
    asked.land("raw_crm.erasure_requests", customer_id="eve")
    shutil.copy(
        write([asked], tmp_path / "asked") / "raw_crm" / "erasure_requests.parquet",
        later / "raw_crm" / "erasure_requests.parquet",
    )
    Project(tmp_path / "build", before).build("--select", "path:models/1_staging")
    built = Project(tmp_path / "build", later).build("--select", "path:models/1_staging")
    found = set(built.ask("""
        select identifier_type, identifier_hash
        from engagement_staging.int_erased_identifiers"""))  # fmt: skip
    assert found == {
        ("account", salted("ann")), ("account", salted("eve")), ("email", salted("ann@x.test")),
        ("visitor", salted("w1")),
    }  # fmt: skip


def test_a_build_that_stops_early_says_why_and_nothing_of_missing_tables(tmp_path):
    made = World()
    made.land("raw_crm.customers", customer_id="ann", email="ann@x.test")
    made.land("raw_crm.customers", customer_id="bob", email="bob@x.test")
    made.land("raw_crm.service_tickets", ticket_id="t1", customer_id="bob")
    made.land("raw_crm.erasure_requests", customer_id="ann")
    raw = write([made], tmp_path / "raw")
    never = {"reference_start_date": "2020-01-01", "reference_end_date": "2020-12-31"}
    done = Project(tmp_path / "build", raw, variables=SMALL | never).attempt(
        "build", "--exclude-resource-type=test", "--exclude-resource-type=unit_test"
    )
    assert done.returncode == 1
    assert "reference period holds no period end" in done.stdout + done.stderr
    assert "Erasure is not complete" in done.stdout + done.stderr
    assert "Catalog Error" not in done.stdout + done.stderr


def test_quarantined_text_that_may_be_theirs_goes_and_the_file_holds_none_of_it(tmp_path):
    """In a column that no contract names, in a row without an id, in a line that is no row."""
    made = World()
    for name in ("ann", "bob"):
        made.land("raw_crm.customers", customer_id=f"account-{name}", email=f"{name}@x.test")
        for n in range(3):
            made.land("raw_crm.campaign_contacts", customer_id=f"account-{name}", channel="email",
                      contact_id=f"{name}-c{n}", sent_at=f"2026-05-0{n + 1} 10:00:00")  # fmt: skip
    raw = write([made], tmp_path / "raw")
    (raw / "raw_crm" / "service_tickets.parquet").unlink()
    (raw / "raw_crm" / "service_tickets.csv").write_text(
        "ticket_id,customer_id,opened_at,note,_loaded_at\n"
        "t1,account-bob,2026-05-08 10:00,fine,2026-06-16 05:00\n"
        "t2,account-bob,no date,for (ANN@x.test).,2026-06-16 05:00\n"
        "t3,account-bob,no date,about the weather,2026-06-16 05:00\n"
        "t4,,2026-05-08 10:00,Ann Smith of account-ann,2026-06-16 05:00\n"
        "t5,account-ann,2026-05-08 10:00,a,b,c,ann@x.test,d,2026-06-16 05:00\n"
    )
    text = """
        select raw_row from engagement_staging.int_quarantined_rows
        where table_name = 'service_tickets' order by raw_row"""
    built = Project(tmp_path / "build", raw, variables=SMALL).build()
    assert len([row for (row,) in built.ask(text) if row]) == 4
    asked = World()
    asked.land("raw_crm.erasure_requests", customer_id="account-ann")
    requests = write([asked], tmp_path / "asked") / "raw_crm" / "erasure_requests.parquet"
    shutil.copy(requests, raw / "raw_crm" / "erasure_requests.parquet")
    built.build()
    (kept,) = [row for (row,) in built.ask(text) if row]
    assert "about the weather" in kept
    counted = built.ask("""
        select rows_in, rows_staged, rows_quarantined, rows_erased
        from engagement_marts.rpt_row_reconciliation where table_name = 'service_tickets'""")
    assert counted == [(5, 1, 4, 0)]
    spill = built.database.with_name(f"{built.database.name}.tmp")
    spill.mkdir()
    (spill / "duckdb_temp_storage_DEFAULT-0.tmp").write_text("ann@x.test")
    compact(built.database)
    theirs = {"account-ann", "ann@x.test", "Ann Smith", "ann-c1"}
    left = [path for path in built.folder.glob("scoring*") if holding(path, theirs)]
    assert left == []
    assert holding(built.database, {"about the weather"})
    assert not spill.exists()


KILLED = """
import os, sys
sys.path.append(sys.argv[1])
from compact import compact

def count(frame, event, argument):
    global left
    if not frame.f_code.co_filename.endswith("compact.py"):
        return None
    left -= event in ("line", "return")
    if left == 0:
        os._exit(9)
    return count

left = int(sys.argv[3])
sys.settrace(count)
compact(sys.argv[2])
"""


def test_compaction_that_is_killed_at_any_line_leaves_the_database_whole(tmp_path):
    """With the log of a build that was killed as well, which belongs to the old file alone."""
    source = tmp_path / "source.duckdb"
    child = f"""
import duckdb, os
connection = duckdb.connect({str(source)!r})
connection.execute("create table kept as select range as i from range(1000)")
connection.execute("checkpoint")
connection.execute("pragma disable_checkpoint_on_shutdown")
connection.execute("set checkpoint_threshold = '1TB'")
connection.execute("insert into kept select 1000 + range from range(10)")
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", child])
    assert (tmp_path / "source.duckdb.wal").exists()
    states, finished, moment = set(), False, 0
    while not finished:
        moment += 1
        folder = tmp_path / str(moment)
        folder.mkdir()
        database = folder / "copy.duckdb"
        for suffix in ("", ".wal"):
            shutil.copy(f"{source}{suffix}", f"{database}{suffix}")
        line = [sys.executable, "-c", KILLED, str(ROOT / "scripts"), str(database), str(moment)]
        done = subprocess.run(line, capture_output=True, text=True)
        assert done.returncode in (0, 9), done.stderr
        finished = done.returncode == 0
        states.add(tuple(sorted(os.listdir(folder))))
        compact(database)
        assert os.listdir(folder) == ["copy.duckdb"]
        with duckdb.connect(database) as connection:
            counted = connection.execute("select count(*), sum(i) from kept").fetchall()
        assert counted == [(1010, sum(range(1010)))]
    assert moment > 15
    assert len(states) > 2, "some kills leave something behind"


def preview(project: Project) -> str:
    project.command("show")  # writes the profile
    variables = json.dumps({"raw_path": "raw", **project.variables})
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "erasure_preview.py"), "--vars", variables],
        cwd=project.home, capture_output=True, text=True,
        env=project.environment | {"DBT_PROFILES_DIR": str(project.folder)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_preview_lists_what_goes_what_stays_and_why_and_writes_nothing(tmp_path):
    made = World()
    for name in ("ann", "bob", "eve"):
        mail = "home@x.test" if name != "eve" else "eve@x.test"
        made.land("raw_crm.customers", customer_id=name, email=mail)
        made.land("raw_crm.service_tickets", ticket_id=f"{name}-t", customer_id=name)
    merge = {"from_customer_id": "eve", "into_customer_id": "ann"}
    made.land("raw_crm.customer_merges", **merge)
    made.land("raw_crm.customer_merges", deleted=True, **merge)
    made.land("raw_loyalty.members", member_id="m1", customer_id="ann")
    none = preview(Project(tmp_path / "none", write([made], tmp_path / "quiet")))
    assert "Nobody has asked to be erased" in none
    made.land("raw_crm.erasure_requests", customer_id="ann", email="Home@x.test")
    project = Project(tmp_path / "build", write([made], tmp_path / "raw"))
    said = preview(project)
    assert "does not exist yet" in said
    assert not project.database.exists()
    project.build("--select", "path:models/1_staging")
    shown = [line.strip() for line in said.splitlines()]
    assert "Request of 2026-05-01: account ann, e-mail Home@x.test" in shown
    erased, kept = said.split("Named, but not certain:")
    assert "account ann (named in the request)" in erased
    assert "raw_crm.service_tickets 1" in erased
    assert "card m1 (found in raw_loyalty.members): raw_loyalty.members 1" in erased
    assert "e-mail address home@x.test: 1 other person too, e.g. account bob" in kept
    assert "Add the account to the request" in kept
    assert "account eve" in kept.split("because the merge was undone:")[1]
    assert "raw_crm.customers: 1" in shown
    assert project.ask("""
        select identifier_type, identifier_hash from engagement_staging.int_erased_identifiers
        order by all""") == sorted([
            ("account", salted("ann")), ("account", salted("card:m1")), ("card", salted("m1")),
        ])  # fmt: skip


@pytest.mark.parametrize("more", [[], ["--full-refresh"]])
def test_another_salt_stops_a_run_and_a_full_refresh_where_somebody_was_erased(worlds, more):
    other = replace(worlds.built, salt="another salt, as long as it should be")
    done = other.attempt("run", "--select", "int_marks", *more)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert "The salt (ENGAGEMENT_SALT) is not the one that the tables were built with" in said
    assert salted("fingerprint of the salt") not in said
