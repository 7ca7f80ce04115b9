"""Withdrawing consent never raises a score, and leaves the past as it was."""

from pathlib import Path

import pytest
from harness import Project, copy_raw

WITHDRAWN_AT = "2026-08-15 10:00:00"
SCORES = """
    select (customer_id, score_date, scorecard_version), score, coverage
    from engagement_marts.fct_engagement_scores
"""


@pytest.fixture(scope="module")
def scores(demo, tmp_path_factory):
    """Scores as they are, and as they were had everybody withdrawn from e-mail and post."""
    folder = tmp_path_factory.mktemp("consent")
    withdrawals = f"""
        select * from rows
        union all by name
        select distinct
            customer_id, channel, 'withdrawn' as status, timestamp '{WITHDRAWN_AT}' as changed_at,
            timestamp '2026-08-16 03:00:00' as _loaded_at, false as _is_deleted
        from rows where channel in ('email', 'postal') and changed_at < '{WITHDRAWN_AT}'
    """
    raw = copy_raw(demo.raw, folder / "raw", {"raw_crm.consents": withdrawals})
    withdrawn = Project(folder / "build", raw).build()
    return [{row[0]: row[1:] for row in project.ask(SCORES)} for project in (demo, withdrawn)]


def of_dates(scores, is_after):
    """Pairs (as it is, had they withdrawn) of the score dates before or after the day."""
    before, after = scores
    assert before.keys() == after.keys()
    return [
        (before[key], after[key])
        for key in before
        if (str(key[1]) >= WITHDRAWN_AT[:10]) == is_after and before[key][0] is not None
    ]


def test_scores_before_the_withdrawal_stay_as_they_were(scores):
    pairs = of_dates(scores, is_after=False)
    assert len(pairs) > 5_000
    assert max(abs(old[0] - new[0]) for old, new in pairs) < 1e-9


def test_no_score_after_the_withdrawal_is_higher(scores):
    pairs = of_dates(scores, is_after=True)
    assert max(new[0] - old[0] for old, new in pairs) < 1e-9


def test_the_withdrawal_costs_those_who_were_engaged_there(scores):
    falls = [old[0] - new[0] for old, new in of_dates(scores, is_after=True)]
    assert sum(fall > 1 for fall in falls) > 0.2 * len(falls)


LOADED = "2026-06-16 05:00:00"
# What a consent system writes on e-mail, after a grant of 2 May -> is it granted, and from when.
# None: the row is set aside.
ROWS = {
    "email,granted,2026-05-10": (True, "2026-05-10 00:00:00"),
    "email, Granted ,2026-05-10": (True, "2026-05-10 00:00:00"),
    " EMAIL ,WITHDRAWN,2026-05-10": (False, "2026-05-10 00:00:00"),
    "all,granted,2026-05-10": (True, "2026-05-10 00:00:00"),
    "*,withdrawn,2026-05-10": (False, "2026-05-10 00:00:00"),
    ",withdrawn,2026-05-10": (False, "2026-05-10 00:00:00"),
    ",granted,2026-05-10": None,
    "pigeon,granted,2026-05-10": None,
    "email,granted,soon": None,
    "email,granted,": None,
    "email,opt-in,2026-05-10": (False, "2026-05-10 00:00:00"),
    "email,true,2026-05-10": (False, "2026-05-10 00:00:00"),
    "email,,2026-05-10": (False, "2026-05-10 00:00:00"),
    "email,NULL,2026-05-10": (False, "2026-05-10 00:00:00"),
    "email,withdrawn,": (False, LOADED),
    "email,withdrawn,soon": (False, LOADED),
    "email,withdrawn,2099-01-01": (False, LOADED),
    "email,withdrawn,1900-01-01": (False, LOADED),
    ",?,?": (False, LOADED),
}
REPORTED = {
    ("missing_value", "channel", True): 1,
    ("unknown_value", "channel", True): 1,
    ("unreadable_value", "changed_at", True): 1,
    ("missing_value", "changed_at", True): 1,
    ("unknown_value", "status", False): 3,  # opt-in, true, ?
    ("missing_value", "status", False): 2,
    ("missing_value", "changed_at", False): 1,
    ("unreadable_value", "changed_at", False): 1,  # and that of the row with status ?
    ("future_date", "changed_at", False): 1,
    ("impossible_date", "changed_at", False): 1,
}
FLAGS = {
    "yes": "yes", " NO ": "no", "unknown": "unknown", "": "unknown", "NULL": "unknown",
    "true": "yes", "1": "yes", "Y": "yes", "False": "no", "0": "no", "n": "no", "perhaps": "yes",
}  # fmt: skip


def csv(path: Path, header: str, rows: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")


@pytest.fixture(scope="module")
def staged(tmp_path_factory) -> Project:
    folder = tmp_path_factory.mktemp("staged")
    crm = folder / "raw" / "raw_crm"
    changes = [f"C{n},{row},{LOADED}" for n, row in enumerate(ROWS)]
    changes += ["C99,email,withdrawn,,"]  # neither a time nor a load time
    csv(crm / "consents.csv", "customer_id,channel,status,changed_at,_loaded_at", changes)
    responses = [f"F{n},S1,opened,2026-05-10,{flag},{LOADED}" for n, flag in enumerate(FLAGS)]
    responses += [
        f"U0,S1,unsubscribed,,no,{LOADED}",
        f"U1,S1,Unsubscribed,2026-05-10,perhaps,{LOADED}",
    ]
    header = "response_id,contact_id,response_type,responded_at,is_machine,_loaded_at"
    csv(crm / "contact_responses.csv", header, responses)
    return Project(folder / "build", folder / "raw").build("--select", "path:models/1_staging")


def test_consent_that_cannot_be_read_counts_as_withdrawn(staged):
    found = {
        int(customer[1:]): (is_granted, str(changed_at))
        for customer, is_granted, changed_at in staged.ask("""
            select customer_id, is_granted, changed_at from engagement_staging.stg_crm__consents""")
    }
    expected = {n: outcome for n, outcome in enumerate(ROWS.values()) if outcome}
    assert found == expected | {99: (False, "1990-01-01 00:00:00")}


def test_all_stands_for_every_channel_however_it_is_written(staged):
    found = staged.ask("""
        select customer_id from engagement_staging.stg_crm__consents where channel = 'all'""")
    every = [n for n, row in enumerate(ROWS) if row[0] in "a*," and ROWS[row]]
    assert sorted(int(customer[1:]) for (customer,) in found) == every


def test_what_of_consent_cannot_be_read_is_reported(staged):
    found = staged.ask("""
        select reason_code, column_name, is_row, sum(row_count)::int
        from engagement_staging.int_quarantined_rows where table_name = 'consents' group by all""")
    reported = {tuple(row[:3]): row[3] for row in found}
    # Of a row with two unusable values the first is named here; C99 is one more without a time.
    more = {("missing_value", "changed_at", False): 2}
    assert reported == REPORTED | more


def test_a_machine_flag_that_cannot_be_read_counts_as_a_machine_and_is_reported(staged):
    found = dict(
        staged.ask("""
            select response_id, machine_flag from engagement_staging.stg_crm__contact_responses
            where response_id like 'F%'""")
    )
    assert found == {f"F{n}": flag for n, flag in enumerate(FLAGS.values())}
    assert staged.ask("""
        select reason_code, is_row, sum(row_count)::int from engagement_staging.int_quarantined_rows
        where table_name = 'contact_responses' and column_name = 'is_machine' group by all""") == [
        ("unknown_value", False, 2)  # one that opened, one that unsubscribed
    ]


def test_an_unsubscription_holds_whatever_its_machine_flag_and_without_a_time_from_its_load(staged):
    found = staged.ask("""
        select response_id, machine_flag, responded_at::varchar
        from engagement_staging.stg_crm__contact_responses
        where response_type = 'unsubscribed' order by all""")
    assert found == [("U0", "no", LOADED), ("U1", "unknown", "2026-05-10 00:00:00")]


def test_too_many_unreadable_statuses_stop_the_build(tmp_path):
    """11 of 100 are more than a twentieth, and more than the ten rows that never stop a build."""
    rows = [
        f"C{n},email,{'opt-out' if n < 11 else 'granted'},2026-05-10,{LOADED}" for n in range(100)
    ]
    header = "customer_id,channel,status,changed_at,_loaded_at"
    csv(tmp_path / "raw" / "raw_crm" / "consents.csv", header, rows)
    project = Project(tmp_path / "build", tmp_path / "raw")
    done = project.attempt("run", "--select", "path:models/1_staging")
    assert done.returncode != 0
    text = " ".join((done.stdout + done.stderr).split())
    assert "raw_crm.consents: unknown_value in column status, 11 of 100 values" in text
    assert "opt-out" not in text
