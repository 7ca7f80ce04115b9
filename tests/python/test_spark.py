"""Spark gives what DuckDB gives: on one machine, on a cluster, on a cluster that loses a worker.

Where Java 17 is found, `make test` builds on one machine and on a cluster that loses a worker, with
settings that make Spark quick on few rows. `make test-spark` builds with those of
profiles.example.yml, judges the quality of the data too, and adds an undisturbed cluster.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
import spark_needs
import yaml
from harness import ROOT, SALT, Project, demo_contract, environment, files, generate, same_rows

IS_ALL = os.environ.get("SPARK") == "all"
CUSTOMERS = 150
KILLED_AFTER = "int_visits"  # the model that is there when a worker is killed
SECONDS = 900  # that a build may take until then
KEYS = {
    "dim_customers": ["customer_id"],
    "fct_engagement_scores": ["customer_id", "score_date", "scorecard_version"],
    "fct_score_contributions": [
        "customer_id", "score_date", "scorecard_version", "variable_name",
    ],
    "fct_customer_segments": ["customer_id", "score_date", "scorecard_version"],
    "fct_segment_migrations": ["score_date", "scorecard_version", "from_level", "to_level"],
    "fct_customer_value": ["customer_id", "score_date"],
    "rpt_row_reconciliation": ["source_system", "table_name"],
    "rpt_quarantine": ["source_system", "table_name", "reason_code", "column_name", "is_row"],
    "rpt_excluded_activities": ["channel", "activity", "excluded_reason"],
}  # fmt: skip
EXPORT = """
import sys
import pyarrow.parquet as pq
from warehouse import connect
target, folder, *marts = sys.argv[1:]
connection, _, schema = connect(target)
for mart in marts:
    rows = connection.session.table(f"{schema}_marts.{mart}").toArrow()
    pq.write_table(rows, f"{folder}/{mart}.parquet")
"""

BUILDS = ["on_one_machine", "on_a_cluster_that_loses_a_worker"]
BUILDS += ["on_a_cluster"] if IS_ALL else []
# On few rows most of the time goes into what Spark and Java do to be quick on many.
FEW_ROWS = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.constraintPropagation.enabled": "false",
}
JAVA_OPTIONS = [
    "-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=256m", "-XX:+UseSerialGC",
    "-Dderby.system.durability=test",
]  # fmt: skip

pytestmark = pytest.mark.skipif(bool(spark_needs.lacks()), reason=spark_needs.lacks())


@dataclass(frozen=True)
class SparkProject(Project):
    """A build on Spark; what it leaves in its marts is copied to where a build on DuckDB has it."""

    output: str = "spark"
    quality: bool = IS_ALL
    python: Path = spark_needs.PYTHON
    can_fork: bool = False
    port: int = 7077

    @property
    def profiles(self) -> str:
        text = re.sub(r"\bdata/(spark\w*)", rf"{self.folder}/\1", super().profiles)
        profile = yaml.safe_load(text.replace("127.0.0.1:7077", f"127.0.0.1:{self.port}"))
        output = profile["engagement_scoring"]["outputs"][self.output]
        parameters = output["server_side_parameters"]
        for process in ("driver", "executor"):
            name = f"spark.{process}.extraJavaOptions"
            parameters[name] = " ".join([*JAVA_OPTIONS, parameters.get(name, "")])
        parameters |= {} if IS_ALL else FEW_ROWS
        return yaml.safe_dump(profile)

    @property
    def environment(self) -> dict[str, str]:
        paths = f"{ROOT / 'plugins' / 'spark'}{os.pathsep}{ROOT / 'scripts'}"
        return super().environment | {"PYTHONPATH": paths, "DBT_PROFILES_DIR": str(self.folder)}

    def checked(self) -> "SparkProject":
        """Built with all data tests, its marts copied."""
        return self.dbt("build", "--exclude-resource-type=unit_test").copy_marts()

    def copy_marts(self) -> "SparkProject":
        marts = self.folder / "marts"
        marts.mkdir()
        done = subprocess.run(
            [str(self.python), "-c", EXPORT, self.output, str(marts), *KEYS],
            cwd=self.folder, env=self.environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        with duckdb.connect(str(self.database)) as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute("create schema engagement_marts")
            for mart in KEYS:
                relation = f"read_parquet('{marts / mart}.parquet')"
                columns = [
                    f"{name}::timestamp as {name}" if "TIME ZONE" in kind else name
                    for name, kind, *_ in connection.sql(f"describe from {relation}").fetchall()
                ]
                connection.execute(
                    f"create table engagement_marts.{mart} as "
                    f"select {', '.join(columns)} from {relation}"
                )
        return self


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[int, dict[str, int]]]:
    """A running cluster of two workers: its port and the ids of its processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = [spark_needs.PYTHON, ROOT / "scripts" / "spark_cluster.py", "--folder", str(folder)]
    subprocess.run([*script, "--port", str(port), "start"], check=True, env=environment())
    try:
        yield port, json.loads((folder / "processes.json").read_text())
    finally:
        subprocess.run([*script, "stop"], check=True, env=environment())


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("spark")


@pytest.fixture(scope="module")
def raw(folder) -> Path:
    return generate(folder / "raw", CUSTOMERS)


@pytest.fixture(scope="module")
def on_duckdb(folder, raw) -> Project:
    return Project(folder / "duckdb", raw).build()


@pytest.fixture(scope="module")
def on_one_machine(folder, raw) -> Project:
    """From CSV files, of which the events come in two parts."""
    for table in demo_contract():
        source, name = table.split(".")
        rows = f"from read_parquet({[str(path) for path in files(raw, table)]})"
        to = folder / "csv" / source
        to.mkdir(parents=True, exist_ok=True)
        if name == "events":
            (to / name).mkdir()
            for part in (0, 1):
                half = f"{rows} where hash(event_id) % 2 = {part}"
                duckdb.sql(f"copy ({half}) to '{to / name / f'part-{part}.csv'}' (header)")
        else:
            duckdb.sql(f"copy ({rows}) to '{to / name}.csv' (header)")
    return SparkProject(folder / "one_machine", folder / "csv").checked()


@pytest.fixture(scope="module")
def on_a_cluster(folder, raw) -> Project:
    """From Parquet files."""
    with cluster(folder / "cluster") as (port, _):
        project = SparkProject(folder / "on_cluster", raw, output="spark_cluster", port=port)
        return project.checked()


@pytest.fixture(scope="module")
def on_a_cluster_that_loses_a_worker(folder, raw) -> Project:
    with cluster(folder / "losing") as (port, processes), ThreadPoolExecutor(1) as pool:
        project = SparkProject(folder / "on_losing", raw, output="spark_cluster", port=port)
        build = pool.submit(project.checked)
        wait_for_model(project, KILLED_AFTER, build)
        os.kill(processes["worker_1"], signal.SIGKILL)
        assert not build.done()
        return build.result()


def wait_for_model(project: Project, model: str, build: Future) -> None:
    """Until a build that runs has created the model; where it ends before, its own error."""
    log = project.logs / "dbt.log"
    for _ in range(SECONDS):
        if log.exists() and re.search(rf"OK created .*\.{model} ", log.read_text()):
            return
        if build.done():
            build.result()
        time.sleep(1)
    raise AssertionError(f"no {model} within {SECONDS} seconds, see {log}")


@pytest.mark.parametrize("mart", KEYS)
@pytest.mark.parametrize("build", BUILDS)
def test_every_mart_is_what_duckdb_makes_it(request, on_duckdb, build, mart):
    keys = ", ".join(KEYS[mart])
    columns = f"select {keys}, * exclude ({keys}) from engagement_marts.{mart}"
    found = request.getfixturevalue(build)
    assert same_rows(found, on_duckdb, columns, key=len(KEYS[mart])) >= 5


@pytest.mark.parametrize("build", BUILDS)
def test_every_data_test_passes(request, build):
    project = request.getfixturevalue(build)
    nodes = project.manifest["nodes"]
    quality = {name for name, node in nodes.items() if "quality" in node["tags"]}
    left_out = set() if IS_ALL else quality
    wanted = {
        name
        for name, node in nodes.items()
        if node["resource_type"] == "test" and not left_out & {*node["depends_on"]["nodes"]}
    }
    results = json.loads((project.target / "run_results.json").read_text())["results"]
    found = {r["unique_id"]: r["status"] for r in results if r["unique_id"].startswith("test.")}
    assert found == dict.fromkeys(wanted, "pass")
    assert len(found) > 150


def test_every_mart_is_compared():
    assert {path.stem for path in (ROOT / "models" / "8_marts").glob("*.sql")} == set(KEYS)


def test_the_cluster_had_two_workers_and_lost_one(on_a_cluster_that_loses_a_worker, folder):
    text = (folder / "losing" / "master.log").read_text()
    assert len(re.findall("Registering worker", text)) == 2
    assert len(re.findall("Launching executor", text)) >= 2
    assert "Removing worker" in text


@pytest.mark.parametrize("build", BUILDS)
def test_the_salt_stands_in_no_file_that_a_build_leaves(request, folder, build):
    request.getfixturevalue(build)
    every = [path for path in folder.rglob("*") if path.is_file()]
    assert len(every) > 1_000
    assert [path for path in every if SALT.encode() in path.read_bytes()] == []


def test_without_a_salt_the_build_stops_and_names_the_variable(tmp_path, raw):
    done = SparkProject(tmp_path, raw, salt=None).attempt("run")
    assert done.returncode != 0
    assert "ENGAGEMENT_SALT is not set" in " ".join((done.stdout + done.stderr).split())


WRONG = {
    "raw_crm.surveys": "select * exclude (answered_at) from rows",
    "raw_loyalty.store_visits": "select * replace (true as duration_seconds) from rows",
    "raw_crm.preferences": "select * replace ('last Monday' as changed_at) from rows",
}
MESSAGES = {
    "raw_crm.surveys": [
        "the required column answered_at (timestamp) is missing", "survey_id, customer_id",
        "raw_crm/surveys.parquet",
    ],
    "raw_loyalty.store_visits": [
        "duration_seconds has type boolean, the contract wants double", "'aaaa'",
        "raw_loyalty/store_visits.parquet",
    ],
    "raw_crm.preferences": [
        "changed_at has type text, the contract wants timestamp", "'aaaa aaaaaa'",
        "raw_crm/preferences.csv",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def refused(raw, folder) -> str:
    """What dbt says of raw tables that do not fit the contract."""
    wrong = Path(shutil.copytree(raw, folder / "wrong"))
    for table, sql in WRONG.items():
        path = wrong / f"{table.replace('.', '/')}.parquet"
        rows = f"with rows as (from '{path}') {sql}"
        if table == "raw_crm.preferences":
            duckdb.sql(f"copy ({rows}) to '{path.with_suffix('.csv')}' (header)")
            path.unlink()
        else:
            new = path.with_suffix(".new")
            duckdb.sql(f"copy ({rows}) to '{new}' (format parquet)")
            new.replace(path)
    done = SparkProject(folder / "refused", wrong).attempt("run")
    assert done.returncode != 0
    assert "OK created" not in done.stdout
    return done.stdout


@pytest.mark.parametrize("table", MESSAGES)
def test_what_does_not_fit_the_contract_is_named_as_on_duckdb(refused, table):
    said = [line for line in refused.splitlines() if f"- {table}: " in line]
    assert said, refused[-3000:]
    assert [part for part in MESSAGES[table] if part not in said[0]] == []
