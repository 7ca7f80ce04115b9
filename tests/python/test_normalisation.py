"""Normalising, by properties: the shipped expressions on DuckDB against NumPy written anew."""

from itertools import pairwise

import duckdb
import narwhals as nw
import numpy as np
import pyarrow as pa
import pytest
from harness import model_module
from hypothesis import given, settings
from hypothesis import strategies as st

parameters = model_module("5_normalised/int_normalisation_parameters.py")
variables = model_module("5_normalised/int_normalised_variables.py")

DUCKDB = duckdb.connect()
NORMALISERS = ["min_max", "log_min_max", "percentile", "z_score"]
amounts = st.one_of(
    st.integers(0, 40).map(float), st.floats(0, 1e4).map(lambda amount: round(amount, 3))
)
samples = st.lists(st.one_of(amounts, st.none()), min_size=1, max_size=60)
EXAMPLES = settings(max_examples=25, deadline=None, derandomize=True)


def floats(values: list) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def shipped(values: list, normaliser: str, direction: str, p: dict) -> np.ndarray:
    """The model's own expression, run by DuckDB."""
    table = pa.table({"n": range(len(values)), "x": pa.array(values, pa.float64())})
    relation = DUCKDB.from_arrow(table)
    expression = variables.normalised("x", normaliser, direction, p)
    rows = nw.from_native(relation).select("n", expression).to_native().order("n").fetchall()
    return floats([row[1] for row in rows])


def expected(values: list, normaliser: str, direction: str, p: dict) -> np.ndarray:
    """The same by the words of the model's docstring, value by value."""
    found = []
    for value in values:
        if value is None:
            found.append(np.nan)
            continue
        x = min(max(value, p["lower"]), p["upper"])
        y = BY_HAND[normaliser](x, p)
        found.append(1 - y if direction == "lower" else y)
    return np.array(found)


def straight(x: float, low: float, high: float) -> float:
    return 0.0 if high == low else (x - low) / (high - low)


def share_below(x: float, p: dict) -> float:
    """Mean over the twenty 5 % steps of how far x has passed each."""
    steps = [p[f"p{percent:03d}"] for percent in range(0, 101, 5)]
    passed = [
        float(x > low) if high <= low else min(max((x - low) / (high - low), 0), 1)
        for low, high in pairwise(steps)
    ]
    return sum(passed) / 20


def s_curve(x: float, p: dict) -> float:
    if p["deviation"] == 0:
        return 0.5
    with np.errstate(over="ignore"):
        return float(1 / (1 + np.exp(-(x - p["mean"]) / p["deviation"])))


BY_HAND = {
    "min_max": lambda x, p: straight(x, p["lower"], p["upper"]),
    "log_min_max": lambda x, p: straight(*(np.log1p(v) for v in (x, p["lower"], p["upper"]))),
    "percentile": share_below,
    "z_score": s_curve,
}


@pytest.mark.parametrize("direction", ["higher", "lower"])
@pytest.mark.parametrize("normaliser", NORMALISERS)
@EXAMPLES
@given(reference=samples, values=samples)
def test_duckdb_gives_what_the_formula_gives_by_hand(normaliser, direction, reference, values):
    p = parameters.fit(floats(reference))
    found = shipped(values, normaliser, direction, p)
    by_hand = expected(values, normaliser, direction, p)
    assert np.allclose(found, by_hand, rtol=0, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("direction", ["higher", "lower"])
@pytest.mark.parametrize("normaliser", NORMALISERS)
@EXAMPLES
@given(reference=samples, values=samples)
def test_values_lie_in_0_to_1_in_the_order_of_engagement_and_nulls_stay(
    normaliser, direction, reference, values
):
    found = shipped(values, normaliser, direction, parameters.fit(floats(reference)))
    known = ~np.isnan(floats(values))
    assert np.array_equal(~np.isnan(found), known)
    assert np.all((found[known] >= 0) & (found[known] <= 1))
    rising = found[known][np.argsort(floats(values)[known], kind="stable")]
    steps = np.diff(rising if direction == "higher" else -rising)
    assert np.all(steps >= -1e-12)


@pytest.mark.parametrize("normaliser", NORMALISERS)
@EXAMPLES
@given(constant=amounts, values=samples)
def test_a_constant_variable_is_the_same_for_all_and_no_nan(normaliser, constant, values):
    found = shipped(values, normaliser, "higher", parameters.fit(np.full(9, constant)))
    known = [value is not None for value in values]
    least = 0.5 if normaliser == "z_score" else 0.0
    assert np.all(found[known] == least)


@EXAMPLES
@given(reference=samples)
def test_what_lies_beyond_the_reference_counts_as_its_edge(reference):
    p = parameters.fit(floats(reference))
    for normaliser in NORMALISERS:
        inside = shipped([p["lower"], p["upper"]], normaliser, "higher", p)
        beyond = shipped([p["lower"] - 1, p["upper"] + 1e6], normaliser, "higher", p)
        assert np.array_equal(inside, beyond)


@EXAMPLES
@given(reference=st.lists(amounts, min_size=2, max_size=200).filter(lambda v: len(set(v)) > 1))
def test_the_edges_of_the_reference_are_0_and_1(reference):
    p = parameters.fit(np.array(reference))
    for normaliser in ("min_max", "log_min_max"):
        low, high = shipped([p["lower"], p["upper"]], normaliser, "higher", p)
        assert (low, high) == pytest.approx((0, 1), abs=1e-9)


@EXAMPLES
@given(reference=st.lists(amounts, min_size=1, max_size=200))
def test_fit_is_numpys_quantiles_of_the_winsorised_reference(reference):
    p = parameters.fit(np.array([*reference, np.nan]))
    values = np.sort(np.array(reference))
    lower, upper = (interpolated(values, share) for share in (0.01, 0.99))
    if lower == upper:
        lower, upper = values[0], values[-1]
    assert (p["lower"], p["upper"]) == pytest.approx((lower, upper), rel=1e-9, abs=1e-12)
    clipped = np.array([min(max(value, p["lower"]), p["upper"]) for value in values])
    mean = sum(clipped) / len(clipped)
    variance = sum((value - mean) ** 2 for value in clipped) / len(clipped)
    assert p["mean"] == pytest.approx(mean, rel=1e-9, abs=1e-9)
    assert p["deviation"] == pytest.approx(variance**0.5, rel=1e-6, abs=1e-6)
    quantiles = {f"p{percent:03d}" for percent in range(0, 101, 5)}
    assert p.keys() == quantiles | {"lower", "upper", "mean", "deviation"}
    for name in quantiles:
        by_hand = interpolated(clipped, int(name[1:]) / 100)
        assert p[name] == pytest.approx(by_hand, rel=1e-9, abs=1e-9)


def interpolated(ordered: np.ndarray, share: float) -> float:
    """The quantile on the straight line between its two neighbours."""
    place = share * (len(ordered) - 1)
    low = int(np.floor(place))
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def test_a_rare_act_still_counts():
    """One customer in 200 did it: both percentiles are 0, so the maximum is the upper edge."""
    p = parameters.fit(np.array([0.0] * 199 + [4.0]))
    assert (p["lower"], p["upper"]) == (0, 4)
    assert shipped([0.0, 2.0, 4.0], "min_max", "higher", p).tolist() == [0, 0.5, 1]


def test_a_variable_that_nobody_has_is_fitted_as_zero():
    p = parameters.fit(np.array([np.nan, np.nan]))
    assert (p["lower"], p["upper"]) == (0, 0)
    assert np.isnan(shipped([None], "percentile", "higher", p)).all()


def test_an_unknown_normaliser_is_refused():
    with pytest.raises(KeyError):
        variables.normalised("x", "softmax", "higher", parameters.fit(np.arange(5.0)))
