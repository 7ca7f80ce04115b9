"""The suites of Great Expectations: what they catch, what they leave alone, and what a build says.

Most tests need no build of their own: they change tables in a copy of the demo's database, run the
compiled profile on them, and let the models' own functions judge it.
"""

import json
import re
import shutil
import socket
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from hashlib import md5
from html import escape
from importlib.util import module_from_spec, spec_from_file_location

import duckdb
import numpy as np
import pytest
from harness import ROOT, Project, contract, copy_raw, model_module

LAYERS = ["raw", "staging", "intermediate", "marts"]
models = {layer: model_module(f"9_quality/int_quality__{layer}.py") for layer in LAYERS}
# What tells who somebody is, or may: none of it is sampled.
IDENTIFYING = (
    r".*(email|phone|login|birth|postal|household|name|user_agent|text|visitor|unidentified).*"
    r"|.*_?(customer|member|account|anonymous|device|card|session|contact|event)_id|.*_hash"
)
WEEKS = "range(0, 48) as days(day) cross join range(0, {rows}) as numbers(n)"
DAY = "(date '2026-09-15' + day::integer)"  # the last one is 1 November, which has begun
# Tables whose shape is as ever, so many rows a day: what the faults below are done to.
HEALTHY = {
    "raw_web.events": (300, f"""
        {DAY} + to_hours(20) as _loaded_at, {DAY} as _load_date,
        {DAY} + to_minutes(n::integer) as event_at, 'e' || day || '.' || n as event_id,
        'a' || n as anonymous_id, 'page_view' as event_name,
        case when n % 10 > 0 then 'l' || n end as login_id, 10.0 + n % 50 as engaged_seconds,
        false as _is_deleted"""),
    "raw_web.reviews": (20, f"""
        {DAY} + to_hours(20) as _loaded_at, {DAY} as _load_date, {DAY} as reviewed_at,
        'r' || day || '.' || n as review_id, 'l' || n as login_id, 'review' as review_type,
        false as _is_deleted"""),
    "raw_crm.consents": (30, f"""
        {DAY} + to_hours(20) as _loaded_at, {DAY} as _load_date, {DAY} as changed_at,
        'c' || day || '.' || n as customer_id, 'email' as channel, 'Granted' as status,
        false as _is_deleted"""),
    "raw_loyalty.transactions": (120, f"""
        {DAY} + to_hours(20) as _loaded_at, {DAY} as _load_date,
        {DAY} + to_minutes(n::integer) as transacted_at, 't' || day || '.' || n as transaction_id,
        if(n % 4 = 0, 'online', 'store') as sales_channel,
        'EUR' as currency, 's1' as store_id, 'm' || n as member_id, false as _is_deleted"""),
    "staging.stg_web__events": (300, f"""
        {DAY} + to_minutes(n::integer) as event_at, 'e' || day || '.' || n as event_id,
        'a' || n as anonymous_id, if(n % 3 = 0, 'search', 'page_view') as event_name,
        case when n % 10 > 0 then 'l' || n end as login_id, 10.0 + n % 50 as engaged_seconds"""),
    "staging.stg_crm__service_tickets": (5, f"""
        {DAY} as opened_at, {DAY} + to_hours(3) as closed_at,
        't' || day || '.' || n as ticket_id"""),
    "staging.stg_loyalty__promotions": (1, f"""
        {DAY} as starts_at, {DAY} + 7 as ends_at, 'p' || day as promotion_id"""),
}  # fmt: skip
EVENTS, STAGED = "engagement_raw_web.events", "engagement_staging.stg_web__events"
TICKETS = "engagement_staging.stg_crm__service_tickets"
LAST_DAY = "_loaded_at::date = '2026-10-31'"
SCORES, LATEST = "engagement_scores.int_scores", "score_date = '2026-10-31'"
VARIABLES = "engagement_variables.int_engagement_variables"


@dataclass(frozen=True)
class Fault:
    """A change of tables, and the expectation that it breaks."""

    layer: str
    table: str
    measure: str
    severity: str
    changes: tuple[str, ...]
    column: str | None = None
    observed: str = ""


FAULTS = {
    "a_day_with_a_tenth_of_its_events": Fault(
        "raw", "raw_web.events", "row_count_ratio", "error",
        (f"delete from {EVENTS} where {LAST_DAY} and event_id not like '%0'",),
        observed="0.1 (2026-10-31)",
    ),
    "a_day_without_any_events_while_reviews_came_in": Fault(
        "raw", "raw_web.events", "row_count_ratio", "error",
        (f"delete from {EVENTS} where {LAST_DAY}",), observed="0 (2026-10-31)",
    ),
    "a_day_with_a_third_of_its_events": Fault(
        "raw", "raw_web.events", "row_count_ratio", "warn",
        (f"delete from {EVENTS} where {LAST_DAY} and event_at >= '2026-10-31 01:40'",),
    ),
    "a_day_delivered_five_times": Fault(
        "raw", "raw_web.events", "row_count_ratio", "warn",
        (f"insert into {EVENTS} select e.* from {EVENTS} as e, range(4) where {LAST_DAY}",),
    ),
    "a_small_table_that_dries_up_over_a_week": Fault(
        "raw", "raw_web.reviews", "week_count_ratio", "warn",
        ("delete from engagement_raw_web.reviews where _loaded_at > '2026-10-25' and "
         "review_id not like '%9'",),
    ),
    "a_column_that_is_suddenly_empty": Fault(
        "raw", "raw_web.events", "null_share_change", "error",
        (f"update {EVENTS} set login_id = null where {LAST_DAY}",), column="login_id",
        observed="0.9 (login_id, 2026-10-31)",
    ),
    "a_column_that_is_suddenly_half_empty": Fault(
        "raw", "raw_web.events", "null_share_change", "warn",
        (f"update {EVENTS} set login_id = null where {LAST_DAY} and login_id < 'l2'",),
        column="login_id",
    ),
    "a_column_of_a_small_table_that_is_empty_for_a_week": Fault(
        "raw", "raw_web.reviews", "null_share_change", "error",
        ("update engagement_raw_web.reviews set login_id = null where _loaded_at > '2026-10-24'",),
        column="login_id",
    ),
    "text_that_cannot_be_read": Fault(
        "raw", "raw_web.events", "null_share", "error",
        (f"update {EVENTS} set _set_aside = 'any' where {LAST_DAY} and n3(event_id)",),
        column="_set_aside",
    ),
    "rows_deleted_in_bulk": Fault(
        "raw", "raw_web.events", "mean_change", "warn",
        (f"update {EVENTS} set _is_deleted = true where {LAST_DAY} and n3(event_id)",),
        column="_is_deleted",
    ),
    "a_clock_of_another_time_zone": Fault(
        "raw", "raw_web.events", "mean", "warn",
        (f"update {EVENTS} set event_at = event_at + to_hours(18) where {LAST_DAY}",),
        column="happened_after_its_load",
    ),
    "a_status_that_the_contract_does_not_name": Fault(
        "raw", "raw_crm.consents", "text_value", "warn",
        ("update engagement_raw_crm.consents set status = 'opt-in' where customer_id like '%7'",),
        column="status",
    ),
    "currencies_in_words": Fault(
        "raw", "raw_loyalty.transactions", "text_value", "warn",
        ("update engagement_raw_loyalty.transactions set currency = 'Euro' "
         "where transaction_id like '%7'",), column="currency",
    ),
    "a_sales_channel_that_is_new": Fault(
        "raw", "raw_loyalty.transactions", "psi", "warn",
        ("""insert into engagement_seeds.quality_reference values
            ('raw_loyalty.transactions', null, 'sales_channel', 1, null, null, 'store', 1)""",),
        column="sales_channel",
    ),
    "a_day_with_a_tenth_of_what_happened_on_it": Fault(
        "staging", "stg_web__events", "row_count_ratio", "warn",
        (f"delete from {STAGED} where event_at::date = '2026-10-31' and event_id not like '%0'",),
    ),
    "one_negative_duration": Fault(
        "staging", "stg_web__events", "greatest", "warn",
        (f"update {STAGED} set engaged_seconds = -1 where event_id = 'e46.7'",),
        column="lasts_less_than_nothing",
    ),
    "a_tenth_of_negative_durations": Fault(
        "staging", "stg_web__events", "mean", "error",
        (f"update {STAGED} set engaged_seconds = -1 where event_id like '%7'",),
        column="lasts_less_than_nothing", observed="0.1 (lasts_less_than_nothing, 2026-10-31)",
    ),
    "milliseconds_for_seconds": Fault(
        "staging", "stg_web__events", "greatest", "warn",
        (f"update {STAGED} set engaged_seconds = 3000 * engaged_seconds",),
        column="engaged_seconds",
    ),
    "a_promotion_that_ends_before_it_starts": Fault(
        "staging", "stg_loyalty__promotions", "greatest", "warn",
        ("update engagement_staging.stg_loyalty__promotions set ends_at = starts_at - to_days(1) "
         "where promotion_id = 'p7'",), column="ends_before_it_starts",
    ),
    "tickets_that_close_before_they_open": Fault(
        "staging", "stg_crm__service_tickets", "mean", "error",
        (f"update {TICKETS} set closed_at = opened_at - to_days(1)",
         f"insert into {TICKETS} select t.* from {TICKETS} as t, range(30)"),
        column="closed_before_opened",
    ),
    "countries_in_words": Fault(
        "staging", "stg_crm__customers", "text_value", "warn",
        ("update engagement_staging.stg_crm__customers set country = 'FRANCE' "
         "where country = 'FR'",), column="country",
    ),
    "placeholders_for_birth_years": Fault(
        "staging", "stg_crm__customers", "least", "warn",
        ("update engagement_staging.stg_crm__customers set birth_year = 1 "
         "where birth_year = 1970",), column="birth_year",
    ),
    "attention_spread_otherwise_than_in_the_reference": Fault(
        "staging", "stg_web__events", "psi", "warn",
        ("""insert into engagement_seeds.quality_reference values
            ('stg_web__events', null, 'engaged_seconds', 1, null, 50, null, 0.8),
            ('stg_web__events', null, 'engaged_seconds', 2, 50, null, null, 0.2)""",
         f"update {STAGED} set engaged_seconds = engaged_seconds + 25"),
        column="engaged_seconds",
    ),
    "logins_that_match_nobody_any_more": Fault(
        "intermediate", "int_activities", "mean_change", "error",
        ("update engagement_activities.int_activities set excluded_reason = 'unidentified' "
         "where activity_date > '2026-10-24'",), column="unidentified",
    ),
    "a_flood_of_bots": Fault(
        "intermediate", "int_activities", "mean_change", "warn",
        ("update engagement_activities.int_activities set excluded_reason = 'bot' "
         "where activity_date > '2026-10-24' and channel in ('web', 'email', 'store')",),
        column="by_a_bot",
    ),
    "consent_that_ends_before_it_starts": Fault(
        "intermediate", "int_consents", "greatest", "error",
        ("update engagement_activities.int_consents set counts_until = counts_from - 1 "
         "where counts_from = (select min(counts_from) from engagement_activities.int_consents)",),
        column="ends_before_it_starts",
    ),
    "a_variable_that_can_be_measured_for_nobody": Fault(
        "intermediate", "int_engagement_variables", "null_share_change", "error",
        (f"update {VARIABLES} set email_opens = null where {LATEST}",), column="email_opens",
    ),
    "a_variable_below_nothing": Fault(
        "intermediate", "int_engagement_variables", "least", "error",
        (f"update {VARIABLES} set web_engaged_minutes = -3 where {LATEST} and web_visits > 5",),
        column="web_engaged_minutes",
    ),
    "a_normalised_value_above_1": Fault(
        "intermediate", "int_normalised_variables", "greatest", "error",
        (f"update engagement_normalised.int_normalised_variables set recency_days = 1.2 "
         f"where {LATEST}",), column="recency_days", observed="1.2 (recency_days, ",
    ),
    "visits_per_customer_spread_otherwise_than_in_the_reference": Fault(
        "intermediate", "int_engagement_variables", "psi", "warn",
        ("""insert into engagement_seeds.quality_reference values
            ('int_engagement_variables', null, 'store_visits', 1, null, 0, null, 0.1),
            ('int_engagement_variables', null, 'store_visits', 2, 0, null, null, 0.9)""",),
        column="store_visits",
    ),
    "channels_with_other_shares_than_in_the_reference": Fault(
        "intermediate", "int_activities", "psi", "warn",
        ("""insert into engagement_seeds.quality_reference values
            ('int_activities', null, 'channel', 1, null, null, 'store', 0.9),
            ('int_activities', null, 'channel', 2, null, null, 'web', 0.1)""",), column="channel",
    ),
    "customers_who_vanish_from_the_score": Fault(
        "marts", "fct_engagement_scores", "row_count_ratio", "error",
        (f"delete from {SCORES} where {LATEST} and md5(customer_id) < 'a'",),
    ),
    "scores_that_fall_by_20_points": Fault(
        "marts", "fct_engagement_scores", "mean_change", "error",
        (f"update {SCORES} set score = score - 20 where {LATEST}",), column="score",
    ),
    "scores_that_rise_by_8_points": Fault(
        "marts", "fct_engagement_scores", "mean_change", "warn",
        (f"update {SCORES} set score = score + 8 where {LATEST}",), column="score",
    ),
    "a_score_above_100": Fault(
        "marts", "fct_engagement_scores", "greatest", "error",
        (f"update {SCORES} set score = 130 where {LATEST} and customer_id = (select "
         f"max(customer_id) from {SCORES} where {LATEST})",), column="score",
    ),
    "customers_who_lose_their_level": Fault(
        "marts", "fct_customer_segments", "mean_change", "warn",
        ("update engagement_segments.int_customer_segments set engagement_level = null "
         f"where {LATEST} and md5(customer_id) < '6'",), column="without_a_level",
    ),
    "scores_spread_otherwise_than_in_the_reference": Fault(
        "marts", "fct_engagement_scores", "psi", "warn",
        ("""insert into engagement_seeds.quality_reference values
            ('fct_engagement_scores', 'balanced_1', 'score', 1, null, 80, null, 0.5),
            ('fct_engagement_scores', 'balanced_1', 'score', 2, 80, null, null, 0.5)""",),
        column="score",
    ),
}  # fmt: skip


def suite_of(layer: str, manifest: dict) -> list[dict]:
    node = manifest["nodes"][f"model.engagement_scoring.int_quality__{layer}"]
    return node["config"]["meta"]["suite"]


@dataclass(frozen=True)
class Bench:
    """A copy of the demo's database with healthy tables in place of some of its own."""

    connection: duckdb.DuckDBPyConnection
    demo: Project

    def profile(self, layer: str) -> None:
        """What int_profile__<layer> does, on the tables as they are now."""
        folder = self.demo.target / "compiled/engagement_scoring/models/9_quality"
        sql = (folder / f"int_profile__{layer}.sql").read_text()
        self.connection.execute(
            f"create or replace table engagement_quality.int_profile__{layer} as {sql}"
        )

    def frames(self, layer: str, tables: list[str]) -> list:
        model = models[layer]
        of_tables = f"where table_name in {(*tables, '')}"
        return [
            model.frame_of(
                model.rows_of(self.connection.sql(f"from engagement_quality.{name} {of_tables}"))
            )
            for name in (f"int_judged__{layer}", f"int_sample__{layer}")
        ]

    def judge(self, layer: str, *tables: str) -> list[dict]:
        """What int_quality__<layer> finds in some tables."""
        self.profile(layer)
        suite = suite_of(layer, self.demo.manifest)
        return list(models[layer].judgements(suite, *self.frames(layer, [*tables])))


@pytest.fixture(scope="module")
def bench(demo, tmp_path_factory) -> Iterator[Bench]:
    path = tmp_path_factory.mktemp("bench") / demo.database.name  # views name it
    shutil.copy(demo.database, path)
    search_path = {"file_search_path": str(demo.home)}
    with duckdb.connect(str(path), config=search_path) as connection:
        connection.execute(
            "create macro n3(id) as cast(regexp_extract(id, '[0-9]+$') as integer) % 3 > 0"
        )
        for table, (rows, columns) in HEALTHY.items():
            schema, name = table.split(".")
            relation = f"engagement_{schema}.{name}"
            connection.execute(f"""
                create table healthy as
                (select * from {relation} limit 0)
                union all by name
                select {columns} from {WEEKS.format(rows=rows)}""")
            kind = "view" if schema.startswith("raw") else "table"
            connection.execute(f"drop {kind} {relation}")
            connection.execute(f"create table {relation} as from healthy")
            connection.execute("drop table healthy")
        connection.execute(
            "delete from engagement_raw_web.events where _loaded_at > '2026-11-01' and n3(event_id)"
        )
        yield Bench(connection, demo)


@pytest.fixture
def changed(bench) -> Iterator[Bench]:
    """The bench, as it was afterwards."""
    bench.connection.execute("begin")
    yield bench
    bench.connection.execute("rollback")


def misses(rows: list[dict]) -> list[tuple]:
    return [
        (row["severity"], row["table_name"], row["column_name"], row["observed"], row["expected"])
        for row in rows
        if row["success"] is False
    ]


JUDGED = sorted({(fault.layer, fault.table) for fault in FAULTS.values()})


@pytest.mark.parametrize("layer", LAYERS)
def test_tables_whose_shape_is_as_ever_are_as_expected(changed, layer):
    rows = changed.judge(layer, *(table for of, table in JUDGED if of == layer))
    assert misses(rows) == []
    unjudged = {(r["table_name"], r["expected"]) for r in rows if r["success"] is None}
    measures = {(f.table, f.measure) for f in FAULTS.values() if f.layer == layer}
    judged = {(r["table_name"], r["expected"].split()[0]) for r in rows if r["success"]}
    assert {pair for pair in measures - judged if pair[1] != "psi"} <= {
        ("stg_crm__service_tickets", "mean")  # five a day are too few for a share
    }, unjudged


@pytest.mark.parametrize("name", FAULTS)
def test_the_suite_catches(changed, name):
    fault = FAULTS[name]
    for change in fault.changes:
        changed.connection.execute(change)
    found = misses(changed.judge(fault.layer, fault.table))
    own = [
        observed
        for severity, _, column, observed, expected in found
        if (severity, column) == (fault.severity, fault.column)
        and expected.split()[0] == fault.measure
    ]
    assert len(own) == 1, found
    assert own[0].startswith(fault.observed)
    if fault.severity == "warn":
        assert {severity for severity, *_ in found} == {"warn"}, found


@pytest.mark.parametrize("layer", LAYERS)
def test_tables_without_rows_say_nothing(changed, layer):
    for of, table in JUDGED:
        if of == layer and layer in ("raw", "staging"):
            schema = "engagement_staging." if layer == "staging" else "engagement_"
            if table in HEALTHY or layer == "staging":
                changed.connection.execute(f"delete from {schema}{table}")
    for table in (SCORES, VARIABLES, "engagement_activities.int_activities"):
        changed.connection.execute(f"delete from {table}")
    rows = changed.judge(layer, *(table for of, table in JUDGED if of == layer))
    assert [row["table_name"] for row in rows if row["success"] is False] == []


def test_three_weeks_of_data_raise_no_alarm(changed):
    changed.connection.execute(f"delete from {EVENTS} where _loaded_at < '2026-10-11'")
    changed.connection.execute(f"delete from {EVENTS} where {LAST_DAY}")
    rows = changed.judge("raw", "raw_web.events")
    assert misses(rows) == []
    ratios = [row for row in rows if row["expected"].startswith("row_count_ratio")]
    assert [row["observed"] for row in ratios] == ["too few rows, or days before, to say"] * 2


def test_a_week_is_compared_with_the_four_before_once_twenty_of_their_days_are_there(changed):
    """The last whole day is 31 October; the four weeks before its week end on the 24th."""
    changed.connection.execute(
        f"delete from {EVENTS} where hash(event_id) % 10 < day(_loaded_at) % 4"
    )
    for first_day, is_known in ((date(2026, 10, 5), True), (date(2026, 10, 6), False)):
        changed.connection.execute(f"delete from {EVENTS} where _loaded_at < '{first_day}'")
        loads = changed.connection.execute(f"select _loaded_at from {EVENTS}").fetchall()
        rows = Counter(loaded_at.date() for (loaded_at,) in loads)
        week = sum(rows[date(2026, 10, day)] for day in range(25, 32))
        before = sum(rows[date(2026, 10, day)] for day in range(first_day.day, 25))
        changed.profile("raw")
        found = changed.connection.execute("""
            select week_count_ratio from engagement_quality.int_judged__raw
            where table_name = 'raw_web.events' and column_name = '*'
                and profile_date = '2026-10-31'""").fetchall()
        assert found == [(pytest.approx(week / (before / 4)) if is_known else None,)]


@pytest.mark.parametrize("rows_of_ten", [9, 2], ids=["a_day_says_enough", "its_week_speaks_for_it"])
def test_a_day_is_measured_beside_the_weeks_before_as_numpy_does(changed, rows_of_ten):
    changed.connection.execute(f"""
        update {STAGED} set engaged_seconds =
            case when hash(event_id, 1) % 5 > 0 then hash(event_id, 2) % 1000 / 10 end""")
    changed.connection.execute(f"""
        delete from {STAGED}
        where hash(event_id, 3) % 10 >= {rows_of_ten} - day(event_at) % 2""")
    days = defaultdict(list)
    for day, seconds in changed.connection.execute(
        f"select event_at::date, engaged_seconds from {STAGED}"
    ).fetchall():
        days[(day - date(2026, 10, 31)).days].append(np.nan if seconds is None else seconds)
    day, week, before = (
        np.concatenate([days[number] for number in numbers])
        for numbers in (range(1), range(-6, 1), range(-34, -6))
    )
    span = day if len(day) >= 100 else week
    usual = np.mean(sorted(len(days[number]) for number in (-28, -21, -14, -7))[1:3])
    is_null, was_null = np.isnan(span).mean(), np.isnan(before).mean()
    mean, was_mean = np.nanmean(span), np.nanmean(before)
    changed.profile("staging")
    found = changed.connection.execute("""
        select
            whole.row_count_ratio, whole.week_count_ratio,
            seconds.null_share, seconds.null_share_change, seconds.mean, seconds.mean_change
        from engagement_quality.int_judged__staging as whole
        inner join engagement_quality.int_judged__staging as seconds
            using (table_name, profile_date)
        where table_name = 'stg_web__events' and profile_date = '2026-10-31'
            and whole.column_name = '*' and seconds.column_name = 'engaged_seconds'
        """).fetchall()
    expected = [
        len(day) / usual if usual >= 100 else None, len(week) / (len(before) / 4),
        is_null, is_null - was_null, mean, mean - was_mean,
    ]  # fmt: skip
    assert found == [tuple(value and pytest.approx(value, abs=1e-6) for value in expected)]


def test_drift_without_a_reference_is_told_and_not_judged(changed):
    rows = changed.judge("marts", "fct_engagement_scores")
    (drift,) = (row for row in rows if row["expected"].startswith("psi"))
    assert drift["success"] is None
    assert "no reference yet" in drift["observed"]
    assert "make quality-reference" in drift["observed"]


def test_what_is_judged_does_not_grow_with_the_rows(changed):
    changed.profile("raw")
    few = [frame.shape for frame in changed.frames("raw", ["raw_web.events", "raw_crm.consents"])]
    for table in (EVENTS, "engagement_raw_crm.consents"):
        changed.connection.execute(f"insert into {table} select t.* from {table} as t, range(99)")
    changed.profile("raw")
    many = [frame.shape for frame in changed.frames("raw", ["raw_web.events", "raw_crm.consents"])]
    (count,) = changed.connection.execute(f"select count(*) from {EVENTS}").fetchall()[0]
    assert count > 1_000_000
    assert many[0] == few[0]
    assert few[1][0] < many[1][0] == 2_000 * 2  # rows of the sample, two columns


def test_the_profile_counts_what_is_in_the_table(changed):
    changed.connection.execute(f"update {STAGED} set engaged_seconds = null where n3(event_id)")
    changed.profile("staging")
    found = changed.connection.execute("""
        select row_count, filled_count, least, greatest, mean
        from engagement_quality.int_profile__staging
        where table_name = 'stg_web__events' and column_name = 'engaged_seconds'
            and profile_date = '2026-10-20'""").fetchall()
    seconds = np.array([10.0 + n % 50 for n in range(300) if n % 3 == 0])
    expected = (300, 100, seconds.min(), seconds.max(), round(seconds.mean(), 6))
    assert found == [expected]


# Layer -> table and check of its rows -> what is just right, and what is just not.
EDGES = {
    "raw": {
        ("raw_web.events", "happened_after_its_load"): (
            "event_at = _loaded_at + interval 1 hour",
            "event_at = _loaded_at + interval 3601 second",
        ),
    },
    "staging": {
        ("stg_app__devices", "uninstalled_before_installed"): (
            "uninstalled_at = installed_at", "uninstalled_at = installed_at - interval 1 second",
        ),
        ("stg_app__events", "lasts_less_than_nothing"): (
            "engaged_seconds = 0", "engaged_seconds = -0.001",
        ),
        ("stg_crm__customer_merges", "merged_into_itself"): (
            "into_customer_id = from_customer_id || ' '", "into_customer_id = from_customer_id",
        ),
        ("stg_crm__service_tickets", "closed_before_opened"): (
            "closed_at = opened_at", "closed_at = opened_at - interval 1 second",
        ),
        ("stg_loyalty__promotions", "ends_before_it_starts"): (
            "ends_at = starts_at", "ends_at = starts_at - interval 1 second",
        ),
        ("stg_loyalty__store_visits", "lasts_less_than_nothing"): (
            "duration_seconds = 0", "duration_seconds = -0.001",
        ),
        ("stg_loyalty__transactions", "in_a_store_without_one"): (
            "store_id = case when sales_channel = 'store' then 's1' end", "store_id = null",
        ),
        ("stg_web__events", "lasts_less_than_nothing"): (
            "engaged_seconds = 0", "engaged_seconds = -0.001",
        ),
    },
    "intermediate": {
        ("int_consents", "ends_before_it_starts"): (
            "counts_until = counts_from", "counts_until = counts_from - 1",
        ),
    },
}  # fmt: skip


@pytest.mark.parametrize("layer", EDGES)
def test_a_check_finds_what_is_just_not_right_and_leaves_what_just_is(changed, layer):
    schemas = {"raw": "engagement_", "staging": "engagement_staging."}
    for right_or_not, expected in enumerate([0, 1]):
        for (table, _), values in EDGES[layer].items():
            relation = schemas.get(layer, "engagement_activities.") + table
            changed.connection.execute(f"update {relation} set {values[right_or_not]}")
        changed.profile(layer)
        for table, check in EDGES[layer]:
            found = changed.connection.execute(f"""
                select max(greatest) from engagement_quality.int_profile__{layer}
                where table_name = '{table}' and column_name = '{check}'""").fetchall()
            assert found == [(expected,)], f"{table}, {check}"


@pytest.mark.parametrize(
    ("layer", "table"),
    [
        ("intermediate", "int_engagement_variables"),
        ("intermediate", "int_normalised_variables"),
        ("marts", "fct_engagement_scores"),
        ("marts", "fct_customer_segments"),
        ("marts", "fct_customer_value"),
    ],
)
def test_of_scores_the_date_that_is_judged_and_the_four_before_are_measured(demo, layer, table):
    dates = demo.ask("select score_date from engagement_variables.int_score_dates")
    measured = demo.ask(f"""
        select distinct profile_date from engagement_quality.int_profile__{layer}
        where table_name = '{table}' order by all""")
    assert measured == sorted(dates)[-5:]


def test_a_sample_is_the_same_whatever_the_order_of_the_rows(changed):
    sql = "select * from engagement_quality.int_sample__staging order by all"
    before = changed.connection.execute(sql).fetchall()
    assert len(before) > 2_000
    changed.connection.execute(
        f"create or replace table {STAGED} as from {STAGED} order by hash(event_id, 7)"
    )
    assert changed.connection.execute(sql).fetchall() == before


# Layer, table and column -> the rows that may be sampled, by what tells them apart.
SAMPLED = {
    ("raw", "raw_loyalty.transactions", "sales_channel"): """
        select transaction_id, sales_channel from engagement_raw_loyalty.transactions
        where _loaded_at > (
            select max(newest_loaded_at) - interval 8 day from engagement_staging.int_raw_rows
            where source_system = 'raw_loyalty')""",
    ("staging", "stg_crm__customers", "country"): """
        select customer_id, country from engagement_staging.stg_crm__customers
        where replaced_at is null""",
    ("staging", "stg_web__events", "event_name"): """
        select event_id, event_name from engagement_staging.stg_web__events
        where replaced_at is null and event_at > (
            select max(newest_loaded_at) - interval 8 day from engagement_staging.int_raw_rows)""",
    ("intermediate", "int_engagement_variables", "recency_days"): """
        select customer_id, cast(round(recency_days, 6) as varchar)
        from engagement_variables.int_engagement_variables
        where score_date = (select max(score_date) from engagement_variables.int_score_dates)""",
    ("intermediate", "int_activities", "channel"): """
        select
            concat_ws('|', coalesce(customer_id, unidentified_as), activity, activity_at),
            channel
        from engagement_activities.int_activities
        where activity_date >= (
            select max(score_date) - 27 from engagement_variables.int_score_dates)""",
    ("marts", "fct_customer_segments", "persona"): """
        select customer_id, persona from engagement_marts.fct_customer_segments
        where is_latest""",
}  # fmt: skip


@pytest.mark.parametrize(("layer", "table", "column"), SAMPLED)
def test_the_sample_is_of_the_rows_whose_hashed_key_comes_first_of_the_recent_ones(
    demo, layer, table, column
):
    rows = demo.ask(SAMPLED[layer, table, column])
    first = sorted(rows, key=lambda row: (md5(row[0].encode()).hexdigest(), row[0]))[:2000]
    found = demo.ask(f"""
        select coalesce(text_value, cast(number_value as varchar))
        from engagement_quality.int_sample__{layer}
        where table_name = '{table}' and column_name = '{column}'""")
    assert Counter(value for (value,) in found) == Counter(value for _, value in first)


# The suites and models themselves.


def test_the_models_of_the_layers_are_alike_but_for_the_layer():
    texts = set()
    for layer in LAYERS:
        text = (ROOT / f"models/9_quality/int_quality__{layer}.py").read_text()
        texts.add(re.sub(rf"__{layer}\b|\"{layer}\"|the {layer} layer", "~", text))
    assert len(texts) == 1


@pytest.mark.parametrize("layer", LAYERS)
def test_every_expectation_is_about_what_is_there_and_says_whom_to_ask(demo, layer):
    places = set(demo.ask(
        f"select distinct table_name, column_name from engagement_quality.int_profile__{layer} "
        f"union select distinct table_name, column_name from engagement_quality.int_sample__{layer}"
    ))  # fmt: skip
    tables = {table for table, _ in places}
    measures = {row[0] for row in demo.ask(f"describe engagement_quality.int_judged__{layer}")}
    for group in suite_of(layer, demo.manifest):
        named = tables if group["tables"] == "all" else set(group["tables"])
        assert named <= tables, named - tables
        for entry in group["expectations"]:
            assert entry["severity"] in ("error", "warn")
            assert len(entry["meta"]["owner"]) > 1
            assert len(entry["meta"]["action"]) > 20
            columns = {column for table, column in places if table in named}
            assert set(entry.get("columns", [])) <= columns, entry
            of_sample = {"number_value", "text_value"}
            known = of_sample if entry.get("of") == "sample" else measures
            assert entry["kwargs"]["column"] in known, entry


def test_nothing_that_tells_who_somebody_is_is_sampled(demo):
    sampled = {
        column
        for layer in LAYERS
        for (column,) in demo.ask(
            f"select distinct column_name from engagement_quality.int_sample__{layer}"
        )
    }
    allowed = {"event_name", "email_opens"}  # a kind of event, a count
    assert len(sampled) > 15
    assert [c for c in sampled - allowed if re.fullmatch(IDENTIFYING, c)] == []
    declared = {column for columns in contract().values() for column in columns}
    for column in ("email", "login_id", "customer_id", "birth_date", "user_agent", "store_name"):
        assert column in declared
        assert re.fullmatch(IDENTIFYING, column)


def test_without_anything_to_judge_great_expectations_is_not_loaded(monkeypatch):
    monkeypatch.setitem(sys.modules, "great_expectations", None)  # importing it would fail
    with duckdb.connect() as connection:
        nothing = connection.sql("select 'raw_web.events' as table_name where false")

        class Dbt:
            ref = staticmethod(lambda name: nothing)

        rows = models["raw"].model(Dbt, connection)
        assert rows.fetchall() == []
        assert rows.columns == models["raw"].SCHEMA.names


def test_judging_asks_no_other_machine_and_leaves_no_file(changed, monkeypatch, tmp_path):
    def refused(*address):
        raise AssertionError(f"a connection to {address}")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    rows = changed.judge("marts", "fct_engagement_scores", "dim_customers")
    assert sum(row["success"] is True for row in rows) > 5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "kwargs", "said"),
    [
        ("values_to_match_regex", {"column": "least", "regex": "("}, r"Correct expect_.*regex.*\("),
        ("values_to_be_null", {"column": "largest"}, "largest is none of table_name, .*greatest"),
        ("mean_to_be_between", {"column": "least", "max_value": 1}, "not judge value by value"),
    ],
)
def test_a_suite_that_cannot_be_judged_stops_and_says_why(changed, kind, kwargs, said):
    entry = {
        "type": f"expect_column_{kind}",
        "kwargs": kwargs,
        "severity": "warn",
        "meta": {"owner": "nobody", "action": "correct it"},
    }
    changed.profile("marts")
    suite = [{"tables": "all", "expectations": [entry]}]
    frames = changed.frames("marts", ["fct_engagement_scores"])
    with pytest.raises(ValueError, match=said):
        list(models["marts"].judgements(suite, *frames))


def test_sampled_values_stand_in_no_result(changed):
    changed.connection.execute("update engagement_raw_crm.consents set status = 'a secret status'")
    rows = changed.judge("raw", "raw_crm.consents")
    (row,) = (row for row in rows if row["column_name"] == "status")
    assert row["success"] is False
    assert "secret" not in json.dumps(row, default=str)


# The stored reference and the report.


def script(name: str):
    """A script of scripts/ as a module."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        spec = spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.pop(0)


def test_numbers_are_binned_between_their_deciles():
    bins = list(script("quality_reference").number_bins(range(1, 101)))
    assert [row[:2] for row in bins] == [
        (None, 10.0), (10.0, 20.0), (20.0, 30.0), (30.0, 40.0), (40.0, 50.0), (50.0, 60.0),
        (60.0, 70.0), (70.0, 80.0), (80.0, 90.0), (90.0, None),
    ]  # fmt: skip
    assert [row[3] for row in bins] == [0.1] * 10


def test_a_number_that_most_have_is_a_bin_of_its_own():
    bins = list(script("quality_reference").number_bins([0] * 70 + [1] * 20 + [5] * 10))
    assert bins == [(None, 0.0, None, 0.7), (0.0, 1.0, None, 0.2), (1.0, None, None, 0.1)]


def test_texts_are_binned_by_how_frequent_they_are():
    bins = script("quality_reference").text_bins(["store"] * 3 + ["online"])
    assert list(bins) == [(None, None, "store", 0.75), (None, None, "online", 0.25)]


def psi(reference: np.ndarray, found: np.ndarray) -> float:
    """The population stability index by its definition."""
    reference, found = np.maximum(reference, 1e-4), np.maximum(found, 1e-4)
    return float(np.sum((found - reference) * np.log(found / reference)))


def test_against_the_reference_of_its_own_sample_nothing_has_moved_and_then_as_much_as_numpy_says(
    changed,
):
    reference = script("quality_reference")
    columns = reference.sampled(changed.connection, "engagement")
    rows = list(reference.reference(columns))
    changed.connection.executemany(
        "insert into engagement_seeds.quality_reference values (?, ?, ?, ?, ?, ?, ?, ?)",
        [(table, part or None, *rest) for table, part, *rest in rows],
    )
    for layer in LAYERS:
        drifts = changed.connection.execute(
            f"select psi from engagement_quality.int_drifts__{layer}"
        ).fetchall()
        assert len(drifts) >= 2, layer
        assert max(drift for (drift,) in drifts) == 0

    changed.connection.execute(f"update {SCORES} set score = least(100, 1.5 * score)")
    after = reference.sampled(changed.connection, "engagement")
    key = ("fct_engagement_scores", "balanced_1", "score")
    bounds = [row[5] for row in rows if row[:3] == key][:-1]
    shares = [
        np.bincount(np.searchsorted(bounds, values[key], side="left"), minlength=len(bounds) + 1)
        / len(values[key])
        for values in (columns, after)
    ]
    (found,) = changed.connection.execute("""
        select psi from engagement_quality.int_drifts__marts
        where part = 'balanced_1' and column_name = 'score'""").fetchall()[0]
    assert found > 0.1
    assert found == pytest.approx(psi(*shares), abs=1e-5)


def test_the_report_has_a_page_per_table_and_none_asks_another_server(demo, tmp_path):
    report = script("quality_report")
    with demo.connect() as connection:
        tables = report.last_judgements(connection, "engagement")
    layers = {layer for layer, _ in tables}
    assert layers == {*LAYERS}
    front = report.render(tables, tmp_path)
    pages = {path.name: path.read_text() for path in tmp_path.iterdir()}
    links = re.findall(r'href="([^"]+\.html)"', front.read_text())
    assert len(links) == len(tables) == len(pages) - 1
    assert set(links) == pages.keys() - {"index.html"}
    for name, page in pages.items():
        assert not re.search(r"https?://|<script", page), name
    assert "row_count_ratio" in pages["marts__fct_engagement_scores.html"]


def test_the_report_begins_with_what_is_not_as_expected_and_names_no_customer(demo, tmp_path):
    report = script("quality_report")
    with demo.connect() as connection:
        tables = report.last_judgements(connection, "engagement")
        ids = {row[0] for row in connection.execute(
            "select customer_id from engagement_marts.dim_customers"
        ).fetchall()}  # fmt: skip
    rows = tables["marts", "fct_engagement_scores"]
    *row, result = next(row for row in rows if row[2])
    row[2] = False
    tables["marts", "fct_engagement_scores"].append([*row, result.replace("true", "false", 1)])
    front = report.render(tables, tmp_path).read_text()
    assert front.index(escape(row[6])) < front.index("Tables")
    words = set(re.findall(r"[\w:]+", " ".join(p.read_text() for p in tmp_path.iterdir())))
    assert len(words) > 200
    assert words & ids == set()


# What a build says.


@pytest.fixture
def again(copied) -> Project:
    """The demo's build once more, to judge anew; it is small."""
    return replace(copied, variables={"quality_least_rows": 10})


def test_of_what_is_measured_again_only_what_has_changed_is_written(copied):
    """Of each layer, measures are spoiled that differ from another in one column of the key."""
    key = ["table_name", "part", "column_name", "profile_date"]
    tables = {layer: f"engagement_quality.int_profile__{layer}" for layer in LAYERS}
    measures = [
        f"select * exclude (written_at) from {table} order by all" for table in tables.values()
    ]
    before = [copied.ask(measure) for measure in measures]
    with duckdb.connect(str(copied.database)) as connection:
        connection.execute(
            "delete from engagement_staging.int_marks where model_name like 'int_profile__%'"
        )
        for layer, table in tables.items():
            for one in key:
                if one == "part" and layer in ("raw", "staging"):
                    continue  # what lands is not split
                alike = " and ".join(
                    f"other.{same} = measure.{same}" for same in key if same != one
                )
                ((count,),) = connection.execute(f"""
                    update {table} set mean = coalesce(mean, 0) + 1 where rowid = (
                        select max_by(rowid, profile_date) from {table} as measure
                        where exists (
                            from {table} as other where other.{one} != measure.{one} and {alike}
                        )
                    )""").fetchall()
                assert count == 1, f"{layer}, {one}"
    copied.dbt("run", "--select", "int_profile__*")
    assert [copied.ask(measure) for measure in measures] == before


# What moves activities, scores or segments, and the layers that are measured again after it.
MOVED_BY = {
    "nothing": [],
    "activities.int_touched_customers": ["intermediate", "marts"],
    "identity.int_customers": ["intermediate", "marts"],
    "variables.int_running_activities": ["intermediate", "marts"],
    "normalised.int_restated_scorecards": ["intermediate", "marts"],
    "segments.int_restated_segments": ["marts"],
    "staging.stg_loyalty__transaction_amounts": ["marts"],
}


@pytest.mark.parametrize("moved_by", MOVED_BY)
def test_scores_are_measured_again_where_something_is_new_that_moves_them(copied, moved_by):
    """Where nothing is, what this test has spoiled is not looked at."""
    profiles = [f"int_profile__{layer}" for layer in ("intermediate", "marts")]
    is_spoiled = "rhythm = 'score date' and greatest = -1"
    with duckdb.connect(str(copied.database)) as connection:
        for profile in profiles:
            connection.execute(f"""
                update engagement_quality.{profile} set greatest = -1
                where rhythm = 'score date' and greatest is not null""")
        if moved_by == "activities.int_touched_customers":
            connection.execute(f"""
                insert into engagement_{moved_by} (customer_id, touched_from, touched_at)
                values ('somebody', '2026-10-01', '2100-01-01')""")
        elif MOVED_BY[moved_by]:
            connection.execute(f"""
                update engagement_{moved_by} set written_at = '2100-01-01'
                where rowid = (select min(rowid) from engagement_{moved_by})""")
    copied.dbt("run", "--select", *profiles)
    measured = [
        profile.removeprefix("int_profile__")
        for profile in profiles
        if not copied.ask(f"select 1 from engagement_quality.{profile} where {is_spoiled}")
    ]
    assert measured == MOVED_BY[moved_by]


def test_an_error_in_the_data_fails_the_build_and_says_what_to_do(again, tmp_path):
    raw = copy_raw(again.raw, tmp_path / "raw", {
        "raw_web.events": f"from rows where not ({LAST_DAY}) or hash(event_id) % 20 = 0"
    })  # fmt: skip
    broken = replace(again, raw=raw)
    done = broken.attempt("build", "--full-refresh", "--select", "tag:quality")
    assert done.returncode != 0
    assert re.search(
        r"ERROR in the data, raw: raw_web\.events has 0\.\d+ \(2026-10-31\), expected is "
        r"row_count_ratio at least 0\.2\. See whether the load of that day failed.*"
        r"\(data engineering\)",
        done.stdout,
    ), done.stdout[-3_000:]
    (count,) = broken.ask("select count(*) from engagement_marts.rpt_data_quality")[0]

    # What has not changed is not judged again, and still fails.
    later = broken.attempt("build", "--select", "tag:quality")
    assert later.returncode != 0
    assert broken.ask("select count(*) from engagement_marts.rpt_data_quality") == [(count,)]

    # Landed again in full it is judged anew, and passes.
    mended = replace(broken, raw=again.raw).attempt("build", "--select", "tag:quality")
    assert mended.returncode == 0, mended.stdout[-3_000:]
    latest = (
        "select count(*) from engagement_marts.rpt_data_quality where is_latest and not success"
    )
    assert broken.ask(f"{latest} and severity = 'error'") == [(0,)]
    assert broken.ask("select count(*) from engagement_marts.rpt_data_quality")[0][0] > count


def test_a_warning_in_the_data_does_not_fail_the_build(again, tmp_path):
    raw = copy_raw(again.raw, tmp_path / "raw", {
        "raw_loyalty.transactions": "select * replace ('Euro' as currency) from rows",
    })  # fmt: skip
    done = replace(again, raw=raw).attempt("build", "--full-refresh", "--select", "tag:quality")
    assert done.returncode == 0, done.stdout[-3_000:]
    assert re.search(
        r"WARNING in the data, raw: raw_loyalty\.transactions has \d+ of \d+ sampled values are "
        r"not, expected is text_value regex .*Have currencies exported as ISO 4217 codes",
        done.stdout,
    ), done.stdout[-3_000:]
    assert "WARN 1 as_expected_rpt_data_quality_warn" in done.stdout


def test_near_real_time_judges_nothing(demo, tmp_path):
    said = Project(tmp_path, demo.raw).attempt(
        "ls", "--selector", "near_real_time", "--output", "name", "--resource-type", "model"
    )
    names = said.stdout.split()
    assert "int_scores" in names
    assert [name for name in names if re.match("int_(profile|judged|quality)__|rpt_", name)] == []
