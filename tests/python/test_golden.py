"""What was worked out on paper of the golden customers is what the build gives."""

import csv
from collections import defaultdict
from math import fsum

import golden
import pytest
import yaml
from harness import ROOT, contract

SHEET = golden.read_sheet()
PAPER = golden.on_paper(SHEET)
MEASURES = sorted({key[-1] for key in PAPER})
SLIGHTLY = 1e-8  # ten times what is forgiven


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return golden.build(tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="module")
def marts(built):
    return golden.in_the_marts(built)


def of(measure: str, numbers: dict) -> dict:
    return {key: value for key, value in numbers.items() if key[-1] == measure}


@pytest.mark.parametrize("measure", MEASURES)
def test_the_build_gives_what_was_worked_out_on_paper(marts, measure):
    differing = golden.differences(of(measure, PAPER), of(measure, marts))
    assert not differing, "\n".join([f"{len(differing)} differ:", *differing[:20]])


def test_the_marts_hold_no_measure_that_is_not_on_paper(marts):
    assert sorted({key[-1] for key in marts}) == MEASURES


def test_nobody_is_scored_but_the_customers_of_the_sheet(built):
    scored = built.ask("""
        select distinct customer_id, score_date::varchar
        from engagement_marts.fct_engagement_scores""")
    assert sorted(scored) == sorted(SHEET.days)
    others = built.ask("select customer_id from engagement_marts.dim_customers where not is_scored")
    assert sorted(others) == [("emil",), ("tess",)]


def test_contributions_in_the_marts_add_up_to_the_score(marts):
    sums = defaultdict(list)
    for key, value in of("contribution", marts).items():
        sums[key[:3]].append(value)
    assert len(sums) == 2 * len(SHEET.days)
    for key, contributions in sums.items():
        assert abs(fsum(contributions) - (marts[*key, "score"] or 0)) <= golden.TOLERANCE, key


@pytest.mark.parametrize("measure", MEASURES)
def test_a_difference_of_1e_8_a_missing_row_and_one_too_many_are_noticed(measure):
    """The control: the comparison can fail, for each measure."""
    numbers = of(measure, PAPER)
    key = max(numbers, key=lambda key: isinstance(numbers[key], int | float))
    value = numbers[key]
    other = value + SLIGHTLY if isinstance(value, int | float) else "another"
    name = ", ".join(key)
    for changed in (
        numbers | {key: other},
        numbers | {key: None},
        {other: value for other, value in numbers.items() if other != key},
    ):
        (line,) = golden.differences(numbers, changed)
        assert line.startswith(f"{name}: ")
    (line,) = golden.differences(numbers, numbers | {("zoe", measure): value})
    assert line.startswith(f"zoe, {measure}: 'nothing' on paper")
    assert golden.differences(numbers, dict(numbers)) == []


def test_the_sheet_adds_up_by_itself():
    """Its rounded numbers are those of its expressions."""
    for (customer, date), day in SHEET.days.items():
        results = SHEET.results[customer, date]
        rows = SHEET.weighed(customer, date, "golden_1")
        assert {name for name, row in day.items() if row.n is not None} == rows.keys(), customer
        card = SHEET.card(customer, "golden_1")
        measured = fsum(card[name] for name in rows)
        for name, row in rows.items():
            assert abs(row.w - card[name] / measured) < 1e-12, (customer, date, name)
            assert abs(row.points - row.contribution) < 6e-5, (customer, date, name)
        key = customer, date, "golden_1"
        for name in ("score", "coverage", "percentile"):
            assert _rounded(PAPER[*key, name]) == results[name], (customer, date, name)
        for name in golden.DIMENSIONS:
            assert _rounded(PAPER[*key, f"score_{name}"]) == results[name], (customer, date, name)


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


def test_every_variable_counts_for_somebody_and_is_silent_for_somebody():
    values = defaultdict(set)
    for day in SHEET.days.values():
        for name, row in day.items():
            values[name].add("silent" if row.x == 0 else "active")
    assert {name for name, kinds in values.items() if len(kinds) < 2} == set()
    assert values.keys() == SHEET.variables.keys()


def test_every_activity_of_the_catalogue_counts_for_somebody(built):
    path = ROOT / "models" / "3_activities" / "int_activities.yml"
    catalogue = yaml.safe_load(path.read_text())["models"][0]["config"]["meta"]["activities"]
    counted = built.ask("""
        select distinct activity from engagement_activities.int_activities
        where excluded_reason is null""")
    assert catalogue.keys() - {activity for (activity,) in counted} == set()


def test_raw_files_have_the_columns_of_the_contract_and_a_note():
    """A misspelt column would be ignored."""
    paths = sorted((golden.FOLDER / "raw").glob("*/*.csv"))
    assert len(paths) > 15
    declared = contract()
    for path in paths:
        with path.open(newline="") as file:
            columns, *rows = csv.reader(file)
        assert set(columns) - {"note"} <= declared[f"{path.parent.name}.{path.stem}"].keys(), path
        assert {len(row) for row in rows} == {len(columns)}, path


@pytest.mark.parametrize("expression", ["__import__('os')", "y", "x", "'1'", "ln(1)(2)", "abs(1)"])
def test_the_sheet_holds_arithmetic_and_nothing_else(expression):
    with pytest.raises(ValueError, match="No arithmetic"):
        golden.evaluate(expression)


def test_an_expression_is_worked_out_as_on_paper():
    assert golden.evaluate("1 + 2 * 3^2 / 4 - 1") == 4.5
    assert golden.evaluate("ln(exp(x))", x=2) == 2
