"""The shipped seeds: versions that are out stay as they are."""

import json
from hashlib import sha256

import pytest
from harness import seed, variable_dimensions

# The rules of each version that is out. Scores of other days were given by them, so a change is a
# new version, with a line of its own here.
PUBLISHED = {
    "balanced_1": "b21671b6ca6a3b7b544a6fc280732c38c3a6af3a9c1608fe6109c34702b19321",
    "store_first_1": "6cdc349eed740b2702c4728512a85b2b820466f80aec5fa83a9a0fb3b351f8ba",
}


def rules(version: str) -> list[list[str]]:
    """All that decides a version's scores, levels and personas; not how it explains itself."""
    said = {"rationale", "description", "scorecard_name"}
    return sorted(
        [name, *(value for column, value in row.items() if column not in said)]
        for name in ("scorecards", "scorecard_versions", "engagement_levels")
        for row in seed(name)
        if row["scorecard_version"] == version
    )


@pytest.mark.parametrize(
    "version", sorted({row["scorecard_version"] for row in seed("scorecards")})
)
def test_a_version_that_is_out_stays_as_it_is(version):
    fingerprint = sha256(json.dumps(rules(version)).encode()).hexdigest()
    assert fingerprint == PUBLISHED.get(version), (
        f"The rules of {version} are not those that it was published with. Put the change into a "
        f"new version. Where {version} itself is new, add it to PUBLISHED: {fingerprint}"
    )


def test_a_weight_or_a_bound_that_changes_is_another_fingerprint_of_rules():
    shipped = rules("balanced_1")
    assert ["engagement_levels", "balanced_1", "low", "2", "12", "1"] in shipped
    assert any(row[0] == "scorecards" and "0.15" in row for row in shipped)
    assert any(row[0] == "scorecard_versions" and "0.25" in row for row in shipped)


def test_the_demos_currencies_are_one_rate_each_of_the_euro_from_the_first_day_on():
    """The rates that the demo's receipts and the golden customers' sheet are converted at."""
    found = {
        (row["currency"], row["valid_from"], float(row["rate"])) for row in seed("currency_rates")
    }
    rates = {"EUR": 1, "USD": 0.9, "CHF": 1.05, "GBP": 1.15}
    assert found == {(currency, "2000-01-01", rate) for currency, rate in rates.items()}


def test_each_dimension_and_none_of_them_gives_a_persona_its_name():
    names = {row["dimension"]: row["persona"] for row in seed("personas")}
    assert set(names) == {*variable_dimensions().values(), "none"}
    assert len(set(names.values())) == len(names)
