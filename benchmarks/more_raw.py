"""Adds a delivery to raw data: a second folder with the same files and new parts beside them.

    python benchmarks/more_raw.py --raw data/demo --out data/demo_rows --rows 1000 --customers 200
    python benchmarks/more_raw.py --raw data/demo --out data/demo_day --day

--day is the next night's load: every table's rows of the day after the last whole one, so that the
as-of date moves on by a day. They are the rows of a recent day of average size, as new ones:
whoever and whatever first appeared on that day (customers, cards, devices, cookies, campaigns,
sends, receipts) appears again under a new name. With it come late rows, a merge of accounts or a
few, and, of the rows loaded in the last ten days, duplicates, corrections and deletions, in the
shares that demo/landing.py has.

--rows is what a stream brings in a few minutes: new rows of customers who are there already, all
of the last whole day, so that they count at once, loaded --minutes after the last load.

Files are hard links where possible. A table that was one file becomes a folder of parts. The raw
files are taken to be laid out and filled as demo/generate.py does.
"""

import argparse
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import yaml

PROJECT = Path(__file__).resolve().parent.parent
TEMPLATE_DAYS = range(14, 61)  # how many days before the new day its template may be
AVERAGED_DAYS = 180  # of which the template is to be an average one
LATE_DAYS = 9  # late rows are of so many days before the new day
CHANGED_DAYS = 10  # rows loaded in so many days may come again
LATE, DUPLICATED, CORRECTED, DELETED = 1000, 1000, 2000, 5000  # one row in so many of those days
DAYS_PER_MERGED = 540  # the days that the merges there are have come in
# What part of --rows is of which table; receipts bring their lines, the rest is of the website.
STREAMED = {
    "raw_app.events": 0.2, "raw_crm.contact_responses": 0.1, "raw_loyalty.points_ledger": 0.1,
    "raw_loyalty.transactions": 0.1,
}  # fmt: skip


@dataclass(frozen=True)
class Stream:
    """How rows of a raw table are made into those of another day."""

    key: str  # SQL of what tells one row from another
    at: str | None = None  # when it happened; None: picked by what it belongs to (follows)
    named: tuple[str, ...] = ()  # its own names and numbers, always new
    refs: dict[str, str] = field(default_factory=dict)  # column: whose name it is, new if theirs is
    new_refs: dict[str, str] = field(default_factory=dict)  # the same, but null unless it is new
    corrected: str | None = None  # SQL of what a correction changes
    follows: str | None = None  # picked with the rows that this name is of


CUSTOMER, MEMBER, LOGIN = (
    {"customer_id": "customer"},
    {"member_id": "member"},
    {"login_id": "login"},
)
STREAMS = {
    "raw_crm.customers": Stream(
        "customer_id", "created_at", ("customer_id", "email"),
        corrected="reverse(postal_code) as postal_code",
    ),
    "raw_crm.consents": Stream(
        "concat_ws('|', customer_id, channel, changed_at)", "changed_at", refs=CUSTOMER
    ),
    "raw_crm.preferences": Stream(
        "concat_ws('|', customer_id, attribute, changed_at)", "changed_at", refs=CUSTOMER
    ),
    "raw_crm.campaign_contacts": Stream(
        "contact_id", "sent_at", ("contact_id",), CUSTOMER | {"campaign_id": "campaign"}
    ),
    "raw_crm.campaigns": Stream("campaign_id", named=("campaign_id",), follows="campaign"),
    "raw_crm.contact_responses": Stream(
        "response_id", "responded_at", ("response_id",),
        CUSTOMER | {"campaign_id": "campaign", "contact_id": "contact"},
        corrected="replace(is_machine, 'unknown', 'yes') as is_machine",
    ),
    "raw_crm.surveys": Stream(
        "survey_id", "answered_at", ("survey_id",), CUSTOMER,
        corrected="greatest(rating - 1, 1) as rating",
    ),
    "raw_crm.service_tickets": Stream("ticket_id", "opened_at", ("ticket_id",), CUSTOMER),
    "raw_web.events": Stream(
        "coalesce(event_id, concat_ws('|', anonymous_id, event_at, event_name))",
        "event_at", ("event_id", "session_id"), LOGIN | {"anonymous_id": "cookie"},
        corrected="round(engaged_seconds * 0.9, 2) as engaged_seconds",
    ),
    "raw_web.reviews": Stream(
        "review_id", "reviewed_at", ("review_id",), LOGIN,
        corrected="greatest(rating - 1, 1) as rating",
    ),
    "raw_app.devices": Stream(
        "concat_ws('|', device_id, customer_id)", "installed_at", ("device_id",), CUSTOMER
    ),
    "raw_app.events": Stream(
        "event_id", "event_at", ("event_id", "session_id"), LOGIN | {"device_id": "device"},
        corrected="round(duration_seconds * 0.9, 2) as duration_seconds",
    ),
    "raw_loyalty.members": Stream(
        "member_id", "joined_at", ("member_id",), new_refs=CUSTOMER | {"email": "login"},
        corrected="if(tier = 'silver', 'gold', 'silver') as tier",
    ),
    "raw_loyalty.transactions": Stream(
        "transaction_id", "transacted_at", ("transaction_id",), CUSTOMER | MEMBER,
        corrected="transacted_at - interval 1 hour as transacted_at",
    ),
    "raw_loyalty.transaction_lines": Stream(
        "concat_ws('|', transaction_id, coalesce(line_id, product_id))", None, ("transaction_id",),
        corrected="round(amount * 0.9, 2) as amount", follows="transaction",
    ),
    "raw_loyalty.points_ledger": Stream(
        "entry_id", "booked_at", ("entry_id",), MEMBER,
        corrected="round(points * 0.9) as points",
    ),
    "raw_loyalty.benefit_redemptions": Stream(
        "redemption_id", "redeemed_at", ("redemption_id",), MEMBER
    ),
    "raw_loyalty.promotion_participations": Stream(
        "participation_id", "participated_at", ("participation_id",), MEMBER
    ),
    "raw_loyalty.referrals": Stream(
        "referral_id", "referred_at", ("referral_id",), {"referrer_member_id": "member"},
        new_refs={"referred_customer_id": "customer"},
    ),
    "raw_loyalty.store_visits": Stream(
        "visit_id", "visited_at", ("visit_id",), MEMBER,
        corrected="round(duration_seconds * 0.9, 2) as duration_seconds",
    ),
}  # fmt: skip
# Whose picked rows bring new names, and which.
HOMES = {
    "raw_crm.customers": {
        "customer": "customer_id", "login": "unnest([lower(customer_id), lower(trim(email))])"
    },
    "raw_loyalty.members": {"member": "member_id"},
    "raw_app.devices": {"device": "device_id"},
    "raw_crm.campaign_contacts": {"contact": "contact_id"},
    "raw_loyalty.transactions": {"transaction": "transaction_id"},
}  # fmt: skip
# What has no home: its first appearance tells.
FIRST_SEEN = {
    "cookie": ("raw_web.events", "anonymous_id"),
    "campaign": ("raw_crm.campaign_contacts", "campaign_id"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, required=True, help="folder of the raw Parquet files")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--day", action="store_true", help="add the next day's load")
    what.add_argument("--rows", type=int, help="add so many rows of the last whole day")
    parser.add_argument("--customers", type=int, default=200, help="whom --rows is about")
    parser.add_argument(
        "--minutes", type=int, default=1, help="how long after the last load --rows is loaded"
    )
    args = parser.parse_args()
    if args.out.exists():
        raise SystemExit(f"{args.out} exists; choose another --out")
    link(args.raw, args.out)
    delivery = Delivery(args.raw, args.out)
    written = delivery.day() if args.day else delivery.rows(args.rows, args.customers, args.minutes)
    tables = ", ".join(f"{name} {count:,}" for name, count in sorted(written.items()))
    print(f"{sum(written.values()):,} rows added in {args.out}: {tables}")


def link(raw: Path, out: Path) -> None:
    """The same files in another folder, without copying them."""
    for file in sorted(raw.glob("raw_*/**/*.parquet")):
        target = out / file.relative_to(raw)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file, target)
        except OSError:  # another file system
            target.symlink_to(file.resolve())


class Delivery:
    """New rows for the raw data in a folder, picked from those there are."""

    def __init__(self, raw: Path, out: Path):
        self._raw, self._out = raw, out
        self._sql = duckdb.connect(config={"preserve_insertion_order": False}).execute
        settings = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
        self._zone = settings["business_timezone"]
        self._sql("create temp table new_name (kind varchar, name varchar)")
        sources = sorted({name.split(".")[0] for name in STREAMS})
        self._newest = [
            max(
                self._one(f"select max(_loaded_at) from read_parquet('{file}')")
                for file in raw.glob(f"{source}/**/*.parquet")
            )
            for source in sources
        ]

    def day(self) -> dict[str, int]:
        """Writes the next day's load; returns the rows per table."""
        loaded_at = min(self._newest) + timedelta(days=1)
        days = self._days_to_average(self._midnight(loaded_at))
        end = self._midnight(loaded_at) - timedelta(days=days)
        start = end - timedelta(days=1)
        for name, stream in STREAMS.items():
            if not stream.follows:
                late = f"{stream.at} >= timestamp '{start - timedelta(days=LATE_DAYS)}'"
                late += f" and hash({stream.key}) % {LATE} = 0"
                that_day = f"{stream.at} >= timestamp '{start}'"
                self._pick(name, f"{stream.at} < timestamp '{end}' and ({that_day} or {late})")
        for kind, (name, column) in FIRST_SEEN.items():
            self._sql(f"""
                insert into new_name
                select '{kind}', {column}
                from {self._files(name)}
                where {column} in (select {column} from "{name}")
                group by {column}
                having min({STREAMS[name].at}) >= timestamp '{start}'
            """)
        written = {}
        for name, stream in STREAMS.items():
            if stream.follows:
                self._pick(name, self._follows(name))
        for name in STREAMS:
            rows = [self._copies(name, days, loaded_at), *self._changes(name, loaded_at)]
            written[name] = self._write(name, " union all by name ".join(rows), loaded_at)
        written["raw_crm.customer_merges"] = self._merge_accounts(loaded_at)
        return written

    def rows(self, count: int, customers: int, minutes: int) -> dict[str, int]:
        """Writes so many rows of so many customers, loaded so long after the last load; returns
        the rows per table.
        """
        loaded_at = max(self._newest) + timedelta(minutes=minutes)
        newest = f"timestamp '{min(self._newest)}'"
        as_of = self._one(f"select {self._local_date(newest)} - 1")
        self._choose(customers)
        for name, share in STREAMED.items():
            self._pick_of_chosen(name, round(count * share))
        self._pick("raw_loyalty.transaction_lines", self._follows("raw_loyalty.transaction_lines"))
        picked = [*STREAMED, "raw_loyalty.transaction_lines"]
        taken = sum(self._one(f'select count(*) from "{name}"') for name in picked)
        self._pick_of_chosen("raw_web.events", max(count - taken, 0))
        written = {}
        for name in [*picked, "raw_web.events"]:
            at = STREAMS[name].at
            days = f"date '{as_of}' - {self._local_date(at)}" if at else 0
            written[name] = self._write(name, self._copies(name, days, loaded_at), loaded_at)
        return written

    def _one(self, query: str):
        return self._sql(query).fetchall()[0][0]

    def _files(self, name: str) -> str:
        path = self._raw / name.replace(".", "/")
        pattern = path / "*.parquet" if path.is_dir() else path.with_suffix(".parquet")
        return f"read_parquet('{pattern}')"

    def _midnight(self, moment: datetime) -> datetime:
        """When the local day of a moment began, in UTC."""
        return self._one(f"""
            select date_trunc('day', timestamp '{moment}' at time zone 'UTC'
                at time zone '{self._zone}') at time zone '{self._zone}' at time zone 'UTC'
        """)

    def _days_to_average(self, end: datetime) -> int:
        """How many days before the one that ends then a day is with about the average of rows."""
        rows = " union all ".join(
            f"select {stream.at} as happened_at from {self._files(name)}"
            for name, stream in STREAMS.items()
            if stream.at
        )
        return self._one(f"""
            with per_day as (
                select datesub('day', happened_at, timestamp '{end}') as days, count(*) as number
                from ({rows})
                where happened_at < timestamp '{end}'
                group by days
                having days between 1 and {AVERAGED_DAYS}
            )

            select days from per_day
            where days between {TEMPLATE_DAYS.start} and {TEMPLATE_DAYS.stop - 1}
            order by abs(number - (select avg(number) from per_day)), days
            limit 1
        """)

    def _local_date(self, at: str) -> str:
        return f"({at} at time zone 'UTC' at time zone '{self._zone}')::date"

    # Picking: temporary tables named like the raw ones hold the rows to copy, as they are.

    def _latest(self, name: str, where: str) -> str:
        """The latest version of the rows where something holds that no version changes."""
        return f"""
            select * from (
                select * from {self._files(name)}
                where {where}
                qualify row_number() over (
                    partition by {STREAMS[name].key} order by _loaded_at desc
                ) = 1
            )
            where not coalesce(_is_deleted, false)
        """

    def _pick(self, name: str, where: str) -> None:
        self._sql(f'create temp table "{name}" as {self._latest(name, where)}')
        for kind, column in HOMES.get(name, {}).items():
            self._sql(f"""insert into new_name select '{kind}', {column} from "{name}" """)

    def _follows(self, name: str) -> str:
        """SQL for the rows of a table that belong to a new name."""
        kind, column = STREAMS[name].follows, STREAMS[name].named[0]
        return f"{column} in (select name from new_name where kind = '{kind}')"

    def _choose(self, customers: int) -> None:
        """Customers with a card who log in on the website, those with the app first."""
        self._sql(f"""
            create temp table chosen as
            with login as (
                select distinct lower(trim(login_id)) as login from {self._files("raw_web.events")}
            )

            select customer_id, lower(trim(email)) as email
            from ({self._latest("raw_crm.customers", "customer_id is not null")}) as customers
            semi join {self._files("raw_loyalty.members")} as members using (customer_id)
            where
                lower(trim(email)) in (select login from login)
                or lower(customer_id) in (select login from login)
            order by
                customer_id in (select customer_id from {self._files("raw_app.devices")}) desc,
                hash(customer_id)
            limit {customers};

            create temp table handle as
            select 'login_id' as kind, lower(customer_id) as name, customer_id from chosen
            union
            select 'login_id', email, customer_id from chosen
            union
            select 'member_id', member_id, customer_id
            from {self._files("raw_loyalty.members")} semi join chosen using (customer_id)
            union
            select 'device_id', device_id, customer_id
            from {self._files("raw_app.devices")} semi join chosen using (customer_id)
            union
            select 'contact_id', contact_id, customer_id
            from {self._files("raw_crm.campaign_contacts")} semi join chosen using (customer_id)
        """)

    def _pick_of_chosen(self, name: str, count: int) -> None:
        """The last rows of each chosen customer in turn, until there are enough.

        Those of the night are left out: where clocks have changed, they would be of another day.
        """
        stream = STREAMS[name]
        kinds = ["contact_id", "member_id", "device_id", "login_id"]
        kind = next(column for column in kinds if column in stream.refs)
        handle = "lower(trim(login_id))" if kind == "login_id" else kind
        self._sql(f"""
            create or replace temp table last_row as
            select {stream.key} as key, handle.customer_id, max({stream.at}) as happened_at
            from {self._files(name)} as landed
            inner join handle on handle.kind = '{kind}' and handle.name = {handle}
            where extract(hour from {stream.at}) between 3 and 20
            group by all
            having not bool_or(coalesce(landed._is_deleted, false));

            create or replace temp table chosen_row as
            select key from last_row
            order by
                row_number() over (partition by customer_id order by happened_at desc, key),
                key
            limit {count}
        """)
        self._pick(name, f"{stream.key} in (select key from chosen_row)")

    # Writing

    def _copies(self, name: str, days: int | str, loaded_at: datetime) -> str:
        """SQL for the picked rows so many days later, with new names."""
        stream, suffix = STREAMS[name], _suffix(loaded_at)

        def is_new(column: str, kind: str) -> str:
            value = f"lower(trim({column}))" if kind == "login" else column
            return f"{value} in (select name from new_name where kind = '{kind}')"

        columns = {column: f"trim({column}) || '{suffix}'" for column in stream.named}
        for column, kind in stream.refs.items():
            columns[column] = f"if({is_new(column, kind)}, trim({column}) || '{suffix}', {column})"
        for column, kind in stream.new_refs.items():
            columns[column] = f"if({is_new(column, kind)}, trim({column}) || '{suffix}', null)"
        described = self._sql(f'describe "{name}"').fetchall()
        for column, column_type, *_ in described:
            if column_type == "TIMESTAMP":
                moved = f"{column} + to_days(({days})::integer)"
                columns[column] = f"if({moved} < timestamp '{loaded_at}', {moved}, null)"
        columns["_loaded_at"] = f"timestamp '{loaded_at}'"
        replaced = ", ".join(f"{expression} as {column}" for column, expression in columns.items())
        return f'select * replace ({replaced}) from "{name}"'

    def _changes(self, name: str, loaded_at: datetime) -> list[str]:
        """SQL for rows of the last loads that come once more, corrected or deleted."""
        since = loaded_at - timedelta(days=CHANGED_DAYS)
        recent = self._latest(name, f"_loaded_at >= timestamp '{since}'")
        chance = f"hash({STREAMS[name].key})"
        now = f"timestamp '{loaded_at}' as _loaded_at"
        corrected = STREAMS[name].corrected
        kinds = [
            ("", f"{chance} % {DUPLICATED} = 0"),
            ("true as _is_deleted, ", f"{chance} % {DELETED} = 1"),
            *([(f"{corrected}, ", f"{chance} % {CORRECTED} = 2")] if corrected else []),
        ]
        return [
            f"select * replace ({change}{now}) from ({recent}) where {which}"
            for change, which in kinds
        ]

    def _write(self, name: str, query: str, loaded_at: datetime) -> int:
        """Writes a part of a table, if there are rows for one; returns how many."""
        folder = self._out / name.replace(".", "/")
        part = folder / f"part{_suffix(loaded_at)}.parquet"
        folder.mkdir(exist_ok=True)
        count = self._one(f"copy ({query}) to '{part}' (format parquet, compression zstd)")
        single = folder.with_suffix(".parquet")
        if not count:
            part.unlink()
        elif single.exists():
            single.rename(folder / "part-0000.parquet")
        if not any(folder.iterdir()):
            folder.rmdir()
        return count

    def _merge_accounts(self, loaded_at: datetime) -> int:
        """Merges pairs of accounts, as many as on a usual day and at least one."""
        name = "raw_crm.customer_merges"
        merges = self._one(f"select count(*) from {self._files(name)}")
        number = max(1, round(merges / DAYS_PER_MERGED))
        accounts = self._latest("raw_crm.customers", "customer_id is not null")
        return self._write(name, f"""
            select
                min(customer_id) as from_customer_id,
                max(customer_id) as into_customer_id,
                timestamp '{loaded_at - timedelta(hours=12)}' as merged_at,
                timestamp '{loaded_at}' as _loaded_at,
                false as _is_deleted
            from (
                select customer_id, row_number() over (order by hash(customer_id)) as number
                from ({accounts})
                where customer_id not in (
                    select unnest([from_customer_id, into_customer_id]) from {self._files(name)}
                    where from_customer_id is not null and into_customer_id is not null
                )
                qualify number <= {2 * number}
            )
            group by (number + 1) // 2
        """, loaded_at)  # fmt: skip


def _suffix(loaded_at: datetime) -> str:
    """What names of a load end in, so that they are new."""
    return f"-{loaded_at:%Y%m%d%H%M}"


if __name__ == "__main__":
    main()
