"""The project keeps its own rules: layers, names, descriptions, weights, no warnings."""

import copy
import re
from collections import defaultdict
from itertools import pairwise

import pytest
import yaml
from harness import ROOT, Project, one_per_variable, seed, variable_dimensions

PROJECT = "engagement_scoring"
# Of a model's name, per layer; int_ elsewhere.
PREFIXES = {1: "stg_", 8: "dim_|fct_|rpt_", 9: "int_|rpt_"}
NORMALISERS = {"min_max", "log_min_max", "percentile", "z_score"}


def models(manifest: dict) -> dict[str, dict]:
    return {
        node["name"]: node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["package_name"] == PROJECT
    }


def layer(node: dict) -> int:
    return int(re.match(r"(\d)_", node["path"])[1])


def is_mart(name: str) -> bool:
    return re.match(PREFIXES[8], name) is not None


def backward_references(manifest: dict) -> list[str]:
    """Models that reference a higher layer, and sources read elsewhere than in staging.

    What judges the data (9) reads the sources as well.
    """
    found = []
    for name, node in models(manifest).items():
        for key in node["depends_on"]["nodes"]:
            used = manifest["nodes"].get(key)
            if used is None and layer(node) not in (1, 9):
                found.append(f"{name} reads {key}")
            if used and used["resource_type"] == "model" and layer(used) > layer(node):
                found.append(f"{name} references {used['name']} of a later layer")
    return found


def test_lineage_goes_one_way_and_only_staging_reads_sources(demo):
    assert len(models(demo.manifest)) > 60
    assert backward_references(demo.manifest) == []


@pytest.mark.parametrize(
    ("model", "used"),
    [
        ("stg_crm__customers", f"model.{PROJECT}.int_customers"),
        ("int_scores", f"model.{PROJECT}.fct_customer_value"),
        ("int_activities", f"source.{PROJECT}.raw_web.events"),
    ],
)
def test_the_check_catches_a_reference_against_the_flow(demo, model, used):
    manifest = copy.deepcopy(demo.manifest)
    models(manifest)[model]["depends_on"]["nodes"].append(used)
    assert len(backward_references(manifest)) == 1


def keys_that_no_test_says_are_unique(manifest: dict) -> list[str]:
    """Models whose increments replace rows by other columns than a test of theirs is about."""
    unique = defaultdict(list)
    for node in manifest["nodes"].values():
        told = node.get("test_metadata") or {}
        if told.get("name") in ("unique", "unique_together"):
            columns = told["kwargs"].get("columns") or [told["kwargs"]["column_name"]]
            unique[node["attached_node"]].append(sorted(columns))
    keys = {name: node["config"]["unique_key"] for name, node in models(manifest).items()}
    return [
        f"{name} replaces rows by {key}"
        for name, key in keys.items()
        if key and sorted([key] if isinstance(key, str) else key)
        not in unique[models(manifest)[name]["unique_id"]]
    ]  # fmt: skip


def test_increments_replace_rows_by_what_a_test_says_is_unique(demo):
    assert sum(bool(node["config"]["unique_key"]) for node in models(demo.manifest).values()) > 30
    assert keys_that_no_test_says_are_unique(demo.manifest) == []


def test_a_key_without_one_of_its_columns_is_noticed(demo):
    manifest = copy.deepcopy(demo.manifest)
    models(manifest)["int_visits"]["config"]["unique_key"].remove("visitor_id")
    (found,) = keys_that_no_test_says_are_unique(manifest)
    assert found == (
        "int_visits replaces rows by ['channel', 'session_id', 'login_hash', 'split_at']"
    )


def test_the_name_of_a_model_tells_its_layer(demo):
    for name, node in models(demo.manifest).items():
        prefix = PREFIXES.get(layer(node), "int_")
        if layer(node) == 1 and "/" not in node["path"].split("/", 1)[1]:
            prefix = "int_"  # beside the folders of the systems: over all of them
        assert re.match(f"({prefix})[a-z]", name), f"{name} in {node['path']}"
    staged = {n for n, node in models(demo.manifest).items() if n.startswith("stg_")}
    sources = demo.manifest["sources"].values()
    expected = {f"stg_{s['source_name'].removeprefix('raw_')}__{s['name']}" for s in sources}
    assert expected <= staged
    assert all(name.split("__")[0] in {e.split("__")[0] for e in expected} for name in staged)


def test_only_marts_are_public_and_all_of_them_have_an_enforced_contract(demo):
    for name, node in models(demo.manifest).items():
        assert (node["config"]["access"] == "public") == is_mart(name), name
        assert node["config"]["contract"]["enforced"] == is_mart(name), name


PUBLIC = {
    "dim_customers": ["customer_id"],
    "fct_engagement_scores": [
        "customer_id", "score_date", "scorecard_version", "score", "coverage", "previous_score",
        "score_change", "percentile", "is_latest", "is_before_reference",
        *(f"score_{name}" for name in sorted(set(variable_dimensions().values()))),
    ],
    "fct_score_contributions": [
        "customer_id", "score_date", "scorecard_version", "dimension", "variable_name",
        "variable_value", "normalised_value", "effective_weight", "contribution",
    ],
    "fct_customer_segments": [
        "customer_id", "score_date", "scorecard_version", "engagement_level", "persona",
        "value_quadrant", "is_latest",
    ],
    "fct_segment_migrations": [
        "score_date", "scorecard_version", "from_level", "to_level", "customers",
    ],
    "fct_customer_value": ["customer_id", "score_date", "is_latest"],
    "rpt_row_reconciliation": [
        "source_system", "table_name", "rows_in", "rows_staged", "rows_duplicate",
        "rows_superseded", "rows_deleted", "rows_quarantined", "rows_erased",
    ],
    "rpt_quarantine": ["source_system", "table_name", "reason_code", "column_name", "row_count"],
    "rpt_data_quality": [
        "layer", "table_name", "expectation", "column_name", "severity", "success", "observed",
        "expected", "run_at", "is_latest",
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLIC)
def test_a_mart_has_the_columns_that_bi_relies_on(demo, name):
    real = {row[0] for row in demo.ask(f"describe engagement_marts.{name}")}
    assert set(PUBLIC[name]) - real == set()


def test_the_project_is_described_column_by_column_as_it_is_built(demo):
    real = defaultdict(list)
    rows = demo.ask("select table_schema, table_name, column_name from information_schema.columns")
    for schema, table, column in rows:
        real[schema, table].append(column)
    described = [n for n in demo.manifest["nodes"].values() if n["resource_type"] in
                 ("model", "seed")]  # fmt: skip
    assert len(described) > 65
    for node in described:
        assert len(node["description"]) > 10, f"{node['name']} has no description"
        declared = {c["name"]: c["description"].strip() for c in node["columns"].values()}
        built = real[node["schema"], node["alias"]]
        if node["config"]["materialized"] == "ephemeral":
            query = f"describe select * from ({node['compiled_code']}) as inlined"
            built = [row[0] for row in demo.ask(query)]
        columns = set(built) - one_per_variable(node)
        assert sorted(declared) == sorted(columns), f"{node['name']}: YAML and table differ"
        assert [c for c in columns if not declared[c]] == [], node["name"]


def test_the_variables_themselves_are_all_described_in_one_place(demo):
    described = demo.manifest["nodes"][f"model.{PROJECT}.int_engagement_variables"]["columns"]
    assert {name for name, c in described.items() if c["description"]} >= set(variable_dimensions())
    (count,) = demo.ask("""
        select count(*) from information_schema.columns
        where table_name = 'int_engagement_variables'""")[0]
    assert count == len(described) == len(variable_dimensions()) + 2


def test_every_source_column_has_a_type_and_a_description(demo):
    for source in demo.manifest["sources"].values():
        assert source["description"], source["name"]
        for column in source["columns"].values():
            assert column["data_type"], f"{source['name']}.{column['name']}"
            assert column["description"].strip(), f"{source['name']}.{column['name']}"


def test_every_variable_tells_its_dimension_unit_and_source():
    path = ROOT / "models" / "4_variables" / "int_engagement_variables.yml"
    for column in yaml.safe_load(path.read_text())["models"][0]["columns"]:
        if column["name"] not in ("customer_id", "score_date"):
            meta = column["config"]["meta"]
            assert meta.keys() >= {"dimension", "unit", "source"}, column["name"]


def too_long(text: str) -> bool:
    """Over 100 lines, with no comment of some words on the first."""
    reason = re.match(r'(--|#|\{#|""").{20,}', text)
    return len(text.splitlines()) > 100 and not reason


def test_no_line_of_sql_is_over_100_columns():
    files = [
        f
        for folder in ("models", "macros", "analyses", "tests")
        for f in ROOT.glob(f"{folder}/**/*.sql")
    ]
    lines = [(f, number, line) for f in files for number, line in enumerate(f.open(), 1)]
    assert len(lines) > 2_000
    assert [(f.name, number) for f, number, line in lines if len(line.rstrip()) > 100] == []


def test_no_model_is_over_100_lines_without_a_reason_on_its_first_line():
    paths = [p for kind in ("sql", "py") for p in sorted((ROOT / "models").rglob(f"*.{kind}"))]
    assert len(paths) > 60
    long = [path.name for path in paths if too_long(path.read_text())]
    assert long == []


def test_a_model_of_101_lines_is_too_long_unless_its_first_line_says_why():
    assert too_long("select 1\n" * 101)
    assert not too_long("select 1\n" * 100)
    reason = "-- Long because one pass over all activities is ten times cheaper.\n"
    assert not too_long(reason + "select 1\n" * 150)


def test_singular_and_unit_tests_are_named_for_what_they_prove(demo):
    """At least three words; generic tests are named by dbt after column and check."""
    nodes = demo.manifest["nodes"].values()
    tests = [node for node in nodes if node["resource_type"] == "test"]
    names = [test["name"] for test in tests if not test.get("test_metadata")]
    names += [test["name"] for test in demo.manifest.get("unit_tests", {}).values()]
    assert [n for n in names if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+){2,}", n)] == []
    assert [n for n in names if re.match(r"(unit_?)?tests?_", n)] == []


def test_every_model_with_a_grain_of_customers_is_tested_for_it(demo):
    tested = {
        node["attached_node"]
        for node in demo.manifest["nodes"].values()
        if node["resource_type"] == "test"
        and node["test_metadata"]
        and node["test_metadata"]["name"] in ("unique", "unique_together")
    }
    marts = {n["unique_id"]: name for name, n in models(demo.manifest).items() if layer(n) == 8}
    assert {name for key, name in marts.items() if key not in tested} <= {"fct_score_contributions"}


def cards() -> dict[tuple[str, str], list[dict]]:
    """The shipped weights: (scorecard version, market) -> rows."""
    found = defaultdict(list)
    for row in seed("scorecards"):
        found[row["scorecard_version"], row["market"]].append(row)
    return found


@pytest.mark.parametrize("card", sorted(cards()), ids="-".join)
def test_the_weights_of_a_scorecard_are_positive_and_sum_to_1(card):
    weights = [float(row["weight"]) for row in cards()[card]]
    assert min(weights) > 0
    assert abs(sum(weights) - 1) < 1e-9


@pytest.mark.parametrize("card", sorted(cards()), ids="-".join)
def test_a_scorecard_weighs_each_variable_once_by_a_known_normaliser_and_says_why(card):
    rows = cards()[card]
    names = [row["variable_name"] for row in rows]
    assert len(set(names)) == len(names)
    assert set(names) <= set(variable_dimensions())
    assert {row["normaliser"] for row in rows} <= NORMALISERS
    assert {row["direction"] for row in rows} <= {"higher", "lower"}
    assert all(len(row["rationale"]) > 10 for row in rows)


def test_a_variable_is_normalised_the_same_in_all_markets_of_a_version():
    ways = defaultdict(set)
    for (version, _), rows in cards().items():
        for row in rows:
            ways[version, row["variable_name"]].add((row["normaliser"], row["direction"]))
    assert {key: way for key, way in ways.items() if len(way) > 1} == {}


def test_two_scorecards_ship_and_each_has_levels_from_0_up_and_a_market_for_all():
    versions = {row["scorecard_version"] for row in seed("scorecard_versions")}
    assert len(versions) >= 2
    assert {version for version, market in cards() if market == "*"} == versions
    bounds = defaultdict(list)
    for row in seed("engagement_levels"):
        rank, bound, margin = (float(row[n]) for n in ("level_rank", "lower_bound", "margin"))
        bounds[row["scorecard_version"]].append((rank, bound, margin))
    assert bounds.keys() == versions
    for rows in bounds.values():
        ranks, lowers, margins = zip(*sorted(rows), strict=True)
        assert list(ranks) == list(range(1, len(rows) + 1))
        assert lowers[0] == 0
        gaps = [high - low for low, high in pairwise(lowers)]
        assert min(gaps) > 2 * max(margins), "margins of neighbouring bounds overlap"


def test_no_spend_is_a_variable():
    assert not set(variable_dimensions()) & {"spend", "amount", "revenue", "order_value"}


def test_dbt_parse_prints_no_warning(demo, tmp_path):
    project = Project(tmp_path, demo.raw)
    done = project.attempt("--warn-error", "parse", "--no-partial-parse", "--show-all-deprecations")
    assert done.returncode == 0, done.stdout[-3_000:]
    assert not re.search(r"(?i)warning|deprecat", done.stdout + done.stderr), done.stdout
