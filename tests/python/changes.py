"""What happens to rows in a raw folder, at random."""

import random
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

from harness import REQUESTS
from landing import CONTRACT, LOAD_COLUMNS, SHAPES, Landing, literal

# Columns that say whose a row is, which visit or contact it belongs to, or whether it counts.
TELLING = {
    "customer_id", "member_id", "login_id", "anonymous_id", "device_id", "session_id", "email",
    "contact_id", "campaign_id", "response_type", "status", "is_test", "is_employee", "market",
    "category", "product_id", "transaction_id", "is_return", "event_at", "transacted_at",
    "sent_at", "channel", "is_machine", "user_agent",
}  # fmt: skip
OWNERS = {"customer_id", "member_id", "login_id", "email"}
DATED = [table for table, shape in SHAPES.items() if shape.at]
# Tables of people and their things: without those of old, little would be left to score.
LASTING = {"raw_app.devices", "raw_crm.customers", "raw_loyalty.members"}
IMPLAUSIBLE = [datetime(2099, 1, 1), datetime(2099, 12, 31, 23), datetime(1980, 5, 1)]


class Changes:
    """What happens to the rows in the raw files; each method says what it did.

    Rows that vanish have been read by a run, and are not those of their table's newest load. A row
    that changes has a new load time, unless it had none.
    """

    def __init__(
        self,
        landing: Landing,
        chance: random.Random,
        skipped: tuple[str, ...],
        deleted: tuple[str, ...] = (),
    ):
        self.landing = landing
        self.chance = chance
        self.skipped = skipped  # tables that lag: nothing of theirs lands
        self.deleted = deleted  # tables whose vanished rows are deleted ones
        self.made: Counter[str] = Counter()
        self._undated: set[str] = set()

    def make(self, kind: str = "any") -> str:
        """One change, of a kind or of any."""
        kinds = {
            "correct": 5, "late": 4, "delete": 3, "merge": 2, "consent": 2, "duplicate": 1,
            "restore": 1, "reload": 1, "erase": 1, "update_in_place": 2, "late_batch": 2,
            "roll": 1, "vanish": 1, "truncate_and_reload": 1, "restamp": 1, "implausible": 1,
            "come_back": 1,
        }  # fmt: skip
        if kind == "any":
            (kind,) = self.chance.choices(list(kinds), list(kinds.values()))
        self.made[kind] += 1
        return getattr(self, kind)()

    def correct(self) -> str:
        """Rows again with another value; without an id, that is another row."""
        table = self._table()
        values = self._correction(table)
        some = self._some(table, 8)
        count = self._again(table, some, values)
        return f"{count} rows of {table} corrected: {_said(values)}"

    def late(self) -> str:
        """New rows like those that are there, of long ago or of the last whole day."""
        table = self._table(DATED)
        shape = SHAPES[table]
        days = self.chance.choice([0, 0, 45, 120, 200, 300, 300, 600])
        values, names = self._new_row(table, days)
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
                from {self.landing.current(lines)} as lines
                inner join {self.landing.landed(table)} as rows using (transaction_id)
                where rows._number in ({rows})
                order by all""")  # fmt: skip
        when = f"{days} days older" if days else "of the last whole day"
        return f"{count} new rows of {table}, {when}{', sharing a load time' if shared else ''}"

    def delete(self) -> str:
        """Rows again as deleted; their other columns may be empty where an id names the row."""
        table = self._table(list(SHAPES))
        values = {"_is_deleted": "true"}
        if self.chance.random() < 0.3:
            values |= {
                name: f"case when {SHAPES[table].has_id} then null else rows.{name} end"
                for name, column in CONTRACT[table].items()
                if name in self._free_columns(table)
                and not column.get("config", {}).get("meta", {}).get("required")
            }
        count = self._again(table, self._some(table, 6), values)
        return f"{count} rows of {table} deleted"

    def restore(self) -> str:
        """Deleted rows come back."""
        deleted = {
            table: self.landing.numbers(table, "_is_deleted")
            for table in SHAPES
            if table not in self.skipped
        }
        table = self.chance.choice([table for table, rows in deleted.items() if rows])
        return f"{self._restore(table, deleted[table])} rows of {table} restored"

    def merge(self) -> str:
        """Accounts merged: in a chain, a circle, into themselves, elsewhere, no more, or again."""
        kinds = ["pair", "chain", "circle", "self", "redirected", "undone", "redone"]
        return self._merge(self.chance.choice(kinds))

    def undo_merge(self) -> str:
        """A merge is undone, one that was undone before is done again."""
        return f"{self._merge('redone')}; {self._merge('undone')}"

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
            select * replace ({literal(self.landing.moment())} as _loaded_at)
            from {self.landing.current(table)}
            where not coalesce(_is_deleted, false)
            order by _number""")  # fmt: skip
        return f"{table} reloaded, {count} rows"

    def update_in_place(self) -> str:
        """Rows change where they are, and get the time of the update as their load time."""
        table = self._table()
        values = self._correction(table)
        if self.chance.random() < 0.15:
            values = {"_is_deleted": "true"}
        current = self.landing.current(table)
        among = self.landing.numbers(table, "_is_read and _loaded_at is not null", current)
        count = self._again(table, self._some(table, 8, among), values, in_place=True)
        return f"{count} rows of {table} updated in place: {_said(values)}"

    def truncate_and_reload(self) -> str:
        """All that a table says now in place of all that it said, often with as many rows."""
        table = self._table(self._read_tables())
        before = self.landing.numbers(table)
        current = self.landing.current(table)
        kept = self.landing.numbers(table, "not coalesce(_is_deleted, false)", current)
        at = self.landing.moment()
        values = self._correction(table)
        changed = {*self.chance.sample(kept, min(len(kept), self.chance.randint(1, 8)))}
        rows = [(row, self.chance.choice(kept)) for row in kept]
        new = len(before) - len(kept)
        new = new if 0 < new <= len(kept) and self.chance.random() < 0.8 else 0
        self._again(table, [row for row in rows if row[0] in changed], values, at)
        self._again(table, [row for row in rows if row[0] not in changed], {}, at)
        self._again(table, self._some(table, new, kept, new), self._new_row(table, 0)[0], at)
        self.landing.remove(table, f"_number in ({_listed(before)})")
        return (
            f"{table} truncated and reloaded, {len(kept) + new} rows where {len(before)} were,"
            f" {new} of them new, {len(changed)} changed: {_said(values)}"
        )

    def restamp(self) -> str:
        """New load times for what a table says now, or later ones for all its rows."""
        table = self._table(self._read_tables())
        if self.chance.random() < 0.5:
            at = self.landing.moment()
            rows, value = self.landing.current(table), literal(at)
            said = f"all current rows of {table} have a new load time"
        else:
            microseconds = self.chance.randint(60_000_000, 30 * 3_600_000_000)
            rows, value = (
                self.landing.plausible(table),
                f"_loaded_at + interval {microseconds} microsecond",
            )
            said = f"all rows of {table} have load times {microseconds / 3.6e9:.1f} hours later"
        count = self.landing.rewrite(table, f"""
            select * replace ({value} as _loaded_at) from {rows}
            where _loaded_at is not null
            order by _number""")  # fmt: skip
        self.landing.now = max(self.landing.now, self.landing.newest(table))
        return f"{said}: {count}"

    def roll(self) -> str:
        """A table keeps its last days of load, or as many rows as it had before the new ones."""
        table = self._vanishing_table()
        newest = self.landing.newest(table)
        if table not in LASTING and self.chance.random() < 0.5:
            days = self.chance.choice([2, 7, 30, 90])
            gone = f"_loaded_at < {literal(newest - timedelta(days=days))}"
            said = f"the last {days} days of load"
        else:
            some = self._some(table, 12)
            new = self._again(table, some, self._new_row(table, 1)[0])
            oldest = f"""
                select _number from {self.landing.landed(table)}
                where {self._may_vanish(newest)} order by _loaded_at, _number limit {new}"""
            gone = f"_number in ({oldest})"
            said = f"as many rows as before {new} new ones"
        count = self.landing.remove(table, f"{gone} and {self._may_vanish(newest)}")
        return f"{table} keeps {said}: {count} rows vanished"

    def late_batch(self) -> str:
        """New and changed rows with a load time before the newest one, or with none."""
        table = self._table(DATED)
        hours = self.chance.choice([0.2, 2, 5, 30, 80, 24 * 20])
        at = self.landing.newest(table) - timedelta(hours=hours)
        at += timedelta(microseconds=self.chance.randint(1, 999_999))
        new, _ = self._new_row(table, self.chance.choice([1, 30, 200]), at)
        some = self._some(table, 8)
        if table not in self._undated and self.chance.random() < 0.15:
            # Once only: if some vanished and as many came, nothing would tell of either.
            self._undated.add(table)
            count = self._again(table, some, new, "null::timestamp")
            return f"{count} new rows of {table} without a load time"
        # A run knows no version that has vanished, so none of them is to be later than these.
        lost = self.landing.versions(table, self.landing.vanished(table))
        among = self.landing.numbers(
            table,
            f"row_key not in (select row_key from {lost} where _loaded_at > {literal(at)})",
            self.landing.current(table),
        )
        values = self._correction(table)
        changed = self._again(table, self._some(table, 8, among), values, at)
        return (
            f"{self._again(table, some, new, at)} new rows of {table}, {hours} hours late,"
            f" and {changed} late corrections: {_said(values)}"
        )

    def implausible(self) -> str:
        """Rows with a load time that cannot be: new ones, corrections, or rows that were right.

        Some that a table has get a right one instead.
        """
        table = self._table()
        wrong = self.landing.numbers(
            table,
            "_is_read and _loaded_at is not null"
            f" and _number not in (select _number from {self.landing.plausible(table)})",
        )
        if wrong and self.chance.random() < 0.5:
            pairs = [(row, row) for row in wrong]
            count = self._again(table, pairs, {}, in_place=True)
            return f"{count} implausible load times of {table} mended"
        at = self.chance.choice(IMPLAUSIBLE) + timedelta(seconds=self.chance.uniform(0, 3_600))
        kind = self.chance.choice(["new rows", "corrections", "rows in place"])
        may_vanish = self._may_vanish(self.landing.newest(table))
        among = self.landing.numbers(table, may_vanish, self.landing.current(table))
        if kind == "rows in place" and among:
            count = self._again(table, self._some(table, 3, among), {}, at, in_place=True)
        else:
            is_new = kind == "new rows"
            values = self._new_row(table, 1)[0] if is_new else self._correction(table)
            count = self._again(table, self._some(table, 3), values, at)
        return f"{count} {kind} of {table} loaded at {at:%Y-%m-%d}"

    def vanish(self) -> str:
        """Rows vanish with all their versions."""
        table = self._vanishing_table()
        lasting = f"not ({self._may_vanish(self.landing.newest(table))})"
        versions = self.landing.versions(table)
        among = self.landing.numbers(
            table,
            f"row_key not in (select row_key from {versions} where {lasting})",
            self.landing.current(table),
        )
        some = [row for row, _ in self._some(table, 6, among)]
        count = self.landing.remove(table, f"""
            _number in (
                select _number from {versions} where row_key in (
                    select row_key from {versions} where _number in ({_listed(some)})
                )
            )""")  # fmt: skip
        return f"{len(some)} rows of {table} vanished, {count} versions"

    def come_back(self) -> str:
        """Rows that had vanished land again."""
        lost = {
            table: self.landing.numbers(table, rows=self.landing.vanished(table))
            for table in SHAPES
            if table not in self.skipped
        }
        if not any(lost.values()):
            return self.vanish()
        table = self.chance.choice([table for table, rows in lost.items() if rows])
        among = lost[table]
        some = self.chance.sample(among, min(len(among), self.chance.randint(1, 5)))
        at = ", ".join(f"({row}, {literal(self.landing.moment())})" for row in some)
        count = self.landing.land(table, f"""
            select rows.* replace (pairs.loaded_at as _loaded_at)
            from (values {at}) as pairs (row_number, loaded_at)
            inner join {self.landing.vanished(table)} as rows on rows._number = pairs.row_number
            order by pairs.loaded_at""")  # fmt: skip
        return f"{count} rows of {table} that had vanished came back"

    def _merge(self, kind: str) -> str:
        table = "raw_crm.customer_merges"
        if table in self.skipped:
            return "nothing merged: the system lags"
        current = self.landing.current(table)
        if kind == "undone":
            among = self.landing.numbers(table, "not coalesce(_is_deleted, false)", current)
            count = self._again(table, self._some(table, 2, among), {"_is_deleted": "true"})
            self.made[kind] += count
            return f"{count} merges undone"
        if kind == "redone":
            count = self._restore(table, self.landing.numbers(table, "_is_deleted", current))
            self.made[kind] += count
            return f"{count} merges redone"
        accounts = self.chance.sample(self._values("raw_crm.customers", "customer_id"), 5)
        if kind == "redirected":
            values = {"into_customer_id": f"'{accounts[0]}'", "_is_deleted": "false"}
            count = self._again(table, self._some(table, 2), values)
            return f"{count} merges now into {accounts[0]}"
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

    def _correction(self, table: str) -> dict[str, str]:
        """Another value for a column, often for one that moves a row to somebody else."""
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
        return {column: value, "_is_deleted": "false"}

    def _new_row(
        self, table: str, days: int, at: datetime | None = None
    ) -> tuple[dict[str, str], str]:
        """What makes a copy of a row another row, and the new value of its identifier.

        What it is about happened so many days earlier, or on the last whole day (0), or so many
        days before a load time.
        """
        shape = SHAPES[table]
        names = f"'new {self.landing.moment():%m%d%H%M%S%f} ' || rows._number"
        seconds = "interval (rows._number % 86400) second"
        values = {"_is_deleted": "false"}
        if shape.at:
            values[shape.at] = f"rows.{shape.at} - interval {days} day - {seconds}"
            if days == 0:
                yesterday = self.landing.now.date() - timedelta(days=1)
                values[shape.at] = f"date '{yesterday}' + rows.{shape.at}::time"
            if at:
                values[shape.at] = f"{literal(at)} - interval {days} day - {seconds}"
        if self.chance.random() < 0.4:
            values |= {name: f"others.{name}" for name in OWNERS & CONTRACT[table].keys()}
        if shape.identifier:
            values[shape.identifier] = names
        if shape.id and self.chance.random() < 0.3:
            values[shape.id] = "null::varchar"
        return values, names

    def _table(self, among: list[str] | None = None) -> str:
        """A table with rows whose system does not lag; those that hold activity more often."""
        return self.chance.choice(self._with_rows(among or [*SHAPES, *DATED]))

    def _vanishing_table(self) -> str:
        """A table with rows that may vanish, half of the time one where that deletes them."""
        tables = [
            table
            for table in self._with_rows([*SHAPES, *DATED])
            if self.landing.numbers(table, self._may_vanish(self.landing.newest(table)))
        ]
        deleted = [table for table in tables if table in self.deleted]
        return self.chance.choice(deleted if deleted and self.chance.random() < 0.5 else tables)

    def _read_tables(self) -> list[str]:
        """The tables whose rows have all been read by a run."""
        return [
            table
            for table in self._with_rows([*SHAPES, *DATED])
            if not self.landing.numbers(table, "not _is_read")
        ]

    def _with_rows(self, tables: list[str]) -> list[str]:
        return [t for t in tables if t not in self.skipped and self.landing.newest(t)]

    def _may_vanish(self, newest: datetime) -> str:
        return f"(_is_read and _loaded_at < {literal(newest)})"

    def _free_columns(self, table: str) -> list[str]:
        """The columns that can change without making a row with a key another one."""
        shape = SHAPES[table]
        fixed = LOAD_COLUMNS | {shape.id, *shape.key}
        return [column for column in CONTRACT[table] if column not in fixed]

    def _some(
        self, table: str, most: int, among: list[int] | None = None, least: int = 1
    ) -> list[tuple[int, int]]:
        """Some rows and as many others to take values from, by number."""
        everything = self.landing.numbers(table)
        among = everything if among is None else among
        some = self.chance.sample(among, min(len(among), self.chance.randint(least, most)))
        return [(row, self.chance.choice(everything)) for row in some]

    def _again(
        self,
        table: str,
        some: list[tuple[int, int]],
        values: dict[str, str],
        loaded_at: datetime | str | None = None,
        in_place: bool = False,
    ) -> int:
        """Land rows again with changed values, each by a load of its own unless one is given.

        The values are SQL over the row (`rows`) and another of the table (`others`). In place, the
        old rows go.
        """
        if not some:
            return 0
        if isinstance(loaded_at, datetime):
            loaded_at = literal(loaded_at)
        pairs = ", ".join(
            f"({row}, {other}, {loaded_at or literal(self.landing.moment())})"
            for row, other in some
        )
        changed = "".join(f"{value} as {column}, " for column, value in values.items())
        relation = self.landing.landed(table)
        write = self.landing.rewrite if in_place else self.landing.land
        return write(table, f"""
            select rows.* replace ({changed} pairs.loaded_at as _loaded_at)
            from (values {pairs}) as pairs (row_number, other_number, loaded_at)
            inner join {relation} as rows on rows._number = pairs.row_number
            inner join {relation} as others on others._number = pairs.other_number
            order by pairs.loaded_at, rows._number""")  # fmt: skip

    def _restore(self, table: str, deleted: list[int]) -> int:
        some = self.chance.sample(deleted, min(len(deleted), 5))
        return self._again(table, [(row, row) for row in some], {"_is_deleted": "false"})

    def _values(self, table: str, column: str) -> list[str]:
        rows = self.landing.ask(
            f"select distinct {column} from {self.landing.landed(table)} where {column} is not null"
        )
        return sorted(value for (value,) in rows)

    def _before(self) -> datetime:
        """A moment of the last year, half of the time of the last days."""
        hours = self.chance.choice([72, 24 * 365])
        return self.landing.now - timedelta(hours=self.chance.uniform(12, hours))


def _said(values: dict[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in values.items())


def _listed(numbers: list[int]) -> str:
    """Numbers for SQL's `in`."""
    return ", ".join(map(str, numbers)) or "null"
