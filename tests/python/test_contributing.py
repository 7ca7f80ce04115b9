"""The worked example of CONTRIBUTING.md does what it says, in three files."""

import re

from harness import ROOT, Project, copy_project


def diffs():
    """The document's diffs: file -> (text before, text after)."""
    found = {}
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for block in re.findall(r"```diff\n(.*?)```", text, re.DOTALL):
        file = re.search(r"^\+\+\+ b/(\S+)$", block, re.MULTILINE)[1]
        lines = block.split("@@\n", 1)[1].splitlines()
        before = "".join(line[1:] + "\n" for line in lines if line[:1] in (" ", "-"))
        after = "".join(line[1:] + "\n" for line in lines if line[:1] in (" ", "+"))
        found[file] = before, after
    return found


def test_a_new_variable_takes_three_files_and_ends_in_the_contributions(demo, tmp_path):
    copy = copy_project(tmp_path / "project")
    changes = diffs()
    assert len(changes) == 3
    for file, (before, after) in changes.items():
        text = (copy / file).read_text()
        assert text.count(before) == 1, f"{file} no longer holds the lines that the guide shows"
        (copy / file).write_text(text.replace(before, after))
    project = Project(tmp_path / "build", demo.raw, source=copy).build()
    counted = project.ask(
        """
        select count(*), count(contribution) filter (where contribution > 0)
        from engagement_marts.fct_score_contributions
        where variable_name = 'comments_written' and scorecard_version = 'balanced_1'
        """
    )[0]
    scored = project.ask(
        "select count(*) from engagement_marts.fct_engagement_scores "
        "where scorecard_version = 'balanced_1'"
    )[0][0]
    assert counted[0] == scored > 0
    assert counted[1] > 0
