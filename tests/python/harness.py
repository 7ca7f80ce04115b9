"""Runs the project as its users do: dbt in a process of its own, on files of its own."""

import csv
import gc
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache, cached_property
from hashlib import md5
from importlib.util import module_from_spec, spec_from_file_location
from multiprocessing import forkserver, get_context
from multiprocessing.context import BaseContext
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from unittest.mock import patch
from uuid import uuid4

import duckdb
import numpy as np
import yaml

ROOT = Path(__file__).resolve().parents[2]
SALT = "a salt that only these tests know: 7d1f4c"
SCORE_KEY = ["customer_id", "score_date", "scorecard_version"]
REQUESTS = "raw_crm.erasure_requests"
TAIL = 6_000  # characters of output that a failure shows


def environment(**more: str) -> dict[str, str]:
    """The process environment without what would change a run from outside."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("DBT_") and name != "ENGAGEMENT_SALT"
    }
    return kept | {"NO_COLOR": "1", "OMP_NUM_THREADS": "1"} | more


# What builds and people leave in a project.
LEFT = (".*", "data", "target", "logs", "profiles.yml")


@dataclass(frozen=True)
class Project:
    """One build: a folder with its profile, database, target and logs, on one raw folder.

    dbt runs in a folder of links beside it (`home`), so that its settings, and with them all that
    it parses, are the same wherever the build and its data are.
    """

    folder: Path
    raw: Path | str  # "": the tables that an EL tool landed in the database
    source: Path = ROOT
    variables: dict = field(default_factory=dict)
    salt: str | None = SALT
    output: str = "demo"  # of profiles.example.yml
    quality: bool = False  # whether the data are judged, too; that takes seconds
    python: Path = Path(sys.executable)  # of the environment that dbt is in
    can_fork: bool = True
    keeps_traces: bool = False  # of each fork its log and JSON, which take a third of a small run

    @property
    def database(self) -> Path:
        return self.folder / "scoring.duckdb"

    @property
    def home(self) -> Path:
        """Links to the project's files, the raw data and the folder of the build."""
        links = {path.name: path for path in self.source.iterdir() if not _is_left(path.name)}
        links |= {"raw": Path(self.raw), "build": self.folder}
        home = self.folder.with_name(f"{self.folder.name}.home")
        home.mkdir(parents=True, exist_ok=True)
        for name, path in links.items():
            if not (home / name).is_symlink():
                (home / name).symlink_to(path)
        if Path(self.raw) != (home / "raw").readlink():
            (home / "raw").unlink()
            (home / "raw").symlink_to(self.raw)
        return home

    @property
    def target(self) -> Path:
        return self.folder / "target"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @cached_property
    def manifest(self) -> dict:
        return json.loads((self.target / "manifest.json").read_text())

    @property
    def profiles(self) -> str:
        """The text of its profiles.yml."""
        text = (ROOT / "profiles.example.yml").read_text()
        return re.sub(r"(?m)^(\s+path:).*$", rf"\1 build/{self.database.name}", text)

    @property
    def environment(self) -> dict[str, str]:
        return environment(**({"ENGAGEMENT_SALT": self.salt} if self.salt else {}))

    def command(self, *command: str, target: str = "") -> list[str]:
        """dbt on this project's files, as a command line; its profile is written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "profiles.yml").write_text(self.profiles)
        raw_path = "raw" if self.raw else ""
        variables = {"raw_path": raw_path, "use_calibration": False, **self.variables}
        if not self.quality and {"build", "run"} & {*command} and "--selector" not in command:
            command = (*command, "--exclude", "tag:quality")
        dbt = str(self.python.with_name("dbt"))
        return [
            dbt, *command, "--no-use-colors", "--target", target or self.output,
            "--profiles-dir", str(self.folder), "--target-path", str(self.target),
            "--log-path", str(self.logs), "--vars", json.dumps(variables),
        ]  # fmt: skip

    def attempt(
        self, *command: str, target: str = "", is_forked: bool = True
    ) -> subprocess.CompletedProcess:
        """Run dbt, whatever comes of it; in a fork, as that is quicker, or by its command line."""
        line = self.command(*command, target=target)
        with self._parsed(line):
            return self._fork(*line) if is_forked and self.can_fork else self.run(*line)

    def _fork(self, *line: str) -> subprocess.CompletedProcess:
        if not self.keeps_traces:
            line += ("--log-level-file", "none")
            line += ("--no-write-json",) if (self.target / "manifest.json").exists() else ()
        with NamedTemporaryFile() as said:
            arguments = (line, self.home, self.environment, said.name, self.keeps_traces)
            process = _forks().Process(target=_dbt, args=arguments)
            process.start()
            process.join()
            text = Path(said.name).read_text()
        return subprocess.CompletedProcess(line, process.exitcode, text, "")

    def run(self, *line: str) -> subprocess.CompletedProcess:
        """Run a command line where dbt runs."""
        return subprocess.run(
            line, cwd=self.home, capture_output=True, text=True, env=self.environment
        )

    @contextmanager
    def _parsed(self, line: list[str]) -> Iterator[None]:
        """Begin with what another build has parsed with these settings; dbt looks what differs."""
        own = self.target / "partial_parse.msgpack"
        settings = [self.profiles, line[line.index("--target") + 1], line[-1]]
        shared = Path(_parsed().name) / md5("\n".join(settings).encode()).hexdigest()
        home = shared.with_suffix(".home")  # what was parsed names the seeds that lie there
        if shared.exists() and not own.exists() and Path(home.read_text()).exists():
            own.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(shared, own)
        yield
        if own.exists() and not (shared.exists() and Path(home.read_text()).exists()):
            home.write_text(str(self.home))
            copy = shared.with_suffix(f".{uuid4()}")
            shutil.copy(own, copy)
            copy.rename(shared)

    def dbt(self, *command: str) -> "Project":
        """Run dbt; where it fails, fail with the end of what it said."""
        done = self.attempt(*command)
        if done.returncode != 0:
            said = (done.stdout + done.stderr)[-TAIL:]
            raise AssertionError(f"dbt {' '.join(command)} failed in {self.folder}:\n{said}")
        return self

    def build(self, *selection: str) -> "Project":
        """Seeds and models, without the tests."""
        skipped = [f"--exclude-resource-type={kind}" for kind in ("test", "unit_test")]
        return self.dbt("build", *skipped, *selection)

    def ask(self, sql: str) -> list[tuple]:
        """The rows of a query on the database."""
        with self.connect() as connection:
            return connection.execute(sql).fetchall()

    def columns(self, sql: str) -> dict[str, np.ndarray]:
        """The columns of a query; nulls in numbers are nan, in others None."""
        with self.connect() as connection:
            found = connection.execute(sql).fetchnumpy()
        return {name: _plain(values) for name, values in found.items()}

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A reading connection; views need the salt's function and the raw files."""
        search_path = {"file_search_path": str(self.home)}
        connection = duckdb.connect(str(self.database), read_only=True, config=search_path)
        salt = self.salt or "public-salt-of-the-demo"
        connection.create_function("engagement_salt", lambda: salt, [], "VARCHAR")
        return connection


@cache
def _parsed() -> TemporaryDirectory:
    """What dbt has parsed, by the settings that a parse rests on; made where a test asks for it."""
    return TemporaryDirectory(prefix="parsed_")


@cache
def _forks() -> BaseContext:
    """Forks of a process that has loaded what a build needs, which takes a third of a small one."""
    context = get_context("forkserver")
    context.set_forkserver_preload(
        ["dbt.adapters.duckdb", "dbt.task.build", "narwhals", "sklearn.cluster", "parsed_once"]
    )
    with patch.dict(os.environ, PYTHONPATH=str(Path(__file__).parent)):  # for parsed_once
        forkserver.ensure_running()
    return context


def _dbt(
    line: list[str], folder: Path, environment: dict[str, str], said: str, keeps_traces: bool
) -> None:
    """dbt's command line in this process, which ends with its exit code."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import cli
    from dbt_common.events.event_manager import EventManager

    fire = EventManager.fire_event

    def fire_unless_debug(manager, event, level=None, **more) -> None:
        if (level or event.level_tag()) != "debug":
            fire(manager, event, level, **more)

    if not keeps_traces:  # else thousands of messages are made that nobody reads
        EventManager.fire_event = fire_unless_debug
    gc.disable()  # the process is too short for it
    output = os.open(said, os.O_WRONLY)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    try:
        cli(line[1:])
    finally:
        gc.collect()  # of Python models, which hold the database open
        DuckDBConnectionManager.close_all_connections()  # a fork ends without


def _plain(values: np.ndarray) -> np.ndarray:
    if not isinstance(values, np.ma.MaskedArray):
        return values
    if values.dtype.kind in "fiub":
        return values.astype(float).filled(np.nan)
    return np.where(values.mask, None, values.data.astype(object))


def _is_left(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in LEFT)


def generate(folder: Path, customers: int, seed: int = 7) -> Path:
    """The demo's raw data."""
    done = subprocess.run(
        [
            sys.executable, str(ROOT / "demo" / "generate.py"), "--out", str(folder), "--quiet",
            "--customers", str(customers), "--seed", str(seed),
        ],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def at_once(jobs: Iterable[Callable]) -> list:
    """The results of the jobs, two at a time: a small build keeps one core busy."""
    with ThreadPoolExecutor(2) as pool:
        return [future.result() for future in [pool.submit(job) for job in jobs]]


def contract() -> dict[str, dict[str, dict]]:
    """`source.table` -> column -> its declaration in the source YAML."""
    files = sorted(ROOT.glob("models/1_staging/*/_*__sources.yml"))
    sources = [source for file in files for source in yaml.safe_load(file.read_text())["sources"]]
    return {
        f"{source['name']}.{table['name']}": {c["name"]: c for c in table["columns"]}
        for source in sources
        for table in source["tables"]
    }


def demo_contract() -> dict[str, dict[str, dict]]:
    """The tables of the contract that the demo has: nobody there has asked to be erased."""
    return {table: columns for table, columns in contract().items() if table != REQUESTS}


def files(raw: Path, table: str) -> list[Path]:
    """The Parquet files of `source.table`."""
    base = raw / table.replace(".", "/")
    return sorted(base.glob("*.parquet")) or [base.with_suffix(".parquet")]


def copy_raw(raw: Path, to: Path, changes: dict[str, str]) -> Path:
    """A copy of the raw data: changes holds `source.table` -> SQL over a view named rows."""
    shutil.copytree(raw, to, ignore=shutil.ignore_patterns("truth"))
    for table, sql in changes.items():
        for file in files(to, table):
            new = file.with_suffix(".new")
            connection = duckdb.connect()
            connection.execute(f"create view rows as select * from read_parquet('{file}')")
            connection.execute(f"copy ({sql}) to '{new}' (format parquet)")
            connection.close()
            new.replace(file)
    return to


def copy_project(to: Path, source: Path = ROOT) -> Path:
    """A copy of the project without what builds and people leave in it."""
    return Path(shutil.copytree(source, to, ignore=shutil.ignore_patterns(*LEFT)))


def seed(name: str, source: Path = ROOT) -> list[dict[str, str]]:
    with (source / "seeds" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def variable_dimensions() -> dict[str, str]:
    """Engagement variable -> dimension, from the variables model's YAML."""
    path = ROOT / "models" / "4_variables" / "int_engagement_variables.yml"
    columns = yaml.safe_load(path.read_text())["models"][0]["columns"]
    return {
        column["name"]: column["config"]["meta"]["dimension"]
        for column in columns
        if column.get("config", {}).get("meta", {}).get("dimension")
    }


def one_per_variable(node: dict) -> set[str]:
    """Columns named for a variable, in a model that says its columns are the variables'.

    They are described once, in int_engagement_variables, so that a new variable is written there
    alone.
    """
    text = " ".join(node["description"].split())
    if not re.search(r"(one column per|weight of each) variable.*int_engagement_variables", text):
        return set()
    suffix = "_weight" if "<variable>_weight" in text else ""
    return {f"{name}{suffix}" for name in variable_dimensions()}


def same_rows(one: Project, other: Project, sql: str, key: int, tolerance: float = 1e-9) -> int:
    """Assert that a query gives the same rows in both; returns how many. Key: leading columns."""
    found, expected = (
        {row[:key]: row[key:] for row in project.ask(sql)} for project in (one, other)
    )
    missing, extra = expected.keys() - found.keys(), found.keys() - expected.keys()
    assert not missing, f"{len(missing)} rows are missing, e.g. {sorted(missing)[:3]}"
    assert not extra, f"{len(extra)} rows too many, e.g. {sorted(extra)[:3]}"
    differing = [
        (row, found[row], expected[row])
        for row in sorted(expected)
        if not all(map(_same, found[row], expected[row], [tolerance] * len(expected[row])))
    ]
    assert not differing, f"{len(differing)} of {len(expected)} rows differ, e.g. {differing[:3]}"
    return len(expected)


def _same(one, other, tolerance: float) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= tolerance
    return one == other


SCORES = """
    select customer_id, score_date, scorecard_version, score, score_recency, score_frequency,
        score_depth, score_diversity, score_participation, score_advocacy, coverage, percentile,
        engagement_level, persona
    from engagement_marts.fct_engagement_scores
    join engagement_marts.fct_customer_segments using (customer_id, score_date, scorecard_version)
"""


def model_module(path: str):
    """A Python model of dbt as a module, so that its functions can be called."""
    file = ROOT / "models" / path
    spec = spec_from_file_location(file.stem, file)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
