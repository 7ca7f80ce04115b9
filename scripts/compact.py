"""Copies a DuckDB target's database into a new file, and clears old logs and compiled files.

What was deleted leaves its values behind in the file's free blocks until they are written over; a
new file holds what counts and nothing else. Needs free space for a second copy.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

import duckdb
from warehouse import opened, output


def compact(path):
    """Replace a database by a copy of what it holds; returns its sizes before and after."""
    new = path.with_suffix(".compacting")
    new.unlink(missing_ok=True)
    connection = duckdb.connect()
    connection.execute(f"attach '{path}' as old (read_only)")
    connection.execute(f"attach '{new}' as new")
    connection.execute("copy from database old to new")
    connection.execute("detach new")
    connection.close()
    sizes = path.stat().st_size, new.stat().st_size
    os.replace(new, path)
    path.with_name(path.name + ".wal").unlink(missing_ok=True)
    return sizes


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="demo")
    arguments = parser.parse_args()
    found = output(arguments.target)
    if found["type"] != "duckdb":
        sys.exit("Only a DuckDB file can be compacted; a warehouse has its own way (VACUUM, say).")
    path = Path(found["path"])
    opened(path, arguments.target).close()
    before, after = compact(path)
    for folder in ("target", "logs"):
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{path}: {before / 1e6:,.1f} MB before, {after / 1e6:,.1f} MB now.")
    print("target/ and logs/ are cleared, too; the next build writes them anew.")


if __name__ == "__main__":
    main()
