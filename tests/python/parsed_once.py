"""Imported by the process that each dbt of the tests is forked from: parses the project once there.

What dbt makes on the way (classes, schemas, templates) every fork then has, instead of making it
again: seconds of each run. (Its name must not begin with dbt_: dbt would take it for a plugin.)
"""

import gc
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from dbt.cli.main import dbtRunner
from dbt_common.clients.jinja import template_cache

ROOT = Path(__file__).resolve().parents[2]

with TemporaryDirectory() as folder:
    shutil.copy(ROOT / "profiles.example.yml", Path(folder) / "profiles.yml")
    parsed = dbtRunner().invoke([
        "parse", "--target", "demo", "--quiet", "--log-level-file", "none",
        "--no-static-parser",  # it has threads, and forks of it wait for them
        "--project-dir", str(ROOT), "--profiles-dir", folder, "--target-path", folder,
        "--log-path", folder,
    ])  # fmt: skip

for macro in parsed.result.macros.values():
    template_cache.get_node_template(macro)
gc.freeze()  # no fork looks through it for garbage
