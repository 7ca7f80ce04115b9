"""The random histories do to raw files what they say, and five of them do everything."""

import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from signal import SIGKILL
from subprocess import CompletedProcess

import duckdb
import histories
import pytest
import yaml
from changes import Changes
from harness import REQUESTS, ROOT, Project, demo_contract, generate
from histories import CERTAIN, CUSTOMERS, History
from landing import CONTRACT, PLAUSIBLE, SHAPES, Landing

START = datetime(2026, 10, 1, 12)


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    return generate(tmp_path_factory.mktemp("demo") / "raw", CUSTOMERS)


@dataclass(frozen=True)
class Idle(Project):
    """A project whose runs do nothing, as if each full refresh had been killed."""

    def dbt(self, *command: str) -> "Idle":
        return self

    def attempt(self, *command: str, **_) -> CompletedProcess:
        return CompletedProcess(
            command, 1, "A full refresh that started at 12:00 did not finish.", ""
        )


def test_five_histories_in_a_row_make_every_kind_of_change(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(histories, "Project", Idle)
    monkeypatch.setattr(histories, "run_and_kill", lambda *_: -SIGKILL)
    for check in ("miscounted", "misjudged"):
        monkeypatch.setattr(histories, check, lambda *_: [])
    seeds = tmp_path / "seeds.duckdb"
    seeds.touch()
    made, deleted = Counter(), 0
    for seed in range(5):
        history = History(seed, tmp_path / str(seed), raw, ROOT, seeds)
        history.play()
        made += history.changes.made
        deleted += sum(history.landing.count_vanished(table) for table in history.deleted)
    kinds = {kind for certain in CERTAIN for kind in certain} | {"undone", "redone"}
    assert [kind for kind in sorted(kinds) if not made[kind]] == []
    assert deleted > 0


def contents(landing: Landing, of_rows: str = "landed") -> dict[str, Counter]:
    """Each table's rows without their load times."""
    return {
        table: Counter(
            landing.ask(
                f"select {', '.join(c for c in CONTRACT[table] if c != '_loaded_at')}"
                f" from {getattr(landing, of_rows)(table)}"
            )
        )
        for table in SHAPES
    }


def load_times(landing: Landing) -> Counter:
    return Counter(
        (table, at)
        for table in SHAPES
        for (at,) in landing.ask(f"select _loaded_at from {landing.landed(table)}")
    )


@dataclass(frozen=True)
class Change:
    """A raw folder before and after some change to it."""

    landing: Landing
    said: str
    contents: dict[str, Counter]
    times: Counter

    @property
    def table(self) -> str:
        """The table that is not as it was."""
        now = contents(self.landing)
        (table,) = {t for t in SHAPES if now[t] != self.contents[t]}
        return table

    @property
    def new_times(self) -> list[datetime]:
        return [at for _, at in (load_times(self.landing) - self.times).elements()]

    @property
    def gone_times(self) -> list[datetime]:
        return [at for _, at in (self.times - load_times(self.landing)).elements()]

    def new_rows(self, table: str) -> int:
        """How many rows the table has more than before."""
        return contents(self.landing)[table].total() - self.contents[table].total()


@pytest.fixture(scope="module")
def read(raw, tmp_path_factory) -> Landing:
    """A raw folder that the tests change in turn."""
    return Landing(tmp_path_factory.mktemp("landing") / "raw", raw, START)


@pytest.fixture(params=range(3))
def changed(request, read):
    """Makes a change of a kind after a run, by a seed."""

    def change(kind: str) -> Change:
        read.read()
        before = contents(read), load_times(read)
        said = Changes(read, random.Random(f"{kind} {request.param}"), ()).make(kind)
        assert read.counted() == {table: read.count(table) for table in CONTRACT}
        return Change(read, said, *before)

    return change


def test_an_update_in_place_leaves_as_many_rows_with_the_newest_load_times(changed):
    change = changed("update_in_place")
    assert change.new_rows(change.table) == 0
    assert len(change.new_times) == len(change.gone_times) > 0
    assert min(change.new_times) > START


def test_a_reload_in_place_leaves_as_many_rows_with_one_new_load_time(changed):
    change = changed("truncate_and_reload")
    assert change.new_rows(change.table) == 0
    assert len({*change.new_times}) == 1
    assert len(change.new_times) == change.landing.count(change.table)


def test_a_restamp_changes_load_times_alone(changed):
    change = changed("restamp")
    assert contents(change.landing) == change.contents
    assert len(change.new_times) > 0


def test_a_rolling_window_loses_the_oldest_rows(changed):
    change = changed("roll")
    (table,) = [table for table in SHAPES if f"{table} " in change.said]
    left = [at for of, at in load_times(change.landing) if of == table]
    assert change.gone_times
    assert max(change.gone_times) <= min(left)


def test_a_late_batch_is_loaded_before_the_newest_rows_or_at_no_time(changed):
    change = changed("late_batch")
    newest = change.landing.newest(change.table)
    assert change.new_times
    assert all(at is None or at < newest for at in change.new_times)
    assert change.gone_times == []


def test_an_implausible_load_time_is_of_another_age(changed):
    times = changed("implausible").new_times
    first, last = PLAUSIBLE
    assert times
    assert not any(first < at < last for at in times)


def test_rows_that_vanish_were_delivered_and_can_come_back(changed):
    change = changed("vanish")
    table = change.table
    lost = change.contents[table] - contents(change.landing)[table]
    assert lost <= contents(change.landing, "vanished")[table]
    change.landing.refresh()
    assert change.landing.count_vanished(table) == 0


def test_rows_that_had_vanished_come_back(changed):
    vanished = changed("vanish").landing
    lost = contents(vanished, "vanished")
    back = changed("come_back")
    assert contents(back.landing)[back.table] - back.contents[back.table] <= lost[back.table]


def test_no_row_vanishes_before_a_run_has_read_it(raw, tmp_path):
    landing = Landing(tmp_path / "raw", raw, START)
    with pytest.raises(AssertionError, match="before a run has read them"):
        landing.remove("raw_crm.customers", "true")


def test_everything_ever_delivered_is_kept_until_a_full_refresh(raw, tmp_path):
    landing = Landing(tmp_path / "raw", raw, START)
    landing.read()
    campaigns, surveys = "raw_crm.campaigns", "raw_crm.surveys"
    delivered = landing.count(campaigns)
    for table in (campaigns, surveys):
        assert landing.remove(table, f"_loaded_at < '{START - timedelta(days=60)}'") > 0
    folder = landing.deliver(tmp_path / "all", deleted=(surveys,))
    for table, count in ((campaigns, delivered), (surveys, landing.count(surveys))):
        path = folder / table.replace(".", "/") / "*.parquet"
        assert duckdb.sql(f"select count(*) from '{path}'").fetchall() == [(count,)]
    landing.refresh()
    assert not landing.has_vanished()


def test_the_histories_know_every_table_of_the_raw_contract():
    assert SHAPES.keys() == demo_contract().keys() == CONTRACT.keys() - {REQUESTS}


def test_the_contract_names_the_keys_that_the_histories_tell_rows_apart_by():
    """Both were written by hand, apart from each other."""
    for file in sorted(ROOT.glob("models/1_staging/*/_*__sources.yml")):
        for source in yaml.safe_load(file.read_text())["sources"]:
            for table in source["tables"]:
                name = f"{source['name']}.{table['name']}"
                if name in SHAPES:
                    meta, shape = table.get("config", {}).get("meta", {}), SHAPES[name]
                    key = [*shape.key, *([shape.id] if shape.id else [])]
                    assert key == meta.get("key", []), name
