"""Writes what the last build fitted to seeds/calibration.csv, for a person to review.

Once committed, every build scores by them, so that a rebuild from nothing gives the same scores.
The window, half-life and weights that they were fitted with are written, too: a build with others
stops.
"""

import argparse
import csv
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
    with SEED.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["scorecard_version", "kind", "name", "statistic", "value"])
        writer.writerows(rows)
    versions = sorted({row[0] for row in rows})
    print(f"{len(rows)} parameters of {', '.join(versions)} written to {SEED}.")
    print(f"Review them (`git diff {SEED}`), commit them, and run `make build TARGET={target}`.")


if __name__ == "__main__":
    main()
