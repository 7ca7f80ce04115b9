"""The raw contract: the same rows give the same scores however they land, and bad files stop."""

import shutil
from functools import partial
from pathlib import Path

import duckdb
import pytest
from harness import SCORES, Project, at_once, contract, copy_raw, demo_contract, files, same_rows

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
    expected = {"raw_crm.customers": 3, "raw_loyalty.transaction_lines": 5}
    assert found == dict.fromkeys(CONTRACT, 0) | expected
    assert set(counts(demo, "rows_with_values_set_aside").values()) == {0}


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
        "raw_loyalty.transactions", "transacted_at", "VARCHAR", "timestamp", "'last Monday'",
        "raw_loyalty/transactions/part-0000.parquet",
    ),
    "a truth value where a number is declared": (
        "raw_loyalty.store_visits", "duration_seconds", "BOOLEAN", "double", "'true'",
        "raw_loyalty/store_visits.parquet",
    ),
    "a CSV column in which nothing can be read": (
        "raw_crm.consents", "changed_at", "text", "timestamp", "'spring'", "raw_crm/consents.csv",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES)
def test_one_message_names_table_column_found_and_wanted_type_example_and_file(refused, name):
    table, *expected = MESSAGES[name]
    lines = refused["wrong_columns"].stdout + refused["wrong_columns"].stderr
    mine = [line for line in lines.splitlines() if f"- {table}: " in line]
    assert mine, lines[-3000:]
    assert [part for part in expected if part not in mine[0]] == []


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
