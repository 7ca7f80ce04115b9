"""Which user agents are bots: the maintained list's own examples are, people's devices are not."""

import csv
import gzip
import re

import pytest
from harness import ROOT, Project, copy_project, seed

AGENTS = ROOT / "tests" / "user_agents"
BOTS = gzip.decompress((AGENTS / "bots.txt.gz").read_bytes()).decode().split("\n")
PEOPLE = (AGENTS / "people.txt").read_text().splitlines()
SELDOM = "Mozilla/5.0 (X11; Linux x86_64) shop-robot of our own"
OWN = "user_agent_pattern,is_bot,source\nshop-robot,true,our own\n"
PROGRAMS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/)",
    "crawler4j (https://github.com/yasserg/crawler4j/)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/)",
    "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/)",
    "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 11) Chrome/109.0.0.0 Mobile Chrome-Lighthouse",
    "Mozilla/5.0 (X11; Linux x86_64) Chrome/61.0.3163.100 PingdomTMS/0.8.5",
    "check_http/v2.3.3 (monitoring-plugins 2.3.3)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) Chrome/41.0 Safari/537.36 BingPreview/1.0b",
    "Scrapy/2.11.0 (+https://scrapy.org)",
    "curl/8.4.0",
    "Wget/1.21.3",
    "python-requests/2.31.0",
    "Python-urllib/3.11",
    "Go-http-client/1.1",
    "Java/17.0.8",
    "facebookexternalhit/1.1 (+http://www.facebook.com/)",
    "Mozilla/5.0 (compatible; Examplebot/2.1; +http://bot.example/)",
]
RUN = ("--select", "+int_bot_visitors")


def raw_events(folder, agents: dict[str, str]):
    """raw_web.events with one event of each visitor: {visitor: user agent}."""
    for table, header, rows in [
        ("raw_crm/customers", ["customer_id", "_loaded_at"], [["C-1", "2026-06-16 05:00"]]),
        (
            "raw_web/events",
            ["anonymous_id", "event_at", "event_name", "user_agent", "_loaded_at"],
            [
                [v, "2026-06-01 10:00", "page_view", a, "2026-06-16 05:00"]
                for v, a in agents.items()
            ],
        ),
    ]:
        path = folder / f"{table}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
    return folder


def found_in(project: Project) -> set[str]:
    """The visitors that are bots."""
    rows = project.ask("""
        select distinct events.anonymous_id
        from engagement_staging.stg_web__events as events
        inner join engagement_identity.int_bot_visitors as bots
            on bots.visitor_id = sha256(engagement_salt() || events.anonymous_id)""")
    return {visitor for (visitor,) in rows}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The visitors that are bots, of one visitor a user agent; with a seed of the company's own."""
    folder = tmp_path_factory.mktemp("bots")
    copy = copy_project(folder / "project")
    (copy / "seeds" / "our_user_agents.csv").write_text(OWN)
    agents = {f"bot-{n}": agent for n, agent in enumerate(BOTS)}
    agents |= {f"person-{n}": agent for n, agent in enumerate(PEOPLE)}
    agents |= {f"program-{n}": agent for n, agent in enumerate(PROGRAMS)} | {"own": SELDOM}
    relations = ["bot_user_agents", "bot_user_agent_additions", "our_user_agents"]
    variables = {"bot_user_agent_relations": relations}
    raw = raw_events(folder / "raw", agents)
    return found_in(Project(folder / "build", raw, copy, variables).build(*RUN))


def test_99_percent_of_the_lists_own_examples_are_bots(judged):
    assert len(BOTS) > 2_000
    missed = [agent for n, agent in enumerate(BOTS) if f"bot-{n}" not in judged]
    assert len(missed) <= 0.01 * len(BOTS), missed


def test_programs_that_are_no_crawlers_are_bots(judged):
    assert [agent for n, agent in enumerate(PROGRAMS) if f"program-{n}" not in judged] == []


def test_no_persons_browser_phone_or_television_is_a_bot(judged):
    assert sum("bot" in agent.lower() for agent in PEOPLE) > 5
    assert [agent for n, agent in enumerate(PEOPLE) if f"person-{n}" in judged] == []


def test_a_company_adds_patterns_of_its_own(judged):
    assert "own" in judged


def test_a_pattern_that_matches_every_user_agent_stops_the_build(tmp_path):
    copy = copy_project(tmp_path / "project")
    (copy / "seeds" / "our_user_agents.csv").write_text(
        "user_agent_pattern,is_bot,source\nbot|,true,a slip of the pen\n"
    )
    relations = {"bot_user_agent_relations": ["bot_user_agents", "our_user_agents"]}
    project = Project(tmp_path / "build", raw_events(tmp_path / "raw", {}), copy, relations)
    done = project.attempt("build", *RUN, "--exclude-resource-type=test")
    assert done.returncode == 1
    assert "The pattern bot| of bot user agents matches every text." in done.stdout


@pytest.mark.parametrize("name", ["bot_user_agents", "bot_user_agent_additions"])
def test_patterns_are_read_alike_by_every_engine(name):
    """No backslash, which Spark reads in its own way, and nothing that RE2 or Java lacks."""
    patterns = [row["user_agent_pattern"] for row in seed(name)]
    assert len(patterns) == len(set(patterns)) > 10
    for pattern in patterns:
        re.compile(pattern)
        assert "\\" not in pattern
        assert pattern == pattern.strip()
        assert set(re.findall(r"\(\?.", pattern)) <= {"(?i"}


def test_each_pattern_of_the_list_names_its_release():
    sources = {row["source"] for row in seed("bot_user_agents")}
    assert len(sources) == 1
    assert re.fullmatch(r"crawler-user-agents \d+\.\d+\.\d+", sources.pop())
