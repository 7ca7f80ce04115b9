"""Writes what the last build fitted to seeds/calibration.csv, for a person to review.

Once committed, every build scores by them, so that a rebuild from nothing gives the same scores.
"""

import argparse
from pathlib import Path

from warehouse import connect

SEED = Path("seeds/calibration.csv")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="demo")
    target = parser.parse_args().target
    connection, _, schema = connect(target)
    rows = connection.execute(
        f"""
        select scorecard_version, kind, name, statistic, value
        from {schema}_segments.int_calibration
        order by all
        """
    ).fetchall()
    lines = [",".join(map(str, row[:4])) + f",{row[4]!r}" for row in rows]
    SEED.write_text("scorecard_version,kind,name,statistic,value\n" + "\n".join(lines) + "\n")
    versions = sorted({row[0] for row in rows})
    print(f"{len(rows)} parameters of {', '.join(versions)} written to {SEED}.")
    print(f"Review them (`git diff {SEED}`), commit them, and run `make build TARGET={target}`.")


if __name__ == "__main__":
    main()
