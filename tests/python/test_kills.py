"""A build that is killed at any moment and run again leaves what an undisturbed one leaves.

Each kill is told by its seed, which says the moment: so many finished nodes and a while into the
next ones, spread evenly over the run. Even seeds kill a first build, odd ones an increment.
`KILLS=20 make unit T=kills` plays the seeds 0 to 19, `KILLS=14 make unit T="kills and seed_13"` the
one that failed. A failure prints the seed, the moment, and for each relation how it differs.

Also: a full refresh that is killed, a run that ends after some model, and a pull request's runs
beside production.
"""

import os
import random
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from signal import SIGKILL

import duckdb
import pytest
from changes import Changes
from comparison import differences
from harness import Project, generate
from histories import run_and_kill
from landing import LAST_LOAD, Landing

CUSTOMERS = 150
SEEDS = range(int(os.environ.get("KILLS", "2")))
GOLDEN_RATIO = 0.6180339887  # its multiples' fractions fill 0 to 1 evenly, however many there are
BUILD = ("build", "--exclude-resource-type=test", "--exclude-resource-type=unit_test")


@dataclass(frozen=True)
class Moment:
    """When a run dies: after so many finished nodes, and some seconds into those that follow."""

    finished: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s after {self.finished} finished nodes"


def moment(seed: int, nodes: int) -> Moment:
    """The moment of a seed in a run of so many nodes."""
    share = (0.5 + seed // 2 * GOLDEN_RATIO) % 1
    return Moment(int(share * nodes), random.Random(seed).uniform(0, 0.4))


@dataclass(frozen=True)
class Bench:
    """What the kills share: the data, a database built on its first part, and one on all of it."""

    first_part: Project  # its raw folder has grown since: what it was built on and new rows
    undisturbed: Project
    new_rows: str

    def start(self, folder: Path, is_increment: bool) -> Project:
        """A project to kill: with nothing built, or with new rows to take in."""
        project = replace(self.first_part, folder=folder)
        if is_increment:
            shutil.copytree(self.first_part.folder, folder)
        return project


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Bench:
    """Nearly two weeks of new rows, and changes of old ones."""
    folder = tmp_path_factory.mktemp("bench")
    landing = Landing(folder / "raw", generate(folder / "all", CUSTOMERS), datetime(2026, 10, 20))
    first_part = Project(folder / "first_part", landing.raw).build()
    landing.advance(LAST_LOAD)
    changes = Changes(landing, random.Random(0), skipped=())
    new_rows = "; ".join(
        [changes.correct(), changes.late(), changes.delete(), changes.merge(), changes.consent()]
    )
    undisturbed = Project(folder / "undisturbed", landing.raw).build()
    return Bench(first_part, undisturbed, new_rows)


def nodes(project: Project) -> int:
    """How many nodes such a build runs; it judges nothing."""
    found = project.manifest["nodes"].values()
    kinds = [node["resource_type"] for node in found if "quality" not in node["tags"]]
    return kinds.count("model") + kinds.count("seed")


def kill_and_run_again(seed: int, folder: Path, bench: Bench) -> tuple[str, Project]:
    """What was killed when, and what the next run made of it.

    Where a run is over before its moment has come, it dies somewhat earlier in another try.
    """
    is_increment = seed % 2 == 1
    at = moment(seed, nodes(bench.undisturbed))
    run = f"an increment ({bench.new_rows})" if is_increment else "a first build"
    for attempt in range(3):
        project = bench.start(folder / str(attempt), is_increment)
        code = run_and_kill(project, at.finished, at.seconds, *BUILD)
        said = f"seed {seed}, {run} killed {at}"
        assert code in (0, -SIGKILL), f"{said}: it ended by itself before that, with {code}"
        if code == -SIGKILL:
            return said, project.dbt(*BUILD)
        at = Moment(at.finished - 3, 0)
    raise AssertionError(f"{said}: the run was over by then, as in two tries before")


@pytest.fixture(scope="module")
def endings(request, bench, tmp_path_factory) -> Iterator[dict[int, Future]]:
    """Seed -> what was killed and its end, for those that are asked for; two are played at once."""
    folder = tmp_path_factory.mktemp("kills")
    parameters = [getattr(item, "callspec", None) for item in request.session.items]
    seeds = [p.params["kill"] for p in parameters if p and "kill" in p.params]
    pool = ThreadPoolExecutor(2)
    yield {seed: pool.submit(kill_and_run_again, seed, folder / str(seed), bench) for seed in seeds}
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("kill", SEEDS, ids="seed_{}".format)
def test_a_killed_build_that_is_run_again_ends_as_an_undisturbed_one(endings, bench, kill):
    said, project = endings[kill].result()
    found = differences(project, bench.undisturbed)
    assert found == [], "\n".join([f"{said}: {len(found)} relations differ:", *found])
    shutil.rmtree(project.folder)


def test_twenty_kills_are_spread_over_the_whole_run_of_both_kinds():
    for kind in (0, 1):
        tenths = {moment(seed, 100).finished // 10 for seed in range(kind, 20, 2)}
        assert len(tenths) >= 8
    assert len({moment(seed, 100) for seed in range(20)}) == 20


def test_the_data_before_and_after_the_new_rows_give_other_scores(bench):
    """So that an increment that did nothing would be noticed."""
    found = differences(bench.first_part, bench.undisturbed)
    assert any(line.startswith("fct_engagement_scores ") for line in found)


def test_marks_that_were_ahead_of_their_rows_would_be_noticed(bench, tmp_path):
    """As if a run wrote what it will have processed before it has: the next takes it for done."""
    project = bench.start(tmp_path / "ahead", is_increment=True)
    project.dbt("run", "--select", "int_raw_rows")
    with duckdb.connect(str(project.database)) as connection:
        connection.execute("""
            update engagement_staging.int_marks
            set processed_at = now() at time zone 'UTC'""")
    found = differences(project.dbt(*BUILD), bench.undisturbed)
    assert any(line.startswith("fct_engagement_scores ") for line in found)


def test_after_a_killed_full_refresh_runs_stop_until_one_has_finished(bench, tmp_path):
    project = bench.start(tmp_path / "refreshed", is_increment=True)
    assert run_and_kill(project, 40, 0, *BUILD, "--full-refresh") == -SIGKILL
    done = project.attempt(*BUILD)
    assert done.returncode != 0
    assert re.search(
        r"A full refresh that started at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC did not finish\.",
        done.stdout,
    ), done.stdout
    assert "\n    - int_customer_segments\n" in done.stdout
    assert "dbt build --full-refresh" in done.stdout
    assert differences(project.dbt(*BUILD, "--full-refresh"), bench.undisturbed) == []
    project.dbt("run", "--select", "int_marks")


# A run ends after each of these and all that it is built from, one after the other.
STOPS = [
    "int_score_dates", "int_running_activities", "int_engagement_variables", "int_customer_value",
    "int_normalised_variables", "int_scores", "int_customer_segments",
]  # fmt: skip


def held(project: Project) -> dict[str, dict]:
    """Mart -> what it holds: rows, and where it has them, period ends and rows of the last date."""
    found = {}
    with project.connect() as connection:
        columns = connection.execute("""
            select table_name, list(column_name) from information_schema.columns
            where table_schema = 'engagement_marts' group by table_name""").fetchall()
        for mart, names in columns:
            measures = {"rows": "count(*)"}
            if "score_date" in names:
                measures["last date"] = "max(score_date)"
                measures["period ends"] = (
                    "list(distinct score_date order by score_date)"
                    " filter (score_date = last_day(score_date))"
                )
            if "is_latest" in names:
                measures["latest rows"] = "count(*) filter (is_latest)"
                measures["latest date"] = "max(score_date) filter (is_latest)"
                measures["first latest date"] = "min(score_date) filter (is_latest)"
            sql = f"select {', '.join(measures.values())} from engagement_marts.{mart}"
            found[mart] = dict(zip(measures, connection.execute(sql).fetchall()[0], strict=True))
    return found


def missing(before: dict[str, dict], after: dict[str, dict]) -> list[str]:
    """What a run that ended on the way has taken from the marts."""
    found = []
    for mart, had in before.items():
        has = after[mart]
        if "last date" in had and has["rows"] < 0.9 * had["rows"]:
            found.append(f"{mart}: {has['rows']} rows, before {had['rows']}")
        if gone := {*had.get("period ends", [])} - {*has.get("period ends", [])}:
            found.append(f"{mart}: without the period ends {sorted(gone)}")
        if "latest rows" in had:
            if has["latest rows"] < 0.9 * had["latest rows"]:
                found.append(f"{mart}: {has['latest rows']} latest, before {had['latest rows']}")
            if {has["latest date"], has["first latest date"]} != {has["last date"]}:
                found.append(f"{mart}: {has['latest date']} is latest, not {has['last date']}")
    return found


@pytest.fixture(scope="module")
def stopped(bench, tmp_path_factory) -> dict[str, dict[str, dict]]:
    """Model after which a run ended -> what the marts held; "" before the run."""
    project = bench.start(tmp_path_factory.mktemp("stopped") / "project", is_increment=True)
    found, done = {"": held(project)}, []
    for model in STOPS:
        excluded = ["--exclude", "tag:quality", *done]
        project.dbt("run", "--select", f"+{model}", *excluded)
        done.append(f"+{model}")
        found[model] = held(project)
    return found


@pytest.mark.parametrize("model", STOPS)
def test_a_run_that_ends_after_a_model_leaves_every_mart_its_latest_rows(stopped, model):
    assert missing(stopped[""], stopped[model]) == []


def test_the_dates_move_on_from_stop_to_stop(stopped):
    """So that marts that say of each stop what they said before would be noticed."""
    marts = ("fct_customer_value", "fct_engagement_scores", "fct_customer_segments")
    for mart, model in zip(marts, (STOPS[3], STOPS[5], STOPS[6]), strict=True):
        at = STOPS.index(model)
        before = stopped[["", *STOPS][at]][mart]["latest date"]
        assert before < stopped[model][mart]["latest date"]


@dataclass(frozen=True)
class PullRequest(Project):
    """A database of a pull request's own, to which production's is attached (and not protected)."""

    production: Path = Path()

    @property
    def database(self) -> Path:
        return self.folder / "pull_request.duckdb"

    @property
    def profiles(self) -> str:
        attached = f"attach: [{{path: {self.production}, alias: {self.production.stem}}}]"
        return re.sub(r"(?m)^(\s+)path: build/.*$", rf"\g<0>\n\1{attached}", super().profiles)


# Models of every kind of increment, and hooks, without most of what they are built from.
CHANGED = [
    "int_raw_rows", "int_quarantined_rows", "stg_crm__surveys", "int_card_customers", "int_visits",
    "int_touched_customers", "int_activities", "int_due_dates",
    "int_engagement_variables", "int_scores", "int_customer_segments", "fct_customer_segments",
]  # fmt: skip


def fingerprint(project: Project) -> dict[tuple, tuple]:
    """Each table of a database with its rows, and each view with its text."""
    with duckdb.connect(str(project.database), read_only=True) as connection:
        tables = connection.execute("select schema_name, table_name from duckdb_tables()")
        found = {
            table: connection.execute(
                f"select count(*), bit_xor(hash(named)) from {'.'.join(table)} as named"
            ).fetchall()[0]
            for table in tables.fetchall()
        }
        views = connection.execute("select schema_name, view_name, sql from duckdb_views()")
        return found | {(schema, name): (sql,) for schema, name, sql in views.fetchall()}


@dataclass(frozen=True)
class Beside:
    """Production before and after a pull request ran beside it."""

    production: Project
    before: dict[tuple, tuple]
    after: dict[tuple, tuple]
    pull_request: Project


@pytest.fixture(scope="module")
def beside(bench, tmp_path_factory) -> Beside:
    """A first run and, preferring production's tables, a second that rebuilds its own."""
    folder = tmp_path_factory.mktemp("beside")
    production = bench.start(folder / "production", is_increment=True)
    before = fingerprint(production)
    pull_request = PullRequest(
        folder / "pull_request", production.raw, production=production.database
    )
    deferring = ("--defer", "--state", str(production.target), "--select", *CHANGED)
    pull_request.dbt("run", *deferring)
    pull_request.dbt("run", *deferring, "--favor-state", "--full-refresh")
    return Beside(production, before, fingerprint(production), pull_request)


def test_a_pull_request_that_defers_to_production_leaves_it_as_it_is(beside):
    assert len(beside.before) > 100
    changed = [
        ".".join(name) for name in beside.before if beside.after.get(name) != beside.before[name]
    ]
    assert changed == []
    assert beside.after.keys() == beside.before.keys()


def test_a_pull_request_has_marks_of_its_own(beside):
    with duckdb.connect(str(beside.pull_request.database), read_only=True) as connection:
        marks = connection.execute("select model_name from engagement_staging.int_marks").fetchall()
    views = {"int_due_dates", "fct_customer_segments"}
    assert {name for (name,) in marks} == {*CHANGED} - views


def test_with_deferral_a_pull_requests_tables_are_not_added_to(beside):
    """They would miss what production's views don't say is due."""
    deferring = ("--defer", "--state", str(beside.production.target))
    done = beside.pull_request.attempt("run", *deferring, "--select", "int_scores")
    assert done.returncode != 0
    assert "With --defer, tables that are there cannot be added to" in done.stdout
    assert "\n    - int_scores\n" in done.stdout
    assert "add --full-refresh" in done.stdout


def test_the_run_of_production_after_a_pull_request_loses_no_rows(beside, bench):
    assert differences(beside.production.dbt(*BUILD), bench.undisturbed) == []
