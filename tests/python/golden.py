"""The golden customers: builds the project on them, and reads what the sheet says of them.

Both sides are one flat mapping, of what a number is of to the number, e.g.
("ann", "2026-06-15", "golden_1", "store_visits", "contribution"): 10.0.
"""

import ast
import operator
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from math import exp, fsum, log
from pathlib import Path

from harness import ROOT, SCORE_KEY, Project, copy_project

FOLDER = ROOT / "tests" / "golden"
SETTINGS = {  # all that the sheet rests on, whatever dbt_project.yml says
    "business_timezone": "Europe/Paris",
    "source_timezones": {"raw_loyalty": "Europe/Paris"},
    "load_columns": {},
    "score_period": "month",
    "score_start_date": "2026-04-01",
    "as_of_date": None,
    "score_today": False,
    "window_days": 180,
    "half_life_days": 60,
    "session_gap_seconds": 1800,
    "event_gap_cap_seconds": 300,
    "bot_events_per_day": 3,
    "session_id_gap_multiple": 8,
    "machine_response_seconds": 2,
    "burned_points_are_negative": False,
    "reporting_currency": "EUR",
    "use_calibration": True,
    "scorecard_relations": ["scorecards"],
    "scorecard_version_relations": ["scorecard_versions"],
    "engagement_level_relations": ["engagement_levels"],
}
LATEST, REFERENCE_END = "2026-06-15", "2026-05-31"
DIMENSIONS = ["recency", "frequency", "depth", "diversity", "participation", "advocacy"]
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
FUNCTIONS = {"ln": log, "exp": exp}
TOLERANCE = 1e-9


def build(folder: Path, source: Path = ROOT) -> Project:
    """A copy of the project with the golden customers' seeds, built on their raw tables."""
    copy = copy_project(folder / "project", source)
    shutil.copytree(FOLDER / "seeds", copy / "seeds", dirs_exist_ok=True)
    return Project(folder / "build", FOLDER / "raw", copy, SETTINGS).build()


def evaluate(expression: str, x: float | None = None) -> float:
    """The value of an arithmetic expression; x may stand for a number, ^ is a power."""

    def value(node: ast.expr) -> float:
        match node:
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.Name(id="x") if x is not None:
                return x
            case ast.BinOp(left, op, right) if type(op) in OPERATORS:
                return OPERATORS[type(op)](value(left), value(right))
            case ast.Call(func=ast.Name(id=name), args=[argument]) if name in FUNCTIONS:
                return FUNCTIONS[name](value(argument))
        raise ValueError(f"No arithmetic: {expression}")

    return float(value(ast.parse(expression.replace("^", "**"), mode="eval").body))


def tables(text: str):
    """The headings above each table of a Markdown text, by depth, and its rows."""
    headings, header = {}, None
    for line in text.splitlines():
        if found := re.match(r"(#+) (.+)", line):
            headings = {depth: h for depth, h in headings.items() if depth < len(found[1])}
            headings[len(found[1])] = found[2]
        cells = [cell.strip() for cell in line.strip()[1:-1].split("|")]
        if not line.startswith("|"):
            header = None
        elif header is None:
            header = cells
        elif set(line) - set("|-"):
            yield headings, dict(zip(header, cells, strict=True))


@dataclass(frozen=True)
class Row:
    """A variable of a customer at a date: its value, brought to 0-1, and its effective weight."""

    x: float
    n: float | None
    w: float | None
    points: float | None  # rounded, as the sheet has it

    @property
    def contribution(self) -> float:
        return 100 * self.w * self.n


@dataclass(frozen=True)
class Sheet:
    """What the sheet says."""

    text: str

    @cached_property
    def variables(self) -> dict[str, dict[str, str]]:
        """Variable -> its dimension, its weights by market, and its weight and top in every_1."""
        rows = [row for _, row in tables(self.text) if "dimension" in row]
        return {row["variable"]: row for row in rows}

    @cached_property
    def markets(self) -> dict[str, str]:
        """Customer -> market."""
        names = re.findall(r"(?m)^## (\S+?)(?: \((\w+)\))?: ", self.text)
        return {customer: market or "*" for customer, market in names}

    @cached_property
    def days(self) -> dict[tuple[str, str], dict[str, Row]]:
        """Customer and score date -> variable -> its row; no row: not measurable."""
        found = {}
        for headings, cells in tables(self.text):
            if "points" in cells:
                day = found.setdefault(_day(headings), {})
                x = evaluate(cells["x"])
                n, w, points = (
                    evaluate(cells[c], x) if cells[c] else None for c in ["n", "w", "points"]
                )
                for name in cells["variable"].split(", "):
                    assert name in self.variables, f"{name} is no variable"
                    assert name not in day, f"{name} stands twice below {headings}"
                    day[name] = Row(x, n, w, points)
        return found

    @cached_property
    def results(self) -> dict[tuple[str, str], dict[str, float | str | None]]:
        """Customer and score date -> what the second table says, numbers as rounded there."""
        words = {"level", "persona", "quadrant"}
        return {
            _day(headings): {
                name: None if cell == "-" else cell if name in words else evaluate(cell)
                for name, cell in cells.items()
            }
            for headings, cells in tables(self.text)
            if "coverage" in cells
        }

    @cached_property
    def set_aside(self) -> dict[tuple[str, str, str], int]:
        """Channel, activity and reason -> activities that count for nobody."""
        rows = [row for _, row in tables(self.text) if "reason" in row]
        return {(row["channel"], row["activity"], row["reason"]): int(row["rows"]) for row in rows}

    def card(self, customer: str, version: str) -> dict[str, float]:
        """The weights that a scorecard version has in the customer's market."""
        column = self.markets[customer] if version == "golden_1" else version
        return {name: float(row[column]) for name, row in self.variables.items() if row[column]}

    def weighed(self, customer: str, date: str, version: str) -> dict[str, Row]:
        """The rows of what is measured, with n and w in a scorecard version."""
        day, card = self.days[customer, date], self.card(customer, version)
        if version == "golden_1":
            return {name: day[name] for name in card if name in day}
        measured = fsum(card[name] for name in day)
        rows = {}
        for name, row in day.items():
            share = min(row.x / float(self.variables[name]["top"]), 1)
            n = 1 - share if name == "recency_days" else share
            rows[name] = Row(row.x, n, card[name] / measured, None)
        return rows

    def subscore(self, rows: dict[str, Row], dimension: str) -> float | None:
        mine = [row for name, row in rows.items() if self.variables[name]["dimension"] == dimension]
        if not mine:
            return None
        return fsum(row.contribution for row in mine) / fsum(row.w for row in mine)


def _day(headings: dict[int, str]) -> tuple[str, str]:
    return re.match(r"\S+?(?= \(|: )", headings[2])[0], headings[3]


def read_sheet() -> Sheet:
    return Sheet((FOLDER / "sheet.md").read_text())


def on_paper(sheet: Sheet) -> dict[tuple, float | str | bool | None]:
    """What the marts should hold."""
    numbers = scores_on_paper(sheet, "golden_1") | scores_on_paper(sheet, "every_1")
    for (customer, date), results in sheet.results.items():
        key, score = (customer, date, "golden_1"), numbers[customer, date, "golden_1", "score"]
        numbers[*key, "percentile"] = None if score is None else min(score / 50, 1)
        numbers[*key, "engagement_level"] = results["level"]
        numbers[*key, "persona"] = results["persona"]
        numbers[*key, "value_quadrant"] = results["quadrant"]
        numbers[customer, date, "spend"] = results["spend"]
        numbers[customer, date, "order_count"] = results["orders"]
        numbers[customer, date, "return_count"] = results["returns"]
    numbers |= {(*move, "customers"): count for move, count in moves(sheet).items()}
    numbers |= {(*kind, "activity_count"): count for kind, count in sheet.set_aside.items()}
    return numbers


def scores_on_paper(sheet: Sheet, version: str) -> dict[tuple, float | bool | None]:
    """The scores of a scorecard version and what they are made of."""
    numbers, before = {}, {}
    for customer, date in sorted(sheet.days):
        key = (customer, date, version)
        card, rows = sheet.card(customer, version), sheet.weighed(customer, date, version)
        for name in card:
            row = rows.get(name)
            numbers[*key, name, "variable_value"] = row.x if row else None
            numbers[*key, name, "normalised_value"] = row.n if row else None
            numbers[*key, name, "effective_weight"] = row.w if row else 0.0
            numbers[*key, name, "contribution"] = row.contribution if row else 0.0
        for dimension in DIMENSIONS:
            numbers[*key, f"score_{dimension}"] = sheet.subscore(rows, dimension)
        score = fsum(row.contribution for row in rows.values()) if rows else None
        previous, before[customer] = before.get(customer), score
        is_change = score is not None and previous is not None
        numbers[*key, "score"] = score
        numbers[*key, "coverage"] = fsum(card[name] for name in rows)
        numbers[*key, "previous_score"] = previous
        numbers[*key, "score_change"] = score - previous if is_change else None
        numbers[*key, "is_latest"] = date == LATEST
        numbers[*key, "is_period_end"] = date != LATEST
        numbers[*key, "is_before_reference"] = date < REFERENCE_END
    return numbers


def moves(sheet: Sheet) -> Counter:
    """Customers by date, the level they had at the date before and the one they have."""
    dates = sorted({date for _, date in sheet.results})
    before = dict(zip(dates[1:], dates, strict=False))
    counted = Counter()
    for (customer, date), results in sheet.results.items():
        if date in before:
            previous = sheet.results.get((customer, before[date]), {"level": "not scored"})
            counted[date, previous["level"] or "no level", results["level"] or "no level"] += 1
    return counted


CONTRIBUTIONS = ["variable_value", "normalised_value", "effective_weight", "contribution"]
SCORES = [
    "score", *(f"score_{name}" for name in DIMENSIONS), "coverage", "previous_score",
    "score_change", "is_latest", "is_period_end", "is_before_reference",
]  # fmt: skip
SEGMENTS = ["engagement_level", "persona", "value_quadrant"]
VALUE = ["spend", "order_count", "return_count"]
GOLDEN = "where scorecard_version = 'golden_1'"
ASKED = {  # relation -> columns that say of what a number is, columns that hold one
    "fct_score_contributions": ([*SCORE_KEY, "variable_name"], CONTRIBUTIONS),
    "fct_engagement_scores": (SCORE_KEY, SCORES),
    f"fct_engagement_scores {GOLDEN}": (SCORE_KEY, ["percentile"]),
    f"fct_customer_segments {GOLDEN}": (SCORE_KEY, SEGMENTS),
    f"fct_segment_migrations {GOLDEN}": (["score_date", "from_level", "to_level"], ["customers"]),
    "fct_customer_value": (["customer_id", "score_date"], VALUE),
    "rpt_excluded_activities": (["channel", "activity", "excluded_reason"], ["activity_count"]),
}


def in_the_marts(project: Project) -> dict[tuple, float | str | bool | None]:
    """What the marts hold."""
    numbers = {}
    for relation, (keys, columns) in ASKED.items():
        sql = f"select {', '.join([*keys, *columns])} from engagement_marts.{relation}"
        for row in project.ask(sql):
            key = tuple(map(str, row[: len(keys)]))
            for column, value in zip(columns, row[len(keys) :], strict=True):
                assert (*key, column) not in numbers, f"{key} stands twice in {relation}"
                numbers[*key, column] = value
    return numbers


def differences(paper: dict, marts: dict) -> list[str]:
    """Where the sheet and the marts differ, a line each."""
    found = []
    for key in sorted(paper.keys() | marts.keys()):
        one, other = paper.get(key, "nothing"), marts.get(key, "nothing")
        are_numbers = isinstance(one, int | float) and isinstance(other, int | float)
        if abs(one - other) > TOLERANCE if are_numbers else one != other:
            found.append(f"{', '.join(key)}: {one!r} on paper, {other!r} in the marts")
    return found
