"""What several tests share: one build of a small demo."""

import pytest
from harness import Project, generate

CUSTOMERS = 600


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Project:
    """A small demo, built once with every check of dbt; nobody writes into it."""
    folder = tmp_path_factory.mktemp("demo")
    raw = generate(folder / "raw", CUSTOMERS)
    return Project(folder / "build", raw, quality=True).dbt("build")
