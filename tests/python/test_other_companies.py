"""Two companies unlike the demo, built completely with all tests: orders only, and logins only."""

import csv
import os
import random
import shutil
import subprocess
import sys
from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from harness import ROOT, Project


def land(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def accounts(count: int) -> list[str]:
    """Ids in capitals and small letters, which are different customers."""
    return [f"{'AB' if n % 2 else 'ab'}{n // 2:04d}" for n in range(count)]


def days(rng: random.Random, first: date, last: date) -> list[date]:
    """Days on which one customer did something: a rhythm of their own, and an end for some."""
    gap, day, found = rng.choice([5, 20, 60]), first + timedelta(rng.randrange(200)), []
    while day <= last and (rng.random() > 0.05 or not found):
        found.append(day)
        day += timedelta(1 + round(rng.expovariate(1 / gap)))
    return found


def summary(project: Project) -> str:
    """What `make build` prints at its end."""
    folder = project.folder / "summary"
    folder.mkdir()
    path = {"type": "duckdb", "schema": "engagement", "path": str(project.database)}
    profile = yaml.safe_dump({"engagement_scoring": {"outputs": {"demo": path}}})
    (folder / "profiles.yml").write_text(profile)
    shutil.copy(project.target / "run_results.json", folder)
    done = subprocess.run(
        [
            sys.executable, ROOT / "scripts" / "summary.py",
            "--target", "demo", "--target-path", folder,
        ],
        env=os.environ | {"DBT_PROFILES_DIR": str(folder)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(folder: Path, variables: dict) -> Project:
    project = Project(
        folder / "build", folder / "raw", variables=variables, quality=True, keeps_traces=True
    )
    return project.dbt("build", "--exclude-resource-type=unit_test")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """An online shop of 1997 and 1998: customers and orders in pounds, no load time, no members."""
    folder, rng = tmp_path_factory.mktemp("shop"), random.Random(5)
    orders, lines = [], []
    for customer in accounts(240):
        for day in days(rng, date(1997, 1, 1), date(1998, 6, 30)):
            key = f"O{len(orders)}"
            moment = datetime(day.year, day.month, day.day, 12)
            orders.append(
                {
                    "transaction_id": key,
                    "transacted_at": moment,
                    "sales_channel": "online",
                    "customer_id": customer,
                    "currency": "GBP",
                }
            )
            for number in range(rng.choice([1, 1, 2])):
                amount = rng.randrange(299, 9999)
                lines.append(
                    {
                        "transaction_id": key,
                        "line_id": number,
                        "product_id": f"CD{rng.randrange(50)}",
                        "quantity": 1,
                        "amount": f"{amount / 100:.2f}",
                    }
                )
    land(folder / "raw/raw_crm/customers.csv", [{"customer_id": c} for c in accounts(240)])
    land(folder / "raw/raw_loyalty/transactions.csv", orders)
    land(folder / "raw/raw_loyalty/transaction_lines.csv", lines)
    variables = {
        "business_timezone": "Europe/London",
        "reporting_currency": "GBP",
        "reference_start_date": "1997-01-01",
        "reference_end_date": "1997-12-31",
        "as_of_date": "1998-06-30",
    }
    return build(folder, variables), orders, lines


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """An app whose users log in, and nothing else; load times as the loader writes them."""
    folder, rng = tmp_path_factory.mktemp("app"), random.Random(6)
    events, devices = [], []
    for number, customer in enumerate(accounts(200)):
        active = days(rng, date(2025, 1, 1), date(2026, 3, 30))
        devices.append(
            {
                "device_id": f"D{number}",
                "customer_id": customer,
                "installed_at": f"{active[0]} 08:00:00",
                "_loaded_at": f"{active[0]} 23:00:00",
            }
        )
        for day in active:
            events.append(
                {
                    "device_id": f"D{number}",
                    "event_at": f"{day} 09:{rng.randrange(60):02d}:00",
                    "event_name": "login",
                    "_loaded_at": f"{day} 23:00:00",
                }
            )
    known = [{"customer_id": c, "_loaded_at": "2025-01-01 00:00:00"} for c in accounts(200)]
    land(folder / "raw/raw_crm/customers.csv", known)
    land(folder / "raw/raw_app/devices.csv", devices)
    land(folder / "raw/raw_app/events.csv", events)
    variables = {
        "business_timezone": "America/Sao_Paulo",
        "score_today": True,
        "reporting_currency": "BRL",
        "reference_start_date": "2025-01-01",
        "reference_end_date": "2025-12-31",
    }
    return build(folder, variables), events


@pytest.fixture(scope="module", params=["shop", "app"])
def company(request):
    return request.getfixturevalue(request.param)[0]


def test_every_customer_is_scored_and_has_a_level_or_a_stated_reason(company):
    known = company.ask("select count(*) from engagement_marts.dim_customers")[0][0]
    without_level = 0
    for version in ("balanced_1", "store_first_1"):
        scored, levels = company.ask(
            f"""select count(*), count(engagement_level)
            from engagement_marts.fct_customer_segments
            where is_latest and scorecard_version = '{version}'"""
        )[0]
        assert scored == known
        without_level += scored - levels
    said = summary(company)
    assert ("no level, because" in said) == (without_level > 0)
    assert "Traceback" not in said and "None" not in said and "nan" not in said
    print(said)


def test_what_the_shop_does_not_run_is_not_measurable(shop):
    project, *_ = shop
    measured = project.ask(
        """select count(web_visits), count(app_visits), count(email_opens)
        from engagement_variables.int_engagement_variables"""
    )[0]
    assert measured == (0, 0, 0)


def test_the_shops_spend_equals_its_raw_files(shop):
    project, orders, lines = shop
    first, last = project.ask(
        """select min(score_date), max(score_date)
        from engagement_marts.fct_customer_value where is_latest"""
    )[0]
    assert first == last == date(1998, 6, 30)
    customers = {order["transaction_id"]: order for order in orders}
    spend = defaultdict(int)
    window = project.variables.get("window_days", 180)
    for line in lines:
        order = customers[line["transaction_id"]]
        if order["transacted_at"].date() > last - timedelta(window):
            spend[order["customer_id"]] += round(float(line["amount"]) * 100)
    found = dict(
        project.ask(
            """select customer_id, spend from engagement_marts.fct_customer_value
            where is_latest and spend > 0"""
        )
    )
    assert found.keys() == spend.keys()
    assert {c: round(float(value) * 100) for c, value in found.items()} == spend


def test_a_source_that_was_loaded_once_is_named_where_it_holds_the_scores_back(app):
    project, _ = app
    behind = Project(
        project.folder.with_name("behind"),
        project.raw,
        variables=project.variables | {"score_today": False},
    )
    skipped = [f"--exclude-resource-type={kind}" for kind in ("test", "unit_test")]
    stopped = behind.attempt("build", *skipped)
    assert stopped.returncode == 1
    assert "There is no day to score: the activities of the data run from 2025-" in stopped.stdout
    assert "raw_crm was last loaded on 2025-01-01, raw_app on 2026-03-30" in stopped.stdout


def test_the_apps_logins_are_active_days(app):
    project, events = app
    found = dict(
        project.ask(
            """select customer_id, count(distinct activity_date)
            from engagement_activities.int_activities
            where excluded_reason is null group by 1"""
        )
    )
    users = dict(zip([f"D{n}" for n in range(200)], accounts(200), strict=True))
    expected = defaultdict(set)
    for event in events:
        expected[users[event["device_id"]]].add(event["event_at"][:10])
    assert found == {customer: len(days) for customer, days in expected.items()}
