"""Whether score marts hold the same keys and, within TOLERANCE, the same numbers.

    python benchmarks/compare.py dbt.duckdb floor.duckdb [score_mart.parquet]

The first is a build of the project, the second what floor.py made, the third pandas_pipeline.py's.
"""

import sys

import duckdb

TOLERANCE = 1e-9
COMPARED = [
    "score", "score_recency", "score_frequency", "score_depth", "score_diversity",
    "score_participation", "score_advocacy", "coverage",
]  # fmt: skip
KEY = "customer_id, score_date, scorecard_version"


def main() -> None:
    build, floor, *parquet = sys.argv[1:]
    connection = duckdb.connect(build, read_only=True)
    connection.execute(f"attach '{floor}' as floor (read_only)")
    marts = {"dbt": "engagement_marts.fct_engagement_scores", "floor": "floor.score_mart"}
    if parquet:
        marts["pandas"] = f"read_parquet('{parquet[0]}')"
    for name, mart in marts.items():
        rows, checksum = connection.execute(
            f"select count(*), sum(hash({KEY}, round(score, 4))) from {mart}"
        ).fetchall()[0]
        print(f"{name:<12} {rows:>12,} rows, checksum {checksum}")
    others = [name for name in marts if name != "floor"]
    same = [is_same(connection, name, marts[name], marts["floor"]) for name in others]
    sys.exit(0 if all(same) else 1)


def is_same(connection: duckdb.DuckDBPyConnection, name: str, mart: str, floor: str) -> bool:
    """Prints how a mart differs from the floor's, if it does."""
    differences = ", ".join(f"coalesce(abs(a.{c} - b.{c}), 0)" for c in COMPARED)
    unlike = " or ".join(f"(a.{c} is null) != (b.{c} is null)" for c in COMPARED)
    lonely, one_sided, beyond, largest = connection.execute(f"""
        select
            count(*) filter (a.customer_id is null or b.customer_id is null),
            count(*) filter (a.customer_id = b.customer_id and ({unlike})),
            count(*) filter (greatest({differences}) >= {TOLERANCE}),
            max(greatest({differences}))
        from {mart} as a
        full outer join {floor} as b using ({KEY})
    """).fetchall()[0]
    print(f"{name} and floor")
    print(f"  {'keys':<10} {lonely:>12,} in one mart only")
    print(f"  {'nulls':<10} {one_sided:>12,} rows where one mart has a null and the other a number")
    print(f"  {'numbers':<10} {beyond:>12,} rows apart by {TOLERANCE:g} or more; "
          f"at most {largest:.3g}")  # fmt: skip
    same = lonely == one_sided == beyond == 0
    print("  The marts are the same." if same else "  THE MARTS DIFFER.")
    return same


if __name__ == "__main__":
    main()
