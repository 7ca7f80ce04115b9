"""Levels and personas, by properties: the shipped functions on DuckDB against plain loops."""

from datetime import date, datetime, timedelta
from itertools import groupby

import duckdb
import narwhals as nw
import numpy as np
import pyarrow as pa
import pytest
from harness import Project, model_module, seed
from hypothesis import given, settings
from hypothesis import strategies as st

segments = model_module("7_segments/int_customer_segments.py")
centroids_of = model_module("7_segments/int_persona_centroids.py")

BOUNDS = {1: (0.0, 1.0), 2: (12.0, 1.0), 3: (25.0, 1.5), 4: (40.0, 1.0), 5: (55.0, 0.0)}
MINIMUM = 0.25
DUCKDB = duckdb.connect()
DIMENSIONS = ["recency", "frequency", "depth"]
EXAMPLES = settings(max_examples=40, deadline=None, derandomize=True)

edges = [
    bound + sign * (margin + shift)
    for bound, margin in BOUNDS.values()
    for sign in (-1, 1)
    for shift in (0, 1e-6, 1e-10)
]
points = st.one_of(st.sampled_from([s for s in edges if s >= 0]), st.floats(0, 100))
# 0.1 + 0.15, summed the other way round, misses the minimum of 0.25 in the last digit.
coverages = [0.0, 0.2, 0.24999999999999994, 0.25, 0.8]
steps = st.tuples(st.one_of(points, st.none()), st.sampled_from(coverages))
paths = st.lists(st.lists(steps, min_size=1, max_size=12), min_size=1, max_size=5)


def by_duckdb(rows: list[tuple], names: dict[str, pa.DataType], function, column: str) -> list:
    """The column that the function adds, in the order of the rows."""
    columns = list(zip(*rows, strict=True))
    arrays = {
        name: pa.array(values, kind)
        for (name, kind), values in zip(names.items(), columns, strict=True)
    }
    table = pa.table(arrays | {"n": pa.array(range(len(rows)))})
    frame = function(nw.from_native(DUCKDB.from_arrow(table)))
    return [row[0] for row in frame.to_native().order("n").select(column).fetchall()]


def leveled(frame):
    """Levels folded from each customer's first date on."""
    frame = frame.with_columns(known_rank=nw.lit(None, nw.Int64))
    return segments.levels(frame, BOUNDS, MINIMUM)


def folded(path: list[tuple], bounds=BOUNDS, minimum=MINIMUM) -> list[int | None]:
    """Levels of one customer, date by date."""
    found, level = [], None
    for score, coverage in path:
        if score is None or round(coverage, 8) < minimum:
            found.append(None)
            continue
        level = moved(round(score, 8), level, bounds)
        found.append(level)
    return found


def moved(score: float, level: int | None, bounds=BOUNDS) -> int:
    """Up over each bound + margin that is reached, down under each bound - margin."""
    if level is None:
        return max(rank for rank, (bound, _) in bounds.items() if rank == 1 or score >= bound)
    sides = []
    for rank in sorted(bounds)[1:]:
        bound, margin = bounds[rank]
        is_above = level >= rank
        sides.append(score >= bound - margin if is_above else score >= bound + margin)
    return 1 + sum(sides)


@EXAMPLES
@given(paths=paths)
def test_levels_with_a_margin_are_the_fold_that_a_loop_makes(paths):
    names = {
        "customer_id": pa.string(), "score_date_number": pa.int32(), "score": pa.float64(),
        "coverage": pa.float64(),
    }  # fmt: skip
    rows = [
        (f"C{who}", 3 + date, *step)
        for who, path in enumerate(paths)
        for date, step in enumerate(path)
    ]
    found = by_duckdb(rows, names, leveled, "level_rank")
    assert found == [level for path in paths for level in folded(path)]


def levels_of(path: list[float], known_rank: int | None = None) -> list[int]:
    """The levels of a customer with these scores, all fully covered.

    known_rank: the one held before them, which an increment folds on from.
    """
    names = {
        "customer_id": pa.string(), "score_date_number": pa.int32(), "score": pa.float64(),
        "coverage": pa.float64(), "known_rank": pa.int64(),
    }  # fmt: skip
    known = [known_rank, *[None] * (len(path) - 1)]
    rows = [
        ("C", number, score, 1.0, rank)
        for number, (score, rank) in enumerate(zip(path, known, strict=True), 1)
    ]
    return by_duckdb(
        rows, names, lambda frame: segments.levels(frame, BOUNDS, MINIMUM), "level_rank"
    )


def test_a_score_that_wavers_around_a_bound_keeps_its_level():
    """12 +- 1 is the margin: 11.5 and 12.9 change nothing, 13 lifts and 10.9 drops."""
    assert levels_of([11.9, 12.9, 13.0, 11.0, 10.9, 12.5]) == [1, 1, 2, 2, 1, 1]


@pytest.mark.parametrize(
    ("score", "levels"), [(10.9, [1, 1]), (11.0, [1, 2]), (12.9, [1, 2]), (13.0, [2, 2])]
)
def test_an_increment_folds_on_from_the_level_held_before(score, levels):
    """12 +- 1 is the margin of the second level."""
    assert [levels_of([score], known_rank=rank)[0] for rank in (1, 2)] == levels


def levels_that_differ(project: Project) -> tuple[list[tuple], list[tuple]]:
    """All (customer, date, level) of the mart, and those that a loop over its scores disagrees on.

    The scores are taken in the order of their dates, the rules from the seeds.
    """
    all_levels, differing = [], []
    for version in seed("scorecard_versions"):
        name, minimum = version["scorecard_version"], float(version["minimum_coverage"])
        rules = [row for row in seed("engagement_levels") if row["scorecard_version"] == name]
        bounds = {
            int(row["level_rank"]): (float(row["lower_bound"]), float(row["margin"]))
            for row in rules
        }
        names = {int(row["level_rank"]): row["engagement_level"] for row in rules}
        rows = project.ask(f"""
            select customer_id, score_date, engagement_level, score, coverage
            from engagement_marts.fct_engagement_scores
            join engagement_marts.fct_customer_segments
                using (customer_id, score_date, scorecard_version)
            where scorecard_version = '{name}'
            order by customer_id, score_date""")
        for customer, dated in groupby(rows, key=lambda row: row[0]):
            dated = list(dated)
            expected = folded([row[3:] for row in dated], bounds, minimum)
            for (_, day, level, *_), rank in zip(dated, expected, strict=True):
                all_levels.append((customer, day, level))
                if level != names.get(rank):
                    differing.append((name, customer, day, level, names.get(rank)))
    return all_levels, differing


def test_every_level_of_the_demo_is_what_a_loop_over_the_scores_gives(demo):
    all_levels, differing = levels_that_differ(demo)
    assert len({level for _, _, level in all_levels}) == 5
    assert differing == []


# What each customer of the shop of 1997 paid on which days, in pounds.
ORDERS = {
    customer: [(date(1997, month, 3 + number), 10.05 + number + month) for month in months]
    for number, (customer, months) in enumerate({
        "regular": range(1, 13), "fading": (1, 2, 3), "late": (9, 10, 11), "once": (6,),
        "back": (1, 2, 10, 11, 12),
    }.items())
}  # fmt: skip


@pytest.fixture(scope="module")
def shop_of_1997(tmp_path_factory) -> Project:
    """A shop with orders alone, in pounds, some of which do not say so."""
    folder = tmp_path_factory.mktemp("shop")
    receipts, lines = [], []
    for customer, orders in ORDERS.items():
        for number, (day, amount) in enumerate(orders):
            receipt = f"{customer} {number}"
            at = datetime(day.year, day.month, day.day, 12)
            loaded = f"timestamp '{at + timedelta(days=1)}'"
            currency = "'GBP'" if number % 2 else "null::varchar"
            receipts.append(
                f"('{receipt}', '{customer}', timestamp '{at}', 'online', {currency}, {loaded})"
            )
            lines.append(f"('{receipt}', 1, 'anything', {amount}::double, {loaded})")
    (folder / "raw" / "raw_loyalty").mkdir(parents=True)
    (folder / "raw" / "raw_crm").mkdir()
    customers = [f"('{customer}', timestamp '1997-01-01', {loaded})" for customer in ORDERS]
    for table, columns, rows in (
        ("raw_crm/customers", "customer_id, created_at, _loaded_at", customers),
        (
            "raw_loyalty/transactions",
            "transaction_id, customer_id, transacted_at, sales_channel, currency, _loaded_at",
            receipts,
        ),
        (
            "raw_loyalty/transaction_lines",
            "transaction_id, line_id, product_id, amount, _loaded_at",
            lines,
        ),
    ):
        duckdb.sql(f"""
            copy (from (values {", ".join(rows)}) as rows ({columns}))
            to '{folder / "raw" / table}.parquet' (format parquet)""")
    variables = {
        "reporting_currency": "GBP", "as_of_date": "1997-12-31",
        "reference_start_date": "1997-01-01", "reference_end_date": "1997-12-31",
    }  # fmt: skip
    return Project(folder / "build", folder / "raw", variables=variables).build()


def test_levels_of_1997_move_as_a_loop_over_the_scores_says(shop_of_1997):
    all_levels, differing = levels_that_differ(shop_of_1997)
    moves = {
        customer: len({level for name, _, level in all_levels if name == customer})
        for customer in ORDERS
    }
    assert max(moves.values()) > 1, f"some level must move: {moves}"
    assert differing == []


def test_spend_in_the_reporting_currency_is_what_was_paid(shop_of_1997):
    """Window of 180 days, up to 31 December: orders from 5 July on."""
    found = dict(
        shop_of_1997.ask("""
            select customer_id, spend from engagement_marts.fct_customer_value
            where is_latest and unconverted_count = 0""")
    )
    expected = {
        customer: round(sum(paid for day, paid in orders if day >= date(1997, 7, 5)), 2)
        for customer, orders in ORDERS.items()
    }
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("rank", [2, 3, 4, 5])
def test_a_first_score_on_a_bound_has_the_level_above_it(rank):
    bound, _ = BOUNDS[rank]
    assert levels_of([bound]) == [rank]
    assert levels_of([bound - 1e-6]) == [rank - 1]


subscores = st.lists(
    st.tuples(*[st.one_of(st.floats(0, 100), st.none())] * len(DIMENSIONS)), min_size=1, max_size=30
)
numbers = st.floats(-3, 3)
centres = st.lists(st.tuples(*[numbers] * len(DIMENSIONS)), min_size=1, max_size=5, unique=True)


@EXAMPLES
@given(rows=subscores, centres=centres)
def test_the_persona_is_that_of_the_nearest_centroid(rows, centres):
    mean, deviation = np.array([40.0, 20.0, 55.0]), np.array([10.0, 4.0, 25.0])
    named = {
        f"persona {index}": {
            name: {"centroid": centre[d], "mean": mean[d], "deviation": deviation[d]}
            for d, name in enumerate(DIMENSIONS)
        }
        for index, centre in enumerate(centres)
    }
    kinds = {f"score_{name}": pa.float64() for name in DIMENSIONS} | {"score": pa.float64()}
    filled = [(*row, None if all(x is None for x in row) else 1.0) for row in rows]
    found = by_duckdb(filled, kinds, lambda frame: segments.nearest(frame, named), "persona")
    values = np.array([[np.nan if x is None else x for x in row] for row in rows], dtype=float)
    scaled = np.nan_to_num((values - mean) / deviation, nan=0.0)
    distances = ((scaled[:, None, :] - np.array(centres)[None]) ** 2).sum(axis=2)
    for row, persona, distance in zip(filled, found, distances, strict=True):
        if row[-1] is None:
            assert persona is None
        else:
            mine = distance[int(persona.removeprefix("persona "))]
            assert mine <= distance.min() + 1e-9


def test_of_equally_near_centroids_the_first_by_name_is_taken():
    same = {"recency": {"centroid": 0.0, "mean": 0.0, "deviation": 1.0}}
    kinds = {"score_recency": pa.float64(), "score": pa.float64()}
    found = by_duckdb(
        [(3.0, 3.0)], kinds, lambda f: segments.nearest(f, {"b": same, "a": same}), "persona"
    )
    assert found == ["a"]


PERSONAS = {"recency": "new", "frequency": "regular", "depth": "attentive", "none": "dormant"}


@EXAMPLES
@given(centres=st.lists(st.tuples(*[numbers] * len(DIMENSIONS)), min_size=1, max_size=8))
def test_every_centroid_gets_a_name_of_its_own(centres):
    names = centroids_of.named(np.array(centres), DIMENSIONS, PERSONAS)
    assert len(names) == len(centres)
    assert len(set(names)) == len(names)
    assert set(names) <= set(PERSONAS.values()) | {f"group {n}" for n in range(1, 9)}


def test_a_centroid_is_named_for_what_it_is_highest_in_and_dormant_where_low_in_all():
    centres = np.array([[0.1, 2.0, 0.3], [-1.0, -0.9, -1.2], [1.5, 0.2, -0.1]])
    names = centroids_of.named(centres, DIMENSIONS, PERSONAS)
    assert names == ["regular", "dormant", "new"]


groups = st.integers(0, 2**32 - 1)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=groups)
def test_fit_finds_groups_that_lie_far_apart(seed):
    """Three clear groups: the centroids are the groups' means, in deviations from the mean."""
    rng = np.random.default_rng(seed)
    corners = np.array([[90.0, 10, 10], [10, 90, 10], [10, 10, 90]])
    values = np.concatenate([corner + rng.uniform(-2, 2, (30, 3)) for corner in corners])
    rows = list(centroids_of.fit(values, DIMENSIONS, PERSONAS, 3))
    found = {(persona, name, key): value for persona, name, key, value in rows}
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    for group, (name, persona) in enumerate(zip(DIMENSIONS, PERSONAS.values(), strict=False)):
        middle = (values[30 * group : 30 * (group + 1)].mean(axis=0) - mean) / deviation
        for d, dimension in enumerate(DIMENSIONS):
            assert np.isclose(found[persona, dimension, "centroid"], middle[d], atol=1e-6), name
            assert np.isclose(found[persona, dimension, "mean"], mean[d])
            assert np.isclose(found[persona, dimension, "deviation"], deviation[d])


def test_fit_stands_a_dimension_that_is_constant_or_never_measured():
    values = np.array([[10.0, 5, np.nan], [20, 5, np.nan], [30, 5, np.nan]])
    rows = list(centroids_of.fit(values, DIMENSIONS, PERSONAS, 5))
    assert len({persona for persona, *_ in rows}) == 3
    assert all(np.isfinite(value) for *_, value in rows)
    assert all(value > 0 for *_, key, value in rows if key == "deviation")
