"""What the Python models do around their functions: what is frozen, due or restated."""

import duckdb
import narwhals as nw
import numpy as np
import pytest
from harness import model_module

PARAMETERS = model_module("5_normalised/int_normalisation_parameters.py")
NORMALISED = model_module("5_normalised/int_normalised_variables.py")
CENTROIDS = model_module("7_segments/int_persona_centroids.py")
SEGMENTS = model_module("7_segments/int_customer_segments.py")

VERSIONS = "values ('v1', 1, 0.25), ('v2', 1, 0.25)"
VERSION_COLUMNS = "scorecard_version, persona_count, minimum_coverage"
RULE_COLUMNS = "scorecard_version, variable_name, normaliser, direction"


class Dbt:
    """Stands in for dbt: the tables that a model refers to, by name; whether it adds to its own."""

    def __init__(self, is_incremental: bool = False, use_calibration: bool = True, **tables: str):
        self.is_incremental = is_incremental
        self.this = "stored"
        self.session = duckdb.connect()
        self._use_calibration = use_calibration
        for name, sql in tables.items():
            self.session.execute(f"create table {name} as {sql}")

    @property
    def config(self):
        return self

    def __call__(self, **settings) -> None:
        pass

    def meta_get(self, name: str) -> bool:
        return {"use_calibration": self._use_calibration}[name]

    def ref(self, name: str) -> duckdb.DuckDBPyRelation:
        return self.session.table(name)


def rows(module, dbt: Dbt, columns: str) -> list[tuple]:
    """What a model gives, in order."""
    found = module.model(dbt, dbt.session)
    if not isinstance(found, duckdb.DuckDBPyRelation):
        found = dbt.session.from_arrow(found)
    return found.select(columns).order(columns).fetchall()


FROZEN = """select * from (values
    ('v1', 'normaliser', 'visits', 'upper', 7.0e0), ('v1', 'persona:regular', 'depth', 'mean', 8),
    ('v1', 'quadrant', 'score', 'median', 9)
) as rows (scorecard_version, kind, name, statistic, value)"""


def parameters(**settings) -> Dbt:
    return Dbt(
        int_scorecards=f"""select * from (values
            ('v1', 'visits', 'min_max', 'higher'), ('v2', 'visits', 'min_max', 'higher'),
            ('v2', 'orders', 'min_max', 'higher')) as rows ({RULE_COLUMNS})""",
        int_reference_sample="""select * from (values
            ('v1', 1.0, null), ('v1', 3.0, null), ('v2', 4.0, 5.0), ('v2', 6.0, null)
        ) as rows (scorecard_version, visits, orders)""",
        calibration=FROZEN,
        **settings,
    )


def test_what_is_frozen_keeps_its_parameters_and_another_version_is_fitted():
    """v2 alone: visits of 4 and 6 have a mean of 5, orders of 5 and unknown one of 5."""
    columns = "scorecard_version, variable_name, statistic, value, is_frozen"
    found = rows(PARAMETERS, parameters(), columns)
    assert [row for row in found if row[0] == "v1"] == [("v1", "visits", "upper", 7.0, True)]
    fitted = {row[1:3]: row[3:] for row in found if row[0] == "v2"}
    assert fitted["visits", "mean"] == (5.0, False)
    assert fitted["orders", "mean"] == (5.0, False)
    assert fitted["visits", "p000"][0] < fitted["visits", "p100"][0]
    assert len(fitted) == 2 * (4 + 21)  # variables x (bounds, mean, deviation; each 5 %)


def test_a_calibration_that_is_not_used_is_fitted_again():
    dbt = parameters(use_calibration=False)
    found = rows(PARAMETERS, dbt, "scorecard_version, statistic, value, is_frozen")
    assert ("v1", "mean", 2.0, False) in found
    assert not any(is_frozen for *_, is_frozen in found)


def test_without_a_row_in_the_reference_period_the_message_says_what_to_set():
    dbt = parameters()
    dbt.session.execute("delete from int_reference_sample where scorecard_version = 'v2'")
    with pytest.raises(ValueError, match="Scorecard v2: its reference period holds no period end"):
        PARAMETERS.model(dbt, dbt.session)


def normalised(is_incremental: bool, restated: str) -> list[tuple]:
    """Visits of 0 to 4 on a scale of 0 to 4 in v1, of 0 to 8 in v2; orders count in v2 alone."""
    dbt = Dbt(
        is_incremental,
        int_engagement_variables="""select * from (values
            ('ann', 1, 1.0, 2.0), ('ann', 2, 2.0, 2.0), ('bob', 1, 4.0, 2.0)
        ) as rows (customer_id, score_date, visits, orders)""",
        int_due_variables="""select * from int_engagement_variables
            where customer_id = 'ann' and score_date = 2""",
        int_due_scorecards=f"select '{restated}' as scorecard_version",
        int_scorecards=f"""select * from (values
            ('v1', 'visits', 'min_max', 'higher'), ('v2', 'visits', 'min_max', 'lower'),
            ('v2', 'orders', 'min_max', 'higher')) as rows ({RULE_COLUMNS})""",
        int_normalisation_parameters="""select * from (values
            ('v1', 'visits', 'lower', 0.0), ('v1', 'visits', 'upper', 4.0),
            ('v2', 'visits', 'lower', 0.0), ('v2', 'visits', 'upper', 8.0),
            ('v2', 'orders', 'lower', 0.0), ('v2', 'orders', 'upper', 4.0)
        ) as rows (scorecard_version, variable_name, statistic, value)""",
    )
    return rows(NORMALISED, dbt, "scorecard_version, customer_id, score_date, visits, orders")


V1 = [("v1", "ann", 1, 0.25, None), ("v1", "ann", 2, 0.5, None), ("v1", "bob", 1, 1.0, None)]
V2 = [("v2", "ann", 1, 0.875, 0.5), ("v2", "ann", 2, 0.75, 0.5), ("v2", "bob", 1, 0.5, 0.5)]


def test_from_nothing_every_row_is_normalised_by_each_scorecard():
    assert normalised(is_incremental=False, restated="none") == V1 + V2


def test_an_increment_normalises_what_is_due():
    assert normalised(is_incremental=True, restated="none") == [V1[1], V2[1]]


def test_an_increment_normalises_everything_by_a_restated_scorecard():
    assert normalised(is_incremental=True, restated="v2") == [V1[1], *V2]


def centroids(**settings) -> list[tuple]:
    """One group in each version; its centroid is the mean of its rows, so 0 deviations off."""
    dbt = Dbt(
        int_persona_sample="""select * from (values
            ('v1', 'ann', 1, 10.0, 20.0), ('v1', 'bob', 1, 30.0, 20.0), ('v2', 'ann', 1, 50.0, 60.0)
        ) as rows (scorecard_version, customer_id, score_date, score_depth, score_advocacy)""",
        int_scorecard_versions=f"select * from ({VERSIONS}) as rows ({VERSION_COLUMNS})",
        personas="""select * from (values
            ('depth', 'attentive'), ('advocacy', 'advocate'), ('none', 'dormant')
        ) as rows (dimension, persona)""",
        calibration=FROZEN,
        **settings,
    )
    return rows(CENTROIDS, dbt, "scorecard_version, persona, dimension, statistic, value")


def test_frozen_personas_are_kept_and_another_versions_are_fitted():
    found = centroids()
    assert [row for row in found if row[0] == "v1"] == [("v1", "regular", "depth", "mean", 8.0)]
    fitted = {row[2:4]: row[4] for row in found if row[0] == "v2"}
    assert fitted == {
        ("depth", "centroid"): 0.0, ("depth", "mean"): 50.0, ("depth", "deviation"): 1.0,
        ("advocacy", "centroid"): 0.0, ("advocacy", "mean"): 60.0, ("advocacy", "deviation"): 1.0,
    }  # fmt: skip


def test_personas_of_a_calibration_that_is_not_used_are_fitted_again():
    found = centroids(use_calibration=False)
    assert ("v1", "depth", "mean", 20.0) in [(row[0], *row[2:]) for row in found]
    assert ("v1", "depth", "deviation", 10.0) in [(row[0], *row[2:]) for row in found]
    assert "regular" not in {row[1] for row in found}


def segments(is_incremental: bool, restated: str, levels: str = "v1', 'v2") -> Dbt:
    """Bound 20 with a margin of 5. Ann: 30, then 18, within the margin; Bob: 10, then 30."""
    scores = ", ".join(
        f"('{customer}', {number}, {number}, '{version}', {score}, {coverage}, {score})"
        for version in ("v1", "v2")
        for customer, number, score, coverage in (
            ("ann", 1, 30.0, 1.0), ("ann", 2, 18.0, 1.0), ("bob", 1, 10.0, 1.0),
            ("bob", 2, 30.0, 0.25), ("cid", 2, 30.0, 0.24),
        )
    )  # fmt: skip
    return Dbt(
        is_incremental,
        int_scores=f"""select * from (values {scores}) as rows (
            customer_id, score_date, score_date_number, scorecard_version, score, coverage,
            score_depth)""",
        int_score_dates="""select * from (values (1, null), (2, 1))
            as rows (score_date, previous_score_date)""",
        int_due_scores="""select * from (values ('ann', 2)) as rows (customer_id, score_date)""",
        int_unsegmented_scores="""select * from int_scores
            where customer_id = 'ann' and score_date = 2""",
        int_due_segments=f"select '{restated}' as scorecard_version",
        int_engagement_levels=f"""select * from (values
            ('v1', 'low', 1, 0.0, 5.0), ('v1', 'high', 2, 20.0, 5.0),
            ('v2', 'low', 1, 0.0, 5.0), ('v2', 'high', 2, 20.0, 5.0)
        ) as rows (scorecard_version, engagement_level, level_rank, lower_bound, margin)
        where scorecard_version in ('{levels}')""",
        int_persona_centroids="""select * from (values
            ('v1', 'quiet', 'depth', 'centroid', -1.0), ('v1', 'quiet', 'depth', 'mean', 20.0),
            ('v1', 'quiet', 'depth', 'deviation', 10.0), ('v1', 'keen', 'depth', 'centroid', 1.0),
            ('v1', 'keen', 'depth', 'mean', 20.0), ('v1', 'keen', 'depth', 'deviation', 10.0),
            ('v2', 'only', 'depth', 'centroid', 0.0), ('v2', 'only', 'depth', 'mean', 0.0),
            ('v2', 'only', 'depth', 'deviation', 1.0)
        ) as rows (scorecard_version, persona, dimension, statistic, value)""",
        int_scorecard_versions=f"select * from ({VERSIONS}) as rows ({VERSION_COLUMNS})",
        stored="""select * from (values
            ('ann', 1, 1, 'v1', 1), ('ann', 1, 1, 'v2', 2), ('bob', 1, 1, 'v1', 1)
        ) as rows (customer_id, score_date, score_date_number, scorecard_version, held_rank)""",
    )


SEGMENT = "scorecard_version, customer_id, score_date, engagement_level, persona"
IN_V1 = [
    ("v1", "ann", 1, "high", "keen"), ("v1", "ann", 2, "high", "quiet"),
    ("v1", "bob", 1, "low", "quiet"), ("v1", "bob", 2, "high", "keen"),
    ("v1", "cid", 2, None, "keen"),
]  # fmt: skip
IN_V2 = [("v2", *row[1:4], "only") for row in IN_V1]


def test_from_nothing_levels_fold_from_the_first_score_on():
    """Cid's score rests on less than the least coverage: a persona and no level."""
    assert rows(SEGMENTS, segments(False, "none"), SEGMENT) == IN_V1 + IN_V2


def test_an_increment_folds_on_from_the_level_that_is_held():
    """Within the margin Ann stays what she was: low by what v1 holds of her, high in v2."""
    found = rows(SEGMENTS, segments(True, "none"), SEGMENT)
    assert found == [("v1", "ann", 2, "low", "quiet"), ("v2", "ann", 2, "high", "only")]


def test_an_increment_folds_a_restated_version_from_the_first_score_on():
    assert rows(SEGMENTS, segments(True, "v1"), SEGMENT) == [*IN_V1, IN_V2[1]]


def test_a_scorecard_without_levels_is_told_where_to_add_them():
    dbt = segments(False, "none", levels="v1")
    with pytest.raises(ValueError, match="Scorecard v2 has no levels: add its rows"):
        SEGMENTS.model(dbt, dbt.session)


def test_between_two_centroids_just_as_near_the_first_by_name_is_taken_whichever_side_it_lies():
    """A dimension that is not measurable counts as average, and so lies in between."""
    for first, second in ((-1.0, 1.0), (1.0, -1.0)):
        dbt = segments(False, "none")
        dbt.session.execute("update int_scores set score_depth = null")
        for name, centroid in (("aside", first), ("beside", second)):
            dbt.session.execute(f"""
                update int_persona_centroids
                set persona = '{name}', value = if(statistic = 'centroid', {centroid}, value)
                where scorecard_version = 'v1'
                    and persona in ('{name}', '{"quiet" if name == "aside" else "keen"}')""")
        found = rows(SEGMENTS, dbt, "scorecard_version, persona")
        assert {persona for version, persona in found if version == "v1"} == {"aside"}


def test_a_fold_goes_on_from_the_date_before_the_first_that_is_due():
    """Ann is due at 2 and 3: what is stored of 1 counts, not that of 2 nor of somebody else."""
    session = duckdb.connect()
    due, score_dates, stored = (
        nw.from_native(session.sql(f"select * from (values {rows}) as rows ({columns})"))
        for rows, columns in (
            ("('ann', 3), ('ann', 2)", "customer_id, score_date"),
            ("(1, null), (2, 1), (3, 2)", "score_date, previous_score_date"),
            (
                "('ann', 1, 10, 'v1', 7), ('ann', 2, 20, 'v1', 8), ('bob', 1, 10, 'v1', 9)",
                "customer_id, score_date, score_date_number, scorecard_version, held_rank",
            ),
        )
    )
    held = SEGMENTS.held_before(due, score_dates, stored).to_native()
    assert held.select("customer_id, score_date, known_rank").fetchall() == [("ann", 2, 7)]


def test_the_most_pronounced_group_chooses_its_name_first():
    """Both lie highest in depth, the second by 2 deviations: it alone is named for depth."""
    personas = {"depth": "attentive", "advocacy": "advocate", "none": "dormant"}
    found = CENTROIDS.named(np.array([[1.0, 0.5], [2.0, -2.0]]), ["depth", "advocacy"], personas)
    assert found == ["advocate", "attentive"]
