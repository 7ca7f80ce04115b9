"""Opens the database file of a dbt target, as the profile names it, for reading."""

import os
import sys
from pathlib import Path

import duckdb
import yaml


def database(target):
    """The path and schema prefix of a target in profiles.yml. Unknown target: exits and says so."""
    folder = Path(os.environ.get("DBT_PROFILES_DIR", "."))
    outputs = yaml.safe_load((folder / "profiles.yml").read_text())["engagement_scoring"]["outputs"]
    if target not in outputs:
        sys.exit(f"profiles.yml has no target {target}; it has {', '.join(outputs)}.")
    return Path(outputs[target]["path"]), outputs[target]["schema"]


def connect(target):
    """A read-only connection to a target's database, with its path and schema prefix."""
    path, schema = database(target)
    if not path.exists():
        sys.exit(f"{path} does not exist yet. Run `make build TARGET={target}` first.")
    return duckdb.connect(path, read_only=True), path, schema
