"""Who is who on other companies' data: placeholders, blanks, addresses that change, cards, merges.

The right values are worked out by hand from the few rows of each world.
"""

import csv
from pathlib import Path

import duckdb
import pytest
from comparison import differences
from harness import Project

VARIABLES = {
    "score_start_date": "2026-05-01",
    "reference_start_date": "2026-05-01",
    "reference_end_date": "2026-06-30",
}
LOADED = "2026-06-16 05:00"
CUSTOMERS = ["customer_id", "email", "created_at", "updated_at", "_loaded_at", "_is_deleted"]
EVENTS = ["anonymous_id", "login_id", "event_at", "event_name", "engaged_seconds", "_loaded_at"]
APP_EVENTS = ["device_id", "login_id", "event_at", "event_name", "_loaded_at"]
TICKETS = ["ticket_id", "customer_id", "opened_at", "_loaded_at"]
MEMBERS = ["member_id", "customer_id", "email", "joined_at", "_loaded_at"]
RECEIPTS = ["transaction_id", "member_id", "customer_id", "transacted_at", "sales_channel",
            "_loaded_at"]  # fmt: skip
MERGES = ["from_customer_id", "into_customer_id", "merged_at", "_loaded_at"]


def write(raw: Path, table: str, columns: list[str], rows: list[tuple]) -> None:
    """A CSV file in which the last columns that a row leaves out are empty, the load time apart."""
    path = raw / f"{table.replace('.', '/')}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow({"_loaded_at": LOADED} | dict(zip(columns, row, strict=False)))


def visit(cookie: str, login: str | None, day: str) -> tuple:
    return cookie, login, f"2026-{day} 10:00", "page_view", 60


def built(project: Project) -> Project:
    return project.build("--select", "+int_activities")


def counts(project: Project, activity: str = "web_visited") -> dict[str, int]:
    """How many activities of a kind count, per customer."""
    return dict(
        project.ask(f"""
            select customer_id, count(*) from engagement_activities.int_activities
            where activity = '{activity}' and excluded_reason is null group by all""")
    )


# --- placeholders, blanks and the form of ids ----------------------------------------------------

# As trackers, shop systems and forms write them where they know nobody.
PLACEHOLDERS = [
    "undefined", "None", "n/a", "0", "0.0", "UNKNOWN", " anonymous\t", "(not set)", "-1", "guest",
    "[object Object]", "test@shop.test", "NoEmail@shop.test", "noreply@brunnvik.test",
    "00000000-0000-0000-0000-000000000000", "sesame",
]  # fmt: skip


@pytest.fixture(scope="module")
def strangers(tmp_path_factory) -> Project:
    """Ann logs in once on cookie k; every placeholder stands in every kind of identifier."""
    folder = tmp_path_factory.mktemp("strangers")
    raw, source = folder / "raw", folder / "source"
    source.mkdir()
    for path in Path(__file__).parents[2].iterdir():
        if path.name != "seeds" and not path.name.startswith("."):
            (source / path.name).symlink_to(path)
    (source / "seeds").mkdir()
    for path in (Path(__file__).parents[2] / "seeds").iterdir():
        (source / "seeds" / path.name).write_bytes(path.read_bytes())
    with (source / "seeds" / "placeholder_identifiers.csv").open("a") as seed:
        seed.write("sesame\n")  # a company's own
    write(raw, "raw_crm.customers", CUSTOMERS, [
        ("ann", "ann@x.test", "2026-05-01"),
        *((f"bob{n}", text, "2026-05-01") for n, text in enumerate(PLACEHOLDERS)),
        *((text, f"nobody{n}@x.test", "2026-05-01") for n, text in enumerate(PLACEHOLDERS)),
    ])  # fmt: skip
    write(raw, "raw_web.events", EVENTS, [
        visit("k", "ann@x.test", "05-02"),
        *(visit("k", text, f"05-{n + 3:02}") for n, text in enumerate(PLACEHOLDERS)),
        # The same cookie for everybody: what has a login is the login's, the rest nobody's.
        visit("undefined", "ann@x.test", "06-01"),
        visit("undefined", "ANN@x.test", "06-02"),
        visit("undefined", None, "06-03"),
        visit("undefined", "none", "06-04"),
    ])  # fmt: skip
    write(raw, "raw_app.events", APP_EVENTS, [
        (device, login, f"2026-06-{day:02} 10:00", "screen_view")
        for device, login, day in [("undefined", "ann", 1), ("none", "ann", 2), ("none", None, 3)]
    ])  # fmt: skip
    write(raw, "raw_crm.service_tickets", TICKETS, [
        ("t1", "ann", "2026-05-08"), ("t2", "unknown", "2026-05-08"), ("t3", "0", "2026-05-08"),
    ])  # fmt: skip
    write(raw, "raw_loyalty.members", MEMBERS, [
        ("c1", "none", "ann@x.test", "2026-05-01"),
        ("c2", None, "test@shop.test", "2026-05-01"),
        ("c3", None, "TEST@shop.test", "2026-05-01"),
        ("0", None, None, "2026-05-01"),
    ])  # fmt: skip
    write(raw, "raw_loyalty.transactions", RECEIPTS, [
        ("r1", "c1", None, "2026-05-08", "store"),
        ("r2", "0", "n/a", "2026-05-08", "store"),
        ("r3", "none", "ann", "2026-05-08", "store"),
    ])  # fmt: skip
    limits = {"orphan_limit": 1}
    return built(Project(folder / "build", raw, source, VARIABLES | limits))


def test_a_placeholder_for_a_login_is_a_visit_without_one(strangers):
    """1 login and 16 visits of the same browser, and 2 where the cookie is a placeholder."""
    assert counts(strangers) == {"ann": 1 + len(PLACEHOLDERS) + 2}


def test_a_placeholder_for_a_device_or_card_identifies_nobody(strangers):
    assert counts(strangers, "app_visited") == {"ann": 2}
    assert strangers.ask("""
        select member_id, customer_id from engagement_identity.int_card_customers
        order by all""") == [("c1", "ann"), ("c2", "card:c2"), ("c3", "card:c3")]
    assert strangers.ask("""
        select customer_id, count(*) from engagement_activities.int_activities
        where channel = 'store' and excluded_reason is null group by all""") == [("ann", 2)]


def test_a_row_whose_account_is_a_placeholder_is_set_aside_with_the_reason(strangers):
    assert counts(strangers, "service_contacted") == {"ann": 1}
    assert strangers.ask("""
        select table_name, column_name, sum(row_count)::int
        from engagement_staging.int_quarantined_rows
        where is_row and reason_code = 'placeholder' group by all order by all""") == [
        ("customers", "customer_id", len(PLACEHOLDERS)),
        ("events", "anonymous_id", 2),
        ("events", "device_id", 1),
        ("members", "member_id", 1),
        ("service_tickets", "customer_id", 2),
    ]


def test_placeholders_of_rows_that_count_are_counted_without_their_rows(strangers):
    assert strangers.ask("""
        select table_name, reasons, sum(row_count)::int
        from engagement_staging.int_quarantined_rows
        where not is_row and raw_row is null group by all order by all""") == [
        ("customers", "placeholder:email", len(PLACEHOLDERS)),
        ("events", "placeholder:anonymous_id", 2),
        ("events", "placeholder:device_id", 2),
        ("events", "placeholder:login_id", len(PLACEHOLDERS)),
        ("members", "placeholder:customer_id", 1),
        ("members", "placeholder:email", 2),
        ("transactions", "placeholder:member_id", 1),
        ("transactions", "placeholder:member_id, placeholder:customer_id", 1),
    ]


def test_a_run_says_which_columns_hold_placeholders(strangers):
    said = strangers.attempt("run", "--select", "int_quarantined_rows").stdout
    assert f"raw_web.events.login_id in {len(PLACEHOLDERS)} rows, which count" in said
    assert "raw_crm.service_tickets.customer_id in 2 rows, which are set aside" in said


BLANKS = {
    "tab": "\t{}", "line break": "{}\r\n", "no-break space": "\u00a0{}\u00a0",
    "zero-width space": "{}\u200b", "byte order mark": "\ufeff{}", "within": None,
    "narrow no-break space": "{}\u202f", "plain": "  {} ",
}  # fmt: skip


@pytest.fixture(scope="module")
def dirty(tmp_path_factory) -> Project:
    """Each kind of blank in an e-mail address, an account and a cookie."""
    folder = tmp_path_factory.mktemp("dirty")
    raw = folder / "raw"

    def spoilt(kind: str, text: str) -> str:
        shape = BLANKS[kind]
        return shape.format(text) if shape else f"{text[0]}\u200d{text[1:]}"

    kinds = {kind: f"p{n}" for n, kind in enumerate(BLANKS)}
    write(raw, "raw_crm.customers", CUSTOMERS, [
        (spoilt(kind, name), spoilt(kind, f"{name}@x.test"), "2026-05-01")
        for kind, name in kinds.items()
    ] + [("900", None, "2026-05-01"), ("0900", None, "2026-05-01"), ("A1", None, "2026-05-01"),
         ("a1", None, "2026-05-01")])  # fmt: skip
    write(raw, "raw_web.events", EVENTS, [
        *(visit(f"K-{name}", f"{name}@X.test", "05-05") for name in kinds.values()),
        *(visit(spoilt(kind, f"K-{name}"), None, "05-06") for kind, name in kinds.items()),
        *(visit(f"k-{name}", None, "05-07") for name in kinds.values()),  # other cookies
    ])  # fmt: skip
    write(raw, "raw_crm.service_tickets", TICKETS, [
        *((f"t-{name}", name, "2026-05-08") for name in kinds.values()),
        ("t1", "900.0", "2026-05-08"), ("t2", "900.00", "2026-05-08"), ("t3", "0900", "2026-05-08"),
        ("t4", "A1", "2026-05-08"), ("t5", "a1", "2026-05-08"), ("t6", "a1", "2026-05-09"),
    ])  # fmt: skip
    return built(Project(folder / "build", raw, variables=VARIABLES))


def test_invisible_blanks_are_no_part_of_an_identifier(dirty):
    assert counts(dirty) == {f"p{n}": 2 for n in range(len(BLANKS))}


def test_blanks_and_decimal_zeros_go_from_parquet_and_tables_too(dirty, tmp_path):
    """The same texts from Parquet are staged with the same identifiers."""
    raw = tmp_path / "raw"
    for path in sorted(Path(dirty.raw).glob("*/*.csv")):
        (raw / path.parent.name).mkdir(parents=True, exist_ok=True)
        types = {"engaged_seconds": "double"}
        names = next(csv.reader(path.open()))
        types |= {name: "timestamp" for name in names if name.endswith("_at")}
        types |= {"_is_deleted": "boolean"}
        casts = ", ".join(f"{name}::{types[name]} as {name}" for name in names if name in types)
        duckdb.sql(f"""
            copy (select * replace ({casts}) from read_csv('{path}', all_varchar = true))
            to '{raw / path.parent.name / path.stem}.parquet' (format parquet)""")
    project = Project(tmp_path / "build", raw, variables=VARIABLES)
    project.build(
        "--select", "+stg_crm__customers", "+stg_crm__service_tickets", "+stg_web__events"
    )
    for relation, columns in {
        "stg_crm__customers": "customer_id, email_hash",
        "stg_crm__service_tickets": "ticket_id, customer_id",
        "stg_web__events": "anonymous_id, login_id, event_at",
    }.items():
        sql = f"select {columns} from engagement_staging.{relation} order by all"
        assert project.ask(sql) == dirty.ask(sql)


def test_an_id_is_the_same_with_a_decimal_zero_and_another_with_a_leading_one_or_other_case(dirty):
    of_blanks = {f"p{n}": 1 for n in range(len(BLANKS))}
    assert counts(dirty, "service_contacted") == of_blanks | {"900": 2, "0900": 1, "A1": 1, "a1": 2}


# --- addresses that change, cards, merges --------------------------------------------------------

FIRST, SECOND, THIRD = "2026-05-02 05:00", "2026-06-02 05:00", "2026-06-04 05:00"
# dora changes her address; finn gives desk7@ up, gita gets it. lars had no date of his change.
FORMER = [
    ("dora", "dora.lund@x.test", "2026-05-01", "2026-05-01", FIRST),
    ("finn", "desk7@x.test", "2026-05-01", "2026-05-01", FIRST),
    ("lars", "till@x.test", "2026-05-01", None, FIRST),
    ("away", "away@x.test", "2026-04-01", "2026-05-01", FIRST),
    ("stay", "stay@x.test", "2026-05-03", "2026-05-01", FIRST),
]
CURRENT = [
    ("dora", "dora.berg@x.test", "2026-05-01", "2026-06-01", SECOND),
    ("finn", "finn.aas@x.test", "2026-05-01", "2026-06-01", SECOND),
    ("lars", "lars@x.test", "2026-05-01", None, SECOND),
    ("gita", "desk7@x.test", "2026-06-03", "2026-06-03", THIRD),
    ("mona", "till@x.test", "2026-06-03", None, THIRD),
    ("away", None, None, None, THIRD, "true"),  # merged into stay, then deleted
    ("stay", "stay@x.test", "2026-05-03", "2026-05-01", FIRST),
]
CHAIN = 30  # merges, one into the next


def write_events(raw: Path) -> None:
    write(raw, "raw_web.events", EVENTS, [
        visit("d", "dora.lund@x.test", "05-05"), visit("d", "dora.lund@x.test", "05-12"),
        visit("d", "dora.berg@x.test", "06-05"),
        visit("f1", "desk7@x.test", "05-06"), visit("f2", "DESK7@x.test", "05-13"),
        visit("g", "desk7@x.test", "06-07"),
        visit("l", "till@x.test", "05-06"), visit("m", "till@x.test", "06-07"),
        visit("a", "away@x.test", "05-06"), visit("s", "stay@x.test", "05-06"),
        visit("c", "card@x.test", "05-06"),
        visit("n", "n0", "05-06"), visit("o", "loop2", "05-06"), visit("p", "loop1", "05-06"),
    ])  # fmt: skip
    write(raw, "raw_crm.service_tickets", TICKETS, [("t1", "away", "2026-05-08")])


def write_merges(raw: Path) -> None:
    chain = [(f"n{n}", f"n{n + 1}", "2026-06-01") for n in range(CHAIN)]
    write(raw, "raw_crm.customer_merges", MERGES, [
        ("away", "stay", "2026-06-01"),
        *chain,
        ("loop2", "loop1", "2026-06-01"), ("loop1", "loop3", "2026-06-01"),
        ("loop3", "loop2", "2026-06-01"),
    ])  # fmt: skip


def write_cards(raw: Path, late: bool) -> None:
    """Two cards with one address and no account; that which joined first may arrive last."""
    write(raw, "raw_loyalty.members", MEMBERS, [
        ("m-second", None, "card@x.test", "2026-05-05", FIRST),
        *([("z-first", None, " Card@x.test", "2026-05-02", SECOND)] if late else []),
    ])  # fmt: skip


ENDS = [(f"n{CHAIN}", None, "2026-05-01"), ("loop1", None, "2026-05-01")]
VISITS = {
    "dora": 3, "finn": 2, "gita": 1, "lars": 1, "mona": 1, "stay": 2, "card:z-first": 1,
    f"n{CHAIN}": 1, "loop1": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def moved(tmp_path_factory) -> dict[str, Project]:
    """The history of all versions in one build; the same seen by a loader that updates in place."""
    folder = tmp_path_factory.mktemp("moved")
    projects = {}
    for name in ("history", "in place"):
        raw = folder / name.replace(" ", "_") / "raw"
        project = Project(raw.parent / "build", raw, variables=VARIABLES)
        steps = [FORMER, CURRENT] if name == "in place" else [FORMER + CURRENT]
        for number, customers in enumerate(steps):
            is_last = number == len(steps) - 1
            write(raw, "raw_crm.customers", CUSTOMERS, customers + ENDS)
            write_events(raw)
            write_cards(raw, late=is_last)
            if is_last:
                write_merges(raw)
            built(project)
        projects[name] = project
    return projects


@pytest.mark.parametrize("name", ["history", "in place"])
def test_an_address_belongs_to_each_customer_in_their_time(moved, name):
    assert counts(moved[name]) == VISITS


def test_a_full_refresh_still_knows_former_addresses(moved):
    project = moved["in place"]
    project.dbt("run", "--full-refresh", "--select", "+int_activities")
    assert counts(project) == VISITS
    assert differences_of_identity(project, moved["history"]) == []


def differences_of_identity(one: Project, other: Project) -> list[str]:
    tables = ("int_customer_identifiers", "int_card_customers", "int_customers")
    return [line for line in differences(one, other) if any(table in line for table in tables)]


def test_an_account_that_was_merged_and_then_deleted_keeps_its_history(moved):
    project = moved["history"]
    assert counts(project, "service_contacted") == {"stay": 1}
    assert project.ask("""
        select registered_at::date::varchar from engagement_identity.int_customers
        where customer_id = 'stay' and replaced_at is null""") == [("2026-04-01",)]


def test_an_erased_customers_time_with_an_address_is_not_the_next_ones(moved, tmp_path):
    """finn asks to be erased: desk7@ in May stays nobody's, and gita's visit stays hers."""
    project = moved["in place"]
    write(project.raw, "raw_crm.erasure_requests", ["customer_id", "requested_at", "_loaded_at"], [
        ("finn", "2026-06-10"),
    ])  # fmt: skip
    project.dbt("run", "--select", "+int_activities")
    assert counts(project) == {name: n for name, n in VISITS.items() if name != "finn"}
    assert project.ask("""
        select holder_type, count(*) from engagement_staging.int_identifier_versions
        where replaced_at is null and holder_id in ('', 'finn') group by all""") == [
        ("erased account", 1)
    ]


def test_ids_in_a_column_of_decimal_numbers_are_integers_or_stop_the_build(tmp_path):
    """pandas writes the ids 900 and 901 as 900.0 and 901.0 where a third one is missing."""
    path = tmp_path / "raw" / "raw_crm" / "service_tickets.parquet"
    path.parent.mkdir(parents=True)
    rows = """
        select 't' || {id} as ticket_id, {id}::double as customer_id,
            timestamp '2026-05-08' as opened_at, timestamp '2026-06-16' as _loaded_at
        from (values (900), ({other})) as tickets (id)"""
    project = Project(tmp_path / "build", tmp_path / "raw", variables=VARIABLES)
    select = ("build", "--select", "+stg_crm__service_tickets")
    for other, is_right in [("901", True), ("901.5", False)]:
        duckdb.sql(f"copy ({rows.format(id='id', other=other)}) to '{path}' (format parquet)")
        done = project.attempt(*select)
        assert (done.returncode == 0) == is_right, done.stdout
        if is_right:
            assert project.ask(
                "select customer_id from engagement_staging.stg_crm__service_tickets order by all"
            ) == [("900",), ("901",)]
        else:
            assert "column customer_id has type DOUBLE" in done.stdout
