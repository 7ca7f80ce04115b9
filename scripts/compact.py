"""Copies a DuckDB target's database into a new file, and clears old logs and compiled files.

What was deleted leaves its values behind in the file's free blocks until they are written over; a
new file holds what counts and nothing else. Needs free space for a second copy. It can be killed at
any moment: the database is the old file or the new one, whole, and the next run clears the rest.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

import duckdb
from warehouse import check_exists, output


def compact(path, spill=None):
    """Replace a database by a copy of what it holds; returns its sizes before and after.

    spill: the folder that DuckDB spills to, where it is not the one beside the database.
    """
    path = Path(path).resolve()
    new, wal = beside(path, ".compacting"), beside(path, ".wal")
    # Empties the write-ahead log of a build that was killed: it belongs to the old file alone.
    duckdb.connect(path).close()
    connection = duckdb.connect()
    connection.execute(f"attach {quoted(path)} as old (read_only)")
    # From here on no build can open the database, until the new file is in its place.
    if wal.exists():
        raise duckdb.IOException(f"{path} was changed meanwhile")
    for leftover in (new, beside(new, ".wal")):
        leftover.unlink(missing_ok=True)
    connection.execute(f"attach {quoted(new)} as new")
    connection.execute("copy from database old to new")
    connection.execute("detach new")
    shutil.copymode(path, new)
    sync(new)
    sizes = path.stat().st_size, new.stat().st_size
    os.replace(new, path)
    sync(path.parent)
    clear_spill(Path(spill) if spill else beside(path, ".tmp"))
    connection.close()
    return sizes


def beside(path, suffix):
    return path.with_name(path.name + suffix)


def quoted(path):
    return "'" + str(path).replace("'", "''") + "'"


def sync(path):
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def clear_spill(folder):
    """Remove what killed builds spilled; no build is running."""
    for file in folder.glob("duckdb_temp_*"):
        file.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="demo")
    arguments = parser.parse_args()
    found = output(arguments.target)
    if found["type"] != "duckdb":
        sys.exit("Only a DuckDB file can be compacted; a warehouse has its own way (VACUUM, say).")
    path = Path(found["path"])
    check_exists(path, arguments.target)
    settings = {**found.get("config_options", {}), **found.get("settings", {})}
    try:
        before, after = compact(path, settings.get("temp_directory"))
    except duckdb.IOException as error:
        sys.exit(f"{path} cannot be read. Try again when no build runs. {error}")
    for folder in ("target", "logs"):
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{path}: {before / 1e6:,.1f} MB before, {after / 1e6:,.1f} MB now.")
    print("target/ and logs/ are cleared, too; the next build writes them anew.")


if __name__ == "__main__":
    main()
