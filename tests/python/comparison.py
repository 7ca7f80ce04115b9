"""Compares two databases table by table: what differs, where it first does, and how."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

import duckdb
from harness import Project

TOLERANCE = 1e-9
# Sums of large numbers have no digit left at 1e-9: relative to the largest of the column, in
# doubles of 16 digits.
RELATIVE_TOLERANCE = 1e-13
# What only steers later runs. (changed_at is no bookkeeping: consents and preferences have one.)
BOOKKEEPING_COLUMNS = {"written_at", "replaced_at", "erased_at", "is_vanished", "counted_at"}
BOOKKEEPING_RELATIONS = {
    "int_marks", "int_touched_customers", "int_due_scores", "int_due_variables",
    "int_unsegmented_scores", "int_carried_scores", "int_restated_scorecards",
    "int_restated_segments",
}  # fmt: skip

# What counts the rows that raw files hold now.
RAW_BOOKKEEPING = {
    "int_raw_rows", "int_landed_again", "int_quarantined_rows", "rpt_quarantine",
    "rpt_row_reconciliation",
}  # fmt: skip
PLACES = ["staged", "duplicate", "superseded", "deleted", "quarantined", "erased"]


@dataclass(frozen=True)
class Relation:
    """A table or mart: what of it is compared, and what tells its rows apart."""

    schema: str
    name: str
    types: dict[str, str]  # column -> type
    declared_key: tuple[str, ...] = ()

    @property
    def compared(self) -> dict[str, str]:
        return {c: kind for c, kind in self.types.items() if c not in BOOKKEEPING_COLUMNS}

    @property
    def floats(self) -> list[str]:
        return [column for column, kind in self.compared.items() if kind in ("DOUBLE", "FLOAT")]

    @property
    def key(self) -> list[str]:
        """What the YAML says is unique; else all that is exact, and equal rows are numbered."""
        return [*self.declared_key] or [c for c in self.compared if c not in self.floats]

    @property
    def rows(self) -> str:
        """The rows that count, without those kept as images of replaced ones."""
        counting = "where replaced_at is null" if "replaced_at" in self.types else ""
        return f"select {', '.join(self.compared)} from {self.schema}.{self.name} {counting}"


def columns_of(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], dict[str, str]]:
    """(schema, table or view) -> column -> type."""
    found = defaultdict(dict)
    for schema, name, column, kind in connection.execute("""
        select table_schema, table_name, column_name, data_type
        from information_schema.columns order by ordinal_position""").fetchall():
        found[schema, name][column] = kind
    return found


def relations(project: Project, connection: duckdb.DuckDBPyConnection) -> list[Relation]:
    """The tables of all models and all marts but bookkeeping, what is built first coming first."""
    tables = set(
        connection.execute("""
            select table_schema, table_name from information_schema.tables
            where table_type = 'BASE TABLE'""").fetchall()
    )
    types = columns_of(connection)
    nodes = project.manifest["nodes"]
    keys = declared_keys(nodes)

    @cache
    def depth(unique_id: str) -> int:
        used = [key for key in nodes[unique_id]["depends_on"].get("nodes", []) if key in nodes]
        return 1 + max(map(depth, used), default=0)

    models = [
        (depth(unique_id), (node["schema"], node["alias"]), keys.get(unique_id, ()))
        for unique_id, node in nodes.items()
        if node["resource_type"] == "model"
        and node["name"] not in BOOKKEEPING_RELATIONS
        and "quality" not in node["tags"]
    ]
    return [
        Relation(*name, types[name], key)
        for _, name, key in sorted(models)
        if name in tables or name[0].endswith("_marts")
    ]


def declared_keys(nodes: dict) -> dict[str, tuple[str, ...]]:
    """Model -> the columns that its tests say are unique together."""
    keys = {}
    for node in nodes.values():
        test = node.get("test_metadata") or {}
        if test.get("name") == "unique":
            keys[node["attached_node"]] = (test["kwargs"]["column_name"],)
        elif test.get("name") == "unique_together":
            keys[node["attached_node"]] = tuple(test["kwargs"]["columns"])
    return keys


def differences(found: Project, expected: Project, without: Collection[str] = ()) -> list[str]:
    """What is not the same in two databases, one line per relation; empty where all is."""
    lines = []
    with found.connect() as one, expected.connect() as other:
        found_columns = columns_of(one)
        for relation in relations(expected, other):
            if relation.name in without:
                continue
            types = found_columns.get((relation.schema, relation.name))
            if types is None:
                lines.append(f"{relation.name} is missing")
            elif types != relation.types:
                lines.append(f"{relation.name} has columns {types}, expected {relation.types}")
            elif line := difference(relation, one, other):
                lines.append(line)
    return lines


def difference(relation: Relation, found, expected) -> str:
    """How the rows of a relation differ between two connections, in one line."""
    compared = [column for column in relation.compared if column not in relation.key]
    with duckdb.connect() as judge:
        for side, connection in (("found", found), ("expected", expected)):
            judge.register("landed", connection.sql(relation.rows).to_arrow_table())
            judge.execute(f"""
                create temp table {side} as
                select *, row_number() over (
                    partition by {", ".join(relation.key)} order by {", ".join(compared) or "true"}
                ) as copy_number from landed""")
        joined = " and ".join(
            f"found.{column} is not distinct from expected.{column}"
            for column in [*relation.key, "copy_number"]
        )
        judge.execute(f"""
            create temp table pairs as
            select found, expected, found.copy_number is null as is_missing,
                expected.copy_number is null as is_extra
            from found full outer join expected on {joined}""")
        unlike = {"missing": "is_missing", "too many": "is_extra"}
        for column in compared:
            test = unequal(column, column in relation.floats, judge)
            unlike[f"with another {column}"] = f"not is_missing and not is_extra and {test}"
        counts = ", ".join(f"count(*) filter ({test})" for test in unlike.values())
        counted = judge.execute(f"select {counts} from pairs").fetchall()[0]
        said = [
            f"{count} {kind}, first {first(relation.key, test, kind.split()[-1], judge)}"
            for (kind, test), count in zip(unlike.items(), counted, strict=True)
            if count
        ]
        totals = judge.execute("select (select count(*) from found), count(*) from expected")
        rows = "{} rows, expected {}".format(*totals.fetchall()[0])
    return f"{relation.name} ({rows}): {'; '.join(said)}" if said else ""


def unequal(column: str, is_float: bool, judge: duckdb.DuckDBPyConnection) -> str:
    """SQL that tells whether a column differs between the two rows of a pair."""
    one, other = f"found.{column}", f"expected.{column}"
    if not is_float:
        return f"{one} is distinct from {other}"
    ((largest,),) = judge.execute(
        f"select coalesce(max(abs({column})) filter (isfinite({column})), 0) from expected"
    ).fetchall()
    tolerance = max(TOLERANCE, RELATIVE_TOLERANCE * largest)
    near = f"coalesce(abs({one} - {other}) <= {tolerance}, false)"
    return f"({one} is distinct from {other} and not {near})"


def first(key: list[str], test: str, column: str, judge: duckdb.DuckDBPyConnection) -> str:
    """The least key among the pairs that a test names, and the two values where one is at fault."""
    keys = ", ".join(f"coalesce(found.{c}, expected.{c})::varchar as {c}" for c in key)
    at_fault = not test.startswith("is_")
    values = f", found.{column} as found_value, expected.{column} as expected_value"
    sql = f"select {keys}{values if at_fault else ''} from pairs where {test} order by all limit 1"
    row = judge.execute(sql).fetchall()[0]
    at = ", ".join(f"{name} {value}" for name, value in zip(key, row, strict=False))
    return f"at {at}" + (f": {row[-2]!r}, expected {row[-1]!r}" if at_fault else "")


def miscounted(project: Project, counts: dict[str, int]) -> list[str]:
    """The raw tables whose rows are not as many as counted, or are not all accounted for."""
    rows = project.ask(f"""
        select source_system || '.' || table_name, rows_in,
            {" + ".join(f"rows_{place}" for place in PLACES)} - rows_vanished
        from engagement_marts.rpt_row_reconciliation order by all""")
    assert {table for table, *_ in rows} == counts.keys()
    return [
        f"{table}: {counts[table]} rows in the raw files, rows_in {rows_in}, accounted {accounted}"
        for table, rows_in, accounted in rows
        if not counts[table] == rows_in == accounted
    ]


def misjudged(project: Project, implausible: int) -> list[str]:
    """Whether as many rows as counted are in quarantine for their load time."""
    ((found,),) = project.ask("""
        select coalesce(sum(row_count), 0)::bigint from engagement_staging.int_quarantined_rows
        where is_row and contains(reasons, 'implausible_load_time')""")
    said = f"{implausible} rows with an implausible load time, {found} of them in quarantine"
    return [said] if found != implausible else []


def quarantine_differences(found: Project, expected: Project) -> list[str]:
    """What the quarantine of the first says otherwise than the second's of rows in raw files."""
    columns = "source_system, table_name, reasons, is_row, raw_row"
    sql = f"select distinct {columns} from engagement_staging.int_quarantined_rows"
    present = " union ".join(
        f"select '{source['source_name']}', '{source['name']}', _landed"
        f" from {source['schema']}.{source['identifier']}"
        for source in found.manifest["sources"].values()
    )
    there = {*found.ask(present)}
    said = {*found.ask(sql)}
    meant = {row for row in expected.ask(sql) if (row[0], row[1], row[4]) in there}
    lines = {"too many in quarantine": said - meant, "missing in quarantine": meant - said}
    return [f"{len(rows)} {kind}, e.g. {min(rows)}" for kind, rows in lines.items() if rows]
