"""Runs that bring up to date leave what a build from nothing leaves, whatever came in between.

Each history is random and told by its seed: `HISTORIES=50 make unit T=history` plays the seeds 0 to
49, `HISTORIES=18 make unit T="history and seed_17"` the one that failed. Where a history ends in
something else than the full refresh, the test prints its steps and where they first differ.
"""

import csv
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from signal import SIGKILL

import duckdb
import pytest
from comparison import BOOKKEEPING_RELATIONS, differences, relations
from harness import (
    SCORE_KEY,
    SCORES,
    Project,
    copy_project,
    generate,
    same_rows,
)
from histories import CUSTOMERS, History, run_and_kill
from landing import LAST_LOAD, Landing, literal
from test_own_scorecard import SEEDS

SEED_NUMBERS = range(int(os.environ.get("HISTORIES", "5")))


@dataclass(frozen=True)
class Bench:
    """What the histories share: raw data, a project, and a database that holds its seeds."""

    raw: Path
    source: Path
    seeded: Path
    whole: Project  # built on all of the raw data

    def build(self, folder: Path, raw: Path) -> Project:
        """A project built on a raw folder."""
        project = Project(folder, raw, self.source)
        project.folder.mkdir(parents=True)
        shutil.copy(self.seeded, project.database)
        return project.dbt("run")


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Bench:
    """A copy of the project with a calibration and the seeds of another scorecard.

    Its keys have five hashes, so that of the rows found by a hash most are others than are meant.
    """
    folder = tmp_path_factory.mktemp("bench")
    raw = generate(folder / "raw", CUSTOMERS)
    source = copy_project(folder / "project")
    macro = source / "macros" / "current_rows.sql"
    hashing, colliding = '"hash(" ~ columns ~ ")"', '"hash(" ~ columns ~ ") % 5"'
    assert hashing in macro.read_text()
    macro.write_text(macro.read_text().replace(hashing, colliding))
    for name, text in SEEDS.items():
        (source / "seeds" / f"{name}.csv").write_text(text)
    whole = Project(folder / "whole", raw, source).build()
    columns = ["scorecard_version", "kind", "name", "statistic", "value"]
    rows = whole.ask(f"select {', '.join(columns)} from engagement_segments.int_calibration")
    with (source / "seeds" / "calibration.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *sorted(rows)])
    seeded = Project(folder / "seeded", raw, source).dbt("seed")
    return Bench(raw, source, seeded.database, whole)


@pytest.fixture(scope="module")
def endings(request, bench, tmp_path_factory) -> Iterator[dict[int, Future]]:
    """Seed -> the end of its history, for those that are asked for; two are played at once."""
    folder = tmp_path_factory.mktemp("histories")
    parameters = [getattr(item, "callspec", None) for item in request.session.items]
    seeds = [p.params["history"] for p in parameters if p and "history" in p.params]
    pool = ThreadPoolExecutor(2)
    yield {seed: pool.submit(play, seed, folder / str(seed), bench) for seed in seeds}
    pool.shutdown(cancel_futures=True)


def play(seed: int, folder: Path, bench: Bench) -> None:
    """Play a history and see that it ends as a full refresh does; failing, tell all its steps."""
    history = History(seed, folder, bench.raw, bench.source, bench.seeded)
    try:
        history.play()
        if found := history.differences():
            raise AssertionError("\n".join([f"{len(found)} relations differ:", *found]))
    except Exception as error:
        raise AssertionError(f"{history}\n{error}") from error
    for path in folder.iterdir():
        if path.suffix != ".home":  # others share what was parsed there, which names its seeds
            shutil.rmtree(path)


@pytest.mark.parametrize("history", SEED_NUMBERS, ids="seed_{}".format)
def test_a_random_history_of_runs_ends_in_what_a_full_refresh_gives(endings, history):
    endings[history].result()


def copied(project: Project, folder: Path) -> Project:
    """A copy of a database, for reading and spoiling."""
    copy = replace(project, folder=folder)
    shutil.copy(project.database, copy.database)
    shutil.copytree(project.target, copy.target)
    return copy


def test_every_table_and_mart_is_compared_and_equals_itself(bench, tmp_path):
    with bench.whole.connect() as connection:
        names = {relation.name for relation in relations(bench.whole, connection)}
    assert {"int_visits", "int_activities", "int_scores", "int_customer_segments"} <= names
    assert {"fct_engagement_scores", "fct_score_contributions", "rpt_row_reconciliation"} <= names
    assert len(names) > 40
    assert differences(copied(bench.whole, tmp_path), bench.whole) == []


# What is spoiled -> how, in SQL, the relations that show it, and how they are told to differ.
SPOILED = {
    "a score by a millionth": (
        """update engagement_scores.int_scores set score = score + 1e-6
            where rowid = (select min(rowid) from engagement_scores.int_scores where score > 0)""",
        ["int_scores", "fct_engagement_scores"], "1 with another score, first at ",
    ),
    "a value that is null": (
        """update engagement_variables.int_engagement_variables set recency_days = null
            where rowid = (
                select min(rowid) from engagement_variables.int_engagement_variables
                where recency_days > 0
            )""",
        ["int_engagement_variables"], ", expected ",
    ),
    "a text": (
        """update engagement_identity.int_customers set market = 'XX'
            where rowid = (select min(rowid) from engagement_identity.int_customers)""",
        ["int_customers"], "1 with another market, first at customer_id C0",
    ),
    "a row that is missing": (
        """delete from engagement_segments.int_customer_segments
            where rowid = (select min(rowid) from engagement_segments.int_customer_segments)""",
        ["int_customer_segments", "fct_customer_segments"], "1 missing",
    ),
    "a row that is there twice": (
        """insert into engagement_identity.int_visits
            select * from engagement_identity.int_visits limit 1""",
        ["int_visits"], "1 too many",
    ),
    "a row of a table without a key": (
        """insert into engagement_activities.int_consents
            select * from engagement_activities.int_consents limit 1""",
        ["int_consents"], "1 too many",
    ),
    "a number of a table without a key": (
        """update engagement_activities.int_activities set engaged_seconds = engaged_seconds + 1e-6
            where rowid = (
                select min(rowid) from engagement_activities.int_activities
                where engaged_seconds > 0
            )""",
        ["int_activities"], "1 with another engaged_seconds",
    ),
    "a mart that is missing": (
        "drop view engagement_marts.fct_segment_migrations",
        ["fct_segment_migrations"], "is missing",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def noticed(bench, tmp_path_factory) -> list[str]:
    """What the comparison says of a copy that is spoiled in all these ways."""
    copy = copied(bench.whole, tmp_path_factory.mktemp("spoiled"))
    with duckdb.connect(str(copy.database)) as connection:
        for change, _, _ in SPOILED.values():
            connection.execute(change)
    return differences(copy, bench.whole)


@pytest.mark.parametrize("spoiled", SPOILED)
def test_the_comparison_notices(noticed, spoiled):
    _, names, message = SPOILED[spoiled]
    for name in names:
        lines = [line for line in noticed if line.startswith(f"{name} ")]
        assert len(lines) == 1
        assert message in lines[0]


def test_the_comparison_leaves_the_last_digits_alone(bench, tmp_path):
    copy = copied(bench.whole, tmp_path)
    with duckdb.connect(str(copy.database)) as connection:
        connection.execute("update engagement_scores.int_scores set score = score + 1e-11")
    assert differences(copy, bench.whole) == []


def test_a_killed_run_dies_in_its_midst(bench, tmp_path):
    copy = copied(bench.whole, tmp_path)
    assert run_and_kill(copy, finished=20, seconds=0) == -SIGKILL
    assert "Completed" not in (copy.logs / "dbt.log").read_text()


def incremental(project: Project) -> dict[str, list[str]]:
    """The tables that runs bring up to date -> their columns."""
    tables = [
        f"{node['schema']}.{node['alias']}"
        for node in project.manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["config"]["materialized"] == "incremental"
        and "quality" not in node["tags"]  # judged apart, see test_quality
        and node["name"] not in BOOKKEEPING_RELATIONS
    ]
    return {table: [row[0] for row in project.ask(f"describe {table}")] for table in sorted(tables)}


def places(project: Project) -> dict[str, list[tuple]]:
    """Where in the file each incremental table lies: what is written again lies elsewhere."""
    return {
        table: project.ask(f"""
            select row_group_id, column_path, segment_id, count, block_id, block_offset
            from pragma_storage_info('{table}') order by all""")
        for table in incremental(project)
    }


def rewritten(before: dict[str, list[tuple]], after: dict[str, list[tuple]]) -> list[str]:
    return [table for table in before if after[table] != before[table]]


@dataclass(frozen=True)
class Unchanged:
    """A database after a run without anything new: what it said, and the tables that it wrote."""

    project: Project
    said: str
    tables: list[str]


@pytest.fixture(scope="module")
def unchanged(bench, tmp_path_factory) -> Unchanged:
    copy = copied(bench.whole, tmp_path_factory.mktemp("unchanged"))
    before = places(copy.dbt("run", "--full-refresh"))
    done = copy.attempt("run")
    assert done.returncode == 0, done.stdout
    return Unchanged(copy, done.stdout, rewritten(before, places(copy)))


def test_a_run_without_anything_new_rewrites_no_incremental_table(unchanged):
    assert len(incremental(unchanged.project)) > 5
    assert unchanged.tables == []


def test_a_run_without_new_rows_says_so_after_a_full_refresh_too(unchanged):
    assert "Nothing new: no raw row that changes a score, no score computed." in unchanged.said


def test_a_table_that_is_written_again_as_it_was_is_noticed(unchanged, tmp_path):
    copy = copied(unchanged.project, tmp_path)
    before = places(copy)
    with duckdb.connect(str(copy.database)) as connection:
        connection.execute("""
            create temp table same as from engagement_scores.int_scores;
            delete from engagement_scores.int_scores;
            insert into engagement_scores.int_scores from same""")
    assert rewritten(before, places(copy)) == ["engagement_scores.int_scores"]


def rows_but(project: Project, customers: str) -> dict[str, tuple]:
    """Count and fingerprint of the other customers' rows in incremental tables, in their order.

    Rows that are written again come last, so their order tells that, too.
    """
    return {
        table: project.ask(f"""
            select count(*), bit_xor(hash(place, {", ".join(columns)}))
            from (
                select *, row_number() over (order by rowid) as place from {table}
                where customer_id is null or customer_id not in {customers}
            )""")[0]
        for table, columns in incremental(project).items()
        if "customer_id" in columns
    }


# What three customers do on the last whole day of data.
TODAY = {
    "raw_loyalty.store_visits": """
        'today ' || member_id as visit_id, member_id, 'event' as visit_type,
        today_at as visited_at, 3600.0::double as duration_seconds""",
    "raw_web.events": """
        'today ' || customer_id as event_id, 'cookie of ' || customer_id as anonymous_id,
        customer_id as login_id, 'today' as session_id, today_at as event_at,
        'page_view' as event_name, 60.0::double as engaged_seconds""",
    "raw_crm.surveys": """
        'today ' || customer_id as survey_id, customer_id, 'nps' as survey_type,
        today_at as answered_at""",
}
LATEST = f"{SCORES} where fct_engagement_scores.is_latest"


@dataclass(frozen=True)
class Day:
    """A database brought up to date on what a few customers have just done."""

    project: Project
    raw: Path
    said: str  # by the run
    customers: str  # a list for SQL's `in`
    scores: dict[str, list[tuple]]  # of these customers before and after, at the last date
    others: dict[str, dict[str, tuple]]  # the others' rows before and after


@pytest.fixture(scope="module")
def day(bench, tmp_path_factory) -> Day:
    folder = tmp_path_factory.mktemp("day")
    landing = Landing(folder / "raw", bench.raw, LAST_LOAD)
    project = bench.build(folder / "build", landing.raw)
    cards = project.ask("""
        select customer_id, min(member_id) from engagement_identity.int_card_customers
        where customer_id in (select customer_id from engagement_scores.int_scores)
            and matched_by = 'account'
        group by customer_id order by customer_id limit 3""")
    customers = str(tuple(customer for customer, _ in cards))
    theirs = f"{LATEST} and customer_id in {customers} order by all"
    scores, others = {}, {}
    scores["before"], others["before"] = project.ask(theirs), rows_but(project, customers)
    at = datetime.combine(landing.now.date() - timedelta(days=1), time(10))
    for table, columns in TODAY.items():
        landing.land(table, f"""
            select {columns}, {literal(landing.moment())} as _loaded_at, false as _is_deleted
            from (values {", ".join(map(str, cards))}) as cards (customer_id, member_id)
            cross join (select {literal(at)} as today_at)""")  # fmt: skip
    done = project.attempt("run", "--selector", "near_real_time")
    assert done.returncode == 0, done.stdout
    scores["after"], others["after"] = project.ask(theirs), rows_but(project, customers)
    return Day(project, landing.raw, done.stdout, customers, scores, others)


@pytest.fixture(scope="module")
def day_from_nothing(bench, day, tmp_path_factory) -> Project:
    return bench.build(tmp_path_factory.mktemp("from_nothing") / "build", day.raw)


def test_in_near_real_time_the_scores_of_those_who_did_something_are_a_full_builds(
    day, day_from_nothing
):
    assert len(day.scores["after"]) == 6  # customers and scorecards
    assert [row for row in day.scores["after"] if row in day.scores["before"]] == []
    theirs = f"select * from ({LATEST}) where customer_id in {day.customers}"
    assert same_rows(day.project, day_from_nothing, theirs, key=len(SCORE_KEY)) == 6


def test_a_run_in_near_real_time_says_how_many_customers_new_rows_concern(day):
    assert "New rows concern 3 customers.\n" in day.said


def test_in_near_real_time_nobody_elses_rows_are_touched(day):
    assert len(day.others["before"]) > 5
    assert day.others["after"] == day.others["before"]


def test_the_run_after_near_real_time_ends_in_what_a_full_refresh_gives(
    day, day_from_nothing, tmp_path
):
    """On a copy, so that the other tests find the database as it was."""
    assert differences(copied(day.project, tmp_path).dbt("run"), day_from_nothing) == []
