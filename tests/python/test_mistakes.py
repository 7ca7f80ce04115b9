"""Replays every row of docs/mistakes.md: what was typed, the exit code and what is printed."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from harness import ROOT, Project, copy_project, seed

LOADED = "2026-06-16 05:00"
ARRIVED = "1998-07-01 05:00"


def rows(section: str) -> list[dict[str, str]]:
    """The rows of a section's table; printed is the text between the backticks."""
    text = (ROOT / "docs" / "mistakes.md").read_text().split(f"## {section}\n")[1].split("\n## ")[0]
    cells = [re.split(r" \| ", line.strip("| ")) for line in text.splitlines() if line[:2] == "| "]
    assert cells[0][1:3] == ["exit", "the build prints"]
    return [
        {"typed": typed, "exit": int(code), "printed": printed.strip("`")}
        for typed, code, printed, _ in cells[1:]
    ]


def code(cell: str) -> dict:
    """The vars that a cell holds in backticks."""
    return yaml.safe_load(re.search("`([^`]*: [^`]*)`", cell)[1])


def named(section: str) -> dict[str, dict[str, str]]:
    """The rows whose mistake stands in bold, by it."""
    return {re.match(r"\*\*(.*?)\*\*", row["typed"])[1]: row for row in rows(section)}


def flat(text: str) -> str:
    return " ".join(text.split())


def check(done, *expected: dict[str, str]) -> None:
    said = flat(done.stdout + done.stderr)
    assert "Traceback" not in said
    for row in expected:
        assert flat(row["printed"]) in said, f"{row['typed']}\n{done.stdout[-6000:]}"
        assert done.returncode == row["exit"], row["typed"]


def land(folder: Path, tables: dict[str, str]) -> Path:
    for name, text in tables.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def customers(ids, email="email") -> str:
    lines = [f"customer_id,{email},created_at,_loaded_at"]
    lines += [f"{i},c{n}@example.org,1997-01-{n % 28 + 1:02d},{ARRIVED}" for n, i in enumerate(ids)]
    return "\n".join(lines) + "\n"


def tickets(ids) -> str:
    """Service tickets from 1 January to 28 December 1997."""
    lines = ["ticket_id,customer_id,opened_at,_loaded_at"]
    lines += [f"T{n},{i},1997-{n % 12 + 1:02d}-{n % 28 + 1:02d} 10:00,{ARRIVED}"
              for n, i in enumerate(ids)]  # fmt: skip
    return "\n".join(lines) + "\n"


def test_every_var_of_the_project_is_declared_with_what_it_may_hold():
    variables = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]
    macro = (ROOT / "macros" / "check_variables.sql").read_text()
    declared = macro.split("macro declared_variables")[1].split("endmacro")[0]
    assert set(re.findall(r'(?m)^        "(\w+)":', declared)) == set(variables)


PADDED = [f"{number:06d}" for number in range(10, 40)]
PLAIN = [str(number) for number in range(10, 40)]
WHOLE = ["--exclude-resource-type=test", "--exclude-resource-type=unit_test"]
UP_TO_ORPHANS = ["build", *WHOLE, "--select", "+int_orphaned_rows"]
UP_TO_REFERENCE = ["build", *WHOLE, "--select", "+int_reference_sample"]


@pytest.fixture(scope="module")
def usual(tmp_path_factory) -> Project:
    """A company with customers and tickets of 1997, not built yet."""
    folder = tmp_path_factory.mktemp("usual")
    tables = {"raw_crm/customers.csv": customers(PLAIN)}
    tables |= {"raw_crm/service_tickets.csv": tickets(PLAIN + PLAIN + PLAIN)}
    return Project(folder / "build", land(folder / "raw", tables))


def test_vars_that_cannot_be_used_are_named_in_one_message(usual):
    stopping = [row for row in rows("Vars") if row["exit"] == 2]
    variables = {}
    for row in stopping:
        assert not variables.keys() & code(row["typed"]).keys(), "they are replayed in one run"
        variables |= code(row["typed"])
    assert len(stopping) >= 12
    done = replace(usual, variables=variables).attempt("run", "--select", "int_marks")
    check(done, *stopping, {"typed": "all", "exit": 2, "printed": "Vars that cannot be used"})


def test_files_folders_and_columns_that_are_not_read_are_named_with_the_closest_name(tmp_path):
    """With a var that is retired, which warns in the same run."""
    hints = [row for row in named("Raw data").values() if row["exit"] == 0]
    (retired,) = [row for row in rows("Vars") if row["exit"] == 0]
    raw = land(tmp_path / "raw", {
        "raw_crm/customers.csv": customers(PLAIN, email="e_mail"),
        "raw_crm/survey.csv": "customer_id\n",
        "raw_crm/consents.csv": "customer_id,channel,status,changed_at\n",
        "crm/customers.csv": customers(PLAIN),
    })  # fmt: skip
    project = Project(tmp_path / "build", raw, variables=code(retired["typed"]))
    done = project.attempt("build", "--select", "int_marks")
    check(done, *hints, retired)
    assert "raw_crm: customers 30 (1997-01-01 to 1997-01-28), consents 0" in flat(done.stdout)
    assert "raw_web (all)" in done.stdout


MISTAKES = {
    "landed no customers":
        ({"raw_crm/service_tickets.csv": tickets(PLAIN)}, {}, UP_TO_ORPHANS),
    "padded ids with zeros in one table":
        ({"raw_crm/customers.csv": customers(PADDED),
          "raw_crm/service_tickets.csv": tickets(PLAIN + PLAIN)}, {}, UP_TO_ORPHANS),
    "named the wrong reference period":
        ({"raw_crm/customers.csv": customers(PLAIN),
          "raw_crm/service_tickets.csv": tickets(PLAIN + PLAIN + PLAIN)}, {}, UP_TO_REFERENCE),
    "landed customers and nothing that they did":
        ({"raw_crm/customers.csv": customers(PLAIN[:3])}, {}, UP_TO_REFERENCE),
    "named the wrong folder":
        ({"raw_crm/customers.csv": customers(PLAIN[:3])}, {"raw_path": "raw/raw_crm"},
         ["run", "--select", "int_marks"]),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_newcomers_mistake_is_reported_as_what_it_is(tmp_path, mistake):
    tables, variables, command = MISTAKES[mistake]
    project = Project(tmp_path / "build", land(tmp_path / "raw", tables), variables=variables)
    check(project.attempt(*command), named("Raw data")[mistake])


def test_every_mistake_with_raw_data_is_replayed():
    assert {name for name, row in named("Raw data").items() if row["exit"]} == MISTAKES.keys()


WEIGHTS = "scorecard_version,market,variable_name,direction,normaliser,weight,rationale\n"
BAD_SEEDS = {
    "club_weights": WEIGHTS
    + """club_1,*,recency_days,lower,min_max,0.4,
club_1,*,store_visits,higher,minmax,0.4,
club_1,*,web_visit,higher,min_max,0.1,
club_1,FR,recency_days,lower,z_score,1,
club_2,FR,web_visits,higher,min_max,1,
""",
    "club_versions": """\
scorecard_version,scorecard_name,reference_start_date,reference_end_date,persona_count,\
minimum_coverage,description
club_1,club,,,3,0.2,
""",
}
OWN = {
    "scorecard_relations": ["scorecards", "club_weights"],
    "scorecard_version_relations": ["scorecard_versions", "club_versions"],
}
# Mistakes that are replayed by themselves; the others stand in BAD_SEEDS.
BY_THEMSELVES = {
    "a misspelt relation", "a relation that is no list", "another window than the calibration's",
    "another variable than the calibration's", "weights for a market without customers",
}  # fmt: skip


def with_seeds(usual: Project, folder: Path, seeds: dict[str, str], variables: dict) -> Project:
    copy = copy_project(folder / "project")
    for name, text in seeds.items():
        (copy / "seeds" / f"{name}.csv").write_text(text)
    return Project(folder / "build", usual.raw, copy, variables)


def test_scorecards_that_cannot_be_used_are_named_in_one_message(usual, tmp_path):
    wrong = [row for name, row in named("Scorecards and calibration").items()
             if name not in BY_THEMSELVES]  # fmt: skip
    assert len(wrong) >= 7
    done = with_seeds(usual, tmp_path, BAD_SEEDS, OWN).attempt("run", "--select", "int_marks")
    check(done, *wrong)


@pytest.mark.parametrize("mistake", ["a misspelt relation", "a relation that is no list"])
def test_relations_that_cannot_be_read_are_named(usual, tmp_path, mistake):
    row = named("Scorecards and calibration")[mistake]
    project = replace(usual, folder=tmp_path / "build", variables=code(row["typed"]))
    check(project.attempt("run", "--select", "int_marks"), row)


def test_a_calibration_fitted_with_other_settings_stops_the_run(usual, tmp_path):
    expected = [named("Scorecards and calibration")[f"another {what} than the calibration's"]
                for what in ("window", "variable")]  # fmt: skip
    lines = ["scorecard_version,kind,name,statistic,value"]
    lines += [f"balanced_1,setting,{name},value,{value}"
              for name, value in {"window_days": 365, "half_life_days": 60}.items()]  # fmt: skip
    for row in seed("scorecards"):
        if row["scorecard_version"] == "balanced_1" and row["variable_name"] != "recency_days":
            lines.append(f"balanced_1,normaliser,{row['variable_name']},upper,1")
    seeds = {"calibration": "\n".join(lines) + "\n"}
    project = with_seeds(usual, tmp_path, seeds, {"use_calibration": True})
    check(project.attempt("run", "--select", "int_marks"), *expected)
    ignored = replace(project, variables={}).attempt("run", "--select", "int_marks")
    assert ignored.returncode == 0, "a calibration that is not used stops nothing"


def test_weights_for_a_market_without_customers_are_reported(usual, tmp_path):
    row = named("Scorecards and calibration")["weights for a market without customers"]
    weights = WEIGHTS + "".join(
        f"club_1,{market},service_contacts,higher,min_max,1,\n" for market in ("*", "FX")
    )
    seeds = BAD_SEEDS | {
        "club_weights": weights,
        "club_levels": "scorecard_version,engagement_level,level_rank,lower_bound,margin\n"
        "club_1,all,1,0,1\n",
    }
    own = OWN | {"engagement_level_relations": ["engagement_levels", "club_levels"]}
    done = with_seeds(usual, tmp_path, seeds, own).attempt(
        "build", *WHOLE, "--select", "+int_customers", "+int_scorecards"
    )
    check(done, row)


def test_the_project_declares_the_vars_that_it_sets():
    """macros/check_variables.sql and dbt_project.yml name the same vars."""
    macro = (ROOT / "macros" / "check_variables.sql").read_text()
    declared = macro.split("{% macro declared_variables() %}")[1].split("{% endmacro %}")[0]
    names = set(re.findall(r'(?m)^ {8}"(\w+)": ', declared))
    settings = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]
    assert names == settings.keys()
    read = set()
    for folder in ("models", "macros", "analyses"):
        for file in (ROOT / folder).rglob("*.sql"):
            read |= set(re.findall(r'\bvar\("(\w+)"', file.read_text()))
    relations = {name for name in names if name.endswith("_relations")}
    assert read | relations == names, "each declared var is read, and no other"
