"""What the scripts say where there is no build to tell of."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import yaml
from harness import ROOT


def said_by(script: str, folder: Path) -> str:
    """What a script says that ends in an error, and not in one of Python's."""
    demo = {"type": "duckdb", "schema": "engagement", "path": f"{folder}/demo.duckdb"}
    profile = yaml.safe_dump({"engagement_scoring": {"outputs": {"demo": demo}}})
    (folder / "profiles.yml").write_text(profile)
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), "--target", "demo"],
        env=os.environ | {"DBT_PROFILES_DIR": str(folder)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


@pytest.mark.parametrize("script", ["summary.py", "compact.py"])
def test_where_nothing_was_built_a_script_says_what_to_run(tmp_path, script):
    assert "does not exist yet. Run `make build TARGET=demo` first." in said_by(script, tmp_path)


@pytest.mark.parametrize("script", ["explain.py", "compact.py"])
def test_while_a_build_runs_a_script_says_to_wait(tmp_path, script):
    with duckdb.connect(str(tmp_path / "demo.duckdb")):
        assert "cannot be read. Try again when no build runs." in said_by(script, tmp_path)


def test_of_a_build_that_did_not_end_a_script_says_what_is_missing(tmp_path):
    with duckdb.connect(str(tmp_path / "demo.duckdb")) as connection:
        connection.execute("create schema engagement_marts")
        for mart in (ROOT / "models" / "8_marts").glob("*.sql"):
            if mart.stem != "dim_customers":
                connection.execute(f"create table engagement_marts.{mart.stem} (customer_id text)")
    assert "has no dim_customers: its build did not end" in said_by("summary.py", tmp_path)
