"""Every public relation answers the way that tools ask: previews, the latest rows, counts.

Each relation is asked in a process of its own that has so many seconds for a query. A query that
never returns is named, and the relation's other queries are asked all the same.
"""

import select
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import PIPE

import duckdb
import pytest
from harness import Project, at_once

SECONDS = 30  # for a query that takes a tenth of one
# Kind of query -> SQL; where is_latest is asked where the column exists.
QUERIES = {
    "preview": "select * from {relation} limit 5",
    "latest rows": "select * from {relation} where is_latest limit 5",
    "first rows": "select * from {relation} order by 1 limit 5",
    "count": "select count(*) from {relation}",
}
# Asks what is on its command line after the database, as BI tools do: reading, with no function of
# this project. Says after each query how many rows came.
READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
for sql in sys.argv[2:]:
    print(len(connection.execute(sql).fetchall()), flush=True)
"""


@dataclass(frozen=True)
class Answer:
    """How many rows a query gave; or what became of it."""

    rows: int = 0
    trouble: str = ""


def answers(database: Path, queries: list[str], seconds: float = SECONDS) -> list[Answer]:
    """What becomes of each query; one that does not return ends the process, a new one goes on."""
    found = []
    while len(found) < len(queries):
        line = [sys.executable, "-c", READER, str(database), *queries[len(found) :]]
        with subprocess.Popen(line, bufsize=0, stdout=PIPE, stderr=PIPE) as process:
            while len(found) < len(queries):
                is_answered, _, _ = select.select([process.stdout], [], [], seconds)
                count = process.stdout.readline() if is_answered else b""
                if not count:
                    process.kill()
                    late = f"no answer after {seconds} s"
                    said = process.stderr.read().decode()[-500:] if is_answered else late
                    found.append(Answer(trouble=said))
                    break
                found.append(Answer(rows=int(count)))
    return found


def public_relations(project: Project) -> dict[str, set[str]]:
    """`schema.relation` -> its columns, of the models that others may read."""
    return {
        f"{node['schema']}.{node['alias']}": {*node["columns"]}
        for node in project.manifest["nodes"].values()
        if node["resource_type"] == "model" and node["access"] == "public"
    }


@pytest.fixture(scope="module")
def read(demo) -> dict[str, dict[str, Answer]]:
    """Kind of query -> relation -> what became of it."""
    relations = public_relations(demo)
    kinds = {
        relation: [kind for kind in QUERIES if kind != "latest rows" or "is_latest" in columns]
        for relation, columns in relations.items()
    }
    jobs = [
        partial(answers, demo.database, [QUERIES[kind].format(relation=relation) for kind in asked])
        for relation, asked in kinds.items()
    ]
    found = {kind: {} for kind in QUERIES}
    for (relation, asked), its_answers in zip(kinds.items(), at_once(jobs), strict=True):
        for kind, answer in zip(asked, its_answers, strict=True):
            found[kind][relation] = answer
    return found


@pytest.mark.parametrize("kind", QUERIES)
def test_every_public_relation_answers(read, kind):
    troubles = [f"{name}: {a.trouble}" for name, a in read[kind].items() if a.trouble]
    assert troubles == []


def test_every_relation_for_people_is_read_and_every_flag_of_the_latest_rows(demo, read):
    marts = {
        f"{schema}.{name}"
        for schema, name in demo.ask("""
            select table_schema, table_name from information_schema.tables
            where table_schema = 'engagement_marts'""")
    }
    assert {*read["preview"]} == marts
    flagged = {
        f"{schema}.{name}"
        for schema, name in demo.ask("""
            select table_schema, table_name from information_schema.columns
            where table_schema = 'engagement_marts' and column_name = 'is_latest'""")
    }
    assert {*read["latest rows"]} == flagged
    assert len(flagged) >= 4
    assert {answer.rows for answer in read["latest rows"].values()} == {5}


def test_a_query_that_never_returns_is_named_and_the_others_are_asked(tmp_path):
    endless = "with recursive n as (select 1 union all select 1 from n) select count(*) from n"
    database = tmp_path / "empty.duckdb"
    duckdb.connect(str(database)).close()
    first, stuck, wrong, last = answers(
        database, ["select 1", endless, "select nothing", "from range(3)"], seconds=3
    )
    assert (first.rows, last.rows) == (1, 3)
    assert stuck.trouble == "no answer after 3 s"
    assert "nothing" in wrong.trouble


@pytest.mark.parametrize("model", ["fct_engagement_scores", "fct_customer_segments"])
def test_dbt_show_answers(copied, model):
    line = copied.command("show", "--select", model, "--limit", "5")
    with subprocess.Popen(
        line, cwd=copied.home, env=copied.environment, stdout=PIPE, text=True
    ) as process:
        try:
            said, _ = process.communicate(timeout=4 * SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail(f"dbt show --select {model}: no answer after {4 * SECONDS} s")
    assert process.returncode == 0, said
    assert f"Previewing node '{model}'" in said
