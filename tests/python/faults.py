"""Faults in raw data as careless systems make them, and what is to come of each.

A fault changes a raw folder whose tables are folders of Parquet parts. Most land a part with bad
rows of one victim, so that nobody else may notice. `FAULTS` names them all.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

AT = "timestamp '2026-09-15 12:00:00'"  # when bad rows say that they happened
LOADED = "timestamp '2026-11-01 03:00:00'"  # the systems' newest load
MILLION = 1_000_000

Reason = tuple[str, str, str | None, bool]  # table, reason code, column, whether rows are set aside


@dataclass(frozen=True)
class Fault:
    """What is done to a raw folder, and how a build must end."""

    make: Callable[[Path, str], None]  # raw folder, the victim's account
    quarantined: dict[Reason, int] = field(default_factory=dict)  # rows more than without it
    counted: dict[tuple[str, str], int] = field(default_factory=dict)  # table, place -> rows more
    stops: tuple[str, ...] = ()  # what the message must name; empty: the build ends well
    touches_all: bool = False  # whether everybody's scores may move
    variables: dict = field(default_factory=dict)


def parts(raw: Path, table: str) -> Path:
    return raw / table.replace(".", "/")


def land(raw: Path, table: str, sql: str, name: str = "fault") -> None:
    """Write the rows of a query over `rows` (the table as it was) as one more part."""
    folder = parts(raw, table)
    connection = duckdb.connect()
    connection.execute(
        f"create view rows as from read_parquet('{folder}/part-*.parquet', union_by_name = true)"
    )
    number = len(list(folder.glob("*.parquet")))
    connection.execute(f"copy ({sql}) to '{folder / f'{name}-{number}.parquet'}' (format parquet)")


def rewrite(raw: Path, table: str, sql: str) -> None:
    """Put the rows of a query over `rows` in the place of a table's only part."""
    land(raw, table, sql, name="new")
    folder = parts(raw, table)
    for old in folder.glob("part-*.parquet"):
        old.unlink()
    for new in folder.glob("new-*.parquet"):
        new.rename(folder / "part-0.parquet")


def as_csv(raw: Path, table: str, options: str = "header") -> Path:
    """Turn a table into one CSV file; returns it."""
    folder = parts(raw, table)
    path = folder.with_suffix(".csv")
    rows = f"from read_parquet('{folder}/*.parquet')"
    duckdb.connect().execute(f"copy ({rows}) to '{path}' ({options})")  # others do so meanwhile
    for part in folder.iterdir():
        part.unlink()
    folder.rmdir()
    return path


# Rows of the victim that are like any other, for spoiling: table -> (key, columns in SQL).
LIKE = {
    "raw_web.events": "event_id, anonymous_id, login_id, event_at, event_name, engaged_seconds",
    "raw_crm.campaign_contacts": "contact_id, campaign_id, customer_id, channel, sent_at",
    "raw_crm.consents": "customer_id, channel, status, changed_at",
    "raw_crm.surveys": "survey_id, customer_id, survey_type, rating, answered_at",
    "raw_crm.service_tickets": "ticket_id, customer_id, opened_at, closed_at",
    "raw_crm.preferences": "customer_id, attribute, value, changed_at",
    "raw_crm.contact_responses": "response_id, contact_id, customer_id, response_type, "
    "responded_at, is_machine",
    "raw_loyalty.store_visits": "visit_id, member_id, visit_type, visited_at, duration_seconds",
    "raw_loyalty.points_ledger": "entry_id, member_id, entry_type, points, booked_at",
    "raw_loyalty.transactions": "transaction_id, transacted_at, sales_channel, customer_id",
    "raw_web.reviews": "review_id, login_id, review_type, reviewed_at",
    "raw_app.devices": "device_id, customer_id, installed_at, uninstalled_at",
}
GOOD = {
    "event_id": "'fault ' || n", "anonymous_id": "'cookie of ' || victim", "login_id": "victim",
    "event_at": AT, "event_name": "'page_view'", "engaged_seconds": "10.0::double",
    "contact_id": "'fault ' || n", "campaign_id": "null::varchar", "customer_id": "victim",
    "channel": "'email'", "sent_at": AT, "status": "'granted'",
    "changed_at": f"{AT} + i * interval 1 second",
    "survey_id": "'fault ' || n", "survey_type": "'nps'", "rating": "9.0::double",
    "answered_at": AT, "ticket_id": "'fault ' || n", "opened_at": AT, "closed_at": AT,
    "attribute": "'favourite_store'", "value": "'x'", "response_id": "'fault ' || n",
    "response_type": "'opened'", "responded_at": AT, "is_machine": "'no'",
    "visit_id": "'fault ' || n", "member_id": "'card of ' || victim", "visit_type": "'visit'",
    "visited_at": AT, "duration_seconds": "10.0::double", "entry_id": "'fault ' || n",
    "entry_type": "'earn'", "points": "1.0::double", "booked_at": AT,
    "transaction_id": "'fault ' || n", "transacted_at": AT, "sales_channel": "'store'",
    "review_id": "'fault ' || n", "review_type": "'review'", "reviewed_at": AT,
    "device_id": "'device of ' || victim || n", "installed_at": AT,
    "uninstalled_at": "null::timestamp",
}  # fmt: skip


def bad(table: str, count: int = 3, **values: str) -> Callable[[Path, str], None]:
    """A fault: rows of the victim with these values (SQL) in some columns."""
    names = LIKE[table].split(", ")
    columns = ", ".join(f"{values.get(name, GOOD[name])} as {name}" for name in names)
    load = values.get("_loaded_at", LOADED)
    deleted = values.get("_is_deleted", "false")
    label = f"{table} {sorted(values.items())}".replace("'", "")

    def make(raw: Path, victim: str) -> None:
        land(raw, table, f"""
            select {columns}, {load} as _loaded_at, {deleted} as _is_deleted
            from (
                select '{victim}' as victim, '{label} ' || range as n, range as i
                from range({count})
            )
            """)  # fmt: skip

    return make


def sets_aside(table: str, reason: str, column: str, **values: str) -> Fault:
    """Three rows whose required column cannot be used."""
    rows = {(table, reason, column, True): 3}
    return Fault(bad(table, **values), rows, {(table, "quarantined"): 3})


def reads_as_null(table: str, reason: str, column: str, **values: str) -> Fault:
    """Three rows with a value that cannot be used in a column that may be empty."""
    rows = {(table, reason, column, False): 3}
    return Fault(bad(table, **values), rows, {(table, "staged"): 3})


def in_csv(table: str, edit: Callable[[list[bytes]], list[bytes]], **rest) -> Fault:
    """A table as CSV whose lines are edited; the first is the header."""

    def make(raw: Path, victim: str) -> None:
        path = as_csv(raw, table)
        path.write_bytes(b"".join(edit(path.read_bytes().splitlines(keepends=True))))

    return Fault(make, **rest)


def with_cell(column: str, text: bytes, count: int = 3) -> Callable[[list[bytes]], list[bytes]]:
    """Copies of the first line's values as new rows, one cell of which is another text."""

    def edit(lines: list[bytes]) -> list[bytes]:
        place = lines[0].rstrip().split(b",").index(column.encode())
        new = []
        for number in range(count):
            cells = lines[1].rstrip(b"\n").split(b",")
            cells[0] = b"fault %d" % number
            cells[place] = text
            new.append(b",".join(cells) + b"\n")
        return [*lines, *new]

    return edit


def truncated(raw: Path, victim: str) -> None:
    (path,) = parts(raw, "raw_crm.consents").glob("*.parquet")
    path.write_bytes(path.read_bytes()[:-200])


def broken_utf8(raw: Path, victim: str) -> None:
    """The bytes ff fe in a text of Parquet, which says that it is UTF-8."""
    land(
        raw,
        "raw_crm.preferences",
        f"""
        select '{victim}' as customer_id, 'hobby' as attribute, 'QQQQ' as value,
            {AT} as changed_at, {LOADED} as _loaded_at, false as _is_deleted""",
    )
    (path,) = parts(raw, "raw_crm.preferences").glob("fault-*.parquet")
    path.write_bytes(path.read_bytes().replace(b"QQQQ", b"Q\xff\xfeQ"))


def duplicated_file(raw: Path, victim: str) -> None:
    folder = parts(raw, "raw_crm.surveys")
    (folder / "part-copy.parquet").write_bytes((folder / "part-0.parquet").read_bytes())


def no_rows(raw: Path, victim: str) -> None:
    rewrite(raw, "raw_web.reviews", "from rows limit 0")


def no_table(raw: Path, victim: str) -> None:
    folder = parts(raw, "raw_web.reviews")
    for part in folder.iterdir():
        part.unlink()
    folder.rmdir()


def no_file(raw: Path, victim: str) -> None:
    for part in parts(raw, "raw_web.reviews").iterdir():
        part.unlink()


def empty_file(raw: Path, victim: str) -> None:
    (parts(raw, "raw_crm.surveys") / "part-1.parquet").write_bytes(b"")


def a_million_copies(raw: Path, victim: str) -> None:
    rows = f"select {LIKE['raw_web.events']} from rows where event_id is not null limit 1"
    land(raw, "raw_web.events", f"""
        select rows.*, {LOADED} as _loaded_at, false as _is_deleted
        from (
            select 'copied' as event_id, 'copied cookie' as anonymous_id, null as login_id,
                {AT} as event_at, 'page_view' as event_name, 1.0::double as engaged_seconds
            from ({rows})
        ) as rows cross join range({MILLION})""")  # fmt: skip


def a_million_events_of_a_bot(raw: Path, victim: str) -> None:
    land(raw, "raw_web.events", f"""
        select 'bot ' || range as event_id, 'bot' as anonymous_id, null::varchar as login_id,
            {AT} + range * interval 1 second as event_at, 'page_view' as event_name,
            1.0::double as engaged_seconds, {LOADED} as _loaded_at, false as _is_deleted
        from range({MILLION})""")  # fmt: skip


def merges(*pairs: tuple[str, str]) -> Callable[[Path, str], None]:
    """Merges between accounts that nobody has (X is the victim)."""

    def make(raw: Path, victim: str) -> None:
        values = ", ".join(
            f"('{one}', '{other}')".replace("'X'", f"'{victim}'") for one, other in pairs
        )
        land(raw, "raw_crm.customer_merges", f"""
            select from_customer_id, into_customer_id, {AT} as merged_at,
                {LOADED} as _loaded_at, false as _is_deleted
            from (values {values}) as merges (from_customer_id, into_customer_id)""")  # fmt: skip

    return make


def customer(**values: str) -> Callable[[Path, str], None]:
    """A later version of the victim's account, with these values (SQL)."""

    def make(raw: Path, victim: str) -> None:
        new = ", ".join(f"{value} as {name}" for name, value in values.items())
        land(raw, "raw_crm.customers", f"""
            select * replace ({new}, {LOADED} + interval 1 second as _loaded_at,
                false as _is_deleted)
            from rows where customer_id = '{victim}'
            qualify row_number() over (order by _loaded_at desc) = 1""")  # fmt: skip

    return make


def changed(table: str, sql: str) -> Callable[[Path, str], None]:
    """The table rewritten by a query over `rows`."""
    return lambda raw, victim: rewrite(raw, table, sql.format(victim=victim))


EVENTS, CONTACTS, CONSENTS = "raw_web.events", "raw_crm.campaign_contacts", "raw_crm.consents"
SURVEYS, VISITS, CUSTOMERS = "raw_crm.surveys", "raw_loyalty.store_visits", "raw_crm.customers"
LINES = "raw_loyalty.transaction_lines"
ONE_MORE = {(CUSTOMERS, "superseded"): 1}

FAULTS = {
    # values that cannot be: by kind of column
    "a key that is empty": sets_aside(
        EVENTS, "missing_value", "anonymous_id", anonymous_id="null::varchar"
    ),
    "a key that is an empty text": sets_aside(
        CONTACTS, "missing_value", "customer_id", customer_id="''"
    ),
    "a key of blanks": sets_aside(CONSENTS, "missing_value", "customer_id", customer_id="'  '"),
    "a time that is empty": sets_aside(
        CONTACTS, "missing_value", "sent_at", sent_at="null::timestamp"
    ),
    "a time in year 1": sets_aside(
        SURVEYS, "impossible_date", "answered_at", answered_at="timestamp '0001-01-01'"
    ),
    "a time of 1970": sets_aside(
        EVENTS, "impossible_date", "event_at", event_at="timestamp '1970-01-01'"
    ),
    "a time in 2099": sets_aside(
        VISITS, "future_date", "visited_at", visited_at="timestamp '2099-01-01'"
    ),
    "a time two days after its load": sets_aside(
        CONSENTS, "future_date", "changed_at", changed_at=f"{LOADED} + interval 49 hour"
    ),
    "a status that nobody knows": Fault(
        bad(CONSENTS, 1, status="'maybe'"),
        {(CONSENTS, "unknown_value", "status", False): 1},
        {(CONSENTS, "staged"): 1},
    ),
    "a channel that nobody knows": sets_aside(
        CONTACTS, "unknown_value", "channel", channel="'pigeon'"
    ),
    "a kind of response that nobody knows": sets_aside(
        "raw_crm.contact_responses", "unknown_value", "response_type", response_type="'sniffed'"
    ),
    "a kind of entry that nobody knows": sets_aside(
        "raw_loyalty.points_ledger", "unknown_value", "entry_type", entry_type="'stolen'"
    ),
    "a kind of survey that nobody knows": sets_aside(
        SURVEYS, "unknown_value", "survey_type", survey_type="'quiz'"
    ),
    "a sales channel that nobody knows": sets_aside(
        "raw_loyalty.transactions", "unknown_value", "sales_channel", sales_channel="'moon'"
    ),
    "a negative duration": reads_as_null(
        EVENTS, "out_of_range", "engaged_seconds", engaged_seconds="-5.0::double"
    ),
    "an endless duration": reads_as_null(
        EVENTS, "out_of_range", "engaged_seconds", engaged_seconds="'inf'::double"
    ),
    "a duration that is no number": reads_as_null(
        EVENTS, "out_of_range", "engaged_seconds", engaged_seconds="'nan'::double"
    ),
    "a machine flag that nobody knows": reads_as_null(
        "raw_crm.contact_responses", "unknown_value", "is_machine", is_machine="'perhaps'"
    ),
    "an end before its start": reads_as_null(
        "raw_crm.service_tickets",
        "ends_before_start",
        "closed_at",
        closed_at=f"{AT} - interval 1 day",
    ),
    "an uninstall before its install": reads_as_null(
        "raw_app.devices",
        "ends_before_start",
        "uninstalled_at",
        uninstalled_at=f"{AT} - interval 1 day",
    ),
    "a birth in 1850": Fault(
        customer(birth_date="date '1850-01-01'", postal_code="'1'"),
        {(CUSTOMERS, "impossible_date", "birth_date", False): 1},
        ONE_MORE,
    ),
    "a birth after today": Fault(
        customer(birth_date="date '2030-01-01'", postal_code="'1'"),
        {(CUSTOMERS, "future_date", "birth_date", False): 1},
        ONE_MORE,
    ),
    "a deletion that names nothing": Fault(
        bad(CONSENTS, 1, customer_id="null::varchar", _is_deleted="true"),
        {(CONSENTS, "missing_value", "customer_id", True): 1},
    ),
    # belonging to nobody
    "sends to an account that nobody has": Fault(
        bad(CONTACTS, customer_id="'nobody'"),
        {(CONTACTS, "unknown_reference", "customer_id", True): 3},
    ),
    "visits with a card that nobody has": Fault(
        bad(VISITS), {(VISITS, "unknown_reference", "member_id", True): 3}
    ),
    # texts
    "emoji": Fault(
        bad("raw_crm.preferences", value="'\U0001f600\U0001f9d1\u200d\U0001f680 \u202e'"),
        counted={("raw_crm.preferences", "staged"): 3},
    ),
    "10 MB of text": Fault(
        bad("raw_crm.preferences", 1, value="repeat('x', 10000000)"),
        counted={("raw_crm.preferences", "staged"): 1},
    ),
    "SQL in a text": Fault(
        bad(
            "raw_crm.preferences",
            value="'''; drop table engagement_staging.stg_crm__customers; --'",
        ),
        counted={("raw_crm.preferences", "staged"): 3},
    ),
    "SQL in a key": Fault(
        bad(EVENTS, anonymous_id="'''); delete from int_scores; --'", login_id="null::varchar"),
        counted={(EVENTS, "staged"): 3},
    ),
    "capitals and blanks around a known value": Fault(
        bad(CONSENTS, 1, status="'  GRANTED '"), counted={(CONSENTS, "staged"): 1}
    ),
    "broken UTF-8 in Parquet": Fault(broken_utf8, stops=("raw_crm/preferences", "not valid UTF8")),
    # again, late, and by other clocks
    "a file that is there twice": Fault(duplicated_file),
    "a million copies of one event": Fault(
        a_million_copies, counted={(EVENTS, "duplicate"): MILLION - 1, (EVENTS, "staged"): 1}
    ),
    "rows a year late": Fault(
        bad(VISITS, visited_at="timestamp '2025-09-15'", member_id="'nobody'"),
        {(VISITS, "unknown_reference", "member_id", True): 3},
    ),
    "events a year late": Fault(
        bad(EVENTS, event_at="timestamp '2025-09-15'"), counted={(EVENTS, "staged"): 3}
    ),
    "rows without a load time": Fault(
        bad(SURVEYS, _loaded_at="null::timestamp"), counted={(SURVEYS, "staged"): 3}
    ),
    "times with a zone": Fault(
        changed(
            SURVEYS, "select * replace (answered_at at time zone 'UTC' as answered_at) from rows"
        )
    ),
    # files
    "a truncated file": Fault(truncated, stops=("raw_crm/consents",)),
    "a file of no bytes": Fault(empty_file, stops=("raw_crm/surveys/part-1.parquet",)),
    "a required column renamed": Fault(
        changed(SURVEYS, "select * rename (answered_at as answered) from rows"),
        stops=("raw_crm.surveys", "answered_at", "missing", "answered"),
    ),
    "a required column dropped": Fault(
        changed(CONSENTS, "select * exclude (status) from rows"),
        stops=("raw_crm.consents", "status", "missing"),
    ),
    "an optional column dropped": Fault(
        changed("raw_crm.service_tickets", "select * exclude (topic) from rows")
    ),
    "columns in another order": Fault(
        changed(
            SURVEYS,
            "select columns(lambda c: c < 'm'), columns(lambda c: c >= 'm') from rows",
        )
    ),
    "a column more": Fault(changed(SURVEYS, "select *, 'new' as mood from rows")),
    "a time that is a number": Fault(
        changed(
            "raw_crm.preferences", "select * replace (epoch(changed_at) as changed_at) from rows"
        ),
        stops=("raw_crm.preferences", "changed_at", "DOUBLE", "timestamp"),
    ),
    "a number that is a text": Fault(
        changed(LINES, "select * replace ('two' as quantity) from rows"),
        stops=("raw_loyalty.transaction_lines", "quantity", "VARCHAR", "double"),
    ),
    "a table without rows": Fault(no_rows, touches_all=True),
    "a table that is absent": Fault(no_table, touches_all=True),
    "a folder without files": Fault(no_file, touches_all=True),
    "CSV with another delimiter": Fault(
        lambda raw, victim: as_csv(raw, SURVEYS, "header, delimiter ';'")
    ),
    "CSV with a line too long": in_csv(
        "raw_crm.service_tickets",
        lambda lines: [*lines, b"a,b" + b",c" * 30 + b"\n"],
        quarantined={("raw_crm.service_tickets", "malformed_line", None, True): 1},
    ),
    "CSV with broken UTF-8": in_csv(
        "raw_crm.preferences",
        with_cell("value", b"\xff\xfe", 1),
        quarantined={("raw_crm.preferences", "malformed_line", None, True): 1},
    ),
    "CSV with a quote that never closes": in_csv(
        "raw_crm.service_tickets",
        lambda lines: [*lines, b'"a,b\n'],
        quarantined={("raw_crm.service_tickets", "malformed_line", None, True): 1},
    ),
    "CSV with a time that cannot be read": in_csv(
        SURVEYS,
        with_cell("answered_at", b"yesterday"),
        quarantined={(SURVEYS, "unreadable_value", "answered_at", True): 3},
    ),
    "CSV with a number that cannot be read": in_csv(
        LINES,
        with_cell("quantity", b"many"),
        quarantined={
            (LINES, "unreadable_value", "quantity", False): 3,
            (LINES, "unknown_reference", "transaction_id", True): 3,
        },
    ),
    "CSV with a truth value that cannot be read": in_csv(
        "raw_loyalty.transactions",
        with_cell("is_return", b"perhaps"),
        quarantined={("raw_loyalty.transactions", "unreadable_value", "is_return", False): 3},
        touches_all=True,
    ),
    "CSV with a header only": in_csv("raw_web.reviews", lambda lines: lines[:1], touches_all=True),
    # people
    "an account that is another person now": Fault(
        customer(email="'another@example.org'", birth_date="date '1999-01-01'"), counted=ONE_MORE
    ),
    "a merge in a circle": Fault(merges(("lost 1", "lost 2"), ("lost 2", "lost 1"))),
    "a merge into itself": Fault(merges(("X", "X"))),
    "a chain of merges": Fault(merges(("lost 1", "lost 2"), ("lost 2", "lost 3"), ("lost 3", "X"))),
    "a bot with a million events": Fault(
        a_million_events_of_a_bot, counted={(EVENTS, "staged"): MILLION}
    ),
    "too many rows that cannot be used": Fault(
        bad(SURVEYS, 5_000, survey_type="'quiz'"),
        stops=("raw_crm.surveys", "survey_type", "unknown_value", "%"),
    ),
}
