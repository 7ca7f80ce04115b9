"""Random histories: raw folders that grow as EL tools make them grow, and dbt runs in between.

`Landing` is a raw folder and what has yet to come; `History` is one seeded sequence of steps, each
of which lands something and runs dbt. Load times never go back within a table, and two rows with
the same key and load time are the same row, since nothing tells which of two would count.
"""

import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import psutil
from harness import REQUESTS, Project, contract, files
from test_own_scorecard import OWN, VARIABLES

CONTRACT = contract()
FIRST_LOAD = datetime(2000, 1, 1)
LAST_LOAD = datetime(2026, 11, 1, 12)
TICK = timedelta(milliseconds=1)
LOAD_COLUMNS = {"_loaded_at", "_is_deleted"}


@dataclass(frozen=True)
class Shape:
    """What tells a raw table's rows apart, as its staging model says, and when they happened."""

    key: tuple[str, ...]
    id: str | None = None  # optional; where it is empty, the key stands in
    at: str | None = None

    @property
    def row_key(self) -> str:
        """One text per row's key, in SQL."""
        texts = ", ".join(f"coalesce({column}::varchar, '')" for column in self.key)
        made = f"concat_ws('|', 'key', {texts})"
        return f"coalesce({self.id}, {made})" if self.id else made


def _shape(key: str, id: str | None = None, at: str | None = None) -> Shape:
    return Shape(tuple(key.split()), id, at)


SHAPES = {
    "raw_app.devices": _shape("device_id customer_id", at="installed_at"),
    "raw_app.events": _shape("device_id event_at event_name", "event_id", "event_at"),
    "raw_crm.campaign_contacts": _shape(
        "customer_id campaign_id channel sent_at", "contact_id", "sent_at"
    ),
    "raw_crm.campaigns": _shape("campaign_id"),
    "raw_crm.consents": _shape("customer_id channel changed_at", at="changed_at"),
    "raw_crm.contact_responses": _shape(
        "contact_id campaign_id customer_id response_type responded_at",
        "response_id",
        "responded_at",
    ),
    "raw_crm.customer_merges": _shape("from_customer_id"),
    "raw_crm.customers": _shape("customer_id", at="created_at"),
    "raw_crm.preferences": _shape("customer_id attribute changed_at", at="changed_at"),
    "raw_crm.service_tickets": _shape("ticket_id", at="opened_at"),
    "raw_crm.surveys": _shape("customer_id survey_type answered_at", "survey_id", "answered_at"),
    "raw_loyalty.benefit_redemptions": _shape(
        "member_id benefit_id redeemed_at", "redemption_id", "redeemed_at"
    ),
    "raw_loyalty.benefits": _shape("benefit_id"),
    "raw_loyalty.members": _shape("member_id", at="joined_at"),
    "raw_loyalty.points_ledger": _shape("member_id entry_type booked_at", "entry_id", "booked_at"),
    "raw_loyalty.products": _shape("product_id"),
    "raw_loyalty.promotion_participations": _shape(
        "member_id promotion_id participated_at", "participation_id", "participated_at"
    ),
    "raw_loyalty.promotions": _shape("promotion_id"),
    "raw_loyalty.referrals": _shape(
        "referrer_member_id referred_customer_id referred_at", "referral_id", "referred_at"
    ),
    "raw_loyalty.store_visits": _shape("member_id visit_type visited_at", "visit_id", "visited_at"),
    "raw_loyalty.stores": _shape("store_id"),
    "raw_loyalty.transaction_lines": _shape("transaction_id line_id"),
    "raw_loyalty.transactions": _shape("transaction_id", at="transacted_at"),
    "raw_web.events": _shape("anonymous_id event_at event_name", "event_id", "event_at"),
    "raw_web.reviews": _shape("login_id review_type product_id reviewed_at", "review_id",
                              "reviewed_at"),
}  # fmt: skip

# Columns that say whose a row is, which visit or contact it belongs to, or whether it counts.
TELLING = {
    "customer_id", "member_id", "login_id", "anonymous_id", "device_id", "session_id", "email",
    "contact_id", "campaign_id", "response_type", "status", "is_test", "is_employee", "market",
    "category", "product_id", "transaction_id", "is_return", "event_at", "transacted_at",
    "sent_at", "channel", "is_machine", "user_agent",
}  # fmt: skip
OWNERS = {"customer_id", "member_id", "login_id", "email"}
# Tables that a young company may not have yet.
DISPENSABLE = [
    "raw_app.devices", "raw_app.events", "raw_crm.contact_responses", "raw_crm.customer_merges",
    "raw_crm.preferences", "raw_crm.surveys", "raw_loyalty.products", "raw_loyalty.referrals",
    "raw_loyalty.store_visits", "raw_loyalty.transaction_lines", "raw_web.reviews",
]  # fmt: skip


def literal(moment: datetime) -> str:
    return f"timestamp '{moment.isoformat(' ')}'"


class Landing:
    """A raw folder, every table a folder of parts, and the rows that come later."""

    def __init__(self, raw: Path, source: Path, until: datetime, absent: tuple[str, ...] = ()):
        self.raw = raw
        self.now = until  # of the next load
        self._parts = 0
        self._database = duckdb.connect()
        self._database.execute("set threads = 1")
        for schema in ("landed", "later"):
            self._database.execute(f"create schema {schema}")
        for table in SHAPES:
            rows = f"read_parquet({[str(file) for file in files(source, table)]})"
            name = self._name(table)
            self.ask(f"create table later.{name} as from {rows} order by all")
            self.ask(f"create table landed.{name} as from later.{name} limit 0")
        columns = ", ".join(f"{name} {c['data_type']}" for name, c in CONTRACT[REQUESTS].items())
        self.ask(f"create table {self.landed(REQUESTS)} ({columns})")
        # Up to when each table has been loaded; a table that is absent lands whole, later on.
        self._until = dict.fromkeys(SHAPES, FIRST_LOAD)
        self.advance(until, skipped=absent)

    def ask(self, sql: str) -> list[tuple]:
        return self._database.execute(sql).fetchall()

    def count(self, table: str) -> int:
        """How many rows have landed."""
        return self.ask(f"select count(*) from {self.landed(table)}")[0][0]

    def landed(self, table: str) -> str:
        """The rows that have landed, as a relation of `ask`."""
        return f"landed.{self._name(table)}"

    def newest(self, table: str) -> datetime:
        return self.ask(f"select max(_loaded_at) from {self.landed(table)}")[0][0]

    def moment(self) -> datetime:
        """A load time later than any other."""
        self.now += TICK
        return self.now

    def land(self, table: str, sql: str) -> int:
        """Write the rows of a query as the table's next part; returns how many."""
        self.ask(f"create or replace temp table batch as {sql}")
        count = self.ask("select count(*) from batch")[0][0]
        if count:
            self._parts += 1
            part = self.raw / table.replace(".", "/") / f"part-{self._parts:04d}.parquet"
            part.parent.mkdir(parents=True, exist_ok=True)
            self.ask(f"copy batch to '{part}' (format parquet)")
            self.ask(f"insert into {self.landed(table)} by name from batch")
        return count

    def advance(self, until: datetime, skipped: tuple[str, ...] = ()) -> int:
        """Land what the systems load up to then, of large batches in two parts."""
        count = 0
        for table in SHAPES:
            if table not in skipped:
                due = f"""
                    select * from later.{self._name(table)}
                    where _loaded_at > {literal(self._until[table])}
                        and _loaded_at <= {literal(until)}
                    order by _loaded_at, rowid"""
                rows = self.ask(f"select count(*) from ({due})")[0][0]
                half = rows // 2 if rows > 20 else rows
                count += self.land(table, f"from ({due}) limit {half}")
                count += self.land(table, f"from ({due}) offset {half}")
                self._until[table] = until
        self.now = max(self.now, until)
        return count

    def _name(self, table: str) -> str:
        return table.replace(".", "__")


class Changes:
    """What happens to rows that have landed, at random; each method says what it did."""

    def __init__(self, landing: Landing, chance: random.Random, skipped: tuple[str, ...]):
        self.landing = landing
        self.chance = chance
        self.skipped = skipped  # tables that lag: nothing of theirs lands

    def any(self) -> str:
        """One change of some kind."""
        kinds = {
            self.correct: 5, self.late: 4, self.delete: 3, self.merge: 2, self.consent: 2,
            self.duplicate: 1, self.restore: 1, self.reload: 1, self.erase: 1,
        }  # fmt: skip
        (kind,) = self.chance.choices(list(kinds), list(kinds.values()))
        return kind()

    def correct(self) -> str:
        """Rows again with another value, often of a column that moves them to somebody else."""
        table = self._table()
        free = self._free_columns(table)
        telling = [column for column in free if column in TELLING]
        column = self.chance.choice(telling if telling and self.chance.random() < 0.7 else free)
        kind = CONTRACT[table][column]["data_type"]
        if self.chance.random() < 0.1:
            value = f"null::{kind}"
        elif kind == "boolean":
            value = f"not coalesce(rows.{column}, false)"
        elif kind == "timestamp" and self.chance.random() < 0.5:
            value = f"rows.{column} + interval '{self.chance.randint(-2_000, 40)} hours'"
        else:
            value = f"others.{column}"
        count = self._again(table, self._some(table, 8), {column: value, "_is_deleted": "false"})
        return f"{count} rows of {table} corrected: {column} = {value}"

    def late(self) -> str:
        """New rows like those that are there, of long ago or of the last whole day."""
        table = self._table([table for table, shape in SHAPES.items() if shape.at])
        shape = SHAPES[table]
        names = f"'new {self.landing.moment():%m%d%H%M%S%f} ' || rows.rowid"
        days = self.chance.choice([0, 0, 45, 120, 200, 300, 300, 600])
        moved = f"rows.{shape.at} - interval {days} day - interval (rows.rowid % 86400) second"
        if days == 0:
            yesterday = self.landing.now.date() - timedelta(days=1)
            moved = f"date '{yesterday}' + rows.{shape.at}::time"
        values = {shape.at: moved, "_is_deleted": "false"}
        if self.chance.random() < 0.4:
            values |= {name: f"others.{name}" for name in OWNERS & CONTRACT[table].keys()}
        identifier = shape.id or (shape.key[0] if len(shape.key) == 1 else None)
        if identifier:
            values[identifier] = names
        if shape.id and self.chance.random() < 0.3:
            values[shape.id] = "null::varchar"
        # Several parts may share a load time: rows that are new may come with the newest one.
        shared = self.chance.random() < 0.4 and shape.id and values[shape.id] == names
        some = self._some(table, 12)
        count = self._again(table, some, values, self.landing.newest(table) if shared else None)
        lines = "raw_loyalty.transaction_lines"
        if table == "raw_loyalty.transactions" and lines not in self.skipped:
            rows = ", ".join(str(row) for row, _ in some)
            self.landing.land(lines, f"""
                select lines.* replace ({names} as transaction_id,
                    {literal(self.landing.moment())} as _loaded_at, false as _is_deleted)
                from {self.landing.landed(lines)} as lines
                inner join {self.landing.landed(table)} as rows using (transaction_id)
                where rows.rowid in ({rows})
                qualify row_number() over (
                    partition by rows.rowid, lines.line_id, lines.product_id
                    order by lines._loaded_at desc
                ) = 1""")  # fmt: skip
        when = f"{days} days older" if days else "of the last whole day"
        return f"{count} new rows of {table}, {when}{', sharing a load time' if shared else ''}"

    def delete(self) -> str:
        table = self._table(list(SHAPES))
        values = {"_is_deleted": "true"}
        if self.chance.random() < 0.3:
            values |= {
                name: f"null::{column['data_type']}"
                for name, column in CONTRACT[table].items()
                if name in self._free_columns(table)
                and not column.get("config", {}).get("meta", {}).get("required")
            }
        count = self._again(table, self._some(table, 6), values)
        return f"{count} rows of {table} deleted"

    def restore(self) -> str:
        """Deleted rows come back."""
        deleted = {table: self._deleted(table) for table in SHAPES if table not in self.skipped}
        table = self.chance.choice([table for table, rows in deleted.items() if rows])
        rows = deleted[table]
        some = [(row, row) for row in self.chance.sample(rows, min(len(rows), 5))]
        return f"{self._again(table, some, {'_is_deleted': 'false'})} rows of {table} restored"

    def merge(self) -> str:
        """Accounts merged: in a chain, a circle, into themselves, elsewhere, or no more."""
        table = "raw_crm.customer_merges"
        if table in self.skipped:
            return "nothing merged: the system lags"
        kind = self.chance.choice(["pair", "chain", "circle", "self", "redirected", "undone"])
        merges = self._some(table, 2)
        if kind == "undone":
            return f"{self._again(table, merges, {'_is_deleted': 'true'})} merges undone"
        accounts = self.chance.sample(self._values("raw_crm.customers", "customer_id"), 5)
        if kind == "redirected":
            values = {"into_customer_id": f"'{accounts[0]}'", "_is_deleted": "false"}
            return f"{self._again(table, merges, values)} merges now into {accounts[0]}"
        length = {"pair": 2, "chain": self.chance.randint(3, 5), "self": 1}.get(kind, 3)
        path = accounts[:length]
        if kind in ("circle", "self"):
            path.append(path[0])
        for one, other in pairwise(path):
            self.landing.land(table, f"""
                select '{one}' as from_customer_id, '{other}' as into_customer_id,
                    {literal(self._before())} as merged_at,
                    {literal(self.landing.moment())} as _loaded_at, false as _is_deleted
                """)  # fmt: skip
        return f"merged, {kind}: {' into '.join(path)}"

    def consent(self) -> str:
        """Consent given or withdrawn, now or backdated."""
        table = "raw_crm.consents"
        if table in self.skipped:
            return "no consent changed: the system lags"
        customers = self.chance.sample(self._values("raw_crm.customers", "customer_id"), 5)
        channels = self._values(table, "channel")
        said = []
        for customer in customers[: self.chance.randint(1, 5)]:
            channel = self.chance.choice(channels)
            status = self.chance.choice(["granted", "withdrawn", "withdrawn"])
            at = self._before()
            self.landing.land(table, f"""
                select '{customer}' as customer_id, '{channel}' as channel, '{status}' as status,
                    {literal(at)} as changed_at,
                    {literal(self.landing.moment())} as _loaded_at, false as _is_deleted
                """)  # fmt: skip
            said.append(f"{customer} {channel} {status} at {at:%Y-%m-%d}")
        return "; ".join(said)

    def erase(self) -> str:
        """Somebody asks to be erased, by account, card or e-mail address."""
        table, column, name = self.chance.choice([
            ("raw_crm.customers", "customer_id", "customer_id"),
            ("raw_loyalty.members", "member_id", "member_id"),
            ("raw_crm.customers", "email", "email"),
        ])  # fmt: skip
        value = self.chance.choice(self._values(table, column))
        self.landing.land(
            REQUESTS,
            f"""
            select '{value}' as {name}, {literal(self._before())} as requested_at,
                {literal(self.landing.moment())} as _loaded_at, false as _is_deleted""",
        )
        return f"{name} {value} asks to be erased"

    def duplicate(self) -> str:
        """Rows once more as they are, by a later load or by the same one."""
        table = self._table()
        if self.chance.random() < 0.5:
            newest = literal(self.landing.newest(table))
            rows = f"from {self.landing.landed(table)} where _loaded_at = {newest}"
            return f"{self.landing.land(table, rows)} rows of {table} landed twice"
        count = self._again(table, self._some(table, 50), {})
        return f"{count} rows of {table} landed again by a later load"

    def reload(self) -> str:
        """A whole table with a new load time, and nothing changed."""
        table = self._table()
        count = self.landing.land(table, f"""
            select * replace ({literal(self.landing.moment())} as _loaded_at) from (
                from {self.landing.landed(table)} qualify row_number() over (
                    partition by {SHAPES[table].row_key} order by _loaded_at desc
                ) = 1
            ) where not coalesce(_is_deleted, false)""")  # fmt: skip
        return f"{table} reloaded, {count} rows"

    def _table(self, among: list[str] | None = None) -> str:
        """A table with rows whose system does not lag; those that hold activity more often."""
        among = [
            table
            for table in among or [*SHAPES, *(t for t, shape in SHAPES.items() if shape.at)]
            if table not in self.skipped and self.landing.count(table)
        ]
        return self.chance.choice(among)

    def _deleted(self, table: str) -> list[int]:
        rows = f"select rowid from {self.landing.landed(table)} where _is_deleted order by rowid"
        return [row for (row,) in self.landing.ask(rows)]

    def _free_columns(self, table: str) -> list[str]:
        """The columns that can change without making it another row."""
        shape = SHAPES[table]
        fixed = LOAD_COLUMNS | set([shape.id] if shape.id else shape.key)
        return [column for column in CONTRACT[table] if column not in fixed]

    def _some(self, table: str, most: int) -> list[tuple[int, int]]:
        """Some rows and as many others to take values from, by row id."""
        count = self.landing.count(table)
        some = self.chance.sample(range(count), min(count, self.chance.randint(1, most)))
        return [(row, self.chance.randrange(count)) for row in some]

    def _again(self, table, some, values: dict[str, str], loaded_at=None) -> int:
        """Land rows again with changed values, each by a load of its own unless one is given.

        The values are SQL over the row (`rows`) and another of the table (`others`).
        """
        if not some:
            return 0
        pairs = ", ".join(
            f"({row}, {other}, {literal(loaded_at or self.landing.moment())})"
            for row, other in some
        )
        changed = "".join(f"{value} as {column}, " for column, value in values.items())
        relation = self.landing.landed(table)
        return self.landing.land(table, f"""
            select rows.* replace ({changed} pairs.loaded_at as _loaded_at)
            from (values {pairs}) as pairs (row_number, other_number, loaded_at)
            inner join {relation} as rows on rows.rowid = pairs.row_number
            inner join {relation} as others on others.rowid = pairs.other_number
            order by pairs.loaded_at""")  # fmt: skip

    def _values(self, table: str, column: str) -> list[str]:
        rows = self.landing.ask(
            f"select distinct {column} from {self.landing.landed(table)} where {column} is not null"
        )
        return sorted(value for (value,) in rows)

    def _before(self) -> datetime:
        """A moment of the last year, half of the time of the last days."""
        hours = self.chance.choice([72, 24 * 365])
        return self.landing.now - timedelta(hours=self.chance.uniform(12, hours))


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
        self.changes = Changes(self.landing, self.chance, absent)
        self.project = Project(folder / "increments", folder / "raw", source, self._settings())
        self._is_whole = True  # whether the last complete run knew the present settings
        without = f" without {', '.join(absent)}" if absent else ""
        self.steps.append(f"data until {start:%Y-%m-%d}{without}, {self.project.variables}")

    def __str__(self) -> str:
        return "\n".join([f"History {self.seed}:", *(f"  - {step}" for step in self.steps)])

    def play(self) -> Project:
        """Every step; returns the project as the increments left it."""
        self._copy_seeds(self.project)
        self.project.dbt("run")
        count = self.chance.randint(2, 4)
        new_scorecard_at = self.chance.randint(0, 2 * count)
        for number in range(count):
            if number == new_scorecard_at:
                self.project = replace(self.project, variables=self.project.variables | VARIABLES)
                self._is_whole = False
                self.steps.append(f"new scorecard {OWN}")
            if self.chance.random() < 0.9:
                self._land()
            self._run()
        self.steps.append("the last run")
        self.project.dbt("run")
        return self.project

    def reference(self) -> Project:
        """A database built from nothing but who was erased, on what has landed in the end.

        It finds erased sends itself: they follow from accounts, which nobody else comes to have.
        """
        fresh = replace(self.project, folder=self.project.folder.with_name("reference"))
        self._copy_seeds(fresh)
        with duckdb.connect(fresh.database) as connection:
            connection.execute(f"attach '{self.project.database}' as increments (read_only)")
            connection.execute("create schema if not exists engagement_staging")
            connection.execute("""
                create table engagement_staging.int_erased_identifiers as
                from increments.engagement_staging.int_erased_identifiers
                where identifier_type <> 'contact'""")
        return fresh.dbt("run")

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
        return settings

    def _system_or_table(self) -> tuple[str, ...]:
        """The tables of the web or the app, or one that a company may lack."""
        system = self.chance.choice(["raw_web", "raw_app", "", ""])
        if system:
            return tuple(table for table in SHAPES if table.startswith(system))
        return (self.chance.choice(DISPENSABLE),)

    def _land(self) -> None:
        """The next days, mostly, and a few changes."""
        if self.chance.random() < 0.75:
            skipped = ()
            if self.chance.random() < 0.15:
                skipped = self._system_or_table()
            self.changes.skipped = skipped
            days = self.chance.choice([1, 1, 2, 7, 12, 20, 31])
            until = self.landing.now.replace(hour=12, minute=0, second=0, microsecond=0)
            until = min(until + timedelta(days=days), LAST_LOAD)
            if until > self.landing.now:
                count = self.landing.advance(until, skipped)
                without = f" without {', '.join(skipped)}" if skipped else ""
                self.steps.append(f"{count} rows until {until:%Y-%m-%d}{without}")
        for _ in range(self.chance.randint(1, 5)):
            self.steps.append(self.changes.any())

    def _run(self) -> None:
        kinds = {self._run_all: 4, self._run_a_part: 3, self._run_and_kill: 3}
        (kind,) = self.chance.choices(list(kinds), list(kinds.values()))
        kind()

    def _run_all(self) -> None:
        command = self.chance.choice(["run", "run", "build"])
        self.steps.append(f"dbt {command}")
        if command == "run":
            self.project.dbt("run")
        else:
            self.project.build()
        self._is_whole = True

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

    def _models(self) -> list[str]:
        """What a run of these histories can run; they judge nothing."""
        return sorted(
            node["name"]
            for node in self.project.manifest["nodes"].values()
            if node["resource_type"] == "model" and "quality" not in node["tags"]
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
