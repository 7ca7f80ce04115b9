"""What becomes of the versions of a row, whatever the table."""

import re
from collections import defaultdict

import duckdb
import pytest
from harness import Project, copy_raw, demo_contract, files
from histories import SHAPES

# Of each key one row, by its fate: kept (it lands, lands again as it was, and lands with a value
# gone where one may be missing, and without a word on deletion), deleted (it lands, and then as
# deleted) or known as deleted alone.
FATES = """
    select *, case
        when hash({key}) % 3 = 0 and {has_value} then 'kept'
        when hash({key}) % 3 = 1 then 'deleted'
        else 'known as deleted'
    end as fate
    from (
        select * replace (false as _is_deleted) from rows
        qualify row_number() over (partition by {key} order by _loaded_at desc) = 1
    )
"""
VERSIONS = """
    with rows as ({fates})
    select * exclude fate from rows where fate != 'known as deleted'
    union all by name
    select * exclude fate replace (_loaded_at + interval 1 minute as _loaded_at) from rows
    where fate = 'kept'
    union all by name
    select * exclude fate replace (
        _loaded_at + interval 2 minute as _loaded_at,
        case when fate != 'kept' then true end as _is_deleted {value_gone}
    ) from rows
"""


def key_columns(table: str) -> list[str]:
    """What tells the rows of the demo apart, which have all their ids."""
    shape = SHAPES[table]
    columns = [*shape.key, *([shape.id] if shape.id else [])]
    return columns or [name for name in demo_contract()[table] if name[0] != "_"]


def row_key(table: str) -> str:
    """One text per row's key, in SQL."""
    texts = ", ".join(f"coalesce({column}::varchar, '')" for column in key_columns(table))
    return f"concat_ws('|', 'key', {texts})"


def optional_column(table: str) -> str | None:
    """The first of the table's columns that neither tells rows apart nor is required."""
    for name, column in demo_contract()[table].items():
        is_required = column.get("config", {}).get("meta", {}).get("required")
        if not is_required and name not in key_columns(table) and name[0] != "_":
            return name
    return None


def fates_of(table: str) -> str:
    column = optional_column(table)
    has_value = f"{column} is not null" if column else "true"
    return FATES.format(key=row_key(table), has_value=has_value)


def versions_of(table: str) -> str:
    column = optional_column(table)
    gone = f", case when fate != 'kept' then {column} end as {column}" if column else ""
    return VERSIONS.format(fates=fates_of(table), value_gone=gone)


@pytest.fixture(scope="module")
def landed(demo, tmp_path_factory) -> Project:
    folder = tmp_path_factory.mktemp("landed")
    raw = copy_raw(demo.raw, folder / "raw", {name: versions_of(name) for name in SHAPES})
    return Project(folder / "build", raw).build("--select", "path:models/1_staging")


@pytest.mark.parametrize("table", SHAPES)
def test_each_version_of_a_row_is_staged_a_duplicate_superseded_or_deleted(landed, table):
    source, name = table.split(".")
    landings = f"""
        select count(*) as landings from engagement_{table} where _rejected is null
        group by {row_key(table)}"""
    keys = dict(landed.ask(f"select landings, count(*) from ({landings}) group by landings"))
    known_as_deleted, deleted, kept = (keys.pop(number, 0) for number in (1, 2, 3))
    assert known_as_deleted + deleted + kept and not keys
    changes = optional_column(table) is not None
    staged = f"engagement_staging.stg_{source.removeprefix('raw_')}__{name}"
    assert landed.ask(f"select count(*) from {staged}") == [(kept,)]
    assert landed.ask(f"""
        select sum(rows_duplicate), sum(rows_superseded), sum(rows_deleted)
        from engagement_staging.int_landed_again
        where source_system || '.' || table_name = '{table}'""") == [
        (kept * (1 if changes else 2), kept * changes + deleted, deleted + known_as_deleted)
    ]  # fmt: skip


def test_rows_are_counted_by_their_day_of_load_with_the_newest_load_time_of_the_day(landed):
    for table in SHAPES:
        source, name = table.split(".")
        days = defaultdict(list)
        for (loaded_at,) in landed.ask(f"select _loaded_at from engagement_{table}"):
            days[loaded_at.date()].append(loaded_at)
        found = landed.ask(f"""
            select load_date, rows_in, newest_loaded_at from engagement_staging.int_raw_rows
            where source_system = '{source}' and table_name = '{name}' order by load_date""")
        assert found == [(day, len(times), max(times)) for day, times in sorted(days.items())]


def test_too_many_rows_that_cannot_be_used_stop_the_build_and_are_counted(demo, tmp_path):
    """Every eighth consent is given for a channel that nobody knows; a twentieth may be."""
    changes = """
        select * replace (
            case when row_number() over () % 8 = 0 then 'pigeon' else channel end as channel)
        from rows"""
    raw = copy_raw(demo.raw, tmp_path / "raw", {"raw_crm.consents": changes})
    (file,) = files(raw, "raw_crm.consents")
    rows, bad = duckdb.sql(
        f"select count(*), count(*) filter (channel = 'pigeon') from '{file}'"
    ).fetchall()[0]
    done = Project(tmp_path / "build", raw).attempt("run", "--select", "path:models/1_staging")
    assert done.returncode != 0
    share = f"{bad:,} of {rows:,} rows are in quarantine ({bad / rows:.1%}, the limit is 5.0%)"
    assert re.search(rf"raw_crm\.consents: \w+ in column channel, {re.escape(share)}", done.stdout)
