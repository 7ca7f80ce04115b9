"""Parameters that are frozen once give the same scores ever after."""

import csv

from harness import SCORES, Project, copy_project, same_rows

OTHER_REFERENCE = {"reference_start_date": "2025-06-01", "reference_end_date": "2025-08-31"}


def frozen_copy(demo, folder):
    """A copy of the project whose calibration seed holds what the demo's build fitted."""
    copy_project(folder)
    columns = ["scorecard_version", "kind", "name", "statistic", "value"]
    rows = demo.ask(f"select {', '.join(columns)} from engagement_segments.int_calibration")
    with (folder / "seeds" / "calibration.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])
    return folder


def test_a_rebuild_from_the_calibration_gives_the_same_scores(demo, tmp_path):
    copy = frozen_copy(demo, tmp_path / "project")
    # A reference period of other dates: were it fitted again, the scores would differ.
    other = OTHER_REFERENCE | {"use_calibration": True}
    frozen = Project(tmp_path / "frozen", demo.raw, source=copy, variables=other).build()
    assert same_rows(frozen, demo, SCORES, key=3) > 0
    kept = frozen.ask(
        "select bool_and(is_frozen) from engagement_normalised.int_normalisation_parameters"
    )
    assert kept == [(True,)]


def test_without_the_calibration_the_reference_period_decides(demo, tmp_path):
    copy = frozen_copy(demo, tmp_path / "project")
    other = OTHER_REFERENCE | {"use_calibration": False}
    fitted = Project(tmp_path / "fitted", demo.raw, source=copy, variables=other).build()
    changed = fitted.ask("select sum(value) from engagement_segments.int_calibration")
    assert changed != demo.ask("select sum(value) from engagement_segments.int_calibration")
    kept = fitted.ask(
        "select bool_or(is_frozen) from engagement_normalised.int_normalisation_parameters"
    )
    assert kept == [(False,)]
