"""The shipped seeds: programs are told from people, and versions that are out stay as they are."""

import json
from hashlib import sha256

import pytest
from harness import seed, variable_dimensions

# The rules of each version that is out. Scores of other days were given by them, so a change is a
# new version, with a line of its own here.
PUBLISHED = {
    "balanced_1": "b21671b6ca6a3b7b544a6fc280732c38c3a6af3a9c1608fe6109c34702b19321",
    "store_first_1": "6cdc349eed740b2702c4728512a85b2b820466f80aec5fa83a9a0fb3b351f8ba",
}

# What programs say they are; each is given away by one part alone.
PROGRAMS = {
    "bot": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/)",
    "crawl": "crawler4j (https://github.com/yasserg/crawler4j/)",
    "spider": "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/)",
    "slurp": "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/)",
    "headless": "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0.0.0 Safari/537.36",
    "lighthouse": "Mozilla/5.0 (Linux; Android 11) Chrome/109.0.0.0 Mobile Chrome-Lighthouse",
    "pingdom": "Mozilla/5.0 (X11; Linux x86_64) Chrome/61.0.3163.100 PingdomTMS/0.8.5",
    "monitor": "check_http/v2.3.3 (monitoring-plugins 2.3.3)",
    "preview": "Mozilla/5.0 (Windows NT 6.1; WOW64) Chrome/41.0 Safari/537.36 BingPreview/1.0b",
    "scrapy": "Scrapy/2.11.0 (+https://scrapy.org)",
    "curl/": "curl/8.4.0",
    "wget/": "Wget/1.21.3",
    "python-requests": "python-requests/2.31.0",
    "python-urllib": "Python-urllib/3.11",
    "go-http-client": "Go-http-client/1.1",
    "java/": "Java/17.0.8",
    "facebookexternalhit": "facebookexternalhit/1.1 (+http://www.facebook.com/)",
}
BROWSERS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/17.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
    "Mozilla/5.0 (Linux; Android 13; SM-S901B) AppleWebKit/537.36 (KHTML, like Gecko) "
    "SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36",
]


def parts_in(agent: str) -> list[str]:
    parts = [row["user_agent_part"] for row in seed("bot_user_agents")]
    return [part for part in parts if part in agent.lower()]


@pytest.mark.parametrize("part", PROGRAMS)
def test_a_program_is_given_away_by_one_part(part):
    assert parts_in(PROGRAMS[part]) == [part]


def test_no_part_is_shipped_without_a_program_that_it_gives_away():
    assert {row["user_agent_part"] for row in seed("bot_user_agents")} == set(PROGRAMS)


@pytest.mark.parametrize("agent", BROWSERS)
def test_a_persons_browser_is_not_given_away(agent):
    assert parts_in(agent) == []


def rules(version: str) -> list[list[str]]:
    """All that decides a version's scores, levels and personas; not how it explains itself."""
    said = {"rationale", "description", "scorecard_name"}
    return sorted(
        [name, *(value for column, value in row.items() if column not in said)]
        for name in ("scorecards", "scorecard_versions", "engagement_levels")
        for row in seed(name)
        if row["scorecard_version"] == version
    )


@pytest.mark.parametrize(
    "version", sorted({row["scorecard_version"] for row in seed("scorecards")})
)
def test_a_version_that_is_out_stays_as_it_is(version):
    fingerprint = sha256(json.dumps(rules(version)).encode()).hexdigest()
    assert fingerprint == PUBLISHED.get(version), (
        f"The rules of {version} are not those that it was published with. Put the change into a "
        f"new version. Where {version} itself is new, add it to PUBLISHED: {fingerprint}"
    )


def test_a_weight_or_a_bound_that_changes_is_another_fingerprint_of_rules():
    shipped = rules("balanced_1")
    assert ["engagement_levels", "balanced_1", "low", "2", "12", "1"] in shipped
    assert any(row[0] == "scorecards" and "0.15" in row for row in shipped)
    assert any(row[0] == "scorecard_versions" and "0.25" in row for row in shipped)


def test_the_demos_currencies_are_one_rate_each_of_the_euro_from_the_first_day_on():
    """The rates that the demo's receipts and the golden customers' sheet are converted at."""
    found = {
        (row["currency"], row["valid_from"], float(row["rate"])) for row in seed("currency_rates")
    }
    rates = {"EUR": 1, "USD": 0.9, "CHF": 1.05, "GBP": 1.15}
    assert found == {(currency, "2000-01-01", rate) for currency, rate in rates.items()}


def test_each_dimension_and_none_of_them_gives_a_persona_its_name():
    names = {row["dimension"]: row["persona"] for row in seed("personas")}
    assert set(names) == {*variable_dimensions().values(), "none"}
    assert len(set(names.values())) == len(names)
