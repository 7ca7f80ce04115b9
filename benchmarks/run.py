"""Measures `dbt run` against the hand-written floor.py on the same raw data; compares the marts.

    python benchmarks/run.py --customers 100000

README.md says what is measured and how to read it. POSIX only (os.wait4).
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

PROJECT = Path(__file__).resolve().parent.parent
WORK = PROJECT / "data" / "benchmark_work"
LIMIT = 3.0  # what `dbt run`, its start-up aside, may cost in floors
TOLERANCE = 1e-9
COMPARED = [
    "score", "score_recency", "score_frequency", "score_depth", "score_diversity",
    "score_participation", "score_advocacy", "coverage",
]  # fmt: skip
PROFILE = """\
engagement_scoring:
  target: benchmark
  outputs:
    benchmark:
      type: duckdb
      path: "{database}"
      schema: engagement
      threads: 2
      module_paths: [plugins]
      plugins:
        - module: identifier_salt
          config: {{default_salt: public-salt-of-the-benchmark}}
"""


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    wall: float  # seconds
    cpu: float  # seconds
    memory: float  # GB at its peak

    def __str__(self) -> str:
        return f"{self.wall:8.1f} s {self.cpu:8.1f} s CPU {self.memory:6.2f} GB"


def main() -> None:
    args = arguments()
    raw = args.raw or PROJECT / "data" / f"benchmark_{args.customers}"
    if not raw.exists():
        say(f"Making the raw data of {args.customers:,} customers in {raw}")
        demo = PROJECT / "demo" / "generate.py"
        run([sys.executable, demo, "--customers", str(args.customers), "--out", raw, "--quiet"])
    dbt = Dbt(raw.resolve())
    floor = [sys.executable, PROJECT / "benchmarks" / "floor.py"]
    floor += ["--raw", raw.resolve(), "--database", WORK / "floor.duckdb"]
    say("dbt seed (parses the project; not measured)")
    dbt.seed()
    costs = {"start-up": [], "dbt run": [], "floor": []}
    for number in range(1, args.rounds + 1):
        say(f"Round {number} of {args.rounds}")
        dbt.reset()
        trivial = dbt.command("run", "--select", "stg_crm__campaigns")
        costs["start-up"].append(measure("start-up", trivial))
        dbt.reset()
        costs["dbt run"].append(measure("dbt run", dbt.command("run")))
        costs["floor"].append(measure("floor", floor))
    report({name: median(each) for name, each in costs.items()})
    say("Comparing the score marts")
    sys.exit(0 if compare(dbt.database, WORK / "floor.duckdb") else 1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1, help="alternating runs; medians count")
    parser.add_argument("--raw", type=Path, help="raw Parquet files to use instead of making some")
    return parser.parse_args()


class Dbt:
    """This project run by dbt in a folder, profile and database of the benchmark's own."""

    def __init__(self, raw: Path):
        self.database = WORK / "engagement_benchmark.duckdb"
        self._seeded = WORK / "seeded.duckdb"
        self._vars = f"{{raw_path: '{raw}', use_calibration: false}}"
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir(parents=True)
        (WORK / "profiles.yml").write_text(PROFILE.format(database=self.database), encoding="utf-8")

    def command(self, verb: str, *more: str) -> list:
        return [
            Path(sys.executable).with_name("dbt"), "--quiet", verb, *more,
            "--vars", self._vars, "--profiles-dir", WORK,
            "--target-path", WORK / "target", "--log-path", WORK / "logs",
        ]  # fmt: skip

    def seed(self) -> None:
        run(self.command("seed"))
        run(self.command("parse"))  # so that what is measured finds everything parsed
        self.database.rename(self._seeded)

    def reset(self) -> None:
        """Nothing but the seeds in the database."""
        shutil.copy(self._seeded, self.database)


def run(command: list) -> Cost:
    """Runs a command in the project's folder; ends the benchmark where it fails."""
    started = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], cwd=PROJECT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"failed ({process.returncode}): {' '.join(map(str, command))}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(
        wall=time.perf_counter() - started,
        cpu=usage.ru_utime + usage.ru_stime,
        memory=usage.ru_maxrss * unit / 1e9,
    )


def measure(name: str, command: list) -> Cost:
    cost = run(command)
    say(f"  {name:<12} {cost}")
    return cost


def median(costs: list[Cost]) -> Cost:
    columns = [(cost.wall, cost.cpu, cost.memory) for cost in costs]
    return Cost(*(statistics.median(values) for values in zip(*columns, strict=True)))


def report(costs: dict[str, Cost]) -> None:
    start, whole, floor = costs["start-up"], costs["dbt run"], costs["floor"]
    net = Cost(whole.wall - start.wall, whole.cpu - start.cpu, whole.memory)
    say("")
    for name, cost in [*costs.items(), ("net dbt run", net)]:
        say(f"{name:<12} {cost}")
    for name, cost in (("net dbt run", net), ("dbt run", whole)):
        say(f"{name:<12} {cost.wall / floor.wall:8.2f} x {cost.cpu / floor.cpu:8.2f} x the floor")
    verdict = "within" if net.wall <= LIMIT * floor.wall else "ABOVE"
    say(f"net dbt run is {verdict} the limit of {LIMIT:g} floors")


def compare(dbt_database: Path, floor_database: Path) -> bool:
    """Whether both marts hold the same keys and, within TOLERANCE, the same numbers."""
    connection = duckdb.connect(str(dbt_database), read_only=True)
    connection.execute(f"attach '{floor_database}' as floor (read_only)")
    marts = {"dbt": "engagement_marts.fct_engagement_scores", "floor": "floor.score_mart"}
    for name, mart in marts.items():
        rows, checksum = connection.execute(f"""
            select count(*), sum(hash(customer_id, score_date, scorecard_version, round(score, 4)))
            from {mart}
        """).fetchone()
        say(f"{name:<12} {rows:>12,} rows, checksum {checksum}")
    differences = ", ".join(f"coalesce(abs(a.{c} - b.{c}), 0)" for c in COMPARED)
    unlike = " or ".join(f"(a.{c} is null) != (b.{c} is null)" for c in COMPARED)
    lonely, one_sided, beyond, largest = connection.execute(f"""
        select
            count(*) filter (a.customer_id is null or b.customer_id is null),
            count(*) filter (a.customer_id = b.customer_id and ({unlike})),
            count(*) filter (greatest({differences}) >= {TOLERANCE}),
            max(greatest({differences}))
        from {marts["dbt"]} as a
        full outer join {marts["floor"]} as b using (customer_id, score_date, scorecard_version)
    """).fetchone()
    say(f"{'keys':<12} {lonely:>12,} in one mart only")
    say(f"{'nulls':<12} {one_sided:>12,} rows where one mart has a null and the other a number")
    say(f"{'numbers':<12} {beyond:>12,} rows apart by {TOLERANCE:g} or more; at most {largest:.3g}")
    same = lonely == one_sided == beyond == 0
    say("The marts are the same." if same else "THE MARTS DIFFER.")
    return same


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
