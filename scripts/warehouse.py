"""Opens the database of a dbt target, as the profile names it, for reading."""

import os
import sys
from pathlib import Path

import duckdb
import yaml

PLUGINS = Path(__file__).resolve().parents[1] / "plugins" / "spark"


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


def connect(target):
    """A reading connection to a target's database, with its path and schema prefix."""
    found = output(target)
    on_spark = found["type"] == "spark"
    parameters = found.get("server_side_parameters", {})
    path = Path(parameters["spark.sql.warehouse.dir"] if on_spark else found["path"])
    if not path.exists():
        sys.exit(f"{path} does not exist yet. Run `make build TARGET={target}` first.")
    if on_spark:
        return Spark(parameters), path, found["schema"]
    return duckdb.connect(path, read_only=True), path, found["schema"]
