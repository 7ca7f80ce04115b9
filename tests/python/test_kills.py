"""A build that is killed at any moment and run again leaves what an undisturbed one leaves.

Each kill is told by its seed, which says the moment: so many finished nodes and a while into the
next ones, spread evenly over the run. Even seeds kill a first build, odd ones an increment.
`KILLS=20 make unit T=kills` plays the seeds 0 to 19, `KILLS=14 make unit T="kills and seed_13"` the
one that failed. A failure prints the seed, the moment, and for each relation how it differs.
"""

import os
import random
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
    assert run_and_kill(project, 20, 0, *BUILD) == -SIGKILL
    with duckdb.connect(str(project.database)) as connection:
        connection.execute("""
            update engagement_staging.int_marks
            set processed_at = timestamp '2100-01-01'""")
    found = differences(project.dbt(*BUILD), bench.undisturbed)
    assert any(line.startswith("fct_engagement_scores ") for line in found)
