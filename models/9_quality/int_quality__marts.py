"""Judges a layer by the suite in this model's YAML; Great Expectations does the comparing.

What it judges is bounded, however large the tables: what SQL has measured over all rows
(int_judged__<layer>) and, where the suite says `of: sample`, sampled values (int_sample__<layer>).
Where nothing has changed since the last judgement, nothing is loaded and no row is written. The
models int_quality__<layer> are alike but for the layer: Python models import nothing of a project.
"""

import json
import logging
from datetime import UTC, date, datetime

import narwhals as nw
import pyarrow as pa

LAYER = "marts"
SEVERITIES = {"error": "critical", "warn": "warning"}
BOUNDS = {"min_value": ("at least", -1), "max_value": ("at most", 1)}
PLACES = ["column_name", "part", "profile_date"]
NO_REFERENCE = "no reference yet: `make quality-reference` writes one"
TOO_LITTLE = "too few rows, or days before, to say"
TEXTS = [
    "layer", "table_name", "expectation", "column_name", "severity", "observed", "expected",
    "owner", "action", "result", "suite_fingerprint",
]  # fmt: skip
SCHEMA = pa.schema(
    [(name, pa.string()) for name in TEXTS]
    + [("success", pa.bool_()), ("profile_date", pa.date32()), ("run_at", pa.timestamp("us"))]
)


def rows_of(relation):
    """A bounded relation of any engine as an Arrow frame."""
    return nw.from_native(relation).lazy().collect("pyarrow")


def frame_of(rows):
    """The same as a pandas frame, as Great Expectations takes them; days as text."""
    frame = rows.to_pandas()
    for column in {"profile_date", "whole_until"} & {*frame}:
        frame[column] = [str(day or "") for day in frame[column]]
    return frame


def silent_batches():
    """Where Great Expectations takes frames from; it reports to nobody and writes no file."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx
    from great_expectations.data_context.types import base

    config = base.DataContextConfig(
        store_backend_defaults=base.InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars={"globally": False},
    )
    source = gx.get_context(project_config=config, mode="ephemeral").data_sources.add_pandas("dbt")
    return source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("all")


def validated(batches, frame, entry):
    """What Great Expectations says of a frame by an entry of the suite, as a dictionary."""
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    expectation = ExpectationConfiguration(
        entry["type"],
        entry["kwargs"],
        meta=entry["meta"],
        severity=SEVERITIES[entry["severity"]],
        description=", ".join(entry.get("columns", [])) + f" {expected(entry['kwargs'])}",
    )
    # Of sampled values only how many are not as expected is kept, and no value.
    result_format = {"result_format": "BASIC", "partial_unexpected_count": 0}
    if "profile_date" in frame:
        result_format = {"result_format": "COMPLETE", "unexpected_index_column_names": PLACES}
    batch = batches.get_batch({"dataframe": frame})
    result = batch.validate(expectation.to_domain_obj(), result_format=result_format)
    for problem in result.exception_info.values():
        if isinstance(problem, dict):
            raise wrong(entry, problem["exception_message"])
    if "unexpected_count" not in result.result:
        raise wrong(entry, "it does not judge value by value, as expect_column_values_to_... do")
    return result.to_json_dict()


def wrong(entry, reason):
    return ValueError(
        f"The suite in int_quality__{LAYER}.yml cannot be judged. Correct {entry['type']}, "
        f"{entry['kwargs']}: {reason}"
    )


def expected(kwargs):
    """What is expected, in words."""
    words = [f"{word} {kwargs[name]:g}" for name, (word, _) in BOUNDS.items() if name in kwargs]
    words += [f"{name} {kwargs[name]}" for name in kwargs if name not in {"column", *BOUNDS}]
    return " ".join([kwargs["column"], *words])


def observed(found, kwargs, frame):
    """(In words, what was found; the column it was found in): misses or, of none, the nearest."""
    if "profile_date" not in frame:
        words = f"{found['unexpected_count']} of {found['element_count']} sampled values are not"
        return words, frame["column_name"].iloc[0]
    bounds = [(sign, kwargs[name]) for name, (_, sign) in BOUNDS.items() if name in kwargs]

    def excess(row):
        return max(sign * (row[kwargs["column"]] - bound) for sign, bound in bounds)

    rows = found["unexpected_index_list"] or frame.to_dict("records")
    rows = sorted(rows, key=excess, reverse=True)
    words = []
    for row in rows[: 3 if found["unexpected_count"] else 1]:
        where = ", ".join(row[place] for place in PLACES if row[place] not in ("", "*"))
        words.append(f"{row[kwargs['column']]:.4g}" + (f" ({where})" if where else ""))
    more = [f"{len(rows) - 3} more"] if found["unexpected_count"] > 3 else []
    return ", ".join(words + more), rows[0]["column_name"]


def judgement(batches, frame, entry):
    """What came of an expectation of a table: success is None where there is nothing to judge."""
    measure = entry["kwargs"]["column"]
    if measure not in frame:
        raise wrong(entry, f"{measure} is none of {', '.join(frame.columns)}")
    about = frame["column_name"].isin(entry.get("columns", frame["column_name"]))
    frame = frame[about & frame[measure].notna()]
    row = {"expectation": entry["type"], "severity": entry["severity"], "success": None}
    row |= entry["meta"] | {"expected": expected(entry["kwargs"])}
    if frame.empty:
        column = entry["columns"][0] if len(entry.get("columns", [])) == 1 else None
        unjudged = NO_REFERENCE if measure == "psi" else TOO_LITTLE
        return row | {"observed": unjudged, "column_name": column}
    result = validated(batches, frame, entry)
    words, column = observed(result["result"], entry["kwargs"], frame)
    row |= {"observed": words, "column_name": None if column == "*" else column}
    return row | {"success": result["success"], "result": json.dumps(result)}


def judgements(suite, profile, sample):
    """One row per table of the profile and expectation of it."""
    batches, run_at = silent_batches(), datetime.now(UTC).replace(tzinfo=None)
    for table, measured in profile.groupby("table_name"):
        sampled = sample[sample["table_name"] == table]
        common = {"layer": LAYER, "table_name": table, "run_at": run_at}
        until = measured["whole_until"].iloc[0]
        common["profile_date"] = date.fromisoformat(until) if until else None
        common["suite_fingerprint"] = measured["suite_fingerprint"].iloc[0]
        for group in suite:
            if group["tables"] == "all" or table in group["tables"]:
                for entry in group["expectations"]:
                    frame = sampled if entry.get("of") == "sample" else measured
                    yield common | judgement(batches, frame, entry)


def model(dbt, session):
    profile = rows_of(dbt.ref("int_judged__marts"))
    rows = []
    if len(profile):
        sample = rows_of(dbt.ref("int_sample__marts"))
        suite = dbt.config.meta_get("suite")
        rows = list(judgements(suite, frame_of(profile), frame_of(sample)))
    table = pa.Table.from_pylist(rows, SCHEMA)
    # As a relation, DuckDB writes it within the transaction of the model.
    return session.from_arrow(table) if hasattr(session, "from_arrow") else table
