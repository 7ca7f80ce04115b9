"""What staging leaves out, whatever the table."""

from harness import Project, copy_raw, demo_contract

DELETED = """
    from rows
    union all by name
    select * replace (_loaded_at + interval 1 minute as _loaded_at, true as _is_deleted) from rows
"""


def test_rows_that_their_source_has_deleted_are_in_no_staging_table(demo, tmp_path):
    raw = copy_raw(demo.raw, tmp_path / "raw", dict.fromkeys(demo_contract(), DELETED))
    emptied = Project(tmp_path / "build", raw).build("--select", "path:models/1_staging")
    tables = demo.ask("""
        select table_name from information_schema.tables
        where table_schema = 'engagement_staging' and table_name like 'stg\\_%' escape '\\'
            and table_name != 'stg_crm__erasure_requests'
        order by all""")
    assert len(tables) >= len(demo_contract())
    left = {
        table: [
            project.ask(f"select count(*) from engagement_staging.{table}")[0][0]
            for project in (demo, emptied)
        ]
        for (table,) in tables
    }
    assert all(before > 0 for before, _ in left.values())
    assert {table: after for table, (_, after) in left.items() if after} == {}
