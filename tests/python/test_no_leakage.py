"""Point in time: a score as of a date uses nothing that happened after it.

The data are cut by event time at the end of three earlier days and scored again under the identity
map and the fitted parameters of the whole build (its database, copied, without rebuilding those
models). Rows are cut by the time that their last loaded version tells, since a correction that
lands later restates history by design. Lines go with their receipt. Dimension tables (customers,
members, devices, merges, products ...) are the identity map and stay whole.
"""

import shutil

import pytest
from harness import SCORES, Project, at_once, copy_raw, same_rows

# Table -> its event time and the key of its rows.
EVENTS = {
    "raw_crm.consents": ("changed_at", "customer_id, channel, changed_at"),
    "raw_crm.preferences": ("changed_at", "customer_id, attribute, changed_at"),
    "raw_crm.campaign_contacts": ("sent_at", "contact_id"),
    "raw_crm.contact_responses": ("responded_at", "response_id"),
    "raw_crm.surveys": ("answered_at", "survey_id"),
    "raw_crm.service_tickets": ("opened_at", "ticket_id"),
    "raw_web.events": ("event_at", "event_id, anonymous_id, session_id, event_at"),
    "raw_web.reviews": ("reviewed_at", "review_id"),
    "raw_app.events": ("event_at", "event_id"),
    "raw_loyalty.transactions": ("transacted_at", "transaction_id"),
    "raw_loyalty.points_ledger": ("booked_at", "entry_id"),
    "raw_loyalty.benefit_redemptions": ("redeemed_at", "redemption_id"),
    "raw_loyalty.promotion_participations": ("participated_at", "participation_id"),
    "raw_loyalty.referrals": ("referred_at", "referral_id"),
    "raw_loyalty.store_visits": ("visited_at", "visit_id"),
}
KEPT = [
    # the identity map
    "int_customer_accounts", "int_customer_identifiers", "int_card_customers",
    "int_visitor_customers", "int_bot_visitors", "int_customers",
    # what was fitted
    "int_normalisation_parameters", "int_score_percentiles", "int_persona_centroids",
    "int_quadrant_bounds",
]  # fmt: skip
DATES = ["2026-01-31", "2026-05-31", "2026-08-31"]  # before, within and after the reference


def instant(day: str) -> str:
    """The end of the day in Paris, as a moment in UTC."""
    midnight = f"timestamp '{day} 00:00:00' + interval 1 day"
    return f"(({midnight}) at time zone 'Europe/Paris' at time zone 'UTC')"


def cut(day: str) -> dict[str, str]:
    """Queries that keep what happened by the end of the day."""
    changes = {}
    for table, (time, key) in EVENTS.items():
        last = f"first_value({time}) over (partition by {key} order by _loaded_at desc)"
        changes[table] = f"select * from rows qualify {last} < {instant(day)}"
    return changes


def cut_lines(raw, day: str) -> str:
    receipts = f"read_parquet('{raw}/raw_loyalty/transactions/*.parquet')"
    return f"""
        select * from rows where transaction_id in (
            select transaction_id from {receipts} where transacted_at < {instant(day)}
        )"""


def build_as_of(demo: Project, folder, day: str) -> Project:
    changes = cut(day) | {"raw_loyalty.transaction_lines": cut_lines(demo.raw, day)}
    raw = copy_raw(demo.raw, folder / "raw", changes)
    variables = {"as_of_date": day}
    then = Project(folder / "build", raw, variables=variables)
    then.folder.mkdir()
    shutil.copy(demo.database, then.database)
    return then.dbt("run", "--full-refresh", "--exclude", *KEPT)


@pytest.fixture(scope="module")
def builds(demo, tmp_path_factory) -> dict[str, Project]:
    folder = tmp_path_factory.mktemp("then")
    jobs = [lambda day=day: build_as_of(demo, folder / day, day) for day in DATES]
    return dict(zip(DATES, at_once(jobs), strict=True))


def test_the_three_dates_are_period_ends_of_the_whole_build(demo):
    ends = """
        select score_date::varchar from engagement_variables.int_score_dates where is_period_end"""
    assert set(DATES) < {day for (day,) in demo.ask(ends)}


@pytest.mark.parametrize("day", DATES)
def test_nothing_after_the_cut_is_left_in_the_data(builds, demo, day):
    last = f"select max(activity_date) <= date '{day}' from engagement_activities.int_activities"
    assert builds[day].ask(last) == [(True,)]
    assert demo.ask(last) == [(False,)]


@pytest.mark.parametrize("day", DATES)
def test_no_visit_runs_over_the_cut(demo, day):
    """A visit that began before midnight would lose its end by the cut, rightly but visibly."""
    at = instant(day)
    events = """
        select 'web' as kind, anonymous_id as visitor, session_id as session, event_at
        from engagement_staging.stg_web__events
        union all select 'app', device_id, session_id, event_at
        from engagement_staging.stg_app__events"""
    for visit, minutes in (("visitor", 31), ("visitor, session", 24 * 60)):
        over = f"""
            select count(*) from (
                select min(event_at) as began, max(event_at) as ended from ({events})
                where event_at between {at} - interval {minutes} minute
                    and {at} + interval {minutes} minute
                    and (session is not null or {minutes} = 31)
                group by kind, {visit}
            ) where began < {at} and ended >= {at}"""
        assert demo.ask(over) == [(0,)], "choose another date"


@pytest.mark.parametrize("day", DATES)
def test_scores_levels_and_personas_as_of_then_equal_those_told_afterwards(demo, builds, day):
    same = same_rows(builds[day], demo, f"{SCORES} where score_date <= '{day}'", key=3)
    assert same > 3_000


@pytest.mark.parametrize("day", DATES)
def test_nobody_is_scored_then_who_came_later(demo, builds, day):
    (last,), (everyone,) = (
        build.ask("select count(distinct customer_id) from engagement_scores.int_scores")[0]
        for build in (builds[day], demo)
    )
    assert last < everyone
    assert builds[day].ask("select max(score_date)::varchar from engagement_scores.int_scores") == [
        (day,)
    ]


@pytest.mark.parametrize("day", DATES)
def test_variables_as_of_then_equal_those_told_afterwards(demo, builds, day):
    """Also those that no scorecard weighs."""
    variables = f"""
        select customer_id, score_date, * exclude (customer_id, score_date)
        from engagement_variables.int_engagement_variables where score_date <= '{day}'"""
    assert same_rows(builds[day], demo, variables, key=2) > 1_500
