"""Mutation check: how many of the defects that the rules make does the suite catch?

    make test-mutants MUTANTS=100 SEED=1

Draws mutants (rules.py), puts each into a copy of the project and lets the tests run, the cheapest
first, until one fails: that one caught it. What cannot even be parsed or planned is drawn anew, and
what equivalent.toml holds is not counted. Ends with 1 where fewer than 95 of 100 are caught.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from queue import SimpleQueue

from harness import ROOT, Project, copy_project, generate
from rules import Mutant, mutants

HERE = Path(__file__).resolve().parent
CUSTOMERS = 150
LEAST_CAUGHT = 0.95
SECONDS = 1800  # that a stage may take; whatever takes longer hangs, which is noticed, too

# The tests that know a kind of file without building anything.
AT_ONCE = {
    ".py": ["test_normalisation.py", "test_segments.py", "test_python_models.py"],
    ".csv": [
        "test_seeds.py",
        "test_manifest.py::test_the_weights_of_a_scorecard_are_positive_and_sum_to_1",
        "test_manifest.py::test_two_scorecards_ship_and_each_has_levels_from_0_up_and_a_market_for_all",
    ],
}  # fmt: skip
# What catches a mutant that dbt's own tests of what changed let pass, the dearest last: the files
# of tests, and whom they are asked about. Files that a project does not have are left out.
QUALITY = r"9_quality|macros/(judged|drifts|profile|sample_of|of_column|say_what_quality)"
ELSEWHERE = rf"^(?!.*({QUALITY}))"
LATER = {
    "quality": (["test_quality.py"], QUALITY),
    "staging": (
        ["test_staging.py", "test_changed_loads.py"],
        "1_staging|current_rows|load_days|raw_sources",
    ),
    "erasure": (["test_erasure.py"], "eras|hash_identifier"),
    "golden customers": (["test_golden.py"], rf"{ELSEWHERE}(models|macros)"),
    "raw contract": (["test_raw_contract.py"], rf"{ELSEWHERE}(macros|models/1_staging)"),
    "faults": (
        ["test_faults.py"], r"macros/(row_rules|check_quarantine|raw_files)|1_staging|orphaned",
    ),
    "increments": (
        [
            "test_manifest.py::test_increments_replace_rows_by_what_a_test_says_is_unique",
            "test_increments.py",
        ],
        rf"{ELSEWHERE}(models|macros)",
    ),
    "whole": (
        [
            "test_additivity.py", "test_no_leakage.py", "test_no_spend.py", "test_consent.py",
            "test_calibration.py", "test_runs.py", "test_own_scorecard.py", "test_truth.py",
            "test_erasure.py",
        ],
        ELSEWHERE,
    ),
}  # fmt: skip
# What the database says of a statement that it cannot even plan.
UNPLANNED = re.compile(r"(Binder|Parser|Catalog) Error|No function matches")


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant; caught by nothing: it survived."""

    mutant: Mutant
    caught_by: str = ""
    is_stillborn: bool = False
    seconds: float = 0


class Stillborn(Exception):
    """A mutant that no test needs to catch, as it cannot be parsed or planned."""


class SmallProject(Project):
    """A build that a mutant which multiplies rows cannot make large."""

    @property
    def profiles(self) -> str:
        return super().profiles.replace(
            "settings: {", "settings: {memory_limit: 3GB, max_temp_directory_size: 3GB, "
        )


class Bench:
    """A copy of the project and of its built database, for one mutant at a time.

    sound: the tests that passed without a mutant; what the benches of a check share.
    """

    def __init__(
        self, folder: Path, built: Project, compiled: dict[bool, dict[str, str]], sound: set[str]
    ):
        self.source = copy_project(folder / "project")
        self.project = SmallProject(folder / "build", built.raw, self.source)
        self.built = built
        self.compiled = compiled
        self.sound = sound
        self.project.folder.mkdir(parents=True)
        self._restore()
        # What follows parses what changed alone; and a dbt that cannot start is no mutant's fault.
        assert self._dbt("compile") == "", "dbt fails without any mutant"

    def judge(self, mutant: Mutant, skipped: set[str]) -> Verdict:
        """Let the tests run on a mutant until one fails."""
        started = time.monotonic()
        file = self.source / mutant.path
        file.write_text(mutant.changed)
        self._restore()
        try:
            caught_by = next(filter(None, self._stages(mutant, skipped)), "")
            return Verdict(mutant, caught_by, seconds=time.monotonic() - started)
        except Stillborn:
            return Verdict(mutant, is_stillborn=True)
        finally:
            file.write_text(mutant.text)

    def _stages(self, mutant: Mutant, skipped: set[str]) -> Iterator[str]:
        """Each stage's catch, empty where it lets the mutant pass."""
        tests = AT_ONCE.get(Path(mutant.path).suffix)
        if tests and re.search(ELSEWHERE, mutant.path):
            yield self._caught_by_pytest(tests, mutant)
        in_macro = mutant.path.startswith("macros/")
        changed = self._recompiled() if in_macro else [Path(mutant.path).stem]
        if changed:
            yield self._dbt("build", "--select", *changed)
        for stage, (tests, asked) in LATER.items():
            if stage not in skipped and re.search(asked, mutant.path):
                yield self._caught_by_pytest(tests, mutant)

    def _recompiled(self) -> list[str]:
        """The models whose SQL is another, built from nothing or as an increment."""
        found = set()
        for is_full, before in self.compiled.items():
            self._dbt("compile", is_full=is_full)
            after = compiled_sql(self.project)
            found |= {name for name in before if after.get(name) != before[name]}
        return sorted(found)

    def _restore(self) -> None:
        shutil.copy(self.built.database, self.project.database)

    def _dbt(self, command: str, *options: str, is_full: bool = True) -> str:
        """What of dbt's nodes failed, the first by name."""
        results = self.project.target / "run_results.json"
        results.unlink(missing_ok=True)
        full = ["--full-refresh"] if is_full else []
        line = self.project.command(command, *full, *options)
        line += ["--log-level-file", "none"]
        code, said = run(line, self.project.home, self.project.environment)
        if code == 0:
            return ""
        if code is None:
            return f"dbt {command}: no end after {SECONDS} s"
        if "Found " not in said:
            raise Stillborn
        failed = [
            result
            for result in json.loads(results.read_text())["results"]
            if result["status"] in ("fail", "error")
        ] if results.exists() else []  # fmt: skip
        if any(UNPLANNED.search(result["message"] or "") for result in failed):
            raise Stillborn
        if not failed and UNPLANNED.search(said):
            raise Stillborn
        if not failed:
            return "the run that stops: " + said.strip().splitlines()[-1]
        kind, _, name = failed[0]["unique_id"].split(".", 2)
        kind = {"unit_test": "unit test", "test": "data test"}.get(kind, f"{kind} error")
        return f"{kind} {name}"

    def _caught_by_pytest(self, tests: list[str], mutant: Mutant) -> str:
        """What failed; only of tests that pass without the mutant."""
        caught_by = self._pytest(tests)
        if caught_by and tests[0] not in self.sound:
            file = self.source / mutant.path
            file.write_text(mutant.text)
            if failed := self._pytest(tests):
                raise AssertionError(f"{failed} without any mutant: first make the tests pass.")
            file.write_text(mutant.changed)
            self.sound.add(tests[0])
        return caught_by

    def _pytest(self, tests: list[str]) -> str:
        folder = self.source / "tests" / "python"
        found = [str(folder / test) for test in tests if (folder / test.split(":")[0]).exists()]
        if not found:
            return ""
        line = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *found]
        code, said = run(line, self.source, os.environ | {"HISTORIES": "3", "FAULTS": "12"})
        if code is None:
            return f"pytest: no end after {SECONDS} s"
        failed = re.findall(r"^(?:FAILED|ERROR) tests/python/(\S+)", said, re.MULTILINE)
        return "pytest " + (failed or ["stopped"])[0] if code else ""


def run(command: list[str], folder: Path, environment: dict) -> tuple[int | None, str]:
    """Exit code and output; none where it had to be ended, with all that it started."""
    process = subprocess.Popen(
        command, cwd=folder, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=SECONDS)
        return process.returncode, said
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None, ""


def compiled_sql(project: Project) -> dict[str, str]:
    """Model -> its SQL as the last command compiled it; the time of the run is none of it."""
    nodes = json.loads((project.target / "manifest.json").read_text())["nodes"].values()
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?"
    return {
        node["name"]: re.sub(moment, "", node.get("compiled_code") or "")
        for node in nodes
        if node["resource_type"] == "model"
    }


def drawn(candidates: list[Mutant], seed: int) -> Iterator[Mutant]:
    """All of them in random order, each kind of file and rule being as likely as another."""
    chance = random.Random(seed)
    groups = defaultdict(list)
    for mutant in candidates:
        groups[Path(mutant.path).suffix, mutant.rule].append(mutant)
    for group in groups.values():
        chance.shuffle(group)
    while groups:
        key = chance.choice(sorted(groups))
        yield groups[key].pop()
        if not groups[key]:
            del groups[key]


def equivalents() -> list[dict[str, str]]:
    """The reviewed mutants that no test can notice."""
    return tomllib.loads((HERE / "equivalent.toml").read_text())["equivalent"]


def is_listed(mutant: Mutant, entry: dict[str, str]) -> bool:
    """Whether a mutant is that of an entry; above is said where the line alone is not enough."""
    place = (mutant.path, *mutant.lines, mutant.above)
    listed = (entry["file"], entry["original"], entry["mutated"], entry.get("above", mutant.above))
    return place == listed


def check(candidates: Iterator[Mutant], count: int, benches: list[Bench], skipped: set[str]):
    """The verdicts on the first so many candidates that can be judged, as they come."""
    free, pending, counted = SimpleQueue(), set(), 0
    for bench in benches:
        free.put(bench)

    def judged(mutant: Mutant) -> Verdict:
        bench = free.get()
        try:
            return bench.judge(mutant, skipped)
        finally:
            free.put(bench)

    with ThreadPoolExecutor(len(benches)) as pool:
        while True:
            while len(pending) < min(len(benches), count - counted):
                mutant = next(candidates, None)
                if mutant is None:
                    count = counted + len(pending)
                    break
                pending.add(pool.submit(judged, mutant))
            if not pending:
                return
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                counted += not future.result().is_stillborn
                yield future.result()


def benches(folder: Path, workers: int) -> list[Bench]:
    """So many copies, of a project that passes its own dbt tests."""
    raw = generate(folder / "raw", CUSTOMERS)
    built = Project(folder / "built", raw, copy_project(folder / "project")).dbt("build")
    compiled = {}
    for is_full in (True, False):
        built.dbt("compile", *["--full-refresh"][:is_full])
        compiled[is_full] = compiled_sql(built)
    sound = set()
    return [Bench(folder / f"bench_{number}", built, compiled, sound) for number in range(workers)]


def diff(mutant: Mutant) -> str:
    lines = unified_diff(
        mutant.text.splitlines(), mutant.changed.splitlines(), mutant.path, mutant.path,
        lineterm="", n=1,
    )  # fmt: skip
    return "\n".join(lines)


def report(verdicts: list[Verdict], known: list[tuple[Mutant, str]]) -> bool:
    """Print what came of the draw; returns whether enough were caught."""
    survivors = [verdict for verdict in verdicts if not verdict.caught_by]
    by = Counter(re.match(r"(\w+ )?\w+", v.caught_by)[0] for v in verdicts if v.caught_by)
    share = 1 - len(survivors) / len(verdicts)
    print(f"\n{share:.1%} caught: {len(verdicts) - len(survivors)} of {len(verdicts)}, by")
    for name, count in by.most_common():
        print(f"  {count:4} {name}")
    for mutant, reason in known:
        print(f"\nnot counted, as nothing can tell: {mutant.place} ({mutant.rule}): {reason}")
    for verdict in survivors:
        print(f"\nSURVIVED {verdict.mutant.place} ({verdict.mutant.rule})\n{diff(verdict.mutant)}")
    if share < LEAST_CAUGHT:
        print(
            f"\nFewer than {LEAST_CAUGHT:.0%} are caught. Add a unit test that tells each survivor "
            "from the original, or put it into tests/mutants/equivalent.toml with the reason why "
            "nothing can."
        )
    return share >= LEAST_CAUGHT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=100, help="how many are judged")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    parser.add_argument("--only", default="", help="part of the file:line of what is changed")
    parser.add_argument("--skip", nargs="*", default=[], choices=LATER, help="stages left out")
    arguments = parser.parse_args()
    listed, known, verdicts = equivalents(), [], []

    def to_judge() -> Iterator[Mutant]:
        found = [mutant for mutant in mutants(ROOT) if arguments.only in mutant.place]
        for mutant in drawn(found, arguments.seed):
            reasons = [entry["reason"] for entry in listed if is_listed(mutant, entry)]
            if reasons:
                known.append((mutant, reasons[0]))
            else:
                yield mutant

    with tempfile.TemporaryDirectory() as folder:
        print(f"Building what {arguments.mutants} mutants are tried on ...", flush=True)
        ready = benches(Path(folder), workers=2)
        for verdict in check(to_judge(), arguments.mutants, ready, set(arguments.skip)):
            mutant = verdict.mutant
            if verdict.is_stillborn:
                print(f"   -  {mutant.place}  {mutant.rule}: cannot be planned, another is drawn")
                continue
            verdicts.append(verdict)
            print(
                f"{len(verdicts):4} of {arguments.mutants}  {mutant.place}  {mutant.rule}: "
                + (f"caught by {verdict.caught_by}" if verdict.caught_by else "SURVIVED")
                + f" ({verdict.seconds:.0f} s)",
                flush=True,
            )
    if not verdicts:
        sys.exit(
            "Nothing was judged: no mutant there, or none that can be planned or is not listed."
        )
    sys.exit(not report(verdicts, known))


if __name__ == "__main__":
    main()
