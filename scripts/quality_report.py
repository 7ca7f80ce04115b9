"""Renders the last judgement of every table as Great Expectations' Data Docs, in target/data_docs.

A page per table, and one in front of them that begins with what is not as expected. The pages are
Great Expectations' own without what they would fetch from its servers when somebody opens them.
"""

import argparse
import json
import logging
import re
from collections import defaultdict
from html import escape
from pathlib import Path

from warehouse import connect

LAYERS = ["raw", "staging", "intermediate", "marts"]
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem; }
td { border-bottom: 1px solid #ddd; }
h5 { font-size: 1.1rem; margin: 1.5rem 0 .3rem; }
.sticky, .d-none, [data-toggle=collapse] { display: none; }
.text-success::before { content: "\\2714"; color: #2a7d2a; }
.text-danger::before { content: "\\2718"; color: #c02020; }
.text-warning::before { content: "\\26a0"; color: #b07000; }
"""


def last_judgements(connection, schema):
    """{(layer, table): (run_at, its results)}; a result: row of rpt_data_quality and GX's JSON."""
    results = " union all ".join(
        f"select * from {schema}_quality.int_quality__{layer}" for layer in LAYERS
    )
    rows = connection.execute(
        f"""
        select
            results.layer, results.table_name, results.run_at, results.severity, results.success,
            results.observed, results.expected, results.owner, results.action, results.result
        from ({results}) as results
        inner join (
            select distinct layer, table_name, run_at
            from {schema}_marts.rpt_data_quality
            where is_latest
        ) as latest
            on results.layer = latest.layer
            and results.table_name = latest.table_name
            and results.run_at = latest.run_at
        order by results.table_name, results.expected
        """
    ).fetchall()
    tables = defaultdict(list)
    for layer, table, *row in rows:
        tables[layer, table].append(row)
    return dict(sorted(tables.items(), key=lambda item: LAYERS.index(item[0][0])))


def page(layer, table, rows):
    """Great Expectations' page on the results of one table, as HTML."""
    from great_expectations import __version__
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.core import ExpectationValidationResult as Result
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    results = []
    for result in (json.loads(row[-1]) for row in rows if row[-1]):
        configuration = ExpectationConfiguration(**result.pop("expectation_config"))
        results.append(Result(expectation_config=configuration, **result))
    met = sum(result.success for result in results)
    run = RunIdentifier(run_name="dbt build", run_time=rows[0][0])
    suite_result = ExpectationSuiteValidationResult(
        success=met == len(results),
        results=results,
        suite_name=f"{layer}: {table}",
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": met,
            "unsuccessful_expectations": len(results) - met,
            "success_percent": 100 * met / len(results) if results else None,
        },
        meta={"great_expectations_version": __version__, "run_id": run},
    )
    html = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(suite_result))
    return unplugged(html)


def unplugged(html):
    """A page without scripts, styles, images and links of other servers."""
    html = re.sub(r"(?s)<(script|style|footer|nav)\b.*?</\1>|<link\b[^>]*>|<img\b[^>]*>", "", html)
    html = re.sub(r'(?s)<a [^>]*href="[^"]*expectations/[^"]*"[^>]*>(.*?)</a>', r"\1", html)
    html = html.replace("<br> Data asset: None", "")
    html = html.replace("</head>", f"<style>{STYLE}</style></head>")
    return re.sub(r"(<body[^>]*>)", r'\1<p><a href="index.html">Data quality</a></p>', html)


def index(tables):
    """The page in front: what is not as expected, and how many expectations each table meets."""
    misses, lines = [], []
    for (layer, table), rows in tables.items():
        link = f'<a href="{escape(file_name(layer, table))}">{escape(table)}</a>'
        for _, severity, success, *words, _ in rows:
            if success is False:
                observed, expected, owner, action = (escape(word or "") for word in words)
                misses.append([severity, layer, link, observed, expected, action, owner])
        met, missed, unjudged = (
            sum(row[2] is success for row in rows) for success in (True, False, None)
        )
        lines.append([layer, link, met, missed, unjudged, f"{rows[0][0]:%Y-%m-%d %H:%M} UTC"])
    headers = ["severity", "layer", "table", "observed", "expected", "what to do", "owner"]
    found = html_table(headers, sorted(misses)) if misses else "<p>All is as expected.</p>"
    headers = ["layer", "table", "as expected", "not", "not to be judged yet", "judged"]
    return (
        f"<!doctype html><html><head><meta charset='utf-8'><title>Data quality</title>"
        f"<style>{STYLE}</style></head><body><h1>Data quality</h1>"
        f"<h5>Not as expected</h5>{found}<h5>Tables</h5>{html_table(headers, lines)}</body></html>"
    )


def html_table(headers, rows):
    head = "".join(f"<th>{header}</th>" for header in headers)
    body = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def file_name(layer, table):
    return f"{layer}__{table}.html"


def render(tables, folder):
    """Writes the pages into a folder and returns the one in front."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.html"):
        old.unlink()
    for (layer, table), rows in tables.items():
        (folder / file_name(layer, table)).write_text(page(layer, table, rows), encoding="utf-8")
    front = folder / "index.html"
    front.write_text(index(tables), encoding="utf-8")
    return front


def main():
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", default="demo")
    parser.add_argument("--target-path", type=Path, default=Path("target"))
    arguments = parser.parse_args()
    connection, _, schema = connect(arguments.target)
    tables = last_judgements(connection, schema)
    results = [row[2] for rows in tables.values() for row in rows]
    missed = sum(success is False for success in results)
    front = render(tables, arguments.target_path / "data_docs")
    print(
        f"{len(results)} expectations of {len(tables)} tables, {missed} not met: {front.resolve()}"
    )


if __name__ == "__main__":
    main()
