"""What a run says and refuses, and history scored period by period."""

import re
import sys
from dataclasses import replace

import duckdb
from harness import SCORES, Project, same_rows


def test_a_changed_window_stops_the_run_and_names_both_values(copied):
    done = replace(copied, variables={"window_days": 90}).attempt("run")
    assert done.returncode != 0
    assert "window_days: 180 then, 90 now" in done.stdout
    assert "--full-refresh" in done.stdout


def test_history_scored_period_by_period_is_history_scored_at_once(demo, tmp_path):
    by_period = calibrated(demo, tmp_path / "by_period")
    done = by_period.run(
        sys.executable, "scripts/backfill.py",
        "--from", "2026-08-31", "--to", "2026-09-30", "--target", "demo",
        "--profiles-dir", str(by_period.folder), "--target-path", str(by_period.target),
        "--log-path", str(by_period.logs), "--vars", '{"raw_path": "raw"}',
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2: 2026-09-30 scored" in done.stdout
    ((first, last),) = demo.ask(f"select min(score_date), max(score_date) from ({SCORES})")
    done = by_period.attempt("run")
    assert done.returncode == 0, done.stdout
    said = (by_period.logs / "dbt.log").read_text() + done.stdout
    assert re.findall(r"Everybody is scored anew (.+)\.", said) == [
        f"from {first} to 2026-08-31",
        "for 2026-09-30",
        f"for {last}",
    ]
    same_rows(by_period, demo, SCORES, key=3)


def test_a_first_build_that_ended_on_the_way_is_gone_on_with(demo, tmp_path):
    project = Project(tmp_path / "ended", demo.raw).dbt("seed")
    done = project.attempt("run", "--select", "+int_engagement_variables", "+int_customer_value")
    assert done.returncode == 0, done.stdout
    done = project.attempt("run")
    assert done.returncode == 0, done.stdout
    same_rows(project, demo, SCORES, key=3)


def test_customers_scored_in_batches_are_scored_as_all_at_once(demo, tmp_path):
    batched = Project(tmp_path / "batched", demo.raw, variables={"scores_per_batch": 2000})
    said = batched.dbt("seed").attempt("run").stdout
    batches = re.findall(r"int_engagement_variables: (\d+) of (\d+) batches of customers", said)
    count = len(batches) + 1  # the first is the table itself
    assert count > 2
    assert batches == [(str(number), str(count)) for number in range(2, count + 1)]
    same_rows(batched, demo, SCORES, key=3)


def calibrated(demo: Project, folder) -> Project:
    """A database with the seeds alone, and what the demo's build fitted as its calibration."""
    project = Project(folder, demo.raw, variables={"use_calibration": True}).dbt("seed")
    rows = demo.ask(
        "select scorecard_version, kind, name, statistic, value "
        "from engagement_segments.int_calibration"
    )
    with duckdb.connect(str(project.database)) as connection:
        connection.executemany(
            "insert into engagement_seeds.calibration values (?, ?, ?, ?, ?)", rows
        )
    return project
