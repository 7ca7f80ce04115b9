"""Runs one SQL file (an analysis as dbt compiles it) and prints the rows as a table."""

import argparse
from pathlib import Path

from warehouse import connect


def table(columns, rows):
    """Lines of an aligned text table; numbers to the right."""
    cells = [list(columns)] + [["" if v is None else str(v) for v in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    numeric = [isinstance(v, (int, float)) for v in rows[0]] if rows else [False] * len(columns)
    for line in cells:
        padded = zip(line, widths, numeric, strict=True)
        yield "  ".join(c.rjust(w) if n else c.ljust(w) for c, w, n in padded).rstrip()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--target", default="demo")
    arguments = parser.parse_args()
    connection, _, _ = connect(arguments.target)
    result = connection.execute(arguments.file.read_text())
    columns = [column[0] for column in result.description]
    print("\n".join(table(columns, result.fetchall())))


if __name__ == "__main__":
    main()
