"""Loaders add, update, reload, restamp and drop raw rows: nothing is lost or counted twice."""

import csv
import gzip
import shutil
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from harness import Project, demo_contract, files, generate, same_rows

STAGING = ("--select", "path:models/1_staging", "int_orphaned_rows", "rpt_row_reconciliation",
           "rpt_quarantine", "int_customer_accounts")  # fmt: skip


def staged_relation(table: str) -> str:
    source, name = table.split(".")
    return f"engagement_staging.stg_{source.removeprefix('raw_')}__{name}"


def plain_counts(raw: Path) -> dict[str, int]:
    """How many rows the raw files hold, counted by DuckDB or line by line, without the project."""
    counts = {}
    for path in sorted(raw.glob("raw_*/*")):
        name = f"{path.parent.name}.{path.name.split('.')[0]}"
        for file in sorted(path.glob("*")) if path.is_dir() else [path]:
            if file.suffix == ".parquet":
                rows = duckdb.sql(f"select count(*) from '{file}'").fetchall()[0][0]
            else:
                opened = gzip.open if file.suffix == ".gz" else open
                with opened(file, "rt") as lines:
                    rows = sum(1 for _ in csv.reader(lines)) - 1
            counts[name] = counts.get(name, 0) + rows
    return counts


def reconciliation(project: Project) -> dict[str, dict[str, int]]:
    rows = project.ask("""
        select source_system || '.' || table_name, rows_in, rows_staged, rows_duplicate,
            rows_superseded, rows_deleted, rows_quarantined, rows_erased, rows_vanished
        from engagement_marts.rpt_row_reconciliation""")
    names = ["in", "staged", "duplicate", "superseded", "deleted", "quarantined", "erased",
             "vanished"]  # fmt: skip
    return {table: dict(zip(names, counts, strict=True)) for table, *counts in rows}


def check_reconciliation(project: Project, raw: Path) -> dict[str, dict[str, int]]:
    """rows_in is a plain count of the files, and each row is in one place."""
    found = reconciliation(project)
    expected = plain_counts(raw)
    assert {table: counts["in"] for table, counts in found.items() if counts["in"]} == {
        table: count for table, count in expected.items() if count
    }
    for table, counts in found.items():
        places = sum(counts[name] for name in counts.keys() - {"in", "vanished"})
        assert counts["in"] + counts["vanished"] == places, (table, counts)
    return found


# --- every raw table, reloaded in full with as many rows as before -------------------------------

RELOADED_AT = "timestamp '2026-11-05 03:00:00'"


def reload_in_full(raw: Path, to: Path) -> Path:
    """The latest version of each row with a new load time; one value of the first row changes."""
    for table, columns in demo_contract().items():
        relation = f"read_parquet({[str(file) for file in files(raw, table)]})"
        required = [
            name for name, column in columns.items()
            if column.get("config", {}).get("meta", {}).get("required")
        ]  # fmt: skip
        texts = [name for name, column in columns.items() if column["data_type"] == "varchar"]
        free = [name for name in texts if name not in required and not name.endswith("_id")]
        changed = free[-1] if free else required[-1]
        kind = columns[changed]["data_type"]
        value = {"timestamp": f"{changed} + interval 1 second", "varchar": "'changed'"}[kind]
        if columns[changed].get("config", {}).get("meta", {}).get("accepted"):
            value = f"'{columns[changed]['config']['meta']['accepted'][0]}'"
        path = to / table.replace(".", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        duckdb.sql(f"""
            copy (
                select * replace ({RELOADED_AT} as _loaded_at, case
                    when row_number() over (order by hash(rows)) = 1 then {value} else {changed}
                end as {changed})
                from {relation} as rows where not coalesce(_is_deleted, false)
            ) to '{path}.parquet' (format parquet)""")
    return to


@pytest.fixture(scope="module")
def reloaded(tmp_path_factory) -> tuple[Project, Project]:
    """A database brought up to date on a full reload, and one built on the reload alone."""
    folder = tmp_path_factory.mktemp("reloaded")
    first = generate(folder / "first", 100)
    second = reload_in_full(first, folder / "second")
    everything = {"raw_table_rules": {table: {"vanished": "deleted"} for table in demo_contract()}}
    shutil.copytree(first, folder / "raw", ignore=shutil.ignore_patterns("truth"))
    project = Project(folder / "build", folder / "raw", variables=everything)
    project.dbt("run", *STAGING)
    shutil.rmtree(folder / "raw")
    shutil.copytree(second, folder / "raw")
    project.dbt("run", *STAGING)
    fresh = Project(folder / "fresh", folder / "raw", variables=everything).dbt("run", *STAGING)
    return project, fresh


@pytest.mark.parametrize("table", demo_contract())
def test_a_full_reload_with_as_many_rows_is_read(reloaded, table):
    project, fresh = reloaded
    columns = [
        name for (name, *_) in project.ask(f"describe {staged_relation(table)}")
        if name not in ("written_at", "replaced_at", "key_hash", "lookup_hash", "is_vanished")
    ]  # fmt: skip
    rows = f"select {', '.join(columns)} from {staged_relation(table)} where replaced_at is null"
    assert same_rows(project, fresh, rows, key=len(columns)) > 0
    assert project.ask(f"{rows} and loaded_at <> {RELOADED_AT}") == []


def test_after_a_full_reload_every_row_of_the_files_is_accounted_for(reloaded):
    project, _ = reloaded
    check_reconciliation(project, Path(project.raw))


# --- one small company, a kind of change in each table -------------------------------------------

RULES = {"raw_table_rules": {"raw_loyalty.products": {"vanished": "deleted"}}}
NOW = "2026-06-10 03:00:00"
LATER = "2026-06-11 03:00:00"
HEADERS = {
    "raw_crm.customers": "customer_id,country,created_at,updated_at,_is_deleted,_loaded_at",
    "raw_crm.surveys": "survey_id,customer_id,survey_type,touchpoint,answered_at,_loaded_at",
    "raw_crm.service_tickets": "ticket_id,customer_id,topic,opened_at,_loaded_at",
    "raw_crm.preferences": "customer_id,attribute,value,changed_at,_loaded_at",
    "raw_web.reviews": "review_id,login_id,product_id,reviewed_at,_loaded_at",
    "raw_loyalty.members": "member_id,customer_id,joined_at,_loaded_at",
    "raw_loyalty.points_ledger": "member_id,entry_type,points,booked_at,_loaded_at",
    "raw_loyalty.products": "product_id,category,_loaded_at",
    "raw_loyalty.store_visits": "visit_id,member_id,visit_type,visited_at,_loaded_at",
    "raw_loyalty.benefits": "benefit_id,benefit_name",
    "raw_crm.erasure_requests": "customer_id,requested_at,_loaded_at",
    "raw_app.devices": "device_id,customer_id,installed_at,_loaded_at",
    "raw_loyalty.transaction_lines": "transaction_id,line_id,product_id,amount,_loaded_at",
}
FIRST = {
    # Of one load: C3 moved from dk to se, and C4 was deleted, whatever the alphabet says.
    "raw_crm.customers": [
        "C1,se,2026-01-01,,,{NOW}", "C2,se,2026-01-01,,,{NOW}",
        "C3,se,2026-01-01,2026-05-02,,{NOW}", "C3,dk,2026-01-01,2026-05-01,,{NOW}",
        "C4,dk,2026-01-01,2026-05-01,,{NOW}", "C4,se,2026-01-01,2026-05-01,true,{NOW}",
    ],
    "raw_crm.surveys": ["s1,C1,nps,store,2026-06-01,{NOW}", "s2,C2,nps,store,2026-06-01,{NOW}"],
    "raw_crm.service_tickets": ["t1,C1,billing,2026-06-02,{NOW}"],
    "raw_crm.preferences": ["C2,colour,red,2026-06-01,{NOW}", "C2,colour,red,2026-06-01,{NOW}"],
    "raw_web.reviews": ["r1,C1,p1,2026-06-03,{NOW}", "r2,C2,p1,2026-06-03,{NOW}"],
    "raw_loyalty.members": ["M1,C1,2026-01-01,{NOW}"],
    "raw_loyalty.points_ledger": [
        "M1,earn,5,2026-05-01,2026-05-02 03:00", "M1,earn,5,2026-06-01,2026-06-02 03:00",
        "M1,earn,5,2026-06-09,{NOW}",
    ],
    "raw_loyalty.products": ["p1,shoes,{NOW}", "p2,balls,{NOW}"],
    "raw_loyalty.store_visits": [
        "v1,M1,visit,2026-06-01,{NOW}", "v2,M1,visit,2026-06-02,2099-01-01",
    ],
    "raw_loyalty.benefits": ["b1,Repair", "b2,Tailor"],
    # Two keys of two columns whose texts would be one if they were joined by a separator.
    "raw_app.devices": ["d|C,1,2026-06-01,{NOW}", "d,C|1,2026-06-01,{NOW}"],
    "raw_loyalty.transaction_lines": ["t|1,1,p1,5,{NOW}", "t,1|1,p1,5,{NOW}"],
}  # fmt: skip
SECOND = FIRST | {
    # Updated in place: as many rows, s1 about another touchpoint.
    "raw_crm.surveys": ["s1,C1,nps,web,2026-06-01,{LATER}", "s2,C2,nps,store,2026-06-01,{NOW}"],
    # A batch that was loaded five hours before the newest load, but landed after it.
    "raw_crm.service_tickets": [
        "t1,C1,billing,2026-06-02,{NOW}", "t2,C2,delivery,2026-06-02,2026-06-09 22:00",
    ],
    # Restamped: nothing but the load time changes.
    "raw_web.reviews": ["r1,C1,p1,2026-06-03,{LATER}", "r2,C2,p1,2026-06-03,{LATER}"],
    # A rolling window: the oldest load is gone, a new one came.
    "raw_loyalty.points_ledger": [
        "M1,earn,5,2026-06-01,2026-06-02 03:00", "M1,earn,5,2026-06-09,{NOW}",
        "M1,earn,5,2026-06-10,{LATER}",
    ],
    # A full copy (vanished: deleted) without p2, p1 untouched.
    "raw_loyalty.products": ["p1,shoes,{NOW}"],
    # The row of 2099 is still there; v3 comes after it.
    "raw_loyalty.store_visits": [
        "v1,M1,visit,2026-06-01,{NOW}", "v2,M1,visit,2026-06-02,2099-01-01",
        "v3,M1,visit,2026-06-03,{LATER}",
    ],
    # Without load times: b1 is renamed, b2 gone.
    "raw_loyalty.benefits": ["b1,Repairs"],
    # The same two equal rows again, by a later load.
    "raw_crm.preferences": ["C2,colour,red,2026-06-01,{NOW}"] * 2
    + ["C2,colour,red,2026-06-01,{LATER}"] * 2,
    # C1 corrected; and an older version of C2 that lands late.
    "raw_crm.customers": [
        "C1,no,2026-01-01,,,{LATER}", "C2,se,2026-01-01,,,{NOW}",
        "C2,fi,2026-01-01,,,2026-06-09 22:00",
    ],
}  # fmt: skip
THIRD = SECOND | {
    # The file is gone.
    "raw_crm.surveys": [],
    # The source corrected the load time of v2.
    "raw_loyalty.store_visits": [
        "v1,M1,visit,2026-06-01,{NOW}",
        "v2,M1,visit,2026-06-02,{LATER}",
        "v3,M1,visit,2026-06-03,{LATER}",
    ],
    # What had vanished is back.
    "raw_loyalty.points_ledger": FIRST["raw_loyalty.points_ledger"]
    + ["M1,earn,5,2026-06-10,{LATER}"],
    # A version of t2 that is older than the staged one lands after it.
    "raw_crm.service_tickets": [
        "t1,C1,billing,2026-06-02,{NOW}",
        "t2,C2,delivery,2026-06-02,2026-06-09 22:00",
        "t2,C2,typo,2026-06-02,2026-06-08 22:00",
    ],
}

FOURTH = THIRD | {
    # C1 asks to be erased; of C1's survey staging alone still knows.
    "raw_crm.erasure_requests": ["C1,2026-06-11,{LATER}"],
    # A card of C1 without a number: it goes to quarantine and says nothing about other cards.
    "raw_loyalty.members": ["M1,C1,2026-01-01,{NOW}", ",C1,2026-01-01,{LATER}"],
    # Of two equal rows without an id one is left.
    "raw_crm.preferences": ["C2,colour,red,2026-06-01,{LATER}"],
}


def write(raw: Path, tables: dict[str, list[str]]) -> None:
    for table, lines in tables.items():
        path = raw / f"{table.replace('.', '/')}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not lines:
            path.unlink(missing_ok=True)
            continue
        rows = [line.format(NOW=NOW, LATER=LATER) for line in lines]
        path.write_text("\n".join([HEADERS[table], *rows]) + "\n")


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Project]:
    """The database after each of four deliveries."""
    folder = tmp_path_factory.mktemp("runs")
    project = Project(folder / "build", folder / "raw", variables=RULES)
    kept = []
    for number, tables in enumerate([FIRST, SECOND, THIRD, FOURTH]):
        write(folder / "raw", tables)
        project.dbt("run", *STAGING)
        check_reconciliation(project, folder / "raw")
        kept.append(Project(folder / f"kept_{number}", folder / "raw"))
        kept[-1].folder.mkdir()
        shutil.copy(project.database, kept[-1].database)
    return kept


def staged(project: Project, table: str, columns: str) -> list[tuple]:
    relation = staged_relation(table)
    rows = f"select {columns} from {relation} where replaced_at is null order by all"
    return project.ask(rows)


def test_a_row_that_is_updated_in_place_is_read(runs):
    found = staged(runs[1], "raw_crm.surveys", "survey_id, touchpoint")
    assert found == [("s1", "web"), ("s2", "store")]


def test_a_batch_that_lands_after_a_later_load_is_read(runs):
    found = staged(runs[1], "raw_crm.service_tickets", "ticket_id, topic")
    assert found == [("t1", "billing"), ("t2", "delivery")]


@pytest.mark.parametrize(
    ("run", "table", "columns", "expected"),
    [
        (
            1,
            "raw_crm.customers",
            "customer_id, country",
            [("C1", "NO"), ("C2", "SE"), ("C3", "SE")],
        ),
        (2, "raw_crm.service_tickets", "ticket_id, topic", [("t1", "billing"), ("t2", "delivery")]),
    ],
)
def test_an_older_version_that_lands_late_does_not_replace_a_later_one(
    runs, run, table, columns, expected
):
    assert staged(runs[run], table, columns) == expected


def test_of_the_versions_of_one_load_the_time_of_change_decides_and_then_a_deletion(runs):
    found = staged(runs[0], "raw_crm.customers", "customer_id, country")
    assert found == [("C1", "SE"), ("C2", "SE"), ("C3", "SE")]


def test_a_restamped_table_writes_no_row_and_remembers_the_new_load_times(runs):
    columns = "review_id, loaded_at, written_at"
    before, after = (staged(run, "raw_web.reviews", columns) for run in runs[:2])
    assert [row[1] for row in after] == [datetime(2026, 6, 11, 3)] * 2
    assert [row[2] for row in after] == [row[2] for row in before]


def test_rows_that_leave_a_rolling_window_stay_staged_and_are_reported(runs):
    booked = "booked_at::date::varchar, is_vanished"
    assert staged(runs[1], "raw_loyalty.points_ledger", booked) == [
        ("2026-05-01", True), ("2026-06-01", False), ("2026-06-09", False), ("2026-06-10", False),
    ]  # fmt: skip
    assert reconciliation(runs[1])["raw_loyalty.points_ledger"]["vanished"] == 1


def test_rows_that_come_back_have_not_vanished(runs):
    found = staged(runs[2], "raw_loyalty.points_ledger", "is_vanished")
    assert found == [(False,)] * 4


def test_rows_that_leave_a_full_copy_are_deleted(runs):
    assert staged(runs[1], "raw_loyalty.products", "product_id") == [("p1",)]


def test_a_load_time_of_2099_hides_no_later_row_and_is_reported(runs):
    assert staged(runs[1], "raw_loyalty.store_visits", "visit_id") == [("v1",), ("v3",)]
    reported = """
        select table_name, row_count from engagement_marts.rpt_quarantine
        where reason_code = 'implausible_load_time'"""
    assert runs[1].ask(reported) == [("store_visits", 1)]
    (raw_row,) = runs[1].ask("select raw_row from engagement_staging.int_quarantined_rows")
    assert "2099" in raw_row[0]


def test_a_load_time_of_2099_does_not_move_the_newest_load(runs):
    newest = "select max(newest_loaded_at) from engagement_staging.int_raw_rows"
    assert runs[1].ask(newest) == [(datetime(2026, 6, 11, 3),)]


def test_a_row_whose_load_time_is_corrected_leaves_quarantine(runs):
    assert staged(runs[2], "raw_loyalty.store_visits", "visit_id") == [("v1",), ("v2",), ("v3",)]
    assert runs[2].ask("select count(*) from engagement_staging.int_quarantined_rows") == [(0,)]


def test_rows_without_load_times_are_compared_in_every_run(runs):
    found = staged(runs[1], "raw_loyalty.benefits", "benefit_id, benefit_name, is_vanished")
    assert found == [("b1", "Repairs", False), ("b2", "Tailor", True)]


def test_a_table_whose_file_is_gone_stays_staged_and_is_reported(runs):
    found = staged(runs[2], "raw_crm.surveys", "survey_id, touchpoint, is_vanished")
    assert found == [("s1", "web", True), ("s2", "store", True)]
    assert reconciliation(runs[2])["raw_crm.surveys"]["vanished"] == 2


@pytest.mark.parametrize("table", ["raw_app.devices", "raw_loyalty.transaction_lines"])
def test_keys_of_several_columns_do_not_collide_through_a_separator(runs, table):
    assert len(staged(runs[0], table, "row_key")) == 2


def test_an_erased_customers_row_goes_though_its_raw_row_has_vanished(runs):
    assert staged(runs[3], "raw_crm.surveys", "survey_id") == [("s2",)]


def test_a_row_without_a_card_number_erases_no_card(runs):
    erased = "select count(*) from engagement_staging.int_erased_identifiers"
    assert runs[3].ask(f"{erased} where identifier_hash is null") == [(0,)]
    (cards,) = runs[3].ask(f"{erased} where identifier_type = 'card'")
    assert cards == (1,)


def test_of_two_equal_rows_without_an_id_the_one_that_vanishes_is_reported(runs):
    found = staged(runs[3], "raw_crm.preferences", "is_vanished")
    assert found == [(False,), (True,)]


def test_a_full_refresh_stops_where_it_would_forget_vanished_rows(runs, tmp_path):
    shutil.copytree(runs[3].folder, tmp_path / "build")
    project = Project(tmp_path / "build", runs[3].raw, variables=RULES)
    stopped = project.attempt("run", "--full-refresh", *STAGING)
    assert stopped.returncode != 0
    assert "stg_crm__surveys: 1 rows" in stopped.stdout
    variables = RULES | {"forget_vanished": True}
    Project(tmp_path / "build", runs[3].raw, variables=variables).dbt(
        "run", "--full-refresh", *STAGING
    )


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"raw_crm.customer": {"vanished": "deleted"}}, "there is no raw table raw_crm.customer."),
        (
            {"raw_crm.customers": {"vanished": "delete"}},
            "raw_crm.customers, vanished: found 'delete', expected kept, deleted",
        ),
        ({"raw_crm.customers": {"quarantine": 0.1}}, "there is no key quarantine. The keys are"),
    ],
)
def test_a_typo_in_the_rules_of_tables_stops_the_run(runs, tmp_path, rules, said):
    project = Project(tmp_path / "build", runs[0].raw, variables={"raw_table_rules": rules})
    stopped = project.attempt("run", *STAGING)
    assert stopped.returncode != 0
    assert said in stopped.stdout


def test_equal_rows_of_one_load_are_two_and_the_next_load_adds_none(runs):
    for run in runs[:3]:
        assert len(staged(run, "raw_crm.preferences", "row_key")) == 2
    assert reconciliation(runs[1])["raw_crm.preferences"]["duplicate"] == 2


# --- gates ---------------------------------------------------------------------------------------


def company(customers: int, visits: list[str]) -> dict[str, list[str]]:
    """So many customers, each with a card, and these visits to a store."""
    return {
        "raw_crm.customers": [f"C{n},se,2026-01-01,,,{NOW}" for n in range(customers)],
        "raw_loyalty.members": [f"M{n},C{n},2026-01-01,{NOW}" for n in range(customers)],
        "raw_loyalty.store_visits": visits,
    }


GOOD = [f"v{n},M{n % 40},visit,2026-05-20,{{NOW}}" for n in range(400)]


def gate(folder: Path, visits: list[str], **variables) -> str:
    """What a build says that these visits stop; empty where they don't."""
    write(folder / "raw", company(40, visits))
    done = Project(folder / "build", folder / "raw", variables=variables).attempt("run", *STAGING)
    return done.stdout if done.returncode else ""


# 15 rows for each of two reasons: 3.5 % of 430 rows each, 7 % together; the limit is 5 %.
TWO_REASONS = [f"w{n},M1,flight,2026-06-01,{{NOW}}" for n in range(15)] + [
    f"x{n},M1,visit,1850-01-01,{{NOW}}" for n in range(15)
]


def test_two_reasons_that_are_few_apart_and_too_many_together_stop_the_run(tmp_path):
    said = gate(tmp_path, GOOD + TWO_REASONS)
    assert "raw_loyalty.store_visits: all reasons, 30 of 430 rows are in quarantine (7.0%" in said
    database = Project(tmp_path / "build", tmp_path / "raw")
    tables = "select table_name from information_schema.tables where table_name like 'stg_%'"
    assert database.ask(tables) == [("stg_crm__erasure_requests",)], "nothing else was staged"


def test_a_limit_of_ones_own_for_a_table_lets_them_pass(tmp_path):
    rules = {"raw_loyalty.store_visits": {"quarantine_limit": 0.1}}
    assert gate(tmp_path, GOOD + TWO_REASONS, raw_table_rules=rules) == ""


def test_too_many_load_times_in_the_future_stop_the_run(tmp_path):
    future = [f"y{n},M1,visit,2026-06-01,2099-01-01" for n in range(40)]
    assert "implausible_load_time in column _loaded_at, 40 of 440 rows" in gate(
        tmp_path, GOOD + future
    )


@pytest.mark.parametrize(("strangers", "stops"), [(90, False), (120, True)])
def test_more_than_a_fifth_of_rows_of_unknown_cards_stop_the_run(tmp_path, strangers, stops):
    """90 of 490 are 18.4 %, 120 of 520 are 23.1 %."""
    unknown = [f"z{n},nobody{n},visit,2026-06-01,{NOW}" for n in range(strangers)]
    said = gate(tmp_path, GOOD + unknown)
    expected = (
        "120 of 520 rows have a member_id that no other table knows (23.1%, the limit is 20.0%)"
    )
    assert (expected in said) == stops == bool(said)


def test_near_real_time_stops_at_the_gates_and_leaves_the_scores(tmp_path):
    write(tmp_path / "raw", company(40, GOOD))
    period = {"reference_start_date": "2026-05-01", "reference_end_date": "2026-05-31"}
    settings = {"score_start_date": "2026-05-01", **period}
    project = Project(tmp_path / "build", tmp_path / "raw", variables=settings).build()
    scores = "select customer_id, score from engagement_marts.fct_engagement_scores order by all"
    before = project.ask(scores)
    late = [line.replace("{NOW}", "{LATER}") for line in TWO_REASONS]
    write(tmp_path / "raw", company(40, [*GOOD, *late, "n1,M1,visit,2026-06-10,{LATER}"]))
    stopped = project.attempt("run", "--selector", "near_real_time")
    assert stopped.returncode == 1
    assert "all reasons, 30 of 431 rows are in quarantine" in stopped.stdout
    assert before and project.ask(scores) == before
