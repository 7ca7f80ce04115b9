"""What an EL tool makes of clean rows: load times, late rows, duplicates, corrections, deletions.

A clean table has the contract's columns and two of our own: `_owner`, the customer within the
block (-1 for nobody), and `_at`, when it happened (µs). Both are gone once the table has landed.
"""

import clock
import columns as c
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from contract import Table

# Shares of rows. The first three are borders: 0.2 % deleted, the next 0.5 % corrected, then 1 %.
DELETED, CORRECTED, DUPLICATED = 0.002, 0.007, 0.017
UNUSABLE, LATE = 0.0005, 0.008
VERSIONED = ("raw_app.devices",)

# What a correction changes, so that the row's key stays as it was.
CORRECTED_COLUMN = {
    "raw_crm.customers": "postal_code",
    "raw_crm.contact_responses": "is_machine",
    "raw_crm.surveys": "rating",
    "raw_crm.service_tickets": "closed_at",
    "raw_web.events": "engaged_seconds",
    "raw_web.reviews": "rating",
    "raw_app.events": "duration_seconds",
    "raw_loyalty.members": "tier",
    "raw_loyalty.transactions": "transacted_at",
    "raw_loyalty.transaction_lines": "amount",
    "raw_loyalty.points_ledger": "points",
    "raw_loyalty.store_visits": "duration_seconds",
}


def clean(table: Table, owner: np.ndarray, at: np.ndarray, **values: pa.Array) -> pa.Table:
    """A table by the contract; columns that are not given are null."""
    unknown = set(values) - set(table.schema.names)
    if unknown:
        raise KeyError(f"{table.source}.{table.name} has no column {sorted(unknown)}")
    data = {
        field.name: values.get(field.name, pa.nulls(len(owner), field.type))
        for field in table.schema
    }
    data["_is_deleted"] = pa.array(np.zeros(len(owner), dtype=bool))
    return pa.table(data | {"_owner": pa.array(owner), "_at": pa.array(at)})


def land(rng, window, table: Table, rows: pa.Table, fixtures, *, deleted=None, last=False):
    """The rows as they lie in the warehouse, each in at most two versions of its own.

    `deleted` names the rows that vanish at the source, at random if it is not given. With `last`,
    the newest row comes with the very last load. Tables that already have versions (VERSIONED)
    only get their usual load times, so that the latest version stays the true one.
    """
    name = f"{table.source}.{table.name}"
    owner, at = _numpy(rows, "_owner"), _numpy(rows, "_at")
    late = (rng.random(len(at)) < LATE) & (name not in VERSIONED)
    loaded = _load_times(rng, window, at, late, last)
    rows = _set(rows, "_loaded_at", c.moment(loaded))
    rows, nameless = _with_unusable(rng, table, rows, owner, fixtures)
    chance = np.where((loaded < window.last_load) & (name not in VERSIONED), rng.random(len(at)), 1)
    deleted = np.flatnonzero(chance < DELETED) if deleted is None else deleted
    deleted = deleted[loaded[deleted] < window.last_load]
    chance[deleted] = 0
    corrected = np.flatnonzero((chance >= DELETED) & (chance < CORRECTED))
    duplicated = np.flatnonzero((chance >= CORRECTED) & (chance < DUPLICATED))
    parts = [
        rows,
        nameless,
        _again(rng, window, rows, loaded, duplicated),
        _corrections(rng, window, name, rows, loaded, corrected),
        _deletions(rng, window, rows, loaded, deleted),
    ]
    fixtures.add("duplicate_rows", owner[duplicated], table=name)
    fixtures.add("corrected_rows", _numpy(parts[3], "_owner"), table=name)
    fixtures.add("deleted_rows", owner[deleted], table=name)
    fixtures.add("late_rows", owner[loaded > clock.usual_load(window, at)], table=name)
    return pa.concat_tables(parts).drop_columns(["_owner", "_at"]).cast(table.schema)


def land_reference(window: clock.Window, table: Table, rows: pa.Table) -> pa.Table:
    """Small shared tables (stores, products …): as they are, each row loaded once."""
    loaded = clock.usual_load(window, _numpy(rows, "_at"))
    rows = _set(rows, "_loaded_at", c.moment(loaded))
    return rows.drop_columns(["_owner", "_at"]).cast(table.schema)


def pick_deleted(rng: np.random.Generator, size: int) -> np.ndarray:
    """Rows to be deleted at their source."""
    return np.flatnonzero(rng.random(size) < DELETED)


def _load_times(rng, window, at: np.ndarray, late: np.ndarray, last: bool) -> np.ndarray:
    """Mostly the next night; late rows come days to weeks later."""
    delay = rng.integers(2, 36, len(at)) * clock.DAY * late
    loaded = np.minimum(clock.usual_load(window, at) + delay, window.last_load)
    if last and len(at):
        loaded[np.argmax(at)] = window.last_load
    return loaded


def _later(rng, window, loaded: np.ndarray) -> np.ndarray:
    """A later load of the same rows, one to ten nights on."""
    return np.minimum(loaded + rng.integers(1, 11, len(loaded)) * clock.DAY, window.last_load)


def _with_unusable(rng, table: Table, rows: pa.Table, owner, fixtures):
    """A few rows lose a required value; accounts stay, so there it is a nameless copy that does.

    Returns the rows, and the copies to add to them.
    """
    lost = rng.random(len(rows)) < UNUSABLE
    which = rng.integers(0, len(table.required), len(rows))
    fixtures.add("unusable_rows", owner[lost], table=f"{table.source}.{table.name}")
    if table.name == "customers":
        copies = rows.filter(pa.array(lost))
        return rows, _set(copies, "customer_id", pa.nulls(len(copies), pa.string()))
    for position, column in enumerate(table.required):
        rows = _set(rows, column, c.blank(rows[column], lost & (which == position)))
    return rows, rows.slice(0, 0)


def _again(rng, window, rows: pa.Table, loaded: np.ndarray, index: np.ndarray) -> pa.Table:
    """The same rows, landed once more by a later load."""
    copies = rows.take(pa.array(index))
    return _set(copies, "_loaded_at", c.moment(_later(rng, window, loaded[index])))


def _deletions(rng, window, rows, loaded, index) -> pa.Table:
    copies = _again(rng, window, rows, loaded, index)
    return _set(copies, "_is_deleted", pa.array(np.ones(len(index), dtype=bool)))


def _corrections(rng, window, name, rows, loaded, index) -> pa.Table:
    """Later versions of rows of which one value has changed."""
    column = CORRECTED_COLUMN.get(name)
    copies = _again(rng, window, rows, loaded, index if column else index[:0])
    if column is None:
        return copies
    old, new = copies[column], _other_value(column, copies[column], window)
    copies = _set(copies, column, new)
    if name == "raw_crm.customers":
        copies = _set(copies, "updated_at", pc.subtract(copies["_loaded_at"], _hours(6)))
    return copies.filter(pc.fill_null(pc.not_equal(old, new), False))


def _other_value(column: str, values: pa.ChunkedArray, window) -> pa.ChunkedArray:
    """A changed value that is still possible."""
    if column == "is_machine":
        return pc.if_else(pc.equal(values, "unknown"), "yes", values)
    if column == "rating":
        return pc.max_element_wise(pc.subtract(values, 1.0), 1.0, skip_nulls=False)
    if column == "tier":
        return pc.if_else(pc.equal(values, "silver"), "gold", "silver")
    if column == "postal_code":
        return pc.utf8_reverse(values)
    if pa.types.is_timestamp(values.type):
        end = pa.scalar(window.end - clock.SECOND, pa.int64()).cast(c.MOMENT)
        return pc.min_element_wise(pc.add(values, _hours(5)), end, skip_nulls=False)
    return pc.round(pc.multiply(values, 0.9), 2)


def _hours(count: int) -> pa.Scalar:
    return pa.scalar(count * clock.HOUR, pa.duration("us"))


def _set(rows: pa.Table, column: str, values) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(column), column, values)


def _numpy(rows: pa.Table, column: str) -> np.ndarray:
    return rows[column].to_numpy()
