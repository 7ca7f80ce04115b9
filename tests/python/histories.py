"""Random histories: raw folders that change as EL tools change them, and dbt runs in between.

`History` is one seeded sequence of steps, each of which changes the raw files and runs dbt. What
changes is in changes.py, the raw folder in landing.py.
"""

import random
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import psutil
from changes import Changes
from comparison import (
    RAW_BOOKKEEPING,
    differences,
    miscounted,
    misjudged,
    quarantine_differences,
)
from harness import Project
from landing import LAST_LOAD, SHAPES, Landing
from test_own_scorecard import OWN, VARIABLES

CUSTOMERS = 120
# Tables that a young company may not have yet.
DISPENSABLE = [
    "raw_app.devices", "raw_app.events", "raw_crm.contact_responses", "raw_crm.customer_merges",
    "raw_crm.preferences", "raw_crm.surveys", "raw_loyalty.products", "raw_loyalty.referrals",
    "raw_loyalty.store_visits", "raw_loyalty.transaction_lines", "raw_web.reviews",
]  # fmt: skip
# What each history does for certain, in turn: the first at its start, the others later.
CERTAIN = [
    ("update_in_place", "truncate_and_reload"),
    ("restamp", "roll"),
    ("late_batch", "implausible"),
    ("vanish", "come_back"),
    ("undo_merge", "undo_merge", "kill_full_refresh"),
]


class History:
    """One history: settings, a start, steps of landing and running, and a run that must do."""

    def __init__(self, seed: int, folder: Path, raw: Path, source: Path, seeded: Path):
        self.chance = random.Random(seed)
        self.seed = seed
        self.steps: list[str] = []
        self._seeded = seeded
        start = datetime(2026, 8, 1, 12) + timedelta(days=self.chance.randint(0, 60))
        absent = self._system_or_table() if self.chance.random() < 0.3 else ()
        self.landing = Landing(folder / "raw", raw, start, absent)
        self.deleted = self._full_copies()
        self.changes = Changes(self.landing, self.chance, absent, self.deleted)
        self.project = Project(folder / "increments", folder / "raw", source, self._settings())
        self._is_whole = True  # whether the last complete run knew the present settings
        without = f" without {', '.join(absent)}" if absent else ""
        self.steps.append(f"data until {start:%Y-%m-%d}{without}, {self.project.variables}")

    def __str__(self) -> str:
        return "\n".join([f"History {self.seed}:", *(f"  - {step}" for step in self.steps)])

    def play(self) -> Project:
        """Every step; returns the project as the increments left it."""
        self._copy_seeds(self.project)
        self._run_whole("run")
        count = self.chance.randint(2, 4)
        new_scorecard_at = self.chance.randint(0, 2 * count)
        first, *others = CERTAIN[self.seed % len(CERTAIN)]
        certain = [(first, 0), *((kind, self.chance.randrange(1, count)) for kind in others)]
        for number in range(count):
            if number == new_scorecard_at:
                self.project = replace(self.project, variables=self.project.variables | VARIABLES)
                self._is_whole = False
                self.steps.append(f"new scorecard {OWN}")
            due = [kind for kind, at in certain if at == number]
            for kind in due:
                if hasattr(self.changes, kind):
                    self._change(kind)
            if self.chance.random() < 0.9:
                self._land()
            if "kill_full_refresh" in due:
                self._kill_full_refresh()
            else:
                self._run()
        self.steps.append("the last run")
        self._run_whole("run")
        return self.project

    def differences(self) -> list[str]:
        """How the increments differ from a full refresh, one line per relation.

        What the raw files hold now is counted, so where rows have vanished that is no longer what
        the full refresh reads: `_run_whole` has counted it, and the quarantine is compared in what
        is still there.
        """
        expected = self.reference()
        if not self.landing.has_vanished():
            return differences(self.project, expected)
        found = differences(self.project, expected, RAW_BOOKKEEPING)
        return [*found, *quarantine_differences(self.project, expected)]

    def reference(self) -> Project:
        """A database built from nothing but who was erased, on everything that was delivered.

        It finds erased sends itself: they follow from accounts, which nobody else comes to have.
        Where rows have vanished it finds no one, since a request can be followed only through what
        was there at the time.
        """
        fresh = replace(self.project, folder=self.project.folder.with_name("reference"))
        has_vanished = self.landing.has_vanished()
        if has_vanished:
            raw = self.landing.deliver(fresh.folder.with_name("delivered"), self.deleted)
            fresh = replace(fresh, raw=raw)
        self._copy_seeds(fresh)
        with duckdb.connect(fresh.database) as connection:
            connection.execute(f"attach '{self.project.database}' as increments (read_only)")
            connection.execute("create schema if not exists engagement_staging")
            connection.execute(f"""
                create table engagement_staging.int_erased_identifiers as
                from increments.engagement_staging.int_erased_identifiers
                where {has_vanished} or identifier_type <> 'contact'""")
            # A full refresh keeps it, too: it holds addresses that raw files no longer hold.
            connection.execute("""
                create table engagement_staging.int_identifier_versions as
                from increments.engagement_staging.int_identifier_versions""")
        return fresh.dbt("run", *(["--exclude=int_erased_identifiers"] if has_vanished else []))

    def _copy_seeds(self, project: Project) -> None:
        project.folder.mkdir(parents=True)
        shutil.copy(self._seeded, project.database)

    def _settings(self) -> dict:
        settings = {
            "use_calibration": self.chance.random() < 0.5,
            "score_period": self.chance.choice(["month", "month", "month", "week"]),
        }
        if not settings["use_calibration"]:
            ends = ["2026-04-30", "2026-08-31", "2026-09-30", "2026-10-31"]
            settings["reference_end_date"] = self.chance.choice(ends)
        if self.deleted:
            rules = {table: {"vanished": "deleted"} for table in self.deleted}
            settings["raw_table_rules"] = rules
        # Random changes may spoil any share of a small table, and stops have tests of their own.
        return settings | {"quarantine_limit": 1, "orphan_limit": 1, "forget_vanished": True}

    def _full_copies(self) -> tuple[str, ...]:
        """The tables whose vanished rows are deleted ones."""
        count = self.chance.choice([0, 3, 6, 12])
        return tuple(sorted(self.chance.sample([*SHAPES], count)))

    def _system_or_table(self) -> tuple[str, ...]:
        """The tables of the web or the app, or one that a company may lack."""
        system = self.chance.choice(["raw_web", "raw_app", "", ""])
        if system:
            return tuple(table for table in SHAPES if table.startswith(system))
        return (self.chance.choice(DISPENSABLE),)

    def _land(self) -> None:
        """The next days, mostly, and a few changes before and after them."""
        count = self.chance.randint(1, 5)
        before = self.chance.choice([0, self.chance.randint(0, count)])
        for _ in range(before):
            self._change()
        if self.chance.random() < 0.75:
            skipped = ()
            if self.chance.random() < 0.15:
                skipped = self._system_or_table()
            self.changes.skipped = skipped
            days = self.chance.choice([1, 1, 2, 7, 12, 20, 31])
            until = self.landing.now.replace(hour=12, minute=0, second=0, microsecond=0)
            until = min(until + timedelta(days=days), LAST_LOAD)
            if until > self.landing.now:
                rows = self.landing.advance(until, skipped)
                without = f" without {', '.join(skipped)}" if skipped else ""
                self.steps.append(f"{rows} rows until {until:%Y-%m-%d}{without}")
        for _ in range(count - before):
            self._change()

    def _change(self, kind: str = "any") -> None:
        self.steps.append(self.changes.make(kind))

    def _run(self) -> None:
        kinds = {self._run_all: 4, self._run_a_part: 3, self._run_and_kill: 3}
        (kind,) = self.chance.choices(list(kinds), list(kinds.values()))
        kind()

    def _run_all(self) -> None:
        command = self.chance.choice(["run", "run", "build"])
        self.steps.append(f"dbt {command}")
        self._run_whole(command)

    def _run_whole(self, *command: str) -> None:
        """All models; then every row in the raw files is read and accounted for."""
        if command == ("build",):
            self.project.build()
        else:
            self.project.dbt(*command)
        self._is_whole = True
        self.landing.read()
        found = miscounted(self.project, self.landing.counted())
        if self.changes.made["erase"] == 0:
            found += misjudged(self.project, self.landing.implausible())
        if found:
            raise AssertionError("\n".join(["The raw rows are miscounted:", *found]))

    def _run_a_part(self) -> None:
        """Some models only; that may fail where the others don't know of a new scorecard yet."""
        folders = (self.project.source / "models").iterdir()
        layers = sorted(path.name for path in folders if path.name != "9_quality")
        models = self._models()
        kind = self.chance.choice(["activities", "layers", "some", "up", "down", "near real time"])
        chosen = {
            "activities": ["int_activities"],
            "layers": [f"path:models/{n}" for n in layers[: self.chance.randint(1, len(layers))]],
            "some": self.chance.sample(models, self.chance.randint(1, len(models))),
            "up": [f"+{self.chance.choice(models)}"],
            "down": [f"{self.chance.choice(models)}+"],
        }.get(kind)
        command = ["--select", *chosen] if chosen else ["--selector", "near_real_time"]
        self.steps.append(f"dbt run {' '.join(command)}")
        if self._is_whole:
            self.project.dbt("run", *command)
        else:
            self.project.attempt("run", *command)

    def _run_and_kill(self) -> None:
        finished = self.chance.randint(0, len(self._models()) - 1)
        seconds = self.chance.uniform(0, 0.3)
        self.steps.append(f"dbt run, killed {seconds:.2f} s after {finished} models")
        run_and_kill(self.project, finished, seconds)

    def _kill_full_refresh(self) -> None:
        """Until another one has finished, what a killed full refresh left is refused."""
        finished = self.chance.randint(1, len(self._models()) // 2)
        seconds = self.chance.uniform(0, 0.3)
        self.changes.made["kill_full_refresh"] += 1
        self.steps.append(
            f"dbt run --full-refresh, killed {seconds:.2f} s after {finished} models, and run again"
        )
        run_and_kill(self.project, finished, seconds, "run", "--full-refresh")
        refused = self.project.attempt("run")
        if refused.returncode == 0 or not re.search(
            r"full refresh that started at .* did not finish", refused.stdout
        ):
            raise AssertionError(
                f"no run refused what a killed full refresh left:\n{refused.stdout}"
            )
        self._run_whole("run", "--full-refresh")
        self.landing.refresh()

    def _models(self) -> list[str]:
        """What a run of these histories can run; they judge nothing."""
        files = (self.project.source / "models").rglob("*.*")
        return sorted(
            file.stem
            for file in files
            if file.suffix in (".sql", ".py") and "9_quality" not in file.parts
        )


def run_and_kill(project: Project, finished: int, seconds: float, *command: str) -> int:
    """Kill a run, with all it started, some time after so many nodes; returns its exit code."""
    log = project.logs / "dbt.log"
    log.unlink(missing_ok=True)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(project.attempt, *(command or ["run"]), is_forked=False)
        while not run.done() and _finished_nodes(log) < finished:
            time.sleep(0.02)
        time.sleep(seconds)
        for process in psutil.Process().children(recursive=True):
            _kill_if_of(process, project)
    done = run.result()
    if done.returncode == 0 and _finished_nodes(log) < finished:
        raise AssertionError(f"the log never told of {finished} nodes:\n{done.stdout}")
    return done.returncode


def _finished_nodes(log: Path) -> int:
    return log.read_text().count("Finished running node ") if log.exists() else 0


def _kill_if_of(process: psutil.Process, project: Project) -> None:
    try:
        if str(project.target) in process.cmdline():
            for one in [*process.children(recursive=True), process]:
                one.kill()
    except psutil.NoSuchProcess:
        pass
