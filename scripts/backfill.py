"""Scores years of history period by period, with progress, in memory bounded by one period's rows.

    python scripts/backfill.py --from 2019-01-31 --to 2026-10-31 --target production

Each step is a `dbt run` whose last day is the end of the next period; it computes that period's
scores and leaves the earlier ones. The first step also reads the raw tables. A step that fails or
is killed can be run again: what is there is not computed twice. Afterwards `dbt build` goes on
from there. Needs a calibration (`make calibrate`), as at the first dates there is no reference
period to fit on.
"""

import argparse
import json
import sys
import time
from calendar import monthrange
from datetime import date, timedelta
from pathlib import Path

import yaml
from dbt.cli.main import dbtRunner


def main() -> None:
    args = arguments()
    period = args.vars.get("score_period") or project_vars()["score_period"]
    ends = list(period_ends(getattr(args, "from"), args.to, period))
    if not ends:
        sys.exit(f"No {period} ends between {getattr(args, 'from')} and {args.to}.")
    for number, end in enumerate(ends, 1):
        started = time.monotonic()
        # With the activities: scores that have come further than them would be due again.
        later = ["--select", "int_touched_customers+", "int_score_dates+"]
        selection = [] if number == 1 else later
        selection += ["--exclude", "tag:quality"]  # the build that goes on from there judges
        variables = args.vars | {"as_of_date": end.isoformat()}
        command = ["--quiet", "run", *selection, "--vars", json.dumps(variables)]
        for name in ("target", "profiles_dir", "target_path", "log_path"):
            if value := getattr(args, name):
                command += [f"--{name.replace('_', '-')}", value]
        if not dbtRunner().invoke(command).success:
            sys.exit(f"Stopped at {end}. Mend what dbt says above, then run the same again.")
        print(
            f"{number} of {len(ends)}: {end} scored in {time.monotonic() - started:.0f} s",
            flush=True,
        )
    print("History is scored. `dbt build` goes on from here, with every check.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", type=date.fromisoformat, required=True, help="first period's end")
    parser.add_argument("--to", type=date.fromisoformat, required=True, help="last period's end")
    parser.add_argument("--target")
    parser.add_argument("--vars", type=json.loads, default={}, help="further vars, as JSON")
    parser.add_argument("--profiles-dir")
    parser.add_argument("--target-path")
    parser.add_argument("--log-path")
    return parser.parse_args()


def project_vars() -> dict:
    return yaml.safe_load(Path("dbt_project.yml").read_text(encoding="utf-8"))["vars"]


def period_ends(first: date, last: date, period: str):
    """The ends of months, of weeks (Sundays) or of days from one date to another."""
    is_end = {
        "month": lambda day: day.day == monthrange(day.year, day.month)[1],
        "week": lambda day: day.isoweekday() == 7,
        "day": lambda day: True,
    }[period]
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return filter(is_end, days)


if __name__ == "__main__":
    main()
