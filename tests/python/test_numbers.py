"""Every stored number is one: no NaN and no infinity, with a short half-life either."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from harness import Project

NUMERIC = ("DOUBLE", "FLOAT", "REAL")
CUSTOMERS = ["ann", "bob", "cid"]
FIRST, LAST = date(2026, 1, 1), date(2026, 3, 20)
STEPS = {"ann": 1, "bob": 9, "cid": 40}  # days from one ticket of a customer to the next


def not_numbers(project: Project) -> dict[str, int]:
    """Columns of any relation with values that are NaN or infinite, and how many."""
    columns = project.ask("""
        select table_schema, table_name, column_name, data_type from information_schema.columns
        where table_catalog = current_database() order by all""")
    relations: dict[str, list[str]] = {}
    for schema, table, column, data_type in columns:
        if data_type in NUMERIC:
            relations.setdefault(f'"{schema}"."{table}"', []).append(column)
    assert len(relations) > 10
    found = {}
    for relation, names in relations.items():
        counts = ", ".join(f'count(case when not isfinite("{name}") then 1 end)' for name in names)
        ((*bad,),) = project.ask(f"select {counts} from {relation}")
        found |= {f"{relation}.{name}": n for name, n in zip(names, bad, strict=True) if n}
    return found


def test_no_column_of_the_demo_holds_nan_or_infinity(demo):
    assert not_numbers(demo) == {}


def ticket_days(customer: str) -> list[date]:
    days = (LAST - FIRST).days
    return [FIRST + timedelta(step) for step in range(0, days + 1, STEPS[customer])]


@pytest.fixture(scope="module")
def short_lived(tmp_path_factory) -> Project:
    """A half-life of one day, in a build as of 15 March and a run as of the 20th."""
    folder = tmp_path_factory.mktemp("short_lived")
    crm = folder / "raw" / "raw_crm"
    crm.mkdir(parents=True)
    loaded = f"{LAST + timedelta(1)} 05:00"
    lines = [f"{name},{FIRST},{loaded}" for name in CUSTOMERS]
    (crm / "customers.csv").write_text("\n".join(["customer_id,created_at,_loaded_at", *lines]))
    lines = [f"{name}-{day},{name},{day} 12:00,{loaded}"
             for name in CUSTOMERS for day in ticket_days(name)]  # fmt: skip
    header = "ticket_id,customer_id,opened_at,_loaded_at"
    (crm / "service_tickets.csv").write_text("\n".join([header, *lines]))
    settings = {
        "half_life_days": 1,
        "reference_start_date": "2026-01-01",
        "reference_end_date": "2026-02-28",
        "as_of_date": "2026-03-15",
    }
    project = Project(folder / "build", folder / "raw", variables=settings).build()
    return replace(project, variables=settings | {"as_of_date": str(LAST)}).dbt("run")


def test_days_decay_by_age_whatever_the_half_life(short_lived):
    """Expected: 0.5 ^ age in days, summed over the days up to each score date, in plain Python."""
    rows = short_lived.ask("""
        select customer_id, score_date, decayed_active_days
        from engagement_variables.int_engagement_variables""")
    dates = [date(2026, 1, 31), date(2026, 2, 28), LAST]
    assert {(name, day) for name, day, _ in rows} == {(c, d) for c in CUSTOMERS for d in dates}
    for name, day, found in rows:
        ages = [(day - ticket).days for ticket in ticket_days(name) if ticket <= day]
        assert found == pytest.approx(sum(0.5**age for age in ages), abs=1e-9), (name, day)


def test_with_a_short_half_life_every_number_is_finite_and_activity_scores(short_lived):
    assert not_numbers(short_lived) == {}
    scores = dict(
        short_lived.ask("""
        select customer_id, score from engagement_marts.fct_engagement_scores
        where is_latest and scorecard_version = 'balanced_1'""")
    )
    assert scores["ann"] > scores["cid"] > 0
