"""What several tests share: one build of a small demo."""

from fcntl import LOCK_EX, flock

import pytest
from harness import Project, generate

CUSTOMERS = 600


@pytest.fixture(scope="session")
def demo(tmp_path_factory, worker_id) -> Project:
    """A small demo, built once with every check of its data; nobody writes into it.

    Of several processes that test at the same time, the first builds it and the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "demo"
    folder.mkdir(exist_ok=True)
    project = Project(folder / "build", folder / "raw", quality=True)
    with (folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not (folder / "done").exists():
            generate(folder / "raw", CUSTOMERS)
            project.dbt("build", "--exclude-resource-type=unit_test")
            (folder / "done").touch()
    return project
