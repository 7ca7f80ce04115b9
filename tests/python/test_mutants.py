"""The mutation check itself: its rules make other files that parse, its draw comes again, and it
can tell a defect from none.
"""

import ast
import itertools

import duckdb
import jinja2
import pytest
import rules
import run
from harness import ROOT
from rules import PYTHON, SEEDS, SQL, Mutant, mutants_of

SAMPLE_SQL = """
{# A sample in which every rule has something to change. #}
with

days as (
    -- not a filter: and nothing here is changed >= 1
    {{ days_between("a", "b") }}
),

kept as (
    select
        a.customer_id,
        count(*) as row_count,
        max(a.sent_at) as sent_at,
        {{ local_date("a.sent_at") }} as sent_date,
        coalesce(sum(a.amount), 0) + 1 as amount,
        greatest(a.score, 0) / 100 as score,
        ceil(a.score) as step,
        false as is_new,
        'text > 3' as told_by
    from a
    left join b on a.customer_id = b.customer_id
    {% if is_incremental() %}
    where
        a.sent_at <= b.sent_at
        and a.kind = 'one'
        and a.kind is not null
        and not b.is_gone
        or a.age < {{ var("window_days") }}
    {% endif %}
    qualify row_number() over (partition by a.customer_id, a.kind order by a.sent_at) = 1
)

select * from kept
"""

SAMPLE_PYTHON = '''
"""A sample in which every rule has something to change."""


def fit(values, known):
    # not a comparison: a < b
    lower, upper = np.quantile(values[~np.isnan(values)], [0.01, 0.99])
    if upper <= lower or not known:
        lower = min(values) - 1
    return {"mean > 1": np.nanmean(values), "deviation": values.std(), "is_known": True}
'''

SAMPLE_SEED = "name,weight,rank\none,0.25,1\ntwo,0.75,2\n"

SAMPLES = {"sample.sql": SAMPLE_SQL, "sample.py": SAMPLE_PYTHON, "sample.csv": SAMPLE_SEED}
RULES = {"sample.sql": SQL, "sample.py": PYTHON, "sample.csv": SEEDS}


def parse_sql(text: str) -> None:
    """Rendered as dbt would, far enough for the database's parser."""
    rendered = jinja2.Environment().from_string(text).render(
        days_between=lambda one, other: f"select {one}, {other}",
        local_date=lambda column: f"cast({column} as date)",
        is_incremental=lambda: True,
        var=lambda name: 180,
    )  # fmt: skip
    assert len(duckdb.extract_statements(rendered)) == 1


def parse_seed(text: str) -> None:
    header, *rows = text.splitlines()
    assert rows
    assert all(row.count(",") == header.count(",") for row in rows)


PARSERS = {"sample.sql": parse_sql, "sample.py": ast.parse, "sample.csv": parse_seed}
EACH_RULE = [(path, rule) for path, of_path in RULES.items() for rule in of_path]


@pytest.mark.parametrize(("path", "rule"), EACH_RULE)
def test_a_rule_makes_another_file_that_still_parses(path, rule):
    text = SAMPLES[path]
    found = [mutant for mutant in mutants_of(path, text) if mutant.rule == rule]
    assert found
    for mutant in found:
        before, after = mutant.lines
        assert before in text
        assert before != after
        assert mutant.changed != text
        PARSERS[path](mutant.changed)


def test_comments_and_texts_are_left_as_they_are():
    for path, text in SAMPLES.items():
        for mutant in mutants_of(path, text):
            for fixed in ("nothing here is changed >= 1", "text > 3", "a < b", "mean > 1"):
                assert (fixed in mutant.changed) == (fixed in text)


def test_the_rules_find_places_all_over_the_project():
    found = rules.mutants(ROOT)
    assert len(found) > 1000
    assert {mutant.path.split("/")[0] for mutant in found} == {"models", "macros", "seeds"}
    assert {(mutant.path[-3:], mutant.rule) for mutant in found} == {
        (path[-3:], rule) for path, rule in EACH_RULE
    }


def test_a_draw_comes_again_by_its_seed_and_holds_nothing_twice():
    found = rules.mutants(ROOT)
    first, again, other = (
        [mutant.place + mutant.mutated for mutant in itertools.islice(run.drawn(found, seed), 50)]
        for seed in (3, 3, 4)
    )
    assert first == again != other
    assert len(list(run.drawn(found, 3))) == len(found)


def test_what_is_known_to_be_equivalent_is_in_the_project():
    """Else the list would keep what nobody reviewed since the code changed."""
    found = rules.mutants(ROOT)
    for entry in run.equivalents():
        assert any(run.is_listed(mutant, entry) for mutant in found), entry
        assert len(entry["reason"]) > 20


@pytest.fixture(scope="module")
def bench(demo, tmp_path_factory) -> run.Bench:
    return run.Bench(tmp_path_factory.mktemp("mutants"), demo, {}, set())


def mutant(path: str, original: str, mutated: str) -> Mutant:
    text = (ROOT / path).read_text()
    assert text.count(original) == 1
    return Mutant(path, "by hand", text.index(original), original, mutated, text)


MART = "models/8_marts/fct_segment_migrations.sql"
DEARER = set(run.LATER)


def test_a_defect_is_caught_by_the_unit_test_that_it_breaks(bench):
    verdict = bench.judge(mutant(MART, "'not scored'", "'no level'"), DEARER)
    assert verdict.caught_by.startswith("unit test fct_segment_migrations.")


def test_what_is_no_defect_survives(bench):
    verdict = bench.judge(mutant(MART, "as customers\n", "as customers  \n"), DEARER)
    assert verdict.caught_by == ""
    assert not verdict.is_stillborn


def test_what_the_database_cannot_plan_is_drawn_anew(bench):
    assert bench.judge(mutant(MART, "as to_level", "as to_nowhere"), DEARER).is_stillborn


def test_tests_that_fail_without_a_mutant_catch_nothing(bench, monkeypatch):
    failing = bench.source / "tests" / "python" / "test_failing.py"
    failing.write_text("def test_fails():\n    assert False\n")
    monkeypatch.setattr(run, "LATER", {"failing": (["test_failing.py"], "")})
    with pytest.raises(AssertionError, match="test_fails without any mutant"):
        bench.judge(mutant(MART, "as customers\n", "as customers  \n"), set())


def test_the_copy_is_as_it_was_after_a_mutant(bench):
    assert (bench.source / MART).read_text() == (ROOT / MART).read_text()


def test_too_few_caught_is_told_with_what_to_do(capsys):
    survivor = run.Verdict(mutant(MART, "'not scored'", "'no level'"))
    caught = run.Verdict(survivor.mutant, "unit test a")
    assert run.report([caught] * 19 + [survivor], [])
    assert not run.report([caught] * 18 + [survivor], [(survivor.mutant, "a reason")])
    said = capsys.readouterr().out
    assert "94.7% caught: 18 of 19" in said
    assert f"SURVIVED {survivor.mutant.place} (by hand)" in said
    assert (
        "+        coalesce(previous_segments.engagement_level, 'no level') as from_level," in said
    )
    assert "a reason" in said
    assert "Add a unit test" in said
