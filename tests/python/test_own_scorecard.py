"""A company's own scorecard: a few files and settings more, and nothing shipped is touched."""

import shutil

import numpy as np
import pytest
from harness import ROOT, SCORES, Project, same_rows, variable_dimensions

OWN = "our_club_1"
WEIGHTS = {  # market -> variable -> direction, normaliser, weight
    "*": {
        "recency_days": ("lower", "z_score", 0.25),
        "store_visits": ("higher", "log_min_max", 0.45),
        "benefits_redeemed": ("higher", "percentile", 0.3),
    },
    "FR": {
        "recency_days": ("lower", "z_score", 0.5),
        "store_visits": ("higher", "log_min_max", 0.5),
    },
}
SEEDS = {
    "our_scorecards": (
        "scorecard_version,market,variable_name,direction,normaliser,weight,rationale\n"
        + "".join(
            f"{OWN},{market},{name},{direction},{normaliser},{weight},Our own judgement.\n"
            for market, card in WEIGHTS.items()
            for name, (direction, normaliser, weight) in card.items()
        )
    ),
    "our_versions": (
        "scorecard_version,scorecard_name,reference_start_date,reference_end_date,persona_count,"
        "minimum_coverage,description\n"
        f"{OWN},our_club,2026-01-01,2026-06-30,3,0.2,For the members of our club.\n"
    ),
    "our_levels": (
        "scorecard_version,engagement_level,level_rank,lower_bound,margin\n"
        f"{OWN},cool,1,0,2\n{OWN},warm,2,30,2\n{OWN},hot,3,60,2\n"
    ),
}
VARIABLES = {
    "scorecard_relations": ["scorecards", "our_scorecards"],
    "scorecard_version_relations": ["scorecard_versions", "our_versions"],
    "engagement_level_relations": ["engagement_levels", "our_levels"],
}
SHIPPED = ["models", "macros", "seeds", "plugins", "dbt_project.yml", "tests/generic"]


@pytest.fixture(scope="module")
def own(demo, tmp_path_factory) -> Project:
    """The project's folder with three seed files more, built as the README says: whole."""
    folder = tmp_path_factory.mktemp("own")
    for name in SHIPPED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (folder / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, folder / "project" / name)
    for name, text in SEEDS.items():
        (folder / "project" / "seeds" / f"{name}.csv").write_text(text)
    return Project(folder / "build", demo.raw, folder / "project", VARIABLES).dbt("build")


def test_the_shipped_scores_stay_as_they_are(demo, own):
    shipped = f"{SCORES} where scorecard_version <> '{OWN}'"
    assert same_rows(own, demo, shipped, key=3) > 10_000


def test_the_own_scorecard_scores_every_customer_and_date_side_by_side(own):
    counts = own.ask("""
        select scorecard_version, count(*) from engagement_marts.fct_engagement_scores
        group by all""")
    assert len(counts) == 3
    assert len({count for _, count in counts}) == 1


def test_own_levels_bounds_and_personas_apply(own):
    found = own.ask(f"""
        select engagement_level, min(score), max(score), count(distinct persona)
        from engagement_marts.fct_customer_segments
        join engagement_marts.fct_engagement_scores
            using (customer_id, score_date, scorecard_version)
        where scorecard_version = '{OWN}' and engagement_level is not null group by all""")
    ranges = {level: (least, most) for level, least, most, _ in found}
    assert ranges.keys() == {"cool", "warm", "hot"}
    assert ranges["cool"][1] < 32
    assert 28 <= ranges["warm"][0] <= ranges["warm"][1] < 62
    assert ranges["hot"][0] >= 58
    assert max(personas for *_, personas in found) <= 3


def test_numpy_finds_the_own_score_by_the_weights_of_each_customers_market(own):
    rows = own.columns(f"""
        select scores.score, scores.coverage, market, normalised.*
        from engagement_marts.fct_engagement_scores as scores
        join engagement_marts.dim_customers using (customer_id)
        join engagement_normalised.int_normalised_variables as normalised
            using (customer_id, score_date, scorecard_version)
        where scorecard_version = '{OWN}'""")
    in_france = rows["market"] == "FR"
    assert 0 < in_france.sum() < len(in_france)
    for market, mine in (("FR", in_france), ("*", ~in_france)):
        card = WEIGHTS[market]
        values = np.column_stack([rows[name][mine] for name in card])
        weights = np.array([weight for *_, weight in card.values()])
        known = np.where(np.isnan(values), 0, weights)
        with np.errstate(invalid="ignore"):
            score = 100 * (np.nan_to_num(values) * known).sum(axis=1) / known.sum(axis=1)
        assert np.allclose(rows["score"][mine], score, rtol=0, atol=1e-9, equal_nan=True)
        assert np.allclose(rows["coverage"][mine], known.sum(axis=1) / weights.sum(), atol=1e-9)


def test_contributions_of_the_own_scorecard_sum_to_its_score(own):
    worst = own.ask(f"""
        select max(abs(score - points)), count(*) from (
            select customer_id, score_date, sum(contribution) as points
            from engagement_marts.fct_score_contributions
            where scorecard_version = '{OWN}' group by all
        ) join engagement_marts.fct_engagement_scores using (customer_id, score_date)
        where scorecard_version = '{OWN}' and score is not null""")
    assert worst[0][0] <= 1e-9
    assert worst[0][1] > 5_000


def test_the_own_scorecard_weighs_variables_that_exist():
    assert {name for card in WEIGHTS.values() for name in card} <= set(variable_dimensions())
