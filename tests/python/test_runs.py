"""What a run says and refuses, and history scored period by period."""

import re
import shutil
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest
from comparison import differences
from harness import SCORES, Project, same_rows

CARRIED = "select count(*) from engagement_variables.int_carried_scores"


def test_a_changed_window_stops_the_run_and_names_both_values(copied):
    done = replace(copied, variables={"window_days": 90}).attempt("run")
    assert done.returncode != 0
    assert "window_days: 180 then, 90 now" in done.stdout
    assert "--full-refresh" in done.stdout


@pytest.mark.parametrize(("past", "said"), [('"1"', "1"), ("null", "unknown")])
def test_tables_whose_keys_are_hashed_otherwise_stop_the_run(copied, past, said):
    with duckdb.connect(str(copied.database)) as connection:
        connection.execute(
            "update engagement_staging.int_marks"
            f""" set settings = json_merge_patch(settings, '{{"key_hash": {past}}}')"""
        )
    done = copied.attempt("run")
    assert done.returncode != 0
    assert "finds rows by other hashes than the one that built the tables" in done.stdout
    assert re.search(rf"key_hash: {said} then, \d+ now", done.stdout)
    assert "--full-refresh" in done.stdout


# How a database of an earlier version of the project is known -> what makes this one such.
EARLIER = {
    "other columns in int_marks": "alter table {marks} drop column refresh_started_at",
    "no layout version": """
        update {marks} set settings = json_merge_patch(settings, '{{"layout_version": null}}')""",
    "another layout version in one table": """
        update {marks} set settings = json_merge_patch(settings, '{{"layout_version": 0}}')
        where model_name = 'int_scores'""",
    "tables without int_marks": "drop table {marks}",
}


@pytest.mark.parametrize("known_by", EARLIER)
def test_a_database_of_an_earlier_version_is_refused_with_the_command_to_run(copied, known_by):
    with duckdb.connect(str(copied.database)) as connection:
        connection.execute(EARLIER[known_by].format(marks="engagement_staging.int_marks"))
    before = copied.database.read_bytes()
    done = copied.attempt("run")
    assert done.returncode != 0
    assert "The database was built by an earlier version of the project" in done.stdout
    assert "dbt build --full-refresh" in done.stdout
    assert copied.database.read_bytes() == before


def test_a_full_refresh_of_a_database_of_an_earlier_version_is_not_refused(copied):
    """The marks of another version make room for those of today. One model stands for all."""
    with duckdb.connect(str(copied.database)) as connection:
        connection.execute("alter table engagement_staging.int_marks drop column settings")
        connection.execute("alter table engagement_staging.int_marks add column rows integer")
    done = copied.attempt("run", "--full-refresh", "--select", "int_marks", "stg_crm__surveys")
    assert done.returncode == 0, done.stdout
    marks = copied.ask("""
        select model_name, settings is not null, refresh_started_at is not null
        from engagement_staging.int_marks
        where model_name in ('stg_crm__surveys', 'stg_crm__customers') order by all""")
    assert marks == [("stg_crm__customers", False, True), ("stg_crm__surveys", True, False)]


def with_settings(project: Project, changed: str) -> None:
    """As if a project's tables had been built with other settings."""
    with duckdb.connect(str(project.database)) as connection:
        connection.execute(
            "update engagement_staging.int_marks set settings = json_merge_patch(settings, ?)",
            [changed],
        )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ('{"raw_path": "data/demo"}', "raw_path: data/demo then, raw now"),
        ('{"raw_path": "", "raw_schemas": {"raw_crm": "crm"}}', "raw_schemas: {'raw_crm': 'crm'}"),
    ],
)
def test_other_raw_data_than_the_tables_were_built_on_stop_the_run(copied, changed, said):
    with_settings(copied, changed)
    done = copied.attempt("run")
    assert done.returncode != 0
    assert said in done.stdout
    assert "--full-refresh" in done.stdout


def test_the_raw_folder_may_be_spelt_another_way(copied):
    absolute = {"raw_path": f"{copied.home}/./raw/"}
    done = replace(copied, variables=absolute).attempt("run", "--select", "int_marks")
    assert done.returncode == 0, done.stdout


def test_a_full_refresh_of_a_part_says_what_else_is_to_be_rebuilt_and_runs_stop_until_then(copied):
    done = copied.attempt("run", "--full-refresh", "--select", "int_scores")
    assert done.returncode == 0, done.stdout
    assert "the full refresh has not rebuilt these tables" in done.stdout
    assert "\n  - int_customer_segments\n" in done.stdout
    assert "\n  - int_activities\n" not in done.stdout, "scores are built from them"
    (command,) = re.findall(r"or (--full-refresh --select .*)\.\n", done.stdout)
    stopped = copied.attempt("run", "--selector", "near_real_time")
    assert stopped.returncode != 0
    assert "did not finish" in stopped.stdout
    assert "\n    - int_customer_segments\n" in stopped.stdout
    other_part = copied.attempt("run", "--full-refresh", "--select", "int_visits")
    assert "did not finish" in other_part.stdout, "a refresh must rebuild what an earlier one left"
    rebuilt = copied.attempt("run", *command.split())
    assert rebuilt.returncode == 0, rebuilt.stdout
    assert "has not rebuilt" not in rebuilt.stdout
    copied.dbt("run", "--select", "int_marks")


def test_a_full_refresh_of_quality_alone_leaves_nothing_to_be_rebuilt(copied):
    done = copied.attempt("run", "--full-refresh", "--select", "int_profile__raw")
    assert done.returncode == 0, done.stdout
    assert "has not rebuilt" not in done.stdout


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


def as_of(project: Project, day: str) -> Project:
    """The same database, to be scored as of another day."""
    return replace(project, variables={"as_of_date": day})


@pytest.fixture(scope="module")
def second_day(demo, tmp_path_factory) -> Project:
    """A build as of 28 August, and a run as of the 29th."""
    project = Project(tmp_path_factory.mktemp("days") / "project", demo.raw).dbt("seed")
    as_of(project, "2026-08-28").dbt("run")
    return as_of(project, "2026-08-29").dbt("run")


def third_day(second_day: Project, folder: Path) -> Project:
    """A copy of the database of the 29th, to be scored as of the 30th."""
    project = as_of(replace(second_day, folder=folder / "days"), "2026-08-30")
    project.folder.mkdir()
    shutil.copy(second_day.database, project.database)
    return project


def test_most_customers_are_carried_from_one_day_to_the_next(demo, second_day):
    ((carried,),) = second_day.ask(CARRIED)
    ((scored,),) = second_day.ask("""
        select count(*) from engagement_variables.int_engagement_variables
        where score_date = '2026-08-29'""")
    assert 0.5 * scored < carried < scored
    assert demo.ask(CARRIED) == [(0,)], "built from nothing, everybody is summed"


def test_customers_carried_through_a_run_that_ended_on_the_way_are_as_if_summed(
    demo, second_day, tmp_path
):
    """The first run as of the 30th leaves nothing of the 29th to carry: the month before is."""
    project = third_day(second_day, tmp_path)
    project.dbt("run", "--select", "+int_engagement_variables")
    assert project.ask(CARRIED)[0][0] > 0
    project.dbt("run")
    ((carried_from,),) = project.ask(
        "select distinct carried_from from engagement_variables.int_carried_scores"
    )
    assert carried_from == date(2026, 7, 31)
    whole = as_of(Project(tmp_path / "whole", demo.raw), "2026-08-30").dbt("seed").dbt("run")
    assert differences(project, whole) == []


def test_nobody_is_carried_from_a_day_on_which_the_company_ran_other_things(second_day, tmp_path):
    project = third_day(second_day, tmp_path)
    with duckdb.connect(str(project.database)) as connection:
        connection.execute("""
            update engagement_variables.int_running_activities
            set has_email_sent = not has_email_sent where score_date = '2026-08-29'""")
    project.dbt("run")
    assert project.ask(CARRIED)[0][0] == 0


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
