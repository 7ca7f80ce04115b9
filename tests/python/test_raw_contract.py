"""The raw contract: the same rows give the same scores however they land, and bad files stop."""

import gzip
import json
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

import duckdb
import pytest
from harness import (
    ROOT,
    SCORES,
    Project,
    at_once,
    contract,
    copy_raw,
    demo_contract,
    files,
    same_rows,
)

RELATIONS = ["+fct_engagement_scores", "+fct_customer_segments", "+rpt_row_reconciliation"]
CONTRACT = contract()
TABLES = demo_contract()
SOURCES = sorted({name.split(".")[0] for name in CONTRACT})
TOKYO_HOURS = 9  # ahead of UTC, all year


def moments(table: str) -> list[str]:
    return [name for name, c in CONTRACT[table].items() if c["data_type"] == "timestamp"]


def landed(table: str, raw: Path) -> str:
    return f"read_parquet({[str(path) for path in files(raw, table)]})"


def as_csv(demo: Project, folder: Path) -> Project:
    """Every table as CSV: the tills write the time of Tokyo, without saying so, and there are
    values that cannot be read where they don't enter a score."""
    for table in TABLES:
        path = folder / "raw" / f"{table.replace('.', '/')}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        hours = TOKYO_HOURS if table.startswith("raw_loyalty.") else 0
        told = [name for name in moments(table) if name != "_loaded_at"]  # the loader tells that
        clock = ", ".join(f"{name} + interval {hours} hour as {name}" for name in told)
        rows = f"select * {f'replace ({clock})' if told else ''} from {landed(table, demo.raw)}"
        duckdb.connect().execute(f"copy ({rows}) to '{path}' (header, delimiter ',')")
    spoil(folder / "raw" / "raw_crm" / "customers.csv", "birth_date", ["unknown"] * 3)
    spoil(folder / "raw" / "raw_loyalty" / "transaction_lines.csv", "amount", ["n/a"] * 5)
    versions(
        folder / "raw" / "raw_crm" / "customers.csv",
        {"country": ""},
        {"country": "zz", "_loaded_at": ""},
    )
    surveys = folder / "raw" / "raw_crm" / "surveys.csv"
    with surveys.open("a") as file:
        file.write("SX1,C00000001,nps,9,store,soon,,\nSX2,C00000001,nps,9,store,later,,\n")
    clocks = {"source_timezones": {"raw_loyalty": "Asia/Tokyo"}}
    project = Project(folder / "build", folder / "raw", variables=clocks)
    return project.build("--select", *RELATIONS)


def spoil(path: Path, column: str, values: list[str]) -> None:
    """Put unreadable text into the first lines of a CSV file."""
    lines = path.read_text().splitlines()
    place = lines[0].split(",").index(column)
    for number, value in enumerate(values, start=1):
        cells = lines[number].split(",")
        lines[number] = ",".join([*cells[:place], value, *cells[place + 1 :]])
    path.write_text("\n".join(lines) + "\n")


def versions(path: Path, *changes: dict[str, str]) -> None:
    """Add the last row of a CSV file once more for each change, with other values in it."""
    lines = path.read_text().splitlines()
    last = dict(zip(lines[0].split(","), lines[-1].split(","), strict=True))
    lines += [",".join((last | change).values()) for change in changes]
    path.write_text("\n".join(lines) + "\n")


def by_el_tool(demo: Project, folder: Path) -> Project:
    """Tables that an EL tool landed: own schemas, own names for its columns, times with a zone."""
    build = folder / "build"
    build.mkdir(parents=True)
    names = {"loaded_at": "_fivetran_synced", "is_deleted": "_fivetran_deleted"}
    variables = {
        "raw_schemas": {source: f"landing_{source}" for source in SOURCES},
        "load_columns": dict.fromkeys(SOURCES, names),
    }
    project = Project(build, "", variables=variables)
    with duckdb.connect(str(project.database)) as connection:
        for table in TABLES:
            zoned = ", ".join(f"{name} at time zone 'UTC' as {name}" for name in moments(table))
            connection.execute(f"create schema if not exists landing_{table.split('.')[0]}")
            connection.execute(f"""
                create table landing_{table} as
                select * exclude (_loaded_at, _is_deleted), _loaded_at as _fivetran_synced,
                    _is_deleted as _fivetran_deleted
                from (select * replace ({zoned}) from {landed(table, demo.raw)})""")
    return project.build("--select", *RELATIONS)


def without_web_and_app(demo: Project, folder: Path) -> Project:
    """No website, app, products or responses, and tables without some of their columns."""
    changes = {
        "raw_crm.customers": "select * exclude (market, household_id, phone) from rows",
        "raw_loyalty.transactions": "select * exclude (store_id, currency) from rows",
        "raw_loyalty.store_visits": "select * exclude (duration_seconds) from rows",
    }
    raw = copy_raw(demo.raw, folder / "raw", changes)
    shutil.rmtree(raw / "raw_web")
    shutil.rmtree(raw / "raw_app")
    shutil.rmtree(raw / "raw_crm" / "contact_responses")
    (raw / "raw_loyalty" / "products.parquet").unlink()
    return Project(folder / "build", raw).build("--select", *RELATIONS)


def by_week(demo: Project, folder: Path) -> Project:
    variables = {"score_period": "week", "score_start_date": "2025-10-01"}
    project = Project(folder / "build", demo.raw, variables=variables)
    return project.build("--select", *RELATIONS)


LANDINGS = {"csv_and_another_clock": as_csv, "el_tool": by_el_tool}
BUILDS = LANDINGS | {"without_web_and_app": without_web_and_app, "by_week": by_week}


@pytest.fixture(scope="module")
def builds(demo, tmp_path_factory) -> dict[str, Project]:
    folder = tmp_path_factory.mktemp("landings")
    jobs = [partial(make, demo, folder / name) for name, make in BUILDS.items()]
    return dict(zip(BUILDS, at_once(jobs), strict=True))


@pytest.mark.parametrize("name", LANDINGS)
def test_the_same_rows_landed_otherwise_give_the_same_scores(demo, builds, name):
    assert same_rows(builds[name], demo, SCORES, key=3) > 10_000


def test_a_load_time_is_utc_whatever_the_clock_of_its_source(demo, builds):
    loads = """
        select table_name, max(newest_loaded_at) from engagement_staging.int_raw_rows
        where source_system = 'raw_loyalty' group by all order by all"""
    found = builds["csv_and_another_clock"].ask(loads)
    assert len(found) > 5
    assert found == demo.ask(loads)


def counts(project: Project, column: str) -> dict[str, int]:
    """What rpt_row_reconciliation counts, per raw table."""
    return dict(
        project.ask(f"""
            select source_system || '.' || table_name, {column}
            from engagement_marts.rpt_row_reconciliation""")
    )


def test_single_values_that_cannot_be_read_are_counted_in_their_table(demo, builds):
    found = counts(builds["csv_and_another_clock"], "rows_with_values_set_aside")
    consents = landed("raw_crm.consents", demo.raw)
    ((without_status,),) = duckdb.sql(
        f"select count(*) from {consents} where coalesce(trim(status), '') = ''"
    ).fetchall()
    in_demo = dict.fromkeys(CONTRACT, 0) | {"raw_crm.consents": without_status}
    expected = {"raw_crm.customers": 3, "raw_loyalty.transaction_lines": 5}
    assert found == in_demo | expected
    assert counts(demo, "rows_with_values_set_aside") == in_demo


def test_rows_with_an_unreadable_required_value_are_quarantined(demo, builds):
    before, after = (
        counts(build, "rows_quarantined") for build in (demo, builds["csv_and_another_clock"])
    )
    assert after.pop("raw_crm.surveys") == before.pop("raw_crm.surveys") + 2
    assert after == before


def test_of_versions_loaded_at_once_the_fuller_counts_and_one_without_a_load_time_does_not(
    demo, builds
):
    countries = (
        "select customer_id, country from engagement_staging.stg_crm__customers order by all"
    )
    found = builds["csv_and_another_clock"].ask(countries)
    assert None not in dict(found).values()
    assert found == demo.ask(countries)
    superseded = counts(builds["csv_and_another_clock"], "rows_superseded")["raw_crm.customers"]
    assert superseded == counts(demo, "rows_superseded")["raw_crm.customers"] + 2


def test_every_row_that_landed_is_counted(demo):
    expected = {
        table: duckdb.sql(f"select count(*) from {landed(table, demo.raw)}").fetchall()[0][0]
        for table in CONTRACT
        if any(path.exists() for path in files(demo.raw, table))
    }
    assert counts(demo, "rows_in") == dict.fromkeys(CONTRACT, 0) | expected


MISSING = [
    "web_visits", "web_engaged_minutes", "app_visits", "app_engaged_minutes",
    "reviews_written", "category_diversity", "email_opens", "email_clicks", "email_click_rate",
    "postal_replies", "sms_answers", "push_opens", "store_visit_minutes",
]  # fmt: skip


@pytest.mark.parametrize("variable", MISSING)
def test_a_variable_of_a_missing_table_is_null_for_everybody(demo, builds, variable):
    known = f"select count({variable}) from engagement_variables.int_engagement_variables"
    assert builds["without_web_and_app"].ask(known) == [(0,)]
    assert demo.ask(known)[0][0] > 1_000


def test_missing_tables_lower_the_coverage_of_everybody(builds):
    coverage = """
        select max(coverage), min(coverage) from engagement_marts.fct_engagement_scores
        where scorecard_version like 'balanced%' and score is not null"""
    ((most, least),) = builds["without_web_and_app"].ask(coverage)
    assert 0 < least <= most < 1


def test_missing_tables_are_counted_as_empty(builds):
    rows = counts(builds["without_web_and_app"], "rows_in")
    absent = {table for table, count in rows.items() if count == 0}
    assert absent == {t for t in CONTRACT if t.startswith(("raw_web", "raw_app"))} | {
        "raw_loyalty.products",
        "raw_crm.contact_responses",
        "raw_crm.erasure_requests",
    }


def test_missing_tables_leave_the_programme_variables_as_they_are(demo, builds):
    both = """
        select customer_id, score_date, promotions_joined, benefits_redeemed, referrals_made,
            surveys_answered, service_contacts, preference_completeness
        from engagement_variables.int_engagement_variables"""
    less = {row[:2]: row for row in builds["without_web_and_app"].ask(both)}
    full = {row[:2]: row for row in demo.ask(both)}
    common = less.keys() & full.keys()
    assert len(common) > 0.9 * len(full)
    assert [less[key] for key in common if less[key] != full[key]] == []


def test_an_absent_optional_column_reads_as_null(builds):
    found = builds["without_web_and_app"].ask("""
        select count(market), count(household_id), count(*)
        from engagement_staging.stg_crm__customers""")
    assert found[0][:2] == (0, 0)
    assert found[0][2] > 500


def test_weeks_end_on_sundays_and_the_last_day_of_data_is_scored_too(builds):
    dates = builds["by_week"].ask("""
        select isodow(score_date), count(*) from engagement_variables.int_score_dates
        where is_period_end group by all""")
    assert len(dates) == 1
    assert dates[0][0] == 7
    gaps = builds["by_week"].ask("""
        select distinct score_date - lag(score_date) over (order by score_date)
        from engagement_variables.int_score_dates where is_period_end""")
    assert {gap for (gap,) in gaps} == {None, 7}
    latest = "select score_date::varchar from engagement_variables.int_score_dates where is_latest"
    assert builds["by_week"].ask(latest) == [("2026-10-31",)]


def test_a_day_has_the_same_variables_whether_it_ends_a_week_or_a_month(demo, builds):
    """31 May 2026 is the end of both, 31 October the last day of data."""
    shared = """
        select customer_id, score_date, * exclude (customer_id, score_date)
        from engagement_variables.int_engagement_variables
        where score_date in (date '2026-05-31', date '2026-10-31')"""
    assert same_rows(builds["by_week"], demo, shared, key=2) > 800


def test_scores_by_week_lie_in_0_to_100(builds):
    least, most, count = builds["by_week"].ask(
        "select min(score), max(score), count(score) from engagement_marts.fct_engagement_scores"
    )[0]
    assert 0 <= least < most <= 100
    assert count > 40_000


WRONG = {
    "raw_crm.surveys": "select * exclude (answered_at) from rows",
    "raw_loyalty.transactions": "select * replace ('last Monday' as transacted_at) from rows",
    "raw_loyalty.store_visits": "select * replace (true as duration_seconds) from rows",
}


def said(done) -> str:
    """What dbt printed, on one line."""
    return " ".join((done.stdout + done.stderr).split())


def wrong_columns(demo: Project, folder: Path):
    raw = copy_raw(demo.raw, folder / "raw", WRONG)
    consents = raw / "raw_crm" / "consents"
    changed = f"from {landed('raw_crm.consents', raw)} select * replace ('spring' as changed_at)"
    duckdb.connect().execute(f"copy ({changed}) to '{consents}.csv' (header)")
    consents.with_suffix(".parquet").unlink()
    return Project(folder / "build", raw).attempt("run")


def truncated(demo: Project, folder: Path):
    raw = copy_raw(demo.raw, folder / "raw", {})
    path = raw / "raw_crm" / "consents.parquet"
    path.write_bytes(path.read_bytes()[:-200])
    return Project(folder / "build", raw).attempt("run")


def nothing(demo: Project, folder: Path):
    (folder / "raw").mkdir(parents=True)
    return Project(folder / "build", folder / "raw").attempt("run")


REFUSED = {"wrong_columns": wrong_columns, "truncated": truncated, "nothing": nothing}


@pytest.fixture(scope="module")
def refused(demo, tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("refused")
    jobs = [partial(make, demo, folder / name) for name, make in REFUSED.items()]
    return dict(zip(REFUSED, at_once(jobs), strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_the_build_stops_before_any_model_runs(refused, name):
    assert refused[name].returncode != 0
    assert "OK created" not in refused[name].stdout


MESSAGES = {
    "a required column that is missing": (
        "raw_crm.surveys", "answered_at", "missing", "timestamp", "survey_id, customer_id",
        "raw_crm/surveys.parquet",
    ),
    "text where a time is declared": (
        "raw_loyalty.transactions", "transacted_at", "VARCHAR", "timestamp", "'aaaa aaaaaa'",
        "raw_loyalty/transactions/part-0000.parquet",
    ),
    "a truth value where a number is declared": (
        "raw_loyalty.store_visits", "duration_seconds", "BOOLEAN", "double", "'aaaa'",
        "raw_loyalty/store_visits.parquet",
    ),
    "a CSV column in which nothing can be read": (
        "raw_crm.consents", "changed_at", "text", "timestamp", "'aaaaaa'", "raw_crm/consents.csv",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES)
def test_one_message_names_table_column_found_and_wanted_type_example_and_file(refused, name):
    table, *expected = MESSAGES[name]
    lines = refused["wrong_columns"].stdout + refused["wrong_columns"].stderr
    mine = [line for line in lines.splitlines() if f"- {table}: " in line]
    assert mine, lines[-3000:]
    assert [part for part in expected if part not in mine[0]] == []


def test_a_message_shows_the_shape_of_a_value_and_never_the_value(refused):
    text = said(refused["wrong_columns"])
    assert [value for value in ("last Monday", "spring") if value in text] == []


def test_only_what_is_wrong_is_named(refused):
    lines = (refused["wrong_columns"].stdout).splitlines()
    named = {line.split(":")[0].split("- ")[-1].strip() for line in lines if " In: " in line}
    assert named == {message[0] for message in MESSAGES.values()}


def test_a_file_that_cannot_be_read_is_named(refused):
    assert "raw_crm/consents.parquet" in said(refused["truncated"])


def test_an_empty_folder_is_named_and_told_what_belongs_there(refused):
    text = said(refused["nothing"])
    assert "No raw table found in raw." in text
    assert "raw_crm/customers.parquet" in text


def land(folder: Path, tables: dict[str, str]) -> Path:
    """Small raw files: path -> text."""
    for name, text in tables.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def stage(folder: Path, **variables) -> tuple[Project, subprocess.CompletedProcess]:
    project = Project(folder / "build", folder / "raw", variables=variables)
    return project, project.attempt("run", "--select", "path:models/1_staging")


CUSTOMER = "customer_id,created_at,_loaded_at\nC1,2026-05-01,2026-06-16 05:00\n"

# Files of one table that cannot be read together.
CLASHES = {
    "CSV next to Parquet": ["customers.csv", "customers.parquet"],
    "CSV next to Parquet in capitals": ["surveys.csv", "SURVEYS.PARQUET"],
    "a folder of both": ["consents/part-1.csv", "consents/part-2.parquet"],
    "a file of one beside a folder of the other": ["campaigns.Csv", "campaigns/part-1.parquet"],
    "CSV next to the same compressed": ["preferences.csv", "preferences.csv.gz"],
    "one name in two cases": ["service_tickets.csv", "Service_Tickets.CSV"],
}


@pytest.fixture(scope="module")
def clashing(tmp_path_factory) -> str:
    """What the build says that finds all of them."""
    folder = tmp_path_factory.mktemp("clashing")
    raw = land(folder / "raw", {"raw_web/events.csv": "anonymous_id,event_at,event_name\n"})
    for path in [raw / "raw_crm" / file for names in CLASHES.values() for file in names]:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".parquet":
            duckdb.sql("select 'C1' as customer_id").write_parquet(str(path))
        elif path.suffix == ".gz":
            path.write_bytes(gzip.compress(CUSTOMER.encode()))
        else:
            path.write_text(CUSTOMER)
    done = stage(folder)[1]
    assert done.returncode != 0
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", CLASHES)
def test_two_formats_of_one_table_stop_the_build_and_are_named_with_what_to_do(clashing, name):
    table = re.split("[./]", CLASHES[name][0])[0]
    (line,) = [line for line in clashing.splitlines() if f"- raw_crm.{table}: " in line]
    assert [file for file in CLASHES[name] if f"raw/raw_crm/{file}" not in line] == []
    assert "Keep one of them" in line


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> tuple[Project, subprocess.CompletedProcess]:
    """Names of files, folders and columns that are SQL, and files that are not read."""
    folder = tmp_path_factory.mktemp("odd")
    place = folder / "raw" / PLACE
    land(place, {
        "raw_crm/CUSTOMERS.CSV": f"{HEADER}\n" + "C1,a,b,c,2026-06-16 05:00\n",
        "raw_crm/surveys/it's; drop table x -- [1].csv":
            "customer_id,survey_type,answered_at,_loaded_at\nC1,nps,2026-05-01,2026-06-16 05:00\n",
        "raw_crm/custmers.csv": CUSTOMER,
        "raw_crm/preferences.xlsx": "",
        "raw_crm/_SUCCESS": "",
        "raw_web/clicks/part-1.json": "",
    })  # fmt: skip
    (place / "raw_web" / "events").mkdir()
    columns = ", ".join(f"1 as {quote(name)}" for name in SQL_NAMES)
    duckdb.sql(f"""
        select 'v1' as anonymous_id, timestamp '2026-05-01' as event_at, 'view' as event_name,
            timestamp '2026-06-16 05:00' as _loaded_at, {columns}
    """).write_parquet(str(place / "raw_web" / "events" / "part-'1'.Parquet"))
    return stage(folder, raw_path=f"raw/{PLACE}")


PLACE = "it's [a] *place*?"
SQL_NAMES = [
    "x' || (select 'injected') || '",
    'y"); create table injected as select 1; --',
    "z'; drop schema engagement_staging cascade; --",
]
HEADER = ",".join(
    ["customer_id", *('"' + name.replace('"', '""') + '"' for name in SQL_NAMES), "_loaded_at"]
)


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def test_sql_in_names_of_files_folders_and_columns_is_not_run(odd):
    project, done = odd
    assert done.returncode == 0, said(done)[-3000:]
    assert project.ask("""
        select count(*) from information_schema.tables where table_name = 'injected'""") == [(0,)]
    for table, values in {"crm.customers": "abc", "web.events": [1, 1, 1]}.items():
        ((landed,),) = project.ask(f"select _landed from engagement_raw_{table}")
        found = json.loads(landed)
        assert [found[name.lower()] for name in SQL_NAMES] == list(values)
    assert project.ask("select count(*) from engagement_staging.stg_crm__surveys") == [(1,)]


def test_what_is_not_read_is_named_with_the_closest_table(odd):
    text = said(odd[1])
    assert text.count("Not read: ") == 3
    assert "raw_crm/custmers.csv. The raw contract has no table raw_crm.custmers." in text
    assert "Did you mean raw_crm.customers?" in text
    assert "raw_crm/preferences.xlsx. Files end in .parquet, .csv or .csv.gz." in text
    assert "raw_web/clicks/part-1.json. The raw contract has no table raw_web.clicks." in text


def test_sql_in_the_names_of_schemas_tables_and_columns_is_not_run(tmp_path):
    schema = 'crm"; create table injected as select 1; --'
    project = Project(tmp_path / "build", "", variables={"raw_schemas": {"raw_crm": schema}})
    project.folder.mkdir()
    with duckdb.connect(str(project.database)) as connection:
        connection.execute(f"create schema {quote(schema)}")
        columns = ", ".join(f"1 as {quote(name)}" for name in SQL_NAMES)
        connection.execute(f"""
            create table {quote(schema)}."customers" as
            select 'C1' as customer_id, {columns}, timestamp '2026-06-16' as _loaded_at""")
        connection.execute(f"create table {quote(schema)}.consent (i int)")
    done = project.attempt("run", "--select", "path:models/1_staging")
    assert done.returncode == 0, said(done)[-3000:]
    assert "Did you mean raw_crm.consents?" in said(done)
    assert project.ask("select customer_id from engagement_staging.stg_crm__customers") == [("C1",)]
    assert project.ask("""
        select count(*) from information_schema.tables where table_name = 'injected'""") == [(0,)]


# Texts of a CSV whose source keeps the clock of New York -> the moment in UTC, worked out by hand.
MOMENTS = {
    "2026-05-31T20:30:00-07:00": "2026-06-01 03:30:00",
    "2026-06-01T00:30:00+02:00": "2026-05-31 22:30:00",
    "2026-06-01 00:30:00.250 +0200": "2026-05-31 22:30:00.250",
    "2026-06-01 00:30+05:30": "2026-05-31 19:00:00",
    "2026-05-31T22:30:00Z": "2026-05-31 22:30:00",
    "2026-05-31T22:30z": "2026-05-31 22:30:00",
    "2026-05-31 22:30:00 UTC": "2026-05-31 22:30:00",
    "2026-06-01 00:30:00 Europe/Paris": "2026-05-31 22:30:00",
    "2026-05-31 18:30:00": "2026-05-31 22:30:00",  # summer time: UTC-4
    "2026-01-31 18:30:00": "2026-01-31 23:30:00",  # winter time: UTC-5
    "2026-03-08 02:30:00": "2026-03-08 07:30:00",  # an hour that the clock skips: as 03:30
    "2026-05-31": "2026-05-31 04:00:00",
    "NULL": None,
    " null ": None,
    "\\N": None,
}
# Dates of birth as text, in a source of the same clock.
BIRTHS = {
    "1990-01-01": "1990-01-01",
    "1990-01-01T05:00:00Z": "1990-01-01",  # midnight in New York
    "1989-12-31T23:00:00Z": "1989-12-31",
    "1990-01-01T00:00:00Z": "1990-01-01",  # midnight as written
    "1990-01-01T00:00:00+02:00": "1990-01-01",
    "1990-01-01 00:00:00": "1990-01-01",
    "1989-12-31 23:00:00": "1989-12-31",
    "NULL": None,
}


@pytest.fixture(scope="module")
def clocks(tmp_path_factory) -> Project:
    """Text times in CSV, and the same moments as Parquet's timestamps with and without a zone."""
    folder = tmp_path_factory.mktemp("clocks")
    rows = [f"M{n},{text},,NULL,2026-06-16T07:00:00+02:00" for n, text in enumerate(MOMENTS)]
    rows += [f"B{n},,{text},Null,2026-06-16T05:00:00Z" for n, text in enumerate(BIRTHS)]
    header = "customer_id,created_at,birth_date,market,_loaded_at"
    land(folder / "raw", {"raw_crm/customers.csv": "\n".join([header, *rows]) + "\n"})
    connection = duckdb.connect()
    surveys = folder / "raw" / "raw_crm" / "surveys.parquet"
    connection.execute(f"""
        copy (
            select 'S1' as survey_id, 'M0' as customer_id, 'nps' as survey_type,
                timestamp '2026-05-31 22:30:00' at time zone 'UTC' as answered_at,
                timestamp '2026-06-16' as _loaded_at
        ) to '{surveys}' (format parquet)""")
    tickets = folder / "raw" / "raw_crm" / "service_tickets.parquet"
    connection.execute(f"""
        copy (
            select 'T1' as ticket_id, 'M0' as customer_id,
                timestamp '2026-05-31 18:30:00' as opened_at, timestamp '2026-06-16' as _loaded_at
        ) to '{tickets}' (format parquet)""")
    project, done = stage(folder, source_timezones={"raw_crm": "America/New_York"})
    assert done.returncode == 0, said(done)[-3000:]
    return project


def of_customers(project: Project, column: str, letter: str) -> dict[int, str | None]:
    return {
        int(customer[1:]): value
        for customer, value in project.ask(f"""
            select customer_id, {column}::varchar from engagement_raw_crm.customers
            where customer_id like '{letter}%'""")
    }


def test_a_time_that_states_its_zone_is_read_in_it_and_others_by_the_clock_of_their_source(clocks):
    found = of_customers(clocks, "strftime(created_at, '%Y-%m-%d %H:%M:%S.%g')", "M")
    expected = {n: t and f"{t}.000"[:23] for n, t in enumerate(MOMENTS.values())}
    assert found == expected
    for table, column in {"surveys": "answered_at", "service_tickets": "opened_at"}.items():
        moment = f"select {column}::varchar from engagement_raw_crm.{table}"
        assert clocks.ask(moment) == [("2026-05-31 22:30:00",)]


def test_a_load_time_with_an_offset_is_read_in_it(clocks):
    assert clocks.ask("select distinct _loaded_at::varchar from engagement_raw_crm.customers") == [
        ("2026-06-16 05:00:00",)
    ]


def test_a_date_of_birth_in_utc_keeps_its_day(clocks):
    assert of_customers(clocks, "birth_date", "B") == dict(enumerate(BIRTHS.values()))


def test_null_as_text_in_csv_is_null_and_nothing_is_set_aside(clocks):
    assert clocks.ask("select count(market), count(_set_aside), count(_rejected), count(*) "
                      "from engagement_raw_crm.customers") == [
        (0, 0, 0, len(MOMENTS) + len(BIRTHS))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"source_timezones": {"raw_crm": "Europe/Pari'"}}, "Europe/Pari' is no time zone"),
        (
            {"source_timezones": {"crm": "UTC"}},
            "there is no source crm. The sources are raw_app, raw_crm, raw_loyalty, raw_web",
        ),
        ({"business_timezone": "Paris"}, "business_timezone: Paris is no time zone"),
    ],
)
def test_a_time_zone_that_does_not_exist_is_named(tmp_path, variables, expected):
    land(tmp_path / "raw", {"raw_crm/customers.csv": CUSTOMER})
    done = stage(tmp_path, **variables)[1]
    assert done.returncode != 0
    assert expected in said(done)


def test_a_deletion_mark_that_cannot_be_read_sets_the_row_aside_in_csv_and_parquet(tmp_path):
    marks = ["true", "T", "1", "1.0", "false", "f", "0", "0.0", "", "NULL", "perhaps", "2"]
    rows = [f"C{n},{mark},2026-06-16 05:00" for n, mark in enumerate(marks)]
    land(tmp_path / "raw", {
        "raw_crm/customers.csv": "\n".join(["customer_id,_gone,_loaded_at", *rows]) + "\n",
    })  # fmt: skip
    place = tmp_path / "raw" / "raw_crm"
    for table, type_ in {"preferences": "varchar", "campaigns": "integer"}.items():
        readable = [m for m in marks if type_ == "varchar" or m in ("0", "1", "2")]
        values = ", ".join(f"('C{n}', '{mark}')" for n, mark in enumerate(readable))
        duckdb.sql(f"""
            select i as customer_id, i as campaign_id, 'x' as attribute, i as campaign_name,
                timestamp '2026-05-01' as changed_at, nullif(m, 'NULL')::{type_} as _gone,
                timestamp '2026-06-16' as _loaded_at
            from (values {values}) as marks (i, m)""").write_parquet(
            str(place / f"{table}.parquet")
        )
    project, done = stage(tmp_path, load_columns={"raw_crm": {"is_deleted": "_gone"}})
    assert done.returncode == 0, said(done)[-3000:]
    for table, deleted, kept, unreadable in [
        ("customers", 4, 6, 2),
        ("preferences", 4, 6, 2),
        ("campaigns", 1, 1, 1),
    ]:
        found = project.ask(f"""
            select count(*) filter (_is_deleted and _rejected is null),
                count(*) filter (not coalesce(_is_deleted, false) and _rejected is null),
                count(*) filter (_rejected = 'unreadable_value:_is_deleted')
            from engagement_raw_crm.{table}""")
        assert found == [(deleted, kept, unreadable)], table
    assert project.ask("""
        select reason_code, column_name, sum(row_count) from engagement_staging.int_quarantined_rows
        group by all""") == [("unreadable_value", "_is_deleted", 5)]


def test_the_lists_of_channels_of_messages_agree():
    text = (ROOT / "macros" / "message_channels.sql").read_text()
    channels = re.findall(r'"(\w+)"', text)
    accepted = [
        CONTRACT[f"raw_crm.{table}"]["channel"]["config"]["meta"]["accepted"]
        for table in ("campaign_contacts", "consents")
    ]
    assert accepted == [channels, [*channels, "all", "*"]]
