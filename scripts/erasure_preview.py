"""Prints what the next build would erase, and why, before it does; the output is personal data.

Reads the raw tables as they are now and asks dbt for what int_erased_identifiers is made of, so it
shows what a build would do. It writes nothing but the views on the raw files.
"""

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from warehouse import output

DBT = Path(sys.executable).with_name("dbt")
KINDS = {
    "account": "account", "email": "e-mail address", "card": "card",
    "visitor": "cookie or device", "session": "session", "contact": "send", "receipt": "receipt",
}  # fmt: skip
COUNTED = {"session", "contact", "receipt"}  # too many to list one by one
REMEDIES = {
    "kept": "If it is this person's alone, correct it at its source and land it again.",
    "unclear": "Add the account to the request: an address or a card that several people have, or "
    "had, does not say who asks.",
    "undone merge": "If it is the same person, name it in a request of its own.",
}


def dbt(options, *command):
    """Run dbt on a target; returns what it printed, or exits with what went wrong."""
    line = [DBT, "--quiet", "--log-level-file", "none", *command]
    line += ["--target", options.target, "--vars", options.vars]
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done.stdout


def findings(options):
    dbt(options, "run-operation", "land_raw")
    said = dbt(options, "show", "--select", "erasure_preview", "--limit", "-1", "--output", "json")
    return json.loads(said)["show"] if said.strip() else []


def request_named(row):
    """A request as the person who handles it knows it."""
    named = [
        f"{name} {row[column]}"
        for column, name in [("customer_id", "account"), ("member_id", "card"), ("email", "e-mail")]
        if row[column]
    ]
    if not named:
        return f"Earlier request, known by its hash {row['request_hash'][:12]} alone"
    return f"Request of {(row['requested_at'] or 'an unknown time')[:10]}: {', '.join(named)}"


def why(row):
    if row["found_in"] == "request":
        return "named in the request"
    return f"found in {row['found_in']}"


def others(row):
    if not row["other_people"]:
        return "several people who asked"
    example = f", e.g. account {row['other_account']}" if row["other_account"] else ""
    people = row["other_people"]
    return f"{people} other {'person' if people == 1 else 'people'} too{example}"


def counts(found):
    """The kinds that are too many to list."""
    for kind in sorted(COUNTED):
        count = sum(one["identifier_type"] == kind for one in found)
        if count:
            yield f"    {count:,} {KINDS[kind]}{'s' if count > 1 else ''} of these"


def lines(rows):
    """The report on one request."""
    identifiers = defaultdict(dict)
    for row in rows:
        identifiers[row["part"], row["identifier_type"], row["identifier"]] |= row
        tables = identifiers[row["part"], row["identifier_type"], row["identifier"]]
        if row["table_name"]:
            tables.setdefault("rows", {})[row["table_name"]] = int(row["row_count"])
    erased = [one for one in identifiers.values() if one["part"] == "erased"]
    yield "  Would be erased:" if erased else "  Nothing is certain, so nothing would be erased."
    for one in erased:
        if one["identifier_type"] not in COUNTED:
            held = ", ".join(f"{table} {n:,}" for table, n in one.get("rows", {}).items())
            kind = KINDS[one["identifier_type"]]
            yield f"    {kind} {one['identifier']} ({why(one)}): {held or 'no rows'}"
    yield from counts(erased)
    for part, title in [
        ("unclear", "Named, but not certain:"),
        ("kept", "Not erased, because somebody else has or had it:"),
        ("undone merge", "Not erased, because the merge was undone:"),
    ]:
        kept = [one for one in identifiers.values() if one["part"] == part]
        if kept:
            yield f"  {title}"
            for one in kept:
                if one["identifier_type"] in COUNTED:
                    continue
                more = "" if part == "undone merge" else f": {others(one)}"
                yield f"    {KINDS[one['identifier_type']]} {one['identifier']}{more}"
            yield from counts(kept)
            yield f"    {REMEDIES[part]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="demo")
    parser.add_argument("--vars", default="{}", help="as the build's")
    options = parser.parse_args()
    found = output(options.target)
    path = Path(found["path"]) if found["type"] == "duckdb" else None
    is_new = path is not None and not path.exists()
    try:
        rows = findings(options)
    finally:
        if is_new:
            path.unlink(missing_ok=True)
    if is_new:
        print(f"{path} does not exist yet: this is what the first build would leave out.")
    requests = defaultdict(list)
    for row in rows:
        if row["part"] != "total":
            requests[request_named(row)].append(row)
    if not requests:
        print("Nobody has asked to be erased: raw_crm.erasure_requests has no rows.")
        return
    print("What follows is personal data.")
    for request, its_rows in requests.items():
        print("\n".join(["", request, *lines(its_rows)]))
    totals = {row["table_name"]: int(row["row_count"]) for row in rows if row["part"] == "total"}
    print("\nRows that the build leaves out:" if totals else "\nNo raw row names any of these.")
    for table, count in sorted(totals.items()):
        print(f"  {table}: {count:,}")


if __name__ == "__main__":
    main()
