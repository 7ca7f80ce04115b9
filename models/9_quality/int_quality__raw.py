"""Judges the raw layer by the suite in this model's YAML; Great Expectations does the comparing.

What it judges is bounded, however large the tables: what SQL has measured over all rows
(int_judged__raw) and, where the suite says `of: sample`, sampled values (int_sample__raw). Where
nothing has changed since the last judgement, nothing is loaded and no row is written. The models
int_quality__<layer> are alike but for the layer, as a Python model imports nothing of the project.
"""

import json
import logging
from datetime import UTC, date, datetime

import narwhals as nw
import pyarrow as pa

LAYER = "raw"
SEVERITIES = {"error": "critical", "warn": "warning"}
BOUNDS = {"min_value": "at least", "max_value": "at most"}
PLACES = ["column_name", "part", "profile_date"]
TEXTS = [
    "layer", "table_name", "expectation", "column_name", "severity", "observed", "expected",
    "owner", "action", "result", "suite_fingerprint",
]  # fmt: skip
SCHEMA = pa.schema(
    [(name, pa.string()) for name in TEXTS]
    + [("success", pa.bool_()), ("profile_date", pa.date32()), ("run_at", pa.timestamp("us"))]
)


def frame_of(relation):
    """A bounded relation of any engine as a pandas frame; dates as text."""
    frame = nw.from_native(relation).lazy().collect("pyarrow").to_pandas()
    if "profile_date" in frame:
        frame["profile_date"] = [str(day or "") for day in frame["profile_date"]]
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


def configured(expectation, number):
    """An entry of the suite as an expectation of Great Expectations."""
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    kwargs = dict(expectation["kwargs"])
    if "columns" in expectation:
        kwargs["row_condition"] = f"column_name in {expectation['columns']}"
        kwargs["condition_parser"] = "pandas"
    meta = expectation["meta"] | {"number": number}
    severity = SEVERITIES[expectation["severity"]]
    configuration = ExpectationConfiguration(
        expectation["type"], kwargs, meta=meta, severity=severity
    )
    return configuration.to_domain_obj()


def validated(batches, frame, expectations):
    """What Great Expectations says of a frame, one result per expectation, in their order."""
    import great_expectations as gx

    # Of sampled values only how many are not as expected is kept, and no value.
    result_format = {"result_format": "BASIC", "partial_unexpected_count": 0}
    if "profile_date" in frame:
        result_format = {"result_format": "COMPLETE", "unexpected_index_column_names": PLACES}
    numbered = [configured(entry, number) for number, entry in enumerate(expectations)]
    suite = gx.ExpectationSuite(name=LAYER, expectations=numbered)
    batch = batches.get_batch({"dataframe": frame})
    results = batch.validate(suite, result_format=result_format).results
    for result in results:
        for problem in result.exception_info.values():
            if isinstance(problem, dict) and problem["raised_exception"]:
                config = result.expectation_config
                raise ValueError(
                    f"The suite of int_quality__{LAYER} cannot be judged. Correct {config.type} "
                    f"{config.kwargs}: {problem['exception_message']}"
                )
    results = sorted(results, key=lambda result: result.expectation_config.meta["number"])
    return [result.to_json_dict() for result in results]


def expected(kwargs):
    """What is expected, in words."""
    words = [f"{word} {kwargs[name]:g}" for name, word in BOUNDS.items() if name in kwargs]
    words += [f"{name} {kwargs[name]}" for name in kwargs if name not in {"column", *BOUNDS}]
    return " ".join([kwargs["column"], *words])


def observed(entry, found, frame):
    """What was found, in words and the worst first, and the column of that; or why nothing was."""
    measure, columns = entry["kwargs"]["column"], entry.get("columns", [])
    own = columns[0] if len(columns) == 1 else None
    count = found["element_count"] - found["missing_count"]
    if not count:
        reference = "no reference yet: `make quality-reference` writes one"
        return reference if measure == "psi" else "too few rows, or days before, to say", own
    if "profile_date" not in frame:
        return f"{found['unexpected_count']} of {count} sampled values are not", own
    known = frame[frame[measure].notna() & (frame["column_name"].isin(columns) | (not columns))]
    rows = found["unexpected_index_list"] or known.to_dict("records")
    rows = sorted(rows, key=lambda row: row[measure], reverse="max_value" in entry["kwargs"])
    words = []
    for row in rows[:3]:
        where = ", ".join(row[place] for place in PLACES if row[place] not in ("", "*"))
        words.append(f"{row[measure]:.4g}" + (f" ({where})" if where else ""))
    words += [f"and {len(rows) - 3} more"] if len(rows) > 3 else []
    return ", ".join(words), rows[0]["column_name"] if found["unexpected_count"] else own


def judgements(suite, profile, sample):
    """One row per table in the profile and expectation of it, with what came of it."""
    batches = silent_batches()
    run_at = datetime.now(UTC).replace(tzinfo=None)
    rows = []
    for table, profiled in profile.groupby("table_name"):
        entries = [
            entry
            for group in suite
            if group["tables"] == "all" or table in group["tables"]
            for entry in group["expectations"]
        ]
        days = [date.fromisoformat(day) for day in profiled["profile_date"] if day]
        for of, frame in ("profile", profiled), ("sample", sample[sample["table_name"] == table]):
            own = [entry for entry in entries if entry.get("of", "profile") == of]
            results = validated(batches, frame, own) if own else []
            for entry, result in zip(own, results, strict=True):
                words, column = observed(entry, result["result"], frame)
                count = result["result"]["element_count"] - result["result"]["missing_count"]
                row = {
                    "layer": LAYER,
                    "table_name": table,
                    "expectation": entry["type"],
                    "column_name": column,
                    "severity": entry["severity"],
                    "success": result["success"] if count else None,
                    "observed": words,
                    "expected": expected(entry["kwargs"]),
                    "owner": entry["meta"]["owner"],
                    "action": entry["meta"]["action"],
                    "profile_date": max(days, default=None),
                    "run_at": run_at,
                    "suite_fingerprint": profiled["suite_fingerprint"].iloc[0],
                    "result": json.dumps(result),
                }
                rows.append(row)
    return rows


def model(dbt, session):
    profile = frame_of(dbt.ref("int_judged__raw"))
    rows = []
    if len(profile):
        sample = frame_of(dbt.ref("int_sample__raw"))
        rows = judgements(dbt.config.meta_get("suite"), profile, sample)
    return pa.Table.from_pylist(rows, SCHEMA)
