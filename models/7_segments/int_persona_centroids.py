"""Groups the reference customers by what they are engaged in, once per scorecard version.

k-means (Lloyd 1982, k-means++ start, fixed seed) over the dimension subscores, each as standard
deviations from the reference mean; a dimension that is not measurable counts as average. A centroid
is named for the dimension it is highest in compared with its own mean, and `dormant` when it lies
half a deviation below the reference on the whole. Versions in seeds/calibration.csv are not fitted.
"""

import narwhals as nw
import numpy as np
import pyarrow as pa


def standardised(values, mean, deviation):
    """values (n, d) with nan where not measurable -> deviations from the mean, nan as 0."""
    scaled = (values - mean) / np.where(deviation == 0, 1, deviation)
    return np.where(np.isnan(scaled), 0, scaled)


def named(centroids, dimensions, personas):
    """One distinct name per centroid (k, d): the most pronounced choose first."""
    names = {}
    for index in np.argsort(-centroids.max(axis=1), kind="stable"):
        centroid = centroids[index]
        wishes = [dimensions[i] for i in np.argsort(-centroid, kind="stable")]
        if centroid.mean() < -0.5:
            wishes = ["none", *wishes]
        free = [personas[wish] for wish in wishes if personas[wish] not in names.values()]
        names[index] = free[0] if free else f"group {index + 1}"
    return [names[index] for index in range(len(centroids))]


def fit(values, dimensions, personas, count):
    """Rows (persona, dimension, statistic, value) for a sample (n, d) of subscores."""
    if not len(values):  # nothing was measurable in the reference period: there are no personas
        return
    # Here, as loading it takes longer than a run in which there is nothing to fit.
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    measured = np.where(np.isnan(values).all(axis=0), 0, values)
    mean, deviation = np.nanmean(measured, axis=0), np.nanstd(measured, axis=0)
    scaled = standardised(values, mean, deviation)
    count = min(count, len(np.unique(scaled, axis=0)))
    with threadpool_limits(1):
        centroids = KMeans(count, n_init=5, random_state=0).fit(scaled).cluster_centers_
    for persona, centroid in zip(named(centroids, dimensions, personas), centroids, strict=True):
        for index, dimension in enumerate(dimensions):
            yield persona, dimension, "centroid", float(centroid[index])
            yield persona, dimension, "mean", float(mean[index])
            yield persona, dimension, "deviation", float(deviation[index] or 1)


def model(dbt, session):
    dbt.config(materialized="table")
    sample = nw.from_native(dbt.ref("int_persona_sample")).lazy().collect("pyarrow")
    sample = sample.sort("scorecard_version", "customer_id", "score_date")
    versions = nw.from_native(dbt.ref("int_scorecard_versions")).lazy().collect("pyarrow")
    names = nw.from_native(dbt.ref("personas")).lazy().collect("pyarrow")
    personas = dict(zip(names["dimension"].to_list(), names["persona"].to_list(), strict=True))
    calibration = nw.from_native(dbt.ref("calibration")).lazy().collect("pyarrow")
    frozen = calibration.filter(nw.col("kind").str.starts_with("persona:"))
    if not dbt.config.meta_get("use_calibration"):
        frozen = frozen.head(0)
    rows = [
        (version, kind.removeprefix("persona:"), *statistic)
        for version, kind, *statistic in frozen.iter_rows()
    ]
    columns = [name for name in sample.columns if name.startswith("score_")]
    columns.remove("score_date")
    dimensions = [name.removeprefix("score_") for name in columns]
    for version in versions.iter_rows(named=True):
        key = version["scorecard_version"]
        if key not in {row[0] for row in rows}:
            known = nw.col(*columns).cast(nw.Float64).fill_null(float("nan"))
            values = sample.filter(nw.col("scorecard_version") == key).select(known)
            fitted = fit(values.to_numpy(), dimensions, personas, version["persona_count"])
            rows += [(key, *row) for row in fitted]
    header = ["scorecard_version", "persona", "dimension", "statistic"]
    schema = pa.schema([*((name, pa.string()) for name in header), ("value", pa.float64())])
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema)
