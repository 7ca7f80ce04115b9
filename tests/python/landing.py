"""A raw folder that changes as EL tools change it, and every row that it ever held."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
from harness import REQUESTS, contract, files

CONTRACT = contract()
FIRST_LOAD = datetime(2000, 1, 1)
LAST_LOAD = datetime(2026, 11, 1, 12)
TICK = timedelta(milliseconds=1)
LOAD_COLUMNS = {"_loaded_at", "_is_deleted"}
# Load times outside these bounds are implausible. The upper one is the run's clock in fact; no
# history comes near it.
PLAUSIBLE = (datetime(1990, 1, 1), datetime(2050, 1, 1))
# What `landed` says of a row beside its columns: its number, its file, and whether a run read it.
MARKS = {"_number": "bigint", "_part": "varchar", "_is_read": "boolean"}


@dataclass(frozen=True)
class Shape:
    """What tells a raw table's rows apart, and when they happened.

    The natural key does, or an optional id, or an optional id within a key. Rows whose id is empty,
    and rows of tables with neither, are told apart by all their columns and, among the equal rows
    of one load, by an occurrence number.
    """

    key: tuple[str, ...] = ()
    id: str | None = None
    at: str | None = None

    @property
    def identifier(self) -> str | None:
        """The column that makes a copy of a row another row."""
        return self.id or (self.key[0] if self.key else None)

    @property
    def has_id(self) -> str:
        """Whether a row has a key other than all its columns, in SQL."""
        if self.id:
            return f"rows.{self.id} is not null"
        return "true" if self.key else "false"


def _shape(key: str = "", id: str | None = None, at: str | None = None) -> Shape:
    return Shape(tuple(key.split()), id, at)


SHAPES = {
    "raw_app.devices": _shape("device_id customer_id", at="installed_at"),
    "raw_app.events": _shape(id="event_id", at="event_at"),
    "raw_crm.campaign_contacts": _shape(id="contact_id", at="sent_at"),
    "raw_crm.campaigns": _shape("campaign_id"),
    "raw_crm.consents": _shape(at="changed_at"),
    "raw_crm.contact_responses": _shape(id="response_id", at="responded_at"),
    "raw_crm.customer_merges": _shape("from_customer_id"),
    "raw_crm.customers": _shape("customer_id", at="created_at"),
    "raw_crm.preferences": _shape(at="changed_at"),
    "raw_crm.service_tickets": _shape("ticket_id", at="opened_at"),
    "raw_crm.surveys": _shape(id="survey_id", at="answered_at"),
    "raw_loyalty.benefit_redemptions": _shape(id="redemption_id", at="redeemed_at"),
    "raw_loyalty.benefits": _shape("benefit_id"),
    "raw_loyalty.members": _shape("member_id", at="joined_at"),
    "raw_loyalty.points_ledger": _shape(id="entry_id", at="booked_at"),
    "raw_loyalty.products": _shape("product_id"),
    "raw_loyalty.promotion_participations": _shape(id="participation_id", at="participated_at"),
    "raw_loyalty.promotions": _shape("promotion_id"),
    "raw_loyalty.referrals": _shape(id="referral_id", at="referred_at"),
    "raw_loyalty.store_visits": _shape(id="visit_id", at="visited_at"),
    "raw_loyalty.stores": _shape("store_id"),
    "raw_loyalty.transaction_lines": _shape("transaction_id", "line_id"),
    "raw_loyalty.transactions": _shape("transaction_id", at="transacted_at"),
    "raw_web.events": _shape(id="event_id", at="event_at"),
    "raw_web.reviews": _shape(id="review_id", at="reviewed_at"),
}


def literal(moment: datetime) -> str:
    return f"timestamp '{moment.isoformat(' ')}'"


class Landing:
    """A raw folder, every table a folder of parts, and the rows that come later.

    A row may vanish from the raw files only after a run has read it: `read` notes that one has.
    """

    def __init__(self, raw: Path, source: Path, until: datetime, absent: tuple[str, ...] = ()):
        self.raw = raw
        self.now = until  # of the next load
        self._parts = 0
        self._database = duckdb.connect()
        self._database.execute("set threads = 1")
        for schema in ("delivered", "landed", "later"):
            self._database.execute(f"create schema {schema}")
        for table in SHAPES:
            rows = f"read_parquet({[str(file) for file in files(source, table)]})"
            name = self._name(table)
            self.ask(f"create table later.{name} as from {rows} order by all")
            self._start(table, f"from later.{name} limit 0")
        columns = [f"null::{c['data_type']} as {name}" for name, c in CONTRACT[REQUESTS].items()]
        self._start(REQUESTS, f"select {', '.join(columns)} limit 0")
        # Up to when each table has been loaded; a table that is absent lands whole, later on.
        self._until = dict.fromkeys(SHAPES, FIRST_LOAD)
        self.advance(until, skipped=absent)

    def ask(self, sql: str) -> list[tuple]:
        return self._database.execute(sql).fetchall()

    def landed(self, table: str) -> str:
        """The rows in the raw files, as a relation of `ask`."""
        return f"landed.{self._name(table)}"

    def vanished(self, table: str) -> str:
        """The rows that were in the raw files once, as a relation."""
        delivered = self._delivered(table)
        return f"(select * exclude (_is_present) from {delivered} where not _is_present)"

    def versions(self, table: str, rows: str = "") -> str:
        """The landed rows, or others of the table, with row_key: equal for versions of one row."""
        shape = SHAPES[table]
        content = f"row({', '.join(c for c in CONTRACT[table] if not c.startswith('_'))})"
        key = f"row({', '.join([*shape.key, shape.id] if shape.id else shape.key)})"
        return f"""(
            select *,
                case when {shape.has_id} then {key if shape.identifier else "''"}::varchar
                    else concat({content}, '#', row_number() over (
                        partition by {content}, _loaded_at order by _number))
                end as row_key
            from {rows or self.landed(table)} as rows)"""

    def current(self, table: str) -> str:
        """The latest version of each row, with row_key, also where that is its deletion."""
        return f"""(
            select * from {self.versions(table, self.plausible(table))}
            qualify row_number() over (
                partition by row_key order by _loaded_at desc nulls last, _number
            ) = 1)"""

    def plausible(self, table: str) -> str:
        """The landed rows whose load time can be right, or is not known."""
        first, last = map(literal, PLAUSIBLE)
        is_plausible = f"coalesce(_loaded_at between {first} and {last}, true)"
        return f"(from {self.landed(table)} where {is_plausible})"

    def count(self, table: str) -> int:
        return self.ask(f"select count(*) from {self.landed(table)}")[0][0]

    def numbers(self, table: str, condition: str = "true", rows: str = "") -> list[int]:
        """The numbers of the landed rows, or others, that meet a condition."""
        rows = rows or self.landed(table)
        found = self.ask(f"select _number from {rows} as rows where {condition} order by all")
        return [number for (number,) in found]

    def implausible(self) -> int:
        """How many landed rows have a load time that cannot be."""
        counts = (self.count(t) - len(self.numbers(t, rows=self.plausible(t))) for t in SHAPES)
        return sum(counts)

    def newest(self, table: str) -> datetime:
        """The newest load time that is plausible."""
        return self.ask(f"select max(_loaded_at) from {self.plausible(table)}")[0][0]

    def moment(self) -> datetime:
        """A load time later than any other."""
        self.now += TICK
        return self.now

    def land(self, table: str, sql: str) -> int:
        """Write the rows of a query as the table's next part; returns how many."""
        self._parts += 1
        self._batch(sql)
        return self._add(table, f"'part-{self._parts:04d}.parquet'")

    def rewrite(self, table: str, sql: str) -> int:
        """Rows of a query take the places of those with the same _number, in the same files."""
        self._batch(sql)
        self._vanish(table, "_number in (select _number from batch)")
        return self._add(table, "_part")

    def remove(self, table: str, condition: str) -> int:
        """Rows vanish from the raw files; returns how many."""
        parts = self._vanish(table, condition)
        self._write(table, [part for (part,) in parts])
        return len(parts)

    def read(self) -> None:
        """A run has read all that is in the raw files."""
        for table in CONTRACT:
            self.ask(f"update {self._delivered(table)} set _is_read = true where _is_present")

    def refresh(self) -> None:
        """A full refresh has read the raw files: it knows nothing of what had vanished before."""
        for table in CONTRACT:
            self.ask(f"delete from {self._delivered(table)} where not _is_present")
        self.read()

    def has_vanished(self) -> bool:
        """Whether there are rows that have vanished since the last full refresh."""
        return any(self.count_vanished(table) for table in CONTRACT)

    def count_vanished(self, table: str) -> int:
        """How many rows have vanished since the last full refresh."""
        return self.ask(f"select count(*) from {self.vanished(table)}")[0][0]

    def deliver(self, raw: Path, deleted: tuple[str, ...]) -> Path:
        """Write every row since the last full refresh into a raw folder; of some tables what is
        there now."""
        for table in CONTRACT:
            rows = f"{self._delivered(table)} where {'_is_present' if table in deleted else 'true'}"
            if self.ask(f"select count(*) from {rows}")[0][0]:
                self._copy(rows, raw / table.replace(".", "/") / "all.parquet")
        return raw

    def counted(self) -> dict[str, int]:
        """How many rows the files of each table hold, as a reader of the folder counts them."""
        counts = dict.fromkeys(CONTRACT, 0)
        for table in CONTRACT:
            folder = self.raw / table.replace(".", "/")
            if any(folder.glob("*.parquet")):
                rows = f"read_parquet('{folder}/*.parquet', union_by_name = true)"
                counts[table] = self.ask(f"select count(*) from {rows}")[0][0]
        return counts

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

    def _start(self, table: str, no_rows: str) -> None:
        """A table without rows: all that were delivered, and a view on those that are there."""
        marks = ", ".join(f"null::{kind} as {name}" for name, kind in MARKS.items())
        self.ask(f"""
            create table {self._delivered(table)} as
            select *, {marks}, true as _is_present from ({no_rows})""")
        self.ask(f"""
            create view {self.landed(table)} as
            select * exclude (_is_present) from {self._delivered(table)} where _is_present""")

    def _batch(self, sql: str) -> None:
        self.ask(f"create or replace temp table batch as {sql}")

    def _add(self, table: str, part: str) -> int:
        """Add the batch to the parts that an expression over its rows names."""
        known = [row[0] for row in self.ask("describe batch")]
        columns = ", ".join(c for c in known if c not in MARKS and c != "row_key")
        delivered = self._delivered(table)
        rows = self.ask(f"""
            insert into {delivered} by name
            select {columns}, {part} as _part, false as _is_read, true as _is_present,
                row_number() over () + (select coalesce(max(_number), 0) from {delivered})
                    as _number
            from batch
            returning _part""")
        self._write(table, [part for (part,) in rows])
        return len(rows)

    def _vanish(self, table: str, condition: str) -> list[tuple]:
        rows = f"{self._delivered(table)} where _is_present and ({condition})"
        unread = self.ask(f"select count(*) from {rows} and not _is_read")[0][0]
        assert unread == 0, f"{unread} rows of {table} would vanish before a run has read them"
        return self.ask(f"""
            update {self._delivered(table)} set _is_present = false
            where _is_present and ({condition})
            returning _part""")

    def _write(self, table: str, parts: list[str]) -> None:
        for part in sorted({*parts}):
            rows = f"{self.landed(table)} where _part = '{part}'"
            path = self.raw / table.replace(".", "/") / part
            path.unlink(missing_ok=True)
            if self.ask(f"select count(*) from {rows}")[0][0]:
                self._copy(rows, path)

    def _copy(self, rows: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = f"columns(lambda name: name not in {(*MARKS, '_is_present')})"
        self.ask(f"copy (select {columns} from {rows} order by _number) to '{path}'")

    def _delivered(self, table: str) -> str:
        return f"delivered.{self._name(table)}"

    def _name(self, table: str) -> str:
        return table.replace(".", "__")
