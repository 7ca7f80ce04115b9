"""Raw data with one fault at a time, and with all at once: named, accounted for, and nobody else's.

FAULTS=9 draws so many (seeded), FAULTS=all takes each; `make test-faults` takes each.
"""

import os
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from faults import FAULTS, Fault, parts
from harness import REQUESTS, Project, demo_contract, files, generate, same_rows

CUSTOMERS = 200
DRAWN = os.environ.get("FAULTS", "4")
NAMES = sorted(FAULTS)
if DRAWN != "all":
    NAMES = sorted(random.Random(20261122).sample(NAMES, int(DRAWN)))

# What each customer's own data say; how they stand among all (percentile) may move.
OWN = """
    select customer_id, score_date, scorecard_version, score, coverage, engagement_level,
        score_recency, score_frequency, score_depth, score_diversity, score_participation,
        score_advocacy
    from engagement_marts.fct_engagement_scores
    join engagement_marts.fct_customer_segments using (customer_id, score_date, scorecard_version)
    where customer_id not in ({touched})
"""
CONTRIBUTIONS = """
    select customer_id, score_date, scorecard_version, variable_name, contribution
    from engagement_marts.fct_score_contributions where customer_id not in ({touched})
"""
PLACES = ["staged", "duplicate", "superseded", "deleted", "quarantined", "erased"]


@dataclass(frozen=True)
class Clean:
    """Clean raw data, what is built of it, and whom faults are done to."""

    raw: Path
    seeded: Path  # a database that holds the seeds, with a calibration
    whole: Project
    victim: str

    def build(self, folder: Path, faults: list[Fault]):
        """Run on a copy of the raw data with faults; returns the project and how it ended."""
        raw = Path(shutil.copytree(self.raw, folder / "raw"))
        for fault in faults:
            fault.make(raw, self.victim)
        project = calibrated(folder / "build", raw)
        project.folder.mkdir()
        shutil.copy(self.seeded, project.database)
        return project, project.attempt("run")


def calibrated(folder: Path, raw: Path) -> Project:
    return Project(folder, raw, variables={"use_calibration": True})


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Clean:
    folder = tmp_path_factory.mktemp("clean")
    made = generate(folder / "made", CUSTOMERS)
    for table in demo_contract():
        paths = [str(path) for path in files(made, table)]
        to = parts(folder / "raw", table)
        to.mkdir(parents=True)
        duckdb.sql(f"copy (from read_parquet({paths})) to '{to}/part-0.parquet' (format parquet)")
    fitted = Project(folder / "fitted", folder / "raw").build()
    rows = fitted.ask("""
        select scorecard_version, kind, name, statistic, value
        from engagement_segments.int_calibration""")
    seeded = calibrated(folder / "seeded", folder / "raw").dbt("seed")
    with duckdb.connect(str(seeded.database)) as connection:
        connection.executemany(
            "insert into engagement_seeds.calibration values (?, ?, ?, ?, ?)", rows
        )
    whole = calibrated(folder / "whole", folder / "raw")
    whole.folder.mkdir()
    shutil.copy(seeded.database, whole.database)
    whole.dbt("run")
    ((victim,),) = whole.ask("""
        select min(customer_id) from engagement_identity.int_customers
        where is_in_crm and is_member and not is_test and not is_employee
            and customer_id not in (
                select into_customer_id from engagement_staging.stg_crm__customer_merges)""")
    return Clean(folder / "raw", seeded.database, whole, victim)


@pytest.fixture(scope="module")
def builds(request, clean, tmp_path_factory):
    """Fault -> its build, for those that are asked for; two at a time."""
    folder = tmp_path_factory.mktemp("faults")
    parameters = [getattr(item, "callspec", None) for item in request.session.items]
    names = sorted({p.params["name"] for p in parameters if p and p.params.get("name") in FAULTS})
    with ThreadPoolExecutor(2) as pool:
        yield {
            name: pool.submit(clean.build, folder / name.replace(" ", "_"), [FAULTS[name]])
            for name in names
        }


def quarantine(project: Project) -> dict[tuple, int]:
    return {
        tuple(row): count
        for *row, count in project.ask("""
            select source_system || '.' || table_name, reason_code, column_name, is_row, row_count
            from engagement_marts.rpt_quarantine""")
    }


def places(project: Project) -> dict[str, dict[str, int]]:
    rows = project.ask(f"""
        select source_system || '.' || table_name, rows_in, {", ".join(f"rows_{p}" for p in PLACES)}
        from engagement_marts.rpt_row_reconciliation""")
    return {table: dict(zip(["in", *PLACES], counts, strict=True)) for table, *counts in rows}


def more(found: dict, before: dict) -> dict:
    """What is counted more than before."""
    return {
        key: count - before.get(key, 0)
        for key, count in found.items()
        if count != before.get(key, 0)
    }


def landed(raw: Path) -> dict[str, int]:
    """How many rows each raw table holds, counted apart; CSV is counted by lines elsewhere."""
    return {
        table: duckdb.sql(
            f"select count(*) from read_parquet('{parts(raw, table)}/*.parquet',"
            " union_by_name = true)"
        ).fetchall()[0][0]
        for table in demo_contract()
        if list(parts(raw, table).glob("*.parquet"))
    }


def check_books(project: Project, raw: Path) -> None:
    """Every row that landed is in exactly one place."""
    found = places(project)
    assert found.keys() == {*demo_contract(), REQUESTS}
    for table, counts in found.items():
        assert counts["in"] == sum(counts[place] for place in PLACES), (table, counts)
    counted = {table: found[table]["in"] for table in landed(raw)}
    assert counted == landed(raw)


def check_others(clean: Clean, project: Project) -> None:
    """Nobody but the victim has another score, level or contribution."""
    touched = f"'{clean.victim}', 'lost 1', 'lost 2', 'lost 3'"
    assert same_rows(project, clean.whole, OWN.format(touched=touched), key=3) > 1_000
    assert same_rows(project, clean.whole, CONTRIBUTIONS.format(touched=touched), key=4) > 10_000


def test_the_faults_are_at_least_40():
    assert len(FAULTS) >= 40


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_is_named_or_stops_the_build_and_is_nobody_elses(clean, builds, name):
    fault = FAULTS[name]
    project, done = builds[name].result()
    said = " ".join((done.stdout + done.stderr).split())
    if fault.stops:
        assert done.returncode != 0, "the build did not stop"
        assert [part for part in fault.stops if part not in said] == [], said[-3000:]
    else:
        assert done.returncode == 0, said[-3000:]
        check_books(project, project.raw)
        assert more(quarantine(project), quarantine(clean.whole)) == fault.quarantined
        before, after = places(clean.whole), places(project)
        for (table, place), count in fault.counted.items():
            assert after[table][place] - before[table][place] == count, (table, place)
        if not fault.touches_all:
            check_others(clean, project)
    shutil.rmtree(project.folder.parent)


@pytest.mark.skipif(DRAWN != "all", reason="all faults together: make test-faults")
def test_all_faults_together_are_named_and_nobody_elses(clean, tmp_path):
    """Those that end well and land rows; the others replace whole files or stop the build."""
    faults = [
        fault
        for fault in FAULTS.values()
        if not fault.stops and not fault.touches_all and fault.make.__name__ == "make"
        and "in_csv" not in fault.make.__qualname__
    ]  # fmt: skip
    assert len(faults) > 30
    project, done = clean.build(tmp_path / "all", faults)
    assert done.returncode == 0, done.stdout[-3000:]
    check_books(project, project.raw)
    found = more(quarantine(project), quarantine(clean.whole))
    for fault in faults:
        for reason, count in fault.quarantined.items():
            assert found.get(reason, 0) >= count, (reason, found)
    check_others(clean, project)


def test_the_comparison_notices_somebody_elses_score(clean, tmp_path):
    copy = calibrated(tmp_path / "copy", clean.raw)
    copy.folder.mkdir()
    shutil.copy(clean.whole.database, copy.database)
    with duckdb.connect(str(copy.database)) as connection:
        connection.execute(f"""
            update engagement_scores.int_scores set score = score + 1e-6
            where rowid = (
                select min(rowid) from engagement_scores.int_scores
                where score > 0 and customer_id <> '{clean.victim}')""")
    with pytest.raises(AssertionError, match="differ"):
        check_others(clean, copy)
