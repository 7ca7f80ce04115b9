"""Measures the build, its increments, the hand-written floor and pandas at several sizes.

    python benchmarks/run.py --sizes 10000,100000,1000000
    python benchmarks/run.py --sizes 20000 --only full,floor --rounds 3
    python benchmarks/run.py --report

README.md says what is measured and how to read it. POSIX only (os.wait4).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import psutil
from measure import OK, Results, measure
from report import report

PROJECT = Path(__file__).resolve().parent.parent
HERE = PROJECT / "benchmarks"
WORK = PROJECT / "data" / "benchmark_work"
INCREMENTS = ["no_change", "near_real_time", "one_day"]
AFTER_CALIBRATION = {*INCREMENTS, "backfill"}
FIRST_END, LAST_END = "2025-05-31", "2026-10-31"  # of the score periods of the raw data
NEAR_REAL_TIME = ["--selector", "near_real_time"]
MEASUREMENTS = [
    "start_up", "full", "quality", "tests", "floor", "pandas", *INCREMENTS, "backfill", "limited",
    "spark",
]  # fmt: skip
AFTER_FULL = {"quality", "tests", *AFTER_CALIBRATION}
TRIVIAL = "int_marks"  # a model that costs nothing but dbt's start
QUALITY = ["tag:quality", "int_landed_again+"]  # what measures and accounts for rows, beside scores
ROWS, CUSTOMERS = 1000, 200  # what a near-real-time run brings
MINUTES_AFTER = 360  # from the night's load to the first of these runs
MINUTES_BETWEEN = 5  # from one to the next
SPARK_MEMORY = "8g"  # the heap of its JVM
PROFILE = """\
engagement_scoring:
  target: benchmark
  outputs:
    benchmark: &benchmark
      type: duckdb
      path: "{database}"
      schema: engagement
      threads: 2
      settings:
        preserve_insertion_order: false
        dynamic_or_filter_threshold: 1000
        memory_limit: 5GiB
      module_paths: [plugins]
      plugins:
        - module: identifier_salt
          config: {{default_salt: public-salt-of-the-benchmark}}
    limited:
      <<: *benchmark
      settings:
        preserve_insertion_order: false
        dynamic_or_filter_threshold: 1000
        memory_limit: "{memory_limit}GiB"
"""


def main() -> None:
    args = arguments()
    results = Results(args.work / "results.jsonl")
    if not args.report:
        started = datetime.now().isoformat(timespec="seconds")
        for size in args.sizes:
            Benchmark(size, args, results, started).run()
    is_same = report(results.read(), args.work)
    sys.exit(0 if is_same else 1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--sizes", type=_numbers, default="10000,100000,1000000", help="customers, one or several"
    )
    parser.add_argument(
        "--only", type=_names, default=",".join(MEASUREMENTS), help="the measurements to make"
    )
    parser.add_argument("--rounds", type=int, default=1, help="how often; medians count")
    parser.add_argument(
        "--raw-dir", type=Path, default=PROJECT / "data",
        help="where the raw data is, or is made once, as benchmark_<customers>",
    )  # fmt: skip
    parser.add_argument("--work", type=Path, default=WORK, help="folder for databases and results")
    parser.add_argument(
        "--memory-limit-run", type=float, default=3, help="DuckDB's GiB in the limited build"
    )
    three_quarters = round(psutil.virtual_memory().total * 0.75 / 1e9, 1)
    parser.add_argument(
        "--pandas-memory", type=float, default=three_quarters, help="GB at which pandas is ended"
    )
    parser.add_argument(
        "--pandas-timeout", type=float, default=3600, help="seconds after which pandas is ended"
    )
    parser.add_argument(
        "--spark-up-to", type=int, default=100_000, help="customers; Spark is left out beyond"
    )
    parser.add_argument("--report", action="store_true", help="only print what was measured before")
    args = parser.parse_args()
    args.work, args.raw_dir = args.work.resolve(), args.raw_dir.resolve()
    return args


def _numbers(text: str) -> list[int]:
    return sorted(int(number) for number in text.split(","))


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(MEASUREMENTS):
        raise argparse.ArgumentTypeError(
            f"{', '.join(sorted(unknown))}: not one of {', '.join(MEASUREMENTS)}"
        )
    return names


class Benchmark:
    """All measurements at one size."""

    def __init__(self, size: int, args: argparse.Namespace, results: Results, started: str):
        self._args, self._results = args, results
        self._build = args.work / "build"  # one at a time: large
        self._raw = args.raw_dir / f"benchmark_{size}"
        memory = psutil.virtual_memory().total / 1e9
        self._about = {
            "run": started,
            "machine": f"{os.cpu_count()} cores, {memory:.0f} GB",
            "customers": size,
        }
        needed = {"start_up"} | ({"full"} if set(args.only) & AFTER_FULL else set())
        self._wanted = needed | set(args.only)

    def run(self) -> None:
        self._make_raw()
        shutil.rmtree(self._build, ignore_errors=True)
        self._build.mkdir(parents=True)
        dbt = Dbt(self._build, self._args.memory_limit_run)
        say("dbt seed (not measured)")
        dbt.seed(self._raw)
        for number in range(1, self._args.rounds + 1):
            say(f"{self._about['customers']:,} customers, round {number} of {self._args.rounds}")
            self._about["round"] = number
            self._run_full(dbt)
            if self._wanted & AFTER_CALIBRATION:
                dbt.calibrate()
            if self._wanted & set(INCREMENTS):
                self._run_increments(dbt)
            if "backfill" in self._wanted:
                dbt.reset(calibrated=True)
                self._measure("backfill", dbt.backfill(self._raw))
            if "limited" in self._wanted:
                dbt.reset()
                self._measure("limited", dbt.prepared_chain(self._raw, target="limited"))
            if "spark" in self._wanted:
                self._run_spark()

    def _make_raw(self) -> None:
        if not self._raw.exists():
            size = self._about["customers"]
            say(f"Making the raw data of {size:,} customers in {self._raw}")
            generate = [PROJECT / "demo" / "generate.py", "--customers", size, "--out", self._raw]
            run([sys.executable, *generate, "--quiet"])
        rows = duckdb.execute(
            f"select sum(num_rows) from parquet_file_metadata('{self._raw}/raw_*/**/*.parquet')"
        ).fetchall()
        self._about["raw_rows"] = int(rows[0][0])

    def _run_full(self, dbt: "Dbt") -> None:
        """The whole build, and the same scores by other means."""
        dbt.reset()
        self._measure("start_up", dbt.prepared_run(self._raw, "--select", TRIVIAL))
        made = set()
        if "full" in self._wanted:
            dbt.reset()
            if self._measure("full", dbt.prepared_chain(self._raw)):
                made.add("full")
        if "quality" in self._wanted:
            self._measure("quality", dbt.prepared_run(self._raw, "--select", *QUALITY))
        if "tests" in self._wanted:
            self._measure("tests", dbt.tests(self._raw))
        floor, mart = self._build / "floor.duckdb", self._build / "score_mart.parquet"
        mart.unlink(missing_ok=True)
        if "floor" in self._wanted:
            script = [sys.executable, HERE / "floor.py", "--raw", self._raw]
            if self._measure("floor", [*script, "--database", floor]):
                made.add("floor")
        if "pandas" in self._wanted:
            self._measure_pandas(mart)
        if {"full", "floor"} <= made:
            say("Comparing the score marts")
            marts = [dbt.database, floor, *([mart] if mart.exists() else [])]
            cost = measure([sys.executable, HERE / "compare.py", *marts], PROJECT)
            self._results.add(cost, measurement="comparison", **self._about)

    def _measure_pandas(self, mart: Path) -> None:
        script = [sys.executable, HERE / "pandas_pipeline.py", "--raw", self._raw, "--out", mart]
        limits = self._args.pandas_memory, self._args.pandas_timeout
        self._measure("pandas", script, *limits)

    def _run_spark(self) -> None:
        """The full build once more, where Spark is there and the size is one for it."""
        needs = [sys.executable, PROJECT / "scripts" / "spark_needs.py"]
        if self._about["customers"] > self._args.spark_up_to:
            say(f"Spark is left out beyond {self._args.spark_up_to:,} customers (--spark-up-to)")
        elif subprocess.run(needs).returncode == 0:
            spark = Spark(self._build / "spark")
            run(spark.command("seed", self._raw))
            self._measure("spark", spark.command("run", self._raw, "--exclude", *QUALITY))

    def _run_increments(self, dbt: "Dbt") -> None:
        """What comes after the full build: nothing new, some rows, a day."""
        say("A run that adopts the calibration (not measured)")
        run(dbt.prepared_chain(self._raw, calibrated=True))
        if "no_change" in self._wanted:
            self._measure("no_change", dbt.prepared_chain(self._raw, calibrated=True))
        folders = [self._build / f"raw_with_{more}" for more in ("rows", "more_rows", "day")]
        rows, more_rows, day = folders
        if self._wanted & {"near_real_time", "one_day"}:
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)
            self._add(self._raw, rows, minutes=MINUTES_AFTER)
            self._add(rows, more_rows, minutes=MINUTES_BETWEEN)
            more_raw = [sys.executable, HERE / "more_raw.py", "--raw", more_rows, "--out", day]
            run([*more_raw, "--day"])
        if "near_real_time" in self._wanted:
            say("A first near-real-time run (not measured)")
            run(dbt.prepared_run(rows, *NEAR_REAL_TIME, calibrated=True))
            command = dbt.prepared_run(more_rows, *NEAR_REAL_TIME, calibrated=True)
            self._measure("near_real_time", command)
        if "one_day" in self._wanted:
            self._measure("one_day", dbt.prepared_chain(day, calibrated=True))

    def _add(self, raw: Path, out: Path, minutes: int) -> None:
        more_raw = [sys.executable, HERE / "more_raw.py", "--raw", raw, "--out", out]
        run([*more_raw, "--rows", ROWS, "--customers", CUSTOMERS, "--minutes", minutes])

    def _measure(self, name: str, command: list, *limits: float) -> bool:
        cost = measure(command, PROJECT, *limits)
        self._results.add(cost, measurement=name, **self._about)
        say(f"  {name:<16} {cost}")
        return cost.status == OK


class Dbt:
    """This project run by dbt in a folder, profile and database of the benchmark's own."""

    def __init__(self, folder: Path, memory_limit: float):
        self.database = folder / "engagement_benchmark.duckdb"
        self._folder, self._seeded = folder, folder / "seeded.duckdb"
        self._calibrated = folder / "calibrated.duckdb"
        profile = PROFILE.format(database=self.database, memory_limit=f"{memory_limit:g}")
        (folder / "profiles.yml").write_text(profile, encoding="utf-8")

    def seed(self, raw: Path) -> None:
        run(self._command("seed", raw))
        self.database.rename(self._seeded)

    def reset(self, calibrated: bool = False) -> None:
        """Nothing but the seeds in the database."""
        shutil.copy(self._calibrated if calibrated else self._seeded, self.database)

    def prepared_run(
        self, raw: Path, *which: str, calibrated: bool = False, target: str = "benchmark"
    ) -> list:
        """The command for a run, the project parsed before: other variables would cost a parse."""
        run(self._command("parse", raw, calibrated=calibrated, target=target))
        return self._command("run", raw, *which, calibrated=calibrated, target=target)

    def prepared_chain(self, raw: Path, **how) -> list:
        """The same for everything but what QUALITY names."""
        return self.prepared_run(raw, "--exclude", *QUALITY, **how)

    def tests(self, raw: Path) -> list:
        """The command for all data tests."""
        return self._command("test", raw, "--exclude-resource-type", "unit_test")

    def backfill(self, raw: Path) -> list:
        """The command that scores the whole history period by period."""
        return [
            sys.executable, "scripts/backfill.py", "--from", FIRST_END, "--to", LAST_END,
            *self._settings(raw, calibrated=True, target="benchmark"),
        ]  # fmt: skip

    def calibrate(self) -> None:
        """Freezes what the full build fitted, as `make calibrate` and `dbt seed` would."""
        shutil.copy(self._seeded, self._calibrated)
        with duckdb.connect(str(self.database)) as connection:
            connection.execute(f"""
                delete from engagement_seeds.calibration;
                insert into engagement_seeds.calibration by name
                select scorecard_version, kind, name, statistic, value
                from engagement_segments.int_calibration;
                attach '{self._calibrated}' as seeded;
                delete from seeded.engagement_seeds.calibration;
                insert into seeded.engagement_seeds.calibration
                from engagement_seeds.calibration
            """)

    def _command(
        self, verb: str, raw: Path, *more: str, calibrated: bool = False, target: str = "benchmark"
    ) -> list:
        dbt = Path(sys.executable).with_name("dbt")
        return [dbt, "--quiet", verb, *more, *self._settings(raw, calibrated, target)]

    def _settings(self, raw: Path, calibrated: bool, target: str) -> list:
        link = self._folder / "raw"  # the same path in every run, as another one stops a run
        link.unlink(missing_ok=True)
        link.symlink_to(raw.resolve())
        return [
            "--vars", json.dumps({"raw_path": str(link), "use_calibration": calibrated}),
            "--profiles-dir", self._folder, "--target", target,
            "--target-path", self._folder / "target", "--log-path", self._folder / "logs",
        ]  # fmt: skip


class Spark:
    """This project run on Spark in one process, in a folder of the benchmark's own."""

    def __init__(self, folder: Path):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._folder = folder
        profile = (PROJECT / "profiles.example.yml").read_text(encoding="utf-8")
        profile = profile.replace("data/spark", str(folder / "spark"))
        profile = profile.replace("spark.driver.memory: 2g", f"spark.driver.memory: {SPARK_MEMORY}")
        (folder / "profiles.yml").write_text(profile, encoding="utf-8")

    def command(self, verb: str, raw: Path, *more: str) -> list:
        return [
            "env", f"PYTHONPATH={PROJECT / 'plugins' / 'spark'}",
            PROJECT / ".venv-spark" / "bin" / "dbt", "--quiet", verb, *more,
            "--vars", f"{{raw_path: '{raw}', use_calibration: false}}",
            "--profiles-dir", self._folder, "--target", "spark",
            "--target-path", self._folder / "target", "--log-path", self._folder / "logs",
        ]  # fmt: skip


def run(command: list) -> None:
    """Runs what is not measured; ends the benchmark where it fails."""
    code = subprocess.run([str(part) for part in command], cwd=PROJECT).returncode
    if code:
        sys.exit(f"failed ({code}): {' '.join(map(str, command))}")


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
