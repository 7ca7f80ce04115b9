"""Refreshes seeds/bot_user_agents.csv from the list crawler-user-agents, for review.

The list (https://github.com/monperrus/crawler-user-agents, MIT licence) is read from its package on
the package index, so that a release has a number; or from a copy of its JSON. Its patterns are
written without backslashes, so that DuckDB, Spark and Python read the same expression. Its example
user agents go to tests/user_agents, where the tests look for those that are missed.
"""

import argparse
import csv
import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

PACKAGE = "crawler-user-agents"
SEED = Path("seeds/bot_user_agents.csv")
EXAMPLES = Path("tests/user_agents/bots.txt.gz")
CLASSES = {r"\d": "[0-9]", r"[\s\S]*": ".*"}


def downloaded(version):
    """The release and the entries of the list on the package index."""
    with TemporaryDirectory() as folder:
        wanted = PACKAGE + (f"=={version}" if version else "")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
        subprocess.run([*pip, "--only-binary", ":all:", wanted], check=True)
        (wheel,) = Path(folder).iterdir()
        with ZipFile(wheel) as archive:
            entries = json.loads(archive.read("crawleruseragents/crawler-user-agents.json"))
        return wheel.name.split("-")[1], entries


def without_backslashes(pattern):
    r"""The same regular expression, e.g. Googlebot\/ -> Googlebot/ and \.ru -> [.]ru."""
    for old, new in CLASSES.items():
        pattern = pattern.replace(old, new)
    pattern = re.sub(r"\\([^A-Za-z0-9])", _plain, pattern)
    return re.sub(r"^ | $", "[ ]", pattern)


def _plain(escaped):
    return f"[{escaped[1]}]" if escaped[1] in ".()+*?|$" else escaped[1]


def differing(patterns, examples):
    """The patterns that find other examples once they are written without backslashes."""
    for old, new in patterns.items():
        one, other = re.compile(old), re.compile(new)
        if "\\" in new or any(bool(one.search(e)) != bool(other.search(e)) for e in examples):
            yield old


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", help="release of the list; the newest where none is given")
    parser.add_argument("--json", type=Path, help="a copy of the list, of the release --version")
    arguments = parser.parse_args()
    if arguments.json and not arguments.version:
        parser.error("--json needs --version: the release that the file is of")
    if arguments.json:
        version, entries = arguments.version, json.loads(arguments.json.read_text())
    else:
        version, entries = downloaded(arguments.version)
    patterns = {entry["pattern"]: without_backslashes(entry["pattern"]) for entry in entries}
    examples = sorted({example for entry in entries for example in entry["instances"]})
    if changed := list(differing(patterns, examples)):
        sys.exit(f"Cannot be written without backslashes: {changed}. Extend CLASSES in {__file__}.")
    source = f"{PACKAGE} {version}"
    rows = [[pattern, "true", source] for pattern in sorted(set(patterns.values()))]
    with SEED.open("w", newline="") as file:
        header = ["user_agent_pattern", "is_bot", "source"]
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    EXAMPLES.write_bytes(gzip.compress("\n".join(examples).encode(), mtime=0))
    print(f"{source}: {len(rows)} patterns in {SEED}, {len(examples)} examples in {EXAMPLES}.")
    print(
        "Review them (`git diff`), run `make unit T=bots`, commit, and build with --full-refresh."
    )


if __name__ == "__main__":
    main()
