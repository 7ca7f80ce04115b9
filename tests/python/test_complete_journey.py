"""Real loyalty households, landed and built as the tutorial does, against the files themselves."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest
import yaml
from harness import ROOT, Project
from scipy.stats import rankdata

DATA = Path(os.environ.get("ENGAGEMENT_REAL_DATA", ROOT / "../shared/data")) / "complete_journey"
EXAMPLE = ROOT / "examples" / "complete_journey"
DAYS = [np.datetime64("2017-06-30"), np.datetime64("2017-08-31")]

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"no Complete Journey data in {DATA}; set ENGAGEMENT_REAL_DATA"
)


@pytest.fixture(scope="module")
def journey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("journey")
    land = [sys.executable, EXAMPLE / "land.py", "--data", DATA, "--out", folder / "raw"]
    subprocess.run(land, check=True, capture_output=True)
    variables = yaml.safe_load((EXAMPLE / "vars.yml").read_text()) | {"raw_path": "raw"}
    project = Project(folder / "build", folder / "raw", variables=variables, quality=True)
    project.dbt("build", "--exclude-resource-type=unit_test")
    return project.dbt("compile", "--select", "score_against_future_purchases")


@pytest.fixture(scope="module")
def purchases():
    """household -> sorted days with a purchase, in New York, from the file itself."""
    file = DATA / "transactions_line_sample_2017.parquet"
    rows = duckdb.sql(
        f"""select distinct household_id::varchar, transaction_timestamp::date from '{file}'
        order by all"""
    ).fetchall()
    days = {}
    for household, day in rows:
        days.setdefault(household, []).append(np.datetime64(day))
    return {household: np.array(found) for household, found in days.items()}


def auc(values, is_buyer):
    """Area under the ROC curve by the rank sum (Mann and Whitney), ties at their mean rank."""
    ranks, buyers = rankdata(values), is_buyer.sum()
    return (ranks[is_buyer].sum() - buyers * (buyers + 1) / 2) / (buyers * (~is_buyer).sum())


def measures(journey, purchases, day):
    """Areas by (days ahead, measure), and the number of households, worked out in NumPy."""
    scores = dict(
        journey.ask(
            f"""select customer_id, score from engagement_marts.fct_engagement_scores
            where score_date = '{day}' and scorecard_version = 'balanced_1'"""
        )
    )
    known = {h: days for h, days in purchases.items() if (days <= day).any()}
    recency = np.array([-(day - d[d <= day].max()).astype(int) for d in known.values()])
    frequency = np.array([(d <= day).sum() for d in known.values()])
    values = {
        "score": np.array([scores[household] for household in known]),
        "recency": recency,
        "frequency": frequency,
        "recency + frequency": rankdata(recency) + rankdata(frequency),
    }
    areas = {}
    for ahead in (30, 90):
        buys = np.array(
            [((d > day) & (d <= day + np.timedelta64(ahead, "D"))).any() for d in known.values()]
        )
        areas |= {(ahead, name): auc(value, buys) for name, value in values.items()}
    return areas, len(known)


@pytest.fixture(scope="module")
def analysed(journey):
    """The rows of the analysis that `make example` prints."""
    compiled = journey.target.glob("compiled/**/score_against_future_purchases.sql")
    return journey.ask(next(compiled).read_text())


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_the_analysis_agrees_with_the_files_themselves(journey, purchases, analysed, day):
    expected, households = measures(journey, purchases, day)
    rows = [row[1:] for row in analysed if str(row[0]) == str(day)]
    assert {row[-1] for row in rows} == {households}
    assert {(row[0], row[1]) for row in rows} == expected.keys()
    for ahead, measure, area, *_ in rows:
        assert area == pytest.approx(expected[ahead, measure], abs=6e-5)


def test_the_readme_shows_what_the_analysis_finds(analysed):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = [re.split(" {2,}", line) for line in readme.splitlines() if line[:5] == "2017-"]
    assert [tuple(line[:3]) for line in shown] == [tuple(map(str, row[:3])) for row in analysed]
    for line, row in zip(shown, analysed, strict=True):
        assert [float(cell) for cell in line[3:]] == pytest.approx(row[3:], abs=2e-4)


def test_the_score_leads_recency_and_is_not_behind_frequency(analysed):
    compared = [row for row in analysed if row[2] != "score"]
    assert len(compared) == 12
    for _day, _ahead, measure, _area, _lead, lead_from, lead_to, _customers in compared:
        assert (lead_from if measure == "recency" else lead_to) > 0


def test_no_answer_without_a_date_is_landed(journey):
    assert not (journey.raw / "raw_crm" / "preferences.parquet").exists()
    first_traces = duckdb.sql(
        f"select count(*) from '{journey.raw}/raw_loyalty/members.parquet'"
        " where joined_at < '2017-01-01 05:00'"
    ).fetchall()[0][0]
    campaigns_before = duckdb.sql(
        f"""select count(distinct household_id) from '{DATA}/campaigns.csv.gz'
        join '{DATA}/campaign_descriptions.csv.gz' using (campaign_id)
        where start_date < '2017-01-01'"""
    ).fetchall()[0][0]
    assert first_traces == campaigns_before


def test_every_household_is_scored_at_every_period_end_from_its_first_trace_on(journey):
    raw = journey.raw / "raw_loyalty" / "members.parquet"
    joined = dict(
        duckdb.sql(
            f"""select
                member_id, (joined_at at time zone 'UTC' at time zone 'America/New_York')::date
            from '{raw}'"""
        ).fetchall()
    )
    first_score_date, last = journey.ask(
        "select min(score_date), max(score_date) from engagement_marts.fct_engagement_scores"
    )[0]
    assert str(last) == "2017-12-31"
    months = np.arange(np.datetime64(first_score_date, "M"), np.datetime64("2018-01"))
    ends = (months + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
    expected = {(h, e) for h, day in joined.items() for e in ends if e >= np.datetime64(day)}
    scored = journey.ask(
        """select customer_id, score_date from engagement_marts.fct_engagement_scores
        where scorecard_version = 'balanced_1' and score is not null"""
    )
    assert {(household, np.datetime64(day)) for household, day in scored} == expected
    assert len(scored) == len(expected) > 10_000


def test_web_and_app_are_not_measurable(journey):
    with (ROOT / "seeds" / "scorecards.csv").open(newline="") as file:
        weights = {
            row["variable_name"]: float(row["weight"])
            for row in csv.DictReader(file)
            if row["scorecard_version"] == "balanced_1"
        }
    online = {name for name in weights if name.startswith(("web_", "app_", "email_", "push_"))}
    measured = journey.ask(
        f"""select {", ".join(f"count({name})" for name in sorted(online))}
        from engagement_variables.int_engagement_variables"""
    )[0]
    assert set(measured) == {0}
    highest = journey.ask(
        """select max(coverage) from engagement_marts.fct_engagement_scores
        where scorecard_version = 'balanced_1'"""
    )[0][0]
    assert highest <= 1 - sum(weights[name] for name in online) + 1e-9


def test_spend_and_orders_beside_the_score_are_those_of_the_files_to_the_cent(journey):
    """In dollars, which is what the files are in: per household and score date, 180 days back."""
    file = DATA / "transactions_line_sample_2017.parquet"
    paid = """
        select
            household_id::varchar as household, basket_id,
            transaction_timestamp::date as day,
            greatest(sales_value - coupon_disc, 0)::decimal(12, 2) as paid
    """
    dates = journey.ask("select distinct score_date from engagement_marts.fct_customer_value")
    with_purchases = duckdb.execute(
        f"""
        select household, score_date, sum(paid), count(distinct basket_id)
        from ({paid} from read_parquet($file)), (select unnest($dates) as score_date)
        where day <= score_date and day > score_date - 180
        group by all""",
        {"file": str(file), "dates": [date for (date,) in dates]},
    ).fetchall()
    expected = {(who, day): (round(100 * cents), n) for who, day, cents, n in with_purchases}
    found = {
        (who, day): (round(100 * spend), orders)
        for who, day, spend, orders in journey.ask(
            """select customer_id, score_date, spend, order_count
            from engagement_marts.fct_customer_value"""
        )
    }
    assert len(expected) > 5_000
    assert {key: found.get(key) for key in expected} == expected
    assert {found[key] for key in found.keys() - expected.keys()} <= {(0, 0)}
