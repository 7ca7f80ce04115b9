"""Land the Complete Journey's files as tables of the raw contract.

    python examples/complete_journey/land.py --data <folder> --out data/complete_journey

Each query raw_<system>/<table>.sql beside this script becomes <out>/raw_<system>/<table>.parquet.
"""

import argparse
import re
import sys
from pathlib import Path

import duckdb

HERE = Path(__file__).resolve().parent


def missing_files(data: Path) -> list[Path]:
    """The files that sources.sql reads and the folder lacks."""
    names = re.findall(r"getvariable\('data'\) \|\| '/(.+?)'", (HERE / "sources.sql").read_text())
    return [data / name for name in names if not (data / name).is_file()]


def land(data: Path, out: Path) -> dict[str, int]:
    """Write every raw table; the number of rows of each."""
    connection = duckdb.connect()
    connection.execute("set variable data = ?", [str(data)])
    connection.execute((HERE / "sources.sql").read_text())
    row_counts = {}
    for query in sorted(HERE.glob("raw_*/*.sql")):
        table = query.relative_to(HERE).with_suffix("")
        target = (out / table).with_suffix(".parquet")
        target.parent.mkdir(parents=True, exist_ok=True)
        path = str(target).replace("'", "''")
        copied = connection.execute(f"copy (\n{query.read_text()}\n) to '{path}' (format parquet)")
        row_counts[".".join(table.parts)] = copied.fetchall()[0][0]
    return row_counts


def main() -> None:
    parser = argparse.ArgumentParser(description="Land the Complete Journey as raw tables.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the set's files")
    parser.add_argument("--out", type=Path, required=True, help="folder that gets raw_<system>/")
    args = parser.parse_args()

    if missing := missing_files(args.data):
        sys.exit(
            "Missing: " + ", ".join(map(str, missing)) + "\n"
            "The set is the R package completejourney (84.51°, licence CC0): "
            "https://cran.r-project.org/package=completejourney. "
            "README.md beside this script says how the files are named."
        )
    for table, row_count in land(args.data, args.out).items():
        print(f"{table:<40}{row_count:>10,}")


if __name__ == "__main__":
    main()
