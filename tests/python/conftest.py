"""What several tests share: one build of a small demo."""

import shutil
from dataclasses import replace
from fcntl import LOCK_EX, flock

import pytest
from harness import Project, generate

CUSTOMERS = 600
# The files that take longest, so that no process ends long after the others.
LONGEST_FIRST = [
    "test_spark.py", "test_increments.py", "test_runs.py", "test_raw_contract.py",
    "test_quality.py", "test_erasure.py", "test_kills.py", "test_faults.py", "test_no_leakage.py",
    "test_truth.py", "test_calibration.py", "test_own_scorecard.py", "test_no_spend.py",
    "test_mutants.py", "test_consent.py", "test_contributing.py", "test_complete_journey.py",
]  # fmt: skip


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="session")
def demo(tmp_path_factory, worker_id) -> Project:
    """A small demo, built once with every check of its data; nobody writes into it.

    Of several processes that test at the same time, the first builds it and the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "demo"
    folder.mkdir(exist_ok=True)
    project = Project(folder / "build", folder / "raw", quality=True, keeps_traces=True)
    with (folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not (folder / "done").exists():
            generate(folder / "raw", CUSTOMERS)
            project.dbt("build", "--exclude-resource-type=unit_test")
            (folder / "done").touch()
    return project


@pytest.fixture
def copied(demo, tmp_path) -> Project:
    """The demo's build once more, to run on and to change."""
    parsed = shutil.ignore_patterns("partial_parse.msgpack")  # with the demo's variables
    shutil.copytree(demo.folder, tmp_path / "copied", ignore=parsed)
    return replace(demo, folder=tmp_path / "copied")
