"""Opens the database of a dbt target, as the profile names it, for reading."""

import os
import sys
from pathlib import Path

import duckdb
import yaml

PROJECT = Path(__file__).resolve().parents[1]
PLUGINS = PROJECT / "plugins" / "spark"


class Spark:
    """A Spark target's session, asked in the way of a DuckDB connection."""

    def __init__(self, parameters):
        sys.path.append(str(PLUGINS))
        from dbt_spark_session import start

        self.session = start(parameters)

    def execute(self, sql, parameters=None):
        self.found = self.session.sql(sql, args=parameters)
        return self

    @property
    def description(self):
        return [(name,) for name in self.found.columns]

    def fetchall(self):
        return [tuple(row) for row in self.found.collect()]


def output(target):
    """A target of profiles.yml. Unknown target: exits and says so."""
    folder = Path(os.environ.get("DBT_PROFILES_DIR", "."))
    outputs = yaml.safe_load((folder / "profiles.yml").read_text())["engagement_scoring"]["outputs"]
    if target not in outputs:
        sys.exit(f"profiles.yml has no target {target}; it has {', '.join(outputs)}.")
    return outputs[target]


def check_exists(path, target):
    """Exits and says so where there is no database yet."""
    if not path.exists():
        sys.exit(f"{path} does not exist yet. Run `make build TARGET={target}` first.")


def opened(path, target):
    """A reading connection to a DuckDB file. Not there, or in use: exits and says so."""
    check_exists(path, target)
    try:
        return duckdb.connect(path, read_only=True)
    except duckdb.IOException as error:
        sys.exit(f"{path} cannot be read. Try again when no build runs. {error}")


def connect(target):
    """A reading connection to a target's marts, with its path and schema prefix.

    Without a whole build of this version there: exits and says so.
    """
    found = output(target)
    parameters = found.get("server_side_parameters", {})
    if found["type"] == "spark":
        path = Path(parameters["spark.sql.warehouse.dir"])
        check_exists(path, target)
        return Spark(parameters), path, found["schema"]
    path = Path(found["path"])
    connection = opened(path, target)
    there = connection.execute(
        "select table_name from information_schema.tables where table_schema = ?",
        [f"{found['schema']}_marts"],
    ).fetchall()
    marts = {model.stem for model in (PROJECT / "models" / "8_marts").glob("*.sql")}
    if missing := sorted(marts - {name for (name,) in there}):
        sys.exit(
            f"{path} has no {', '.join(missing)}: its build did not end, or was of another version "
            f"of the project. Run `make build TARGET={target}` first."
        )
    return connection, path, found["schema"]
