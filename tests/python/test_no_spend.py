"""Spend is an effect of engagement, never a cause: no amount has a say in any score."""

import copy
import re

import pytest
from harness import SCORES, Project, copy_raw, same_rows

MONEY = {"amount", "points", "quantity", "price", "spend", "revenue", "profit", "discount"}
AMOUNTS_MODEL = "model.engagement_scoring.stg_loyalty__transaction_amounts"
SCORED_MODELS = ["int_scores", "int_score_percentiles", "int_customer_segments"]
RANDOM = "round(1 + 1e4 * random(), 2)"
CHANGES = {  # The sign says what is a return or taken back, so it stays.
    "raw_loyalty.transaction_lines": f"""
        select * replace ({RANDOM} * sign(amount) as amount) from rows""",
    "raw_loyalty.points_ledger": f"select * replace ({RANDOM} * sign(points) as points) from rows",
}


@pytest.fixture(scope="module")
def randomised(demo, tmp_path_factory) -> Project:
    """The demo again with every amount and number of points drawn at random, but for its sign."""
    folder = tmp_path_factory.mktemp("randomised")
    raw = copy_raw(demo.raw, folder / "raw", CHANGES)
    return Project(folder / "build", raw).build()


def test_random_amounts_and_points_leave_scores_levels_and_personas_as_they_are(demo, randomised):
    assert same_rows(randomised, demo, SCORES, key=3) > 10_000


def test_random_amounts_leave_every_contribution_as_it_is(demo, randomised):
    contributions = """
        select scorecard_version, variable_name, score_date, round(sum(contribution), 6)
        from engagement_marts.fct_score_contributions group by all"""
    assert same_rows(randomised, demo, contributions, key=3, tolerance=2e-6) > 500


def test_the_random_amounts_did_reach_the_value_beside_the_score(demo, randomised):
    """Without this, the tests above would pass on unchanged data."""
    spend = """
        select customer_id, spend from engagement_marts.fct_customer_value
        where is_latest and spend <> 0"""
    before, after = dict(demo.ask(spend)), dict(randomised.ask(spend))
    moved = [who for who in before if abs(after.get(who, 0) - before[who]) > 100]
    assert len(moved) > 0.9 * len(before) > 100
    quadrants = """
        select customer_id, score_date, scorecard_version, value_quadrant
        from engagement_marts.fct_customer_segments order by all"""
    assert demo.ask(quadrants) != randomised.ask(quadrants)


def upstream(manifest: dict, names: list[str]) -> set[str]:
    """The models that the named ones are made of, themselves included."""
    nodes = manifest["nodes"]
    open_ids = [key for key, node in nodes.items() if node["name"] in names]
    assert len(open_ids) == len(names), f"not in the manifest: {names}"
    found = set()
    while open_ids:
        key = open_ids.pop()
        if key in nodes and key not in found:
            found.add(key)
            open_ids += nodes[key]["depends_on"].get("nodes", [])
    return found


def code(node: dict) -> str:
    """What a model runs, without its comments."""
    text = node.get("compiled_code") or ""
    text = re.sub(r'(?s)""".*?"""|/\*.*?\*/', " ", text)
    return re.sub(r"(?m)(--|#).*$", " ", text)


# A raw row without an id is known by all its columns, of two versions of one load the order of all
# columns decides, and a negative number says that goods or points were taken back: the only places
# before the score where an amount stands, and no value of it is kept. Units say whether all of an
# order came back.
KNOWN_BY_ALL_COLUMNS = [
    r"coalesce\(cast\(length\(cast\((\w+) as \w+\)\) as \w+\) \|\| ':' \|\| "
    r"cast\(\1 as \w+\), '-'\)",
    r"\b(amount|points|quantity) nulls last",
    r"\bhash\([^()]*\)",
    r"\b(amount|points|quantity) < 0",
    r"least\(coalesce\(nullif\(abs\(quantity\), 0\), 1\.0e0\), 1\.0e6\)",
]


def without_keys(name: str, text: str) -> str:
    """A staging model's code without what tells raw rows and their versions apart."""
    for pattern in KNOWN_BY_ALL_COLUMNS if name.startswith("stg_") else []:
        text = re.sub(pattern, " ", text, flags=re.IGNORECASE)
    return text


def money_in(manifest: dict) -> list[str]:
    """What in the models before the score touches money."""
    problems = []
    for key in sorted(upstream(manifest, SCORED_MODELS)):
        node = manifest["nodes"][key]
        name = node["name"]
        if key == AMOUNTS_MODEL:
            problems.append(f"{name} is upstream of the score")
        words = set(re.findall(r"[a-z_]+", without_keys(name, code(node)).lower())) & MONEY
        problems += [f"{name} reads {word}" for word in sorted(words)]
        columns = {column.lower() for column in node["columns"]} & MONEY
        problems += [f"{name} declares the column {column}" for column in sorted(columns)]
    return problems


def test_no_model_before_the_score_references_amounts(demo):
    assert len(upstream(demo.manifest, SCORED_MODELS)) > 30
    assert money_in(demo.manifest) == []


def test_no_relation_before_the_score_has_a_column_of_money(demo):
    """Also catches what a `select *` carries along."""
    names = {demo.manifest["nodes"][key]["alias"] for key in upstream(demo.manifest, SCORED_MODELS)}
    columns = demo.ask("""
        select table_name, column_name from information_schema.columns
        where table_schema not like '%raw\\_%' escape '\\'""")
    here = [(table, column) for table, column in columns if table in names]
    assert len(here) > 300
    assert [pair for pair in here if pair[1] in MONEY] == []
    assert ("int_customer_value", "spend") in columns, "the check looks at the wrong names"


DOCTORED = {
    "purchases refer to the amounts": (
        "int_activities__purchases",
        lambda node: node["depends_on"]["nodes"].append(AMOUNTS_MODEL),
        "stg_loyalty__transaction_amounts is upstream of the score",
    ),
    "a variable sums the amounts": (
        "int_engagement_variables",
        lambda node: node.update(compiled_code="select sum(lines.amount) as x from lines"),
        "int_engagement_variables reads amount",
    ),
    "the programme counts points": (
        "stg_loyalty__points_ledger",
        lambda node: node.update(compiled_code='select "points" from ledger'),
        "stg_loyalty__points_ledger reads points",
    ),
    "a column is named for money": (
        "int_customer_totals",
        lambda node: node["columns"].update(spend={"name": "spend"}),
        "int_customer_totals declares the column spend",
    ),
}


@pytest.mark.parametrize("name", DOCTORED)
def test_the_check_over_the_manifest_catches_money_before_the_score(demo, name):
    model, doctor, expected = DOCTORED[name]
    manifest = copy.deepcopy(demo.manifest)
    doctor(manifest["nodes"][f"model.engagement_scoring.{model}"])
    assert expected in money_in(manifest)


def test_the_check_does_not_take_a_comment_for_a_reference(demo):
    manifest = copy.deepcopy(demo.manifest)
    node = manifest["nodes"]["model.engagement_scoring.int_scores"]
    node["compiled_code"] = "-- no amount enters\n" + node["compiled_code"]
    assert money_in(manifest) == []
