"""What the scripts say where there is no build to tell of."""

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import yaml
from harness import ROOT, Project


def run(script: str, folder: Path, database: str, *more: str) -> subprocess.CompletedProcess:
    demo = {"type": "duckdb", "schema": "engagement", "path": f"{folder}/{database}"}
    profile = yaml.safe_dump({"engagement_scoring": {"outputs": {"demo": demo}}})
    (folder / "profiles.yml").write_text(profile)
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), "--target", "demo", *more],
        env=os.environ | {"DBT_PROFILES_DIR": str(folder)}, capture_output=True, text=True,
    )  # fmt: skip


def said_by(script: str, folder: Path) -> str:
    """What a script says that ends in an error, and not in one of Python's."""
    done = run(script, folder, "demo.duckdb")
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


def results(**counts: int) -> str:
    """run_results.json with so many nodes: <kind>_<status>."""
    found = []
    for name, count in counts.items():
        kind, status = name.split("_")
        found += [{"unique_id": f"{kind}.{n}", "status": status} for n in range(count)]
    return json.dumps({"results": found})


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"model_success": 3}, "3 models and seeds built; no check ran"),
        (
            {"model_success": 3, "test_pass": 2},
            "3 models and seeds built, 2 checks ran: all passed",
        ),
        (
            {"model_success": 3, "model_error": 1, "model_skipped": 2, "test_pass": 1},
            "3 models and seeds built, 3 not built (see the log above), 1 checks ran: all passed",
        ),
        ({"model_success": 1, "test_pass": 1, "test_fail": 1}, "2 checks ran: 1 did not pass"),
    ],
)
def test_the_summary_counts_what_was_built_and_checked(tmp_path, monkeypatch, counts, said):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from summary import checks

    (tmp_path / "run_results.json").write_text(results(**counts))
    (line,) = checks(tmp_path)
    assert said in line


@pytest.fixture(scope="module")
def silent(tmp_path_factory) -> subprocess.CompletedProcess:
    """The summary of a company that knows its customers and nothing that they did."""
    folder = tmp_path_factory.mktemp("silent")
    crm = folder / "raw" / "raw_crm"
    crm.mkdir(parents=True)
    loaded = "2026-06-16 05:00"
    header = "customer_id,created_at,_loaded_at\n"
    (crm / "customers.csv").write_text(
        header + "".join(f"{name},2026-05-02,{loaded}\n" for name in ("ann", "bob"))
    )
    settings = {
        "score_start_date": "2026-05-01", "as_of_date": "2026-06-15",
        "reference_start_date": "2026-05-01", "reference_end_date": "2026-05-31",
    }  # fmt: skip
    project = Project(folder / "build", folder / "raw", variables=settings).build()
    target = ["--target-path", str(project.target)]
    (project.target / "run_results.json").write_text(results(model_success=1))
    return run("summary.py", project.folder, project.database.name, *target)


def test_the_summary_says_why_customers_have_no_level_and_what_would_raise_coverage(silent):
    assert silent.returncode == 0, silent.stderr
    text = silent.stdout
    assert "balanced_1 on 2026-06-15: 2 customers scored, none has a score" in text
    assert "no level, because nothing that the scorecard weighs is measured: 2" in text
    # Of balanced_1, the variables of raw_crm.contact_responses weigh most among single tables.
    (raised,) = [line for line in text.splitlines() if "would raise coverage" in line][:1]
    assert (
        "landing these would raise coverage most: raw_crm.contact_responses (26% of the weight)"
        in raised
    )
    assert "Activities left out of the scores (rpt_excluded_activities): none" in text
