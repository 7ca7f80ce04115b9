"""No personal data past staging, and the salt stands nowhere."""

import copy
import hashlib
import re
import sys
from pathlib import Path

import duckdb
import pytest
import yaml
from dbt_common.exceptions import DbtRuntimeError
from harness import ROOT, SALT, Project, demo_contract, files, one_per_variable

sys.path.append(str(ROOT / "plugins"))
import engagement_salt

SUFFIXES = (
    "e_?mail|mail|e_?mail_address|phone|phone_number|mobile|first_name|last_name|full_name|surname"
    "|address|street|birth_date|date_of_birth|postal_code|zip_code|login_id"
)
PERSONAL = f"{SUFFIXES}|name|(customer|contact|person|user|member|account)_name"
NAMES_OF_THINGS = {"int_calibration.name"}  # names, but of no person
EMAIL = r"[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}"
PHONE = r"\+\d[\d ().-]{6,}\d"
PAST_STAGING = ("identity", "activities", "variables", "normalised", "scores", "segments", "marts")


def personal_columns(manifest: dict) -> list[str]:
    """Columns past staging that are named like personal data; hashes are for identity alone."""
    found = []
    for node in manifest["nodes"].values():
        layer = re.match(r"(\d)_", node["path"])
        if node["resource_type"] != "model" or not layer:
            continue
        for column in node["columns"]:
            hashed = column.endswith("_hash") and column != "key_hash" and int(layer[1]) > 2
            named = int(layer[1]) > 1 and re.fullmatch(rf"{PERSONAL}|.*_({SUFFIXES})", column)
            if (hashed or named) and f"{node['name']}.{column}" not in NAMES_OF_THINGS:
                found.append(f"{node['name']}.{column}")
    return found


def test_no_model_past_staging_has_a_column_named_for_personal_data(demo):
    assert personal_columns(demo.manifest) == []


@pytest.mark.parametrize(
    ("model", "column"),
    [
        ("int_customers", "email"),
        ("dim_customers", "contact_phone"),
        ("dim_customers", "customer_name"),
        ("int_visits", "login_id"),
        ("fct_engagement_scores", "email_hash"),
    ],
)
def test_the_check_over_the_manifest_catches_a_personal_column(demo, model, column):
    manifest = copy.deepcopy(demo.manifest)
    node = manifest["nodes"][f"model.engagement_scoring.{model}"]
    node["columns"][column] = {"name": column}
    assert personal_columns(manifest) == [f"{model}.{column}"]


def test_the_manifest_names_the_columns_that_really_exist(demo):
    """What is not declared would slip past the check above."""
    declared = {
        (node["alias"], column)
        for node in demo.manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed")
        for column in {*node["columns"], *one_per_variable(node)}
    }
    real = demo.ask(f"""
        select table_name, column_name from information_schema.columns
        where table_schema in ({", ".join(f"'engagement_{name}'" for name in PAST_STAGING)})""")
    assert len(real) > 300
    assert sorted(set(real) - declared) == []


@pytest.fixture(scope="module")
def personal_values(demo) -> list[str]:
    """Every e-mail address, phone number and login that is an address, as landed, lower-cased."""
    values = set()
    for table, columns in demo_contract().items():
        for column in columns:
            if re.fullmatch(r"email|phone|login_id", column):
                paths = [str(path) for path in files(demo.raw, table)]
                rows = duckdb.sql(f"select distinct {column} from read_parquet({paths})")
                landed = {value for (value,) in rows.fetchall() if value}
                values |= {value for value in landed if re.search(r"@|^\+?[\d ]+$", value)}
    assert len(values) > 1_000
    return sorted({value.strip().lower() for value in values})


def leaks(connection, relation: str, personal: list[str]) -> list[str]:
    """Columns of a relation in which a value is, or looks like, personal data."""
    connection.execute("create or replace temp table personal as select unnest(?) as v", [personal])
    found = []
    for name, kind, *_ in connection.execute(f"describe {relation}").fetchall():
        if kind not in ("BIGINT", "INTEGER", "DOUBLE", "DATE", "TIMESTAMP", "BOOLEAN", "HUGEINT"):
            text = f'lower(trim("{name}"::varchar))'
            hit = f"""
                {text} in (from personal) or regexp_matches({text}, '{EMAIL}')
                or regexp_full_match({text}, '{PHONE}')"""
            count = connection.execute(f"select count(*) from {relation} where {hit}").fetchall()
            found += [f"{relation}.{name}: {count[0][0]} values"] if count[0][0] else []
    return found


@pytest.fixture(scope="module")
def past_staging(demo) -> list[str]:
    """Every relation past staging."""
    relations = demo.ask("""
        select table_schema || '.' || table_name from information_schema.tables
        where table_schema not like '%staging' and table_schema not like '%raw\\_%' escape '\\'
        order by all""")
    assert len(relations) > 50
    return [relation for (relation,) in relations]


def test_no_value_past_staging_is_an_email_phone_or_login(demo, past_staging, personal_values):
    with demo.connect() as connection:
        found = [
            leak
            for relation in past_staging
            for leak in leaks(connection, relation, personal_values)
        ]
    assert found == []


@pytest.fixture(scope="module")
def online_identifiers(demo) -> list[str]:
    """Every cookie, device and session of a tracker, as landed, lower-cased."""
    values = set()
    for table, columns in {
        "raw_web.events": ["anonymous_id", "session_id"],
        "raw_app.events": ["device_id", "session_id"],
        "raw_app.devices": ["device_id"],
    }.items():
        paths = [str(path) for path in files(demo.raw, table)]
        for column in columns:
            rows = duckdb.sql(f"select distinct lower(trim({column})) from read_parquet({paths})")
            values |= {value for (value,) in rows.fetchall() if value}
    assert len(values) > 1_000
    return sorted(values)


def online_leaks(connection, relation: str, identifiers: list[str]) -> list[str]:
    """Columns of a relation in which a value, or a part of one such as web:<cookie>, is one."""
    connection.execute(
        "create or replace temp table online as select unnest(?) as v", [identifiers]
    )
    found = []
    for name, kind, *_ in connection.execute(f"describe {relation}").fetchall():
        if kind == "VARCHAR":
            text = f'lower("{name}")'
            ((count,),) = connection.execute(f"""
                select count(*) from {relation}
                where {text} in (from online) or split_part({text}, ':', 2) in (from online)
                    or split_part({text}, '|', 1) in (from online)
                    or split_part({text}, '|', 2) in (from online)""").fetchall()
            found += [f"{relation}.{name}: {count} values"] if count else []
    return found


def test_no_value_past_staging_is_a_cookie_device_or_session(
    demo, past_staging, online_identifiers
):
    with demo.connect() as connection:
        found = [
            leak
            for relation in past_staging
            for leak in online_leaks(connection, relation, online_identifiers)
        ]
        staged = online_leaks(connection, "engagement_staging.stg_web__events", online_identifiers)
    assert found == []
    assert [re.search(r"\.(\w+):", entry)[1] for entry in staged] == ["anonymous_id", "session_id"]


def test_the_search_over_values_finds_them_where_they_are(demo, personal_values):
    with demo.connect() as connection:
        found = leaks(connection, "engagement_raw_crm.customers", personal_values)
        logins = leaks(connection, "engagement_staging.stg_web__events", personal_values)
        looks = leaks(connection, "engagement_raw_crm.customers", [])
    assert [re.search(r"\.(\w+):", entry)[1] for entry in found] == ["email", "phone", "_landed"]
    assert [re.search(r"\.(\w+):", entry)[1] for entry in logins] == ["login_id"]
    assert [re.search(r"\.(\w+):", entry)[1] for entry in looks] == ["email", "phone", "_landed"]


def test_identities_are_matched_on_the_salted_hash(demo, personal_values):
    email = next(value for value in personal_values if "@" in value)
    hashes = {row[0] for row in demo.ask("from engagement_identity.int_customer_identifiers")}
    addresses = [value for value in personal_values if "@" in value]
    salted = {hashlib.sha256((SALT + value).encode()).hexdigest() for value in addresses}
    plain = {hashlib.sha256(value.encode()).hexdigest() for value in addresses}
    assert len(salted & hashes) > 100, email
    assert not plain & hashes


def files_holding(folders: list[Path], text: str) -> list[Path]:
    """Files that hold a text, as it is or as JSON or hexadecimal would write it."""
    wanted = [text.encode(), text.encode("utf-16-le"), text.encode().hex().encode()]
    every = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in every if any(needle in path.read_bytes() for needle in wanted)]


def test_the_salt_stands_in_no_file_that_a_build_writes(demo):
    written = [demo.target, demo.logs]
    assert files_holding([demo.folder], SALT) == []
    assert any(
        path.suffix == ".duckdb" for path in files_holding([demo.folder], "int_counted_spans")
    ), "the search finds nothing in the database"
    assert files_holding(written, "engagement_salt"), "the search finds nothing at all"


def test_no_view_needs_or_holds_the_salt(demo):
    views = demo.ask("select sql from duckdb_views() where not internal")
    assert len(views) > 20
    assert not any("engagement_salt" in sql or SALT in sql for (sql,) in views)


def test_account_ids_that_look_like_addresses_or_phone_numbers_are_named_with_what_to_do(tmp_path):
    ids = {
        "e-mail addresses": ["jane.doe@example.org", "JOE@example.co.uk"],
        "phone numbers": ["+33 6 12 34 56 78", "+33612345678", "06 12 34 56 78", "(555) 123-4567"],
    }
    others = ["C1", "100023456", "0000012345", "2026-05-01-17", "a@b", "00000000-0000-4000-8000-1"]
    path = tmp_path / "raw" / "raw_crm" / "customers.csv"
    path.parent.mkdir(parents=True)
    path.write_text(
        "\n".join(["customer_id", *others, *ids["e-mail addresses"], *ids["phone numbers"]])
    )
    done = Project(tmp_path / "build", tmp_path / "raw").attempt(
        "run", "--select", "path:models/1_staging"
    )
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 0, said[-3000:]
    for kind, values in ids.items():
        expected = f"raw_crm.customers: {len(values)} new rows have a customer_id that looks like "
        assert f"{expected}{kind}. The marts show customer_id: land another key" in said
    assert [value for values in ids.values() for value in values if value in said] == []


def test_without_a_salt_the_production_target_stops_and_names_the_variable(demo, tmp_path):
    project = Project(tmp_path, demo.raw, salt=None)
    done = project.attempt("run", target="production")
    assert done.returncode != 0
    assert "ENGAGEMENT_SALT" in done.stdout + done.stderr
    assert "is not set" in done.stdout + done.stderr
    assert not (project.target / "run").exists()


def test_the_production_profile_names_no_salt_of_its_own():
    profile = (ROOT / "profiles.example.yml").read_text()
    assert "default_salt" in profile
    assert "default_salt" not in profile.split("production:")[1]


@pytest.mark.parametrize("salt", ["", "   ", "x", "1234567", "x             "])
def test_a_blank_or_short_salt_is_refused(salt, monkeypatch):
    monkeypatch.setenv("ENGAGEMENT_SALT", salt)
    with pytest.raises(DbtRuntimeError, match="blank or has fewer than 8 characters"):
        engagement_salt.salt("public-salt-of-the-demo")


def test_a_salt_of_8_characters_and_the_default_of_a_target_are_taken(monkeypatch):
    monkeypatch.setenv("ENGAGEMENT_SALT", "12345678")
    assert engagement_salt.salt("public-salt-of-the-demo") == "12345678"
    monkeypatch.delenv("ENGAGEMENT_SALT")
    assert engagement_salt.salt("public-salt-of-the-demo") == "public-salt-of-the-demo"
    with pytest.raises(DbtRuntimeError, match="ENGAGEMENT_SALT is not set"):
        engagement_salt.salt()


def test_the_demos_public_salt_stops_every_other_target(demo, tmp_path):
    class Renamed(Project):
        @property
        def profiles(self) -> str:
            return super().profiles.replace("    demo:\n", "    live:\n")

    done = Renamed(tmp_path / "live", demo.raw, salt=None, output="live").attempt("run")
    assert done.returncode != 0
    assert "hashes identifiers with the demo's salt" in " ".join(
        (done.stdout + done.stderr).split()
    )


def test_only_the_demo_and_the_example_name_a_salt():
    outputs = yaml.safe_load((ROOT / "profiles.example.yml").read_text())["engagement_scoring"]
    named = {name for name, output in outputs["outputs"].items() if "default_salt" in str(output)}
    assert named == {"demo", "example"}
