"""Brings each variable to 0-1 by its scorecard's frozen parameters; higher is more engaged.

min_max: (x - lower) / (upper - lower), x winsorised to lower..upper. log_min_max: the same on
ln(1 + x). percentile: share of the reference below x, between the reference's 5 % quantiles along
a straight line. z_score: 1 / (1 + exp(-(x - mean) / deviation)). A constant variable gives 0 (by
z_score 0.5), and a variable that is not measurable stays null. Where lower is better: 1 - that.
"""

from itertools import pairwise
from math import log

import narwhals as nw


def normalised(column, normaliser, direction, p):
    """Expression for one variable: p holds its statistics by name. Unknown normaliser: KeyError."""
    x = nw.col(column).clip(p["lower"], p["upper"])
    value = {
        "min_max": lambda: share(x, p["lower"], p["upper"]),
        "log_min_max": lambda: share((x + 1).log(), log(p["lower"] + 1), log(p["upper"] + 1)),
        "percentile": lambda: percentile(x, [p[f"p{k:03d}"] for k in range(0, 101, 5)]),
        "z_score": lambda: logistic(x, p["mean"], p["deviation"]),
    }[normaliser]()
    return (1 - value if direction == "lower" else value).alias(column)


def share(x, lower, upper):
    if upper == lower:
        return x * 0.0
    return ((x - lower) / (upper - lower)).clip(0.0, 1.0)


def percentile(x, quantiles):
    steps = list(pairwise(quantiles))
    return sum(
        share(x, low, high) if high > low else (x > low).cast(nw.Float64) for low, high in steps
    ) / len(steps)


def logistic(x, mean, deviation):
    if deviation == 0:
        return x * 0.0 + 0.5
    return 1 / (1 + ((mean - x) / deviation).exp())


def model(dbt, session):
    variables = nw.from_native(dbt.ref("int_engagement_variables"))
    due_variables = nw.from_native(dbt.ref("int_due_variables"))
    due_scorecards = nw.from_native(dbt.ref("int_due_scorecards")).lazy().collect("pyarrow")
    restated = set(due_scorecards["scorecard_version"].to_list())
    scorecards = nw.from_native(dbt.ref("int_scorecards")).lazy().collect("pyarrow")
    parameters = nw.from_native(dbt.ref("int_normalisation_parameters")).lazy().collect("pyarrow")
    statistics = {}
    for row in parameters.iter_rows(named=True):
        key = row["scorecard_version"], row["variable_name"]
        statistics.setdefault(key, {})[row["statistic"]] = row["value"]
    keys = ["customer_id", "score_date"]
    due = due_variables if dbt.is_incremental else variables
    names = [name for name in variables.collect_schema().names() if name not in keys]
    frames = []
    for version in sorted(set(scorecards["scorecard_version"].to_list())):
        own = scorecards.filter(nw.col("scorecard_version") == version).iter_rows(named=True)
        rules = {row["variable_name"]: (row["normaliser"], row["direction"]) for row in own}
        columns = [
            normalised(name, *rules[name], statistics[version, name])
            if name in rules
            else nw.lit(None, nw.Float64).alias(name)
            for name in names
        ]
        rows = variables if version in restated else due
        frames.append(rows.select(*keys, nw.lit(version).alias("scorecard_version"), *columns))
    return nw.concat(frames).to_native()
