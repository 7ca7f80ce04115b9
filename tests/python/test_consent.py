"""Withdrawing consent never raises a score, and leaves the past as it was."""

import pytest
from harness import Project, copy_raw

WITHDRAWN_AT = "2026-08-15 10:00:00"
SCORES = """
    select (customer_id, score_date, scorecard_version), score, coverage
    from engagement_marts.fct_engagement_scores
"""


@pytest.fixture(scope="module")
def scores(demo, tmp_path_factory):
    """Scores as they are, and as they were had everybody withdrawn from e-mail and post."""
    folder = tmp_path_factory.mktemp("consent")
    withdrawals = f"""
        select * from rows
        union all by name
        select distinct
            customer_id, channel, 'withdrawn' as status, timestamp '{WITHDRAWN_AT}' as changed_at,
            timestamp '2026-08-16 03:00:00' as _loaded_at, false as _is_deleted
        from rows where channel in ('email', 'postal') and changed_at < '{WITHDRAWN_AT}'
    """
    raw = copy_raw(demo.raw, folder / "raw", {"raw_crm.consents": withdrawals})
    withdrawn = Project(folder / "build", raw).build()
    return [{row[0]: row[1:] for row in project.ask(SCORES)} for project in (demo, withdrawn)]


def of_dates(scores, is_after):
    """Pairs (as it is, had they withdrawn) of the score dates before or after the day."""
    before, after = scores
    assert before.keys() == after.keys()
    return [
        (before[key], after[key])
        for key in before
        if (str(key[1]) >= WITHDRAWN_AT[:10]) == is_after and before[key][0] is not None
    ]


def test_scores_before_the_withdrawal_stay_as_they_were(scores):
    pairs = of_dates(scores, is_after=False)
    assert len(pairs) > 5_000
    assert max(abs(old[0] - new[0]) for old, new in pairs) < 1e-9


def test_no_score_after_the_withdrawal_is_higher(scores):
    pairs = of_dates(scores, is_after=True)
    assert max(new[0] - old[0] for old, new in pairs) < 1e-9


def test_the_withdrawal_costs_those_who_were_engaged_there(scores):
    falls = [old[0] - new[0] for old, new in of_dates(scores, is_after=True)]
    assert sum(fall > 1 for fall in falls) > 0.2 * len(falls)
