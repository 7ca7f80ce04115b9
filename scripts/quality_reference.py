"""Writes how the sampled columns are spread today to seeds/quality_reference.csv, for review.

Once committed, builds measure drift against it (psi): numbers by bins between today's deciles,
texts by their most frequent values. Run it when the data are known to be in good shape.
"""

import argparse
import csv
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
from warehouse import connect

SEED = Path("seeds/quality_reference.csv")
HEADER = ["table_name", "part", "column_name", "bin_number", "above", "up_to", "text_value"]
LAYERS = ["raw", "staging", "intermediate", "marts"]
LEAST_VALUES = 100  # fewer say nothing about how a column is spread
MOST_TEXTS = 20  # the others are one bin more, which needs no row


def number_bins(values):
    """Rows (above, up_to, text, share): up to ten bins between the deciles, open at both ends."""
    values = np.sort(np.asarray(values, dtype=float))
    deciles = np.quantile(values, np.arange(1, 10) / 10, method="inverted_cdf")
    bounds = [None, *(float(bound) for bound in np.unique(deciles) if bound < values[-1]), None]
    for above, up_to in pairwise(bounds):
        start = 0 if above is None else np.searchsorted(values, above, side="right")
        end = len(values) if up_to is None else np.searchsorted(values, up_to, side="right")
        yield above, up_to, None, float((end - start) / len(values))


def text_bins(values):
    """Rows (above, up_to, text, share) of the most frequent texts."""
    counts = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
    for text, count in counts[:MOST_TEXTS]:
        yield None, None, text, count / len(values)


def reference(columns):
    """{(table, part, column): values} -> rows of the seed, in order; too few values have none."""
    for key, values in sorted(columns.items()):
        if len(values) >= LEAST_VALUES:
            bins = text_bins if isinstance(values[0], str) else number_bins
            for number, row in enumerate(bins(values), 1):
                yield *key, number, *row


def sampled(connection, schema):
    """{(table, part, column): values} of all samples, without those that are empty."""
    columns = defaultdict(list)
    for layer in LAYERS:
        rows = connection.execute(
            f"""
            select table_name, part, column_name, number_value, text_value
            from {schema}_quality.int_sample__{layer}
            """
        ).fetchall()
        for *key, number, text in rows:
            if number is not None or text is not None:
                columns[tuple(key)].append(text if number is None else number)
    return columns


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="demo")
    target = parser.parse_args().target
    connection, _, schema = connect(target)
    rows = list(reference(sampled(connection, schema)))
    with SEED.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([[*HEADER, "share"], *rows])
    count = len({row[:3] for row in rows})
    print(f"How {count} columns are spread, in {len(rows)} bins, written to {SEED}.")
    print(f"Review them (`git diff {SEED}`), commit them, and run `make build TARGET={target}`.")


if __name__ == "__main__":
    main()
