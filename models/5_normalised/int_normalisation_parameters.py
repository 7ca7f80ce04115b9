"""Fits what each scorecard normalises its variables by, once, on the reference sample.

Winsorised at the 1st and 99th percentile of the reference (the maximum, where those are equal, so
that a rare act still counts). Versions that seeds/calibration.csv holds are not fitted again.
"""

import narwhals as nw
import numpy as np
import pyarrow as pa

QUANTILES = np.arange(0, 101, 5)


def fit(values):
    """Statistics of one variable: values is a 1-d float array; nulls (nan) are not measurable."""
    known = values[~np.isnan(values)]
    if known.size == 0:
        known = np.zeros(1)
    lower, upper = np.quantile(known, [0.01, 0.99])
    if upper == lower:
        lower, upper = known.min(), known.max()
    clipped = np.clip(known, lower, upper)
    statistics = {"lower": lower, "upper": upper, "mean": lower, "deviation": 0.0}
    if upper > lower:
        statistics |= {"mean": clipped.mean(), "deviation": clipped.std()}
    for percent, value in zip(QUANTILES, np.quantile(clipped, QUANTILES / 100), strict=True):
        statistics[f"p{percent:03d}"] = value
    # To 12 digits, so that equal quantiles are equal whatever the rounding on the way.
    return {name: float(f"{value:.12g}") for name, value in statistics.items()}


def model(dbt, session):
    dbt.config(materialized="table")
    scorecards = nw.from_native(dbt.ref("int_scorecards")).lazy().collect("pyarrow")
    sample = nw.from_native(dbt.ref("int_reference_sample")).lazy().collect("pyarrow")
    calibration = nw.from_native(dbt.ref("calibration")).lazy().collect("pyarrow")
    frozen = calibration.filter(nw.col("kind") == "normaliser")
    if not dbt.config.meta_get("use_calibration"):
        frozen = frozen.head(0)
    frozen_versions = set(frozen["scorecard_version"].to_list())
    rows = [
        (row["scorecard_version"], row["name"], row["statistic"], row["value"], True)
        for row in frozen.iter_rows(named=True)
    ]
    for version in sorted(set(scorecards["scorecard_version"].to_list()) - frozen_versions):
        reference = sample.filter(nw.col("scorecard_version") == version)
        if len(reference) == 0:
            raise ValueError(
                f"Scorecard {version}: its reference period holds no period end with data, so "
                "there is nothing to normalise by. Set the variables reference_start_date and "
                "reference_end_date (or the scorecard's own dates) to a period within the data."
            )
        own = scorecards.filter(nw.col("scorecard_version") == version)
        for name in sorted(set(own["variable_name"].to_list())):
            values = reference[name].cast(nw.Float64).fill_null(float("nan")).to_numpy()
            rows += [(version, name, key, value, False) for key, value in fit(values).items()]
    columns = ["scorecard_version", "variable_name", "statistic", "value", "is_frozen"]
    return pa.table(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)))
