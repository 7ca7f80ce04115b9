"""raw_web and raw_app: sessions, made of events, on cookies and devices."""

from dataclasses import dataclass, fields, replace

import clock
import columns as c
import numpy as np
import pyarrow as pa
from fixtures import EXAMPLES
from landing import clean
from people import People, pick
from sampling import draw, month_of, running, within

BROWSERS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Version/19.1 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/141.0.0.0 Mobile "
    "Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/19.0 "
    "Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
]
BOTS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/140.0.0.0 Safari/537.36",
    "python-requests/2.32.5",
]
AGENTS = [*BROWSERS, *BOTS]
PAGES = ["home", "category", "product", "article", "search", "account", "store_locator", None]
WEB_EVENTS = ["page_view", "search", "add_to_cart", "wishlist_add", "video_play", "login"]
LOGIN = WEB_EVENTS.index("login")
APP_EVENTS = ["screen_view", "search", "wishlist_add", "scan_product", "open_card", "push_opened"]
LOGIN_BY_EMAIL = 0.12
SLOTS = 4  # cookies or devices of a customer: 0, 1, 2; slot 3 belongs to nobody


@dataclass(frozen=True)
class Sessions:
    """Visits, one entry each. Times in µs, people as indices within the block (-1: nobody)."""

    owner: np.ndarray  # who it was
    place: np.ndarray  # number of the cookie or device
    at: np.ndarray
    events: np.ndarray  # how many
    gap: np.ndarray  # median seconds between events
    login: np.ndarray  # who logs in
    second_login: np.ndarray  # who logs in half-way, in the same visit
    agent: np.ndarray  # index into AGENTS

    def __len__(self) -> int:
        return len(self.owner)


def web(stream, window, people: People, tables, fixtures) -> dict[str, pa.Table]:
    """raw_web.events and raw_web.reviews."""
    rng = stream("web")
    sessions = _web_sessions(rng, window, people)
    sessions = _share_cookies(rng, people, sessions, fixtures)
    robots = _bots(rng, window, people, fixtures)
    before = _before_registration(rng, window, people, fixtures)
    nobody = _anonymous(rng, window, people, fixtures)
    sessions = _concat(sessions, before, nobody, robots)
    events = _web_events(rng, window, people, sessions, tables["raw_web.events"])
    return {
        "raw_web.events": events,
        "raw_web.reviews": _reviews(stream("reviews"), window, people, tables),
    }


def app(stream, window, people: People, tables, fixtures):
    """raw_app.devices and raw_app.events; also when each customer had the app: since, until."""
    rng = stream("app")
    size = len(people)
    since, until = _installations(rng, window, people)
    users = np.flatnonzero(since < until)
    host = np.arange(size)  # whose device one uses
    pairs = pick(rng, users[since[users] < window.edges[-2]], 0.02, least=6)
    pairs = pairs[: len(pairs) // 2 * 2].reshape(2, -1)
    host[pairs[1]] = pairs[0]
    devices = _names("dv_", _place(people, pairs[0], 0))
    fixtures.pairs("shared_devices", *pairs, devices=devices)
    second = rng.random(size) < 0.06
    second[pairs.ravel()] = False
    sessions = _app_sessions(rng, window, people, since, until, host, second)
    devices = _devices(rng, people, since, until, host, second, tables["raw_app.devices"])
    events = _app_events(rng, window, people, sessions, tables["raw_app.events"])
    return {"raw_app.devices": devices, "raw_app.events": events}, since, until


def _place(people: People, owner: np.ndarray, slot: np.ndarray) -> np.ndarray:
    """Number of a customer's cookie or device, unique in the whole data."""
    return (people.first + owner) * SLOTS + slot


def _plain(owner, place, at, events, gap, login) -> Sessions:
    """Sessions in an ordinary browser."""
    size = len(owner)
    browser = place % len(BROWSERS)
    return Sessions(owner, place, at, events, gap, login, np.full(size, -1), browser)


def _web_sessions(rng, window, people: People) -> Sessions:
    rate = 1.05 * people.drive(0.55) * (people.tastes["web"] * people.uses_web)[:, None]
    visits = draw(rng, window, rate, people.created, people.until)
    engaged = people.latent[visits.owner, visits.month]
    cookies = 1 + c.weighted(rng, [50, 35, 15], len(people))
    slot = (rng.random(len(visits)) * cookies[visits.owner]).astype(np.int64)
    return _plain(
        visits.owner, _place(people, visits.owner, slot), visits.at,
        1 + rng.poisson(0.9 + 1.8 * engaged),
        28 * np.exp(0.5 * (engaged - 0.4)),
        np.where(rng.random(len(visits)) < 0.75, visits.owner, -1),
    )  # fmt: skip


def _share_cookies(rng, people: People, sessions: Sessions, fixtures) -> Sessions:
    """Two customers on one cookie, in different sessions; in a few sessions both log in."""
    regular = np.flatnonzero(np.bincount(sessions.owner, minlength=len(people)) >= 3)
    pairs = pick(rng, regular, 0.02, least=6)
    host, guest = pairs[: len(pairs) // 2 * 2].reshape(2, -1)
    host_of = np.full(len(people), -1)
    host_of[guest] = host
    theirs = host_of[sessions.owner]
    moved = (theirs >= 0) & (rng.random(len(sessions)) < 0.6)
    place = np.where(moved, _place(people, theirs, 0), sessions.place)
    both = np.searchsorted(sessions.owner, host[::3])  # the first session of every third host
    place[both] = _place(people, host[::3], 0)
    events, login, second = sessions.events.copy(), sessions.login.copy(), sessions.second_login
    events[both], login[both] = np.maximum(events[both], 4), host[::3]
    second = second.copy()
    second[both] = guest[::3]
    cookies = _names("ck_", _place(people, host, 0))
    fixtures.pairs("shared_cookies", host, guest, cookies=cookies)
    fixtures.pairs("both_log_in_in_one_session", host[::3], guest[::3], cookies=cookies[::3])
    return replace(sessions, place=place, events=events, login=login, second_login=second)


def _before_registration(rng, window, people: People, fixtures) -> Sessions:
    """New customers had looked around on their first cookie before they registered."""
    new = (people.created > window.start) & people.uses_web & (rng.random(len(people)) < 0.4)
    owner = np.repeat(np.flatnonzero(new), 1 + (rng.random(new.sum()) < 0.4))
    ago = (rng.exponential(5, len(owner)) * clock.DAY).astype(np.int64) + clock.HOUR
    at = people.created[owner] - ago
    owner, at = owner[at > window.start], at[at > window.start]
    fixtures.add("visited_before_registration", owner)
    size = len(owner)
    return _plain(
        owner, _place(people, owner, np.zeros(size, dtype=np.int64)), at,
        1 + rng.poisson(2.0, size), np.full(size, 30.0), np.full(size, -1),
    )  # fmt: skip


def _anonymous(rng, window, people: People, fixtures) -> Sessions:
    """Cookies on which nobody ever logs in."""
    count = max(2, len(people) // 10)
    owner = np.repeat(np.arange(count), 1 + rng.poisson(0.6, count))
    size = len(owner)
    low = np.full(size, window.start)
    at = clock.spread(rng, window, low, np.full(size, window.end), clock.ONLINE_HOURS)
    nobody, place = np.full(size, -1), _place(people, owner, np.full(size, SLOTS - 1))
    fixtures.count("anonymous_only_cookies", count, cookies=_names("ck_", np.unique(place)))
    return _plain(
        nobody, place, at,
        1 + rng.poisson(1.5, size), np.full(size, 25.0), nobody,
    )  # fmt: skip


def _bots(rng, window, people: People, fixtures) -> Sessions:
    """Crawlers that say so, one of them logged in; one scraper in disguise, logged in too."""
    crawlers = max(2, round(len(people) * 4e-4))
    visits = np.repeat(np.arange(crawlers), 12)
    number = np.append(len(people) // 2 + visits, len(people) // 2 + crawlers)
    size = len(number)
    logins = pick(rng, np.flatnonzero(people.created < window.start), 0, least=2)
    at = rng.integers(window.start, window.end - clock.DAY, size)
    at[-1] = at[-1] // clock.DAY * clock.DAY + 7 * clock.HOUR
    login = np.where(number == number[0], logins[0], -1)
    login[-1] = logins[-1]
    place = _place(people, number, np.full(size, SLOTS - 1))
    cookies = _names("ck_", np.unique(place))
    fixtures.add("bot_user_agent_with_login", logins[:1], cookies=cookies[:1])
    fixtures.add("behavioural_bot_with_login", logins[-1:], cookies=cookies[-1:])
    fixtures.count("bot_cookies", crawlers + 1, cookies=cookies)
    return Sessions(
        np.full(size, -1), place, at,
        np.append(rng.integers(30, 70, size - 1), 2_500),
        np.append(np.full(size - 1, 1.5), 6.0),
        login, np.full(size, -1),
        np.append(len(BROWSERS) + visits % len(BOTS), 0),
    )  # fmt: skip


def _names(prefix: str, place: np.ndarray) -> list[str]:
    """The ids of some cookies or devices."""
    return c.opaque(prefix, place[:EXAMPLES]).to_pylist()


def _is_old(place: np.ndarray) -> np.ndarray:
    """A tenth of the cookies and devices has an old tracker, which knows no session ids."""
    return (place // SLOTS * 7 + place % SLOTS) % 10 == 3


def _concat(*many: Sessions) -> Sessions:
    return Sessions(*(np.concatenate([getattr(s, f.name) for s in many]) for f in fields(Sessions)))


def _timeline(rng, sessions: Sessions, end: int):
    """Every event's session, place in it, time (µs) and seconds until the next; none after end."""
    session, nth = within(sessions.events)
    gap = sessions.gap[session] * np.exp(rng.normal(0, 0.8, len(session)))
    gap = np.clip(gap, 0.3, 1_500.0)
    waited = running(np.where(nth == 0, 0.0, np.roll(gap, 1)), session, nth)
    at = sessions.at[session] + (waited * 1_000).astype(np.int64) * 1_000
    kept = at < end
    return session[kept], nth[kept], at[kept], gap[kept]


def _login_id(people: People, who: np.ndarray, by_email: np.ndarray) -> pa.Array:
    """The account's id or its e-mail address, null for nobody."""
    by_email = by_email & people.has_email[who]
    return c.merge(by_email, c.of_owner(people.email, who), c.of_owner(people.ids, who))


def _web_events(rng, window, people: People, sessions: Sessions, table) -> pa.Table:
    session, nth, at, gap = _timeline(rng, sessions, window.end)
    size = len(session)
    human = sessions.owner[session] >= 0
    logs_in_at = (rng.random(len(sessions)) < 0.35).astype(np.int64)  # at the first event or second
    logs_in_at[sessions.agent >= len(BROWSERS)] = 0
    who = np.where(nth >= logs_in_at[session], sessions.login[session], -1)
    second = sessions.second_login[session]
    who = np.where((second >= 0) & (nth >= sessions.events[session] // 2), second, who)
    name = c.weighted(rng, [80, 7, 6, 3, 4], size)
    name = np.where((nth == 1) & (logs_in_at[session] == 1) & (who >= 0), LOGIN, name)
    page = np.where(name == 0, c.weighted(rng, [15, 22, 30, 15, 6, 7, 5], size), len(PAGES) - 1)
    by_email = (rng.random(len(sessions)) < LOGIN_BY_EMAIL)[session]
    unnumbered = _is_old(sessions.place)
    silent = unnumbered[session] | (rng.random(size) < 0.05)
    seconds = np.round(np.minimum(gap, 600) * rng.uniform(0.5, 1.0, size), 1)
    return clean(
        table, np.where(human, sessions.owner[session], who), at,
        event_id=c.blank(_event_ids("w", people, size), rng.random(size) < 0.02),
        anonymous_id=c.opaque("ck_", sessions.place).take(pa.array(session)),
        login_id=_login_id(people, who, by_email),
        session_id=_session_ids(sessions, unnumbered).take(pa.array(session)),
        event_at=c.moment(at),
        event_name=c.word(WEB_EVENTS, name),
        page_type=c.word(PAGES, page),
        engaged_seconds=c.number(seconds, silent),
        user_agent=c.blank(c.word(AGENTS, sessions.agent[session]), rng.random(size) < 0.02),
    )  # fmt: skip


def _event_ids(prefix: str, people: People, size: int) -> pa.Array:
    """Unique in the whole data: the block's first customer and a running number."""
    return c.numbered(f"{prefix}{people.first:08d}-", np.arange(size), 8)


def _session_ids(sessions: Sessions, unnumbered: np.ndarray) -> pa.Array:
    """The second the visit began, as many trackers have it: unique within a cookie only."""
    started = pa.array(sessions.at // clock.SECOND).cast(pa.string())
    return c.blank(started, unnumbered)


def _reviews(rng, window, people: People, tables) -> pa.Table:
    rate = 0.034 * people.drive(1.3) * (people.tastes["review"] * people.uses_web)[:, None]
    made = draw(rng, window, rate, people.created, people.until)
    size = len(made)
    comment = rng.random(size) < 0.4
    kind = c.blank(c.word(["review", "comment"], comment.astype(int)), rng.random(size) < 0.05)
    by_email = rng.random(size) < LOGIN_BY_EMAIL
    return clean(
        tables["raw_web.reviews"], made.owner, made.at,
        review_id=_event_ids("r", people, size),
        login_id=_login_id(people, made.owner, by_email),
        review_type=kind,
        product_id=c.numbered("P", rng.integers(1, 401, size), 4),
        rating=c.number(1 + c.weighted(rng, [4, 5, 12, 34, 45], size), comment),
        reviewed_at=c.moment(made.at),
    )  # fmt: skip


def _installations(rng, window, people: People) -> tuple[np.ndarray, np.ndarray]:
    """When each customer had the app (µs); never for most. The less engaged remove it sooner."""
    size = len(people)
    wait = (rng.exponential(120, size) * clock.DAY).astype(np.int64)
    since = people.created + np.where(rng.random(size) < 0.4, clock.HOUR, wait)
    since = np.where(people.uses_app, since, clock.NEVER)
    low = np.maximum(since, window.start)
    low = np.minimum(low, window.end) + 2 * clock.DAY
    leaves = low + (rng.random(size) * (window.end - low)).astype(np.int64)
    engaged = people.latent[np.arange(size), month_of(window, leaves)]
    leaves_at_all = (rng.random(size) < 0.3 * (1 - engaged)) & (leaves < window.end)
    leaves = np.where(leaves_at_all, leaves, clock.NEVER)
    since = np.where(since < np.minimum(window.end - clock.DAY, people.until), since, clock.NEVER)
    return since, np.where(since == clock.NEVER, since, np.minimum(leaves, people.until))


def _app_sessions(rng, window, people: People, since, until, host, second) -> Sessions:
    rate = 0.95 * people.drive(0.55) * people.tastes["app"][:, None]
    visits = draw(rng, window, rate, since, until)
    engaged = people.latent[visits.owner, visits.month]
    slot = (second[visits.owner] & (rng.random(len(visits)) < 0.4)).astype(np.int64)
    return _plain(
        visits.owner, _place(people, host[visits.owner], slot), visits.at,
        1 + rng.poisson(0.5 + 1.4 * engaged),
        18 * np.exp(0.5 * (engaged - 0.4)),
        np.where(rng.random(len(visits)) < 0.8, visits.owner, -1),
    )  # fmt: skip


def _app_events(rng, window, people: People, sessions: Sessions, table) -> pa.Table:
    session, _, at, gap = _timeline(rng, sessions, window.end)
    size = len(session)
    unnumbered = _is_old(sessions.place)
    silent = unnumbered[session] | (rng.random(size) < 0.05)
    by_email = (rng.random(len(sessions)) < LOGIN_BY_EMAIL)[session]
    return clean(
        table, sessions.owner[session], at,
        event_id=_event_ids("a", people, size),
        device_id=c.opaque("dv_", sessions.place).take(pa.array(session)),
        login_id=_login_id(people, sessions.login[session], by_email),
        session_id=_session_ids(sessions, unnumbered).take(pa.array(session)),
        event_at=c.moment(at),
        event_name=c.pick_word(rng, APP_EVENTS, [70, 8, 5, 6, 7, 4], size),
        duration_seconds=c.number(np.round(np.minimum(gap, 300) * 0.8, 1), silent),
    )  # fmt: skip


def _devices(rng, people, since, until, host, second, table) -> pa.Table:
    """One row per customer and device; a removal lands as a second, later version of the row."""
    users = np.flatnonzero(since < until)
    owner = np.concatenate([users, np.intersect1d(users, np.flatnonzero(second))])
    slot = (np.arange(len(owner)) >= len(users)).astype(np.int64)
    gone = np.flatnonzero((until < clock.NEVER)[owner] & (until != people.until)[owner])
    version = np.concatenate([np.arange(len(owner)), gone])
    removed = np.arange(len(version)) >= len(owner)
    owner, slot = owner[version], slot[version]
    return clean(
        table, owner, np.where(removed, until[owner], since[owner]),
        device_id=c.opaque("dv_", _place(people, host[owner], slot)),
        customer_id=c.of_owner(people.ids, owner),
        installed_at=c.moment(since[owner]),
        uninstalled_at=c.moment(until[owner], ~removed),
    )  # fmt: skip
