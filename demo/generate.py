"""Makes the demo's raw data: what four systems would land about the customers of a sports retailer.

Every customer has a latent engagement in 0-1 for each month: a lasting level, a drift that returns
to it, jumps, and for some a fade to nothing. Nobody sees it. What the systems see follows from it:
per channel, the monthly rate of events is `latent ** power x own taste for the channel`, and counts
are negative-binomial. Web, app and e-mail opens are habits (tastes spread widely), so they are many
but say little; benefits, promotions, clicks, reviews, referrals and answers are few but say more.
How often a customer buys depends on engagement and on a need of their own, how much they pay on
their wealth alone. Who is written to depends on consent and chance. What comes next (purchases,
silence) depends on later engagement, which follows the present one, and not on spend.
Then the data is soiled as real data is (`landing.py` rows, the other modules identities).

Customers come in blocks of 20,000, each drawn from random streams of its own (seed, block, topic),
so the same arguments give the same data anywhere and memory does not grow with the customers.
`truth/` holds the latent values and, in fixtures.json, who is touched by which quirk.
"""

import argparse
import shutil
import signal
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from zlib import crc32

import clock
import crm
import digital
import landing
import loyalty
import numpy as np
import people
import pyarrow as pa
import pyarrow.parquet as pq
from contract import Table, read_contract
from fixtures import Fixtures
from tqdm import tqdm

BLOCK = 20_000  # customers drawn together
PART_ROWS = 10_000_000  # rows after which a folder's next part begins
ROW_GROUP_ROWS = 122_880  # in the order of their load, so that what is old can be left unread
SHARED = 2**31  # block number of what all customers share
IN_PARTS = {
    "raw_web.events", "raw_app.events", "raw_crm.campaign_contacts", "raw_crm.contact_responses",
    "raw_loyalty.transactions", "raw_loyalty.transaction_lines", "raw_loyalty.points_ledger",
}  # fmt: skip
# In the first block, the newest row of these comes with the last load, so every system has one.
NEWEST = {
    "raw_crm.contact_responses", "raw_web.events", "raw_app.events", "raw_loyalty.transactions",
}  # fmt: skip


def stream(seed: int, block: int, topic: str) -> np.random.Generator:
    """The random numbers of one topic in one block, independent of all others."""
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence([seed, block, crc32(topic.encode())]))
    )


class Store:
    """Parquet files that grow block by block: `<source>/<table>.parquet` or a folder of parts."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._open: dict[str, tuple[pq.ParquetWriter, int, int]] = {}
        self.rows: Counter[str] = Counter()

    def write(self, name: str, rows: pa.Table) -> None:
        """Append rows to `source.table`."""
        writer, part, written = self._open.get(name, (None, -1, 0))
        if writer is None or (name in IN_PARTS and written >= PART_ROWS):
            if writer:
                writer.close()
            writer, part, written = self._new_file(name, part + 1, rows.schema), part + 1, 0
        if "_loaded_at" in rows.column_names:
            rows = rows.sort_by("_loaded_at")
        writer.write_table(rows, ROW_GROUP_ROWS)
        self._open[name] = (writer, part, written + len(rows))
        self.rows[name] += len(rows)

    def close(self) -> None:
        for writer, _, _ in self._open.values():
            writer.close()

    def _new_file(self, name: str, part: int, schema: pa.Schema) -> pq.ParquetWriter:
        file = f"part-{part:04d}" if name in IN_PARTS else ""
        path = (self._folder / name.replace(".", "/") / file).with_suffix(".parquet")
        path.parent.mkdir(parents=True, exist_ok=True)
        return pq.ParquetWriter(path, schema, compression="zstd")


@dataclass(frozen=True)
class World:
    """What all customers have in common."""

    seed: int
    window: clock.Window
    tables: dict[str, Table]  # the contract
    offer: loyalty.Offer
    calendar: dict[str, np.ndarray]  # campaigns


def make_world(seed: int, end: date, months: int) -> World:
    window = clock.make_window(end, months)
    offer = loyalty.make_offer(stream(seed, SHARED, "offer"), window)
    return World(seed, window, read_contract(), offer, crm.campaigns(window))


def generate(
    folder: Path, customers: int, months: int, end: date, seed: int, quiet: bool = False
) -> Counter:
    """Write everything into an empty folder; returns the rows per `source.table`."""
    world, store, fixtures = make_world(seed, end, months), Store(folder), Fixtures()
    write_shared(store, world)
    blocks = range(0, customers, BLOCK)
    for first in tqdm(blocks, unit="block", desc=f"{customers:,} customers", disable=quiet):
        write_block(store, fixtures, world, first, min(BLOCK, customers - first))
    store.close()
    (folder / "truth" / "fixtures.json").write_text(fixtures.as_json(), encoding="utf-8")
    rows = Counter(store.rows)
    del rows["truth.latent_engagement"]
    return rows


def write_shared(store: Store, world: World) -> None:
    """Products, stores, benefits, promotions, campaigns."""
    window, tables = world.window, world.tables
    rng = stream(world.seed, SHARED, "reference")
    shared = loyalty.reference_tables(rng, window, world.offer, tables)
    shared["raw_crm.campaigns"] = crm.campaign_table(world.calendar, tables["raw_crm.campaigns"])
    for name, rows in shared.items():
        store.write(name, landing.land_reference(window, tables[name], rows))


def write_block(store: Store, fixtures: Fixtures, world: World, first: int, size: int) -> None:
    """Draw, soil and write the customers first … first + size - 1."""
    window, tables, block = world.window, world.tables, first // BLOCK
    of_topic = partial(stream, world.seed, block)
    fixtures.start_block(first)
    folk = people.make_people(of_topic, window, first, size, fixtures)
    store.write("truth.latent_engagement", people.truth(window, folk))
    app, *app_time = digital.app(of_topic, window, folk, tables, fixtures)
    bought, receipt = loyalty.loyalty(of_topic, window, folk, world.offer, tables, fixtures)
    receipts = bought["raw_loyalty.transactions"]
    gone = landing.pick_deleted(of_topic("deleted receipts"), len(receipts))
    deleted = {
        "raw_loyalty.transactions": gone,
        "raw_loyalty.transaction_lines": np.flatnonzero(np.isin(receipt, gone)),
    }
    accounts = people.customers(of_topic, window, folk, tables["raw_crm.customers"], fixtures)
    made = {"raw_crm.customers": accounts}
    made |= crm.crm(of_topic, window, folk, world.calendar, app_time, tables, fixtures)
    made |= digital.web(of_topic, window, folk, tables, fixtures)
    for name, rows in (made | app | bought).items():
        last = block == 0 and name in NEWEST
        landed = landing.land(
            of_topic(f"landing {name}"), window, tables[name], rows, fixtures,
            deleted=deleted.get(name), last=last,
        )  # fmt: skip
        store.write(name, landed)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--customers", type=_between(100, 50_000_000), default=5_000)
    parser.add_argument("--months", type=_between(3, 60), default=18, help="length of the history")
    parser.add_argument("--end", type=_day, default=date(2026, 10, 31), help="last day, YYYY-MM-DD")
    parser.add_argument("--seed", type=_between(0, 2**32 - 1), default=7)
    parser.add_argument("--out", type=Path, default=Path("data/demo"), help="folder to make")
    parser.add_argument("--force", action="store_true", help="replace demo data that is there")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser.parse_args(argv)


def _between(low: int, high: int):
    def whole_number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value:,} is not between {low:,} and {high:,}")
        return value

    return whole_number


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day like 2026-10-31") from None
    if not 2010 <= day.year <= 2100:
        raise argparse.ArgumentTypeError(f"{day} is not between 2010 and 2100")
    return day


def check_target(out: Path, sources: set[str], force: bool) -> None:
    """Refuse what would lose something: --force replaces demo data only, never other files."""
    if not out.exists():
        return
    if not out.is_dir():
        raise SystemExit(f"{out} is a file; --out needs a folder that does not exist yet")
    found = {path.name for path in out.iterdir()}
    if found and not force:
        raise SystemExit(f"{out} is not empty; choose another --out, or replace it with --force")
    if strange := sorted(found - sources - {"truth"}):
        raise SystemExit(f"{out} holds more than demo data ({', '.join(strange)}); not replaced")


def publish(made: Path, out: Path) -> None:
    """Put the finished folder in its place, in one step; what was there goes last."""
    if not out.exists():
        made.rename(out)
        return
    old = made.with_name(made.name + ".old")
    out.rename(old)
    made.rename(out)
    shutil.rmtree(old)


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    check_target(args.out, {table.source for table in read_contract().values()}, args.force)
    args.out.absolute().parent.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the next lines clean up
    with tempfile.TemporaryDirectory(
        prefix=f".{args.out.name}.", dir=args.out.absolute().parent, ignore_cleanup_errors=True
    ) as folder:
        made = Path(folder) / args.out.name
        made.mkdir()
        rows = generate(made, args.customers, args.months, args.end, args.seed, args.quiet)
        publish(made, args.out.absolute())
    print(summary(rows, args.out))


def summary(rows: Counter, out: Path) -> str:
    """Rows per system and where they lie, in one line."""
    systems = Counter()
    for name, count in rows.items():
        systems[name.split(".")[0]] += count
    parts = ", ".join(f"{system} {count:,}" for system, count in sorted(systems.items()))
    return f"{systems.total():,} rows in {out}: {parts}"


if __name__ == "__main__":
    main()
