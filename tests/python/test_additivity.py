"""The score explains itself: its parts add up, and a second computation gives the same."""

import numpy as np
import pytest
from harness import SCORE_KEY, seed, variable_dimensions

DIMENSIONS = sorted(set(variable_dimensions().values()))
VERSIONS = sorted({row["scorecard_version"] for row in seed("scorecards")})


@pytest.fixture(scope="module")
def scores(demo) -> dict[str, np.ndarray]:
    return demo.columns(f"""
        select scores.*, coalesce(customers.market, '*') as market
        from engagement_marts.fct_engagement_scores as scores
        join engagement_marts.dim_customers as customers using (customer_id)
        order by {", ".join(SCORE_KEY)}""")


@pytest.fixture(scope="module")
def sums(demo) -> dict[str, np.ndarray]:
    """What the contributions of each score come to, all together and per dimension."""
    per_dimension = ", ".join(
        f"sum(contribution) filter (dimension = '{name}') as {name}" for name in DIMENSIONS
    )
    return demo.columns(f"""
        select {", ".join(SCORE_KEY)}, count(*) as row_count, sum(contribution) as contribution,
            sum(effective_weight) as weight, min(contribution) as least,
            sum(abs(effective_weight)) filter (normalised_value is null) as unmeasured_weight,
            max(abs(contribution - 100 * effective_weight * coalesce(normalised_value, 0)))
                as deviation,
            {per_dimension}
        from engagement_marts.fct_score_contributions
        group by all order by {", ".join(SCORE_KEY)}""")


def test_every_score_has_its_contributions_one_per_variable_of_its_scorecard(scores, sums):
    for column in SCORE_KEY:
        assert np.array_equal(scores[column], sums[column])
    sizes = {}
    for row in seed("scorecards"):
        version = row["scorecard_version"]
        sizes.setdefault(version, set()).add(row["variable_name"])
    expected = [len(sizes[version]) for version in sums["scorecard_version"]]
    assert np.array_equal(sums["row_count"], expected)


def test_contributions_sum_to_the_score_within_1e_9(scores, sums):
    scored = ~np.isnan(scores["score"])
    assert scored.sum() > 10_000
    assert np.abs(sums["contribution"] - scores["score"])[scored].max() <= 1e-9
    assert not sums["contribution"][~scored].any()


def test_effective_weights_sum_to_1_and_leave_out_what_was_not_measured(scores, sums):
    scored = ~np.isnan(scores["score"])
    assert np.abs(sums["weight"] - 1)[scored].max() <= 1e-9
    assert np.nanmax(sums["unmeasured_weight"]) == 0
    assert sums["least"].min() >= 0
    assert sums["deviation"].max() <= 1e-9


def test_scores_and_subscores_lie_in_0_to_100_and_are_null_only_without_coverage(scores):
    for column in ["score", *(f"score_{name}" for name in DIMENSIONS)]:
        known = scores[column][~np.isnan(scores[column])]
        assert known.min() >= 0
        assert known.max() <= 100
        assert known.std() > 1, f"{column} tells nobody apart"
    assert np.array_equal(np.isnan(scores["score"]), scores["coverage"] == 0)
    assert scores["coverage"].min() >= 0
    assert scores["coverage"].max() <= 1


def weights(version: str, market: str) -> dict[str, float]:
    """Variable -> weight from the seed: the market's own rows, or those of *."""
    rows = [row for row in seed("scorecards") if row["scorecard_version"] == version]
    own = [row for row in rows if row["market"] == market]
    everywhere = [row for row in rows if row["market"] == "*"]
    return {row["variable_name"]: float(row["weight"]) for row in own or everywhere}


def weighted(values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """100 x mean of what is known, by weight, and the weight that is known."""
    known = np.where(np.isnan(values), 0, weight)
    total = known.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return 100 * (np.nan_to_num(values) * known).sum(axis=1) / total, total


def agree(found: np.ndarray, expected: np.ndarray) -> bool:
    return np.allclose(found, expected, rtol=0, atol=1e-9, equal_nan=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_numpy_finds_the_same_score_subscores_and_coverage(demo, scores, version):
    normalised = demo.columns(f"""
        select * from engagement_normalised.int_normalised_variables
        order by {", ".join(SCORE_KEY)}""")
    for column in SCORE_KEY:
        assert np.array_equal(normalised[column], scores[column])
    dimensions = variable_dimensions()
    for market in np.unique(scores["market"]):
        rows = (scores["scorecard_version"] == version) & (scores["market"] == market)
        card = weights(version, market)
        weight = np.array(list(card.values()))
        values = np.column_stack([normalised[name][rows] for name in card])
        score, known = weighted(values, weight)
        assert agree(scores["score"][rows], score)
        assert agree(scores["coverage"][rows], known / weight.sum())
        for dimension in DIMENSIONS:
            mine = np.array([dimensions[name] == dimension for name in card])
            subscore, _ = weighted(values[:, mine], weight[mine])
            assert agree(scores[f"score_{dimension}"][rows], subscore), dimension


def test_coverage_differs_between_customers(scores):
    """Otherwise the tests above would prove nothing about rescaled weights."""
    assert len(np.unique(np.round(scores["coverage"], 6))) > 10
