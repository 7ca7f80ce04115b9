"""Who the customers are, and how engaged each of them is in each month."""

from dataclasses import dataclass

import clock
import columns as c
import numpy as np
import pyarrow as pa
from landing import clean

COUNTRIES = ["FR", "DE", "ES", "IT", "BE", "NL", "CH"]
COUNTRY_SHARE = [45, 21, 12, 10, 5, 5, 2]
FIRST_NAMES = [
    "anna", "emma", "lea", "louise", "jade", "alice", "mia", "sofia", "clara", "ines", "julia",
    "marie", "laura", "eva", "nora", "lucas", "hugo", "louis", "jules", "leo", "paul", "max",
    "noah", "felix", "jan", "luca", "marco", "pablo", "diego", "tom",
]  # fmt: skip
LAST_NAMES = [
    "martin", "bernard", "dubois", "thomas", "robert", "petit", "durand", "moreau", "laurent",
    "simon", "muller", "schmidt", "schneider", "fischer", "weber", "meyer", "garcia", "lopez",
    "sanchez", "perez", "rossi", "russo", "ferrari", "bianchi", "peeters", "janssens", "devries",
    "bakker", "keller", "favre",
]  # fmt: skip

# Spread (sigma) of each customer's own taste for a channel; web and app are habits, hence noisy.
TASTES = {
    "web": 1.25, "app": 1.25, "store": 0.4, "purchase": 0.25, "benefit": 0.35, "promotion": 0.35,
    "review": 0.45, "referral": 0.4, "survey": 0.4, "preference": 0.35, "ticket": 0.6,
}  # fmt: skip


@dataclass(frozen=True)
class People:
    """A block of n customers over M months. Arrays are (n,) unless told otherwise."""

    first: int  # number of the block's first customer
    ids: pa.Array
    email: pa.Array
    has_email: np.ndarray
    created: np.ndarray  # µs
    until: np.ndarray  # µs; NEVER, or when the account was merged into another
    merged_into: np.ndarray  # index of the surviving account, -1 for none
    country: np.ndarray  # index into COUNTRIES
    household: np.ndarray  # number of the household, -1 for none
    shares_email: np.ndarray  # bool
    latent: np.ndarray  # (n, M) engagement, 0-1
    tastes: dict[str, np.ndarray]  # mean 1
    opens_by_habit: np.ndarray  # logit
    need: np.ndarray  # factor on the number of purchases, nothing to do with engagement
    wealth: np.ndarray  # factor on amounts, nothing to do with engagement either
    is_member: np.ndarray
    uses_web: np.ndarray
    uses_app: np.ndarray

    def __len__(self) -> int:
        return len(self.created)

    def drive(self, power: float) -> np.ndarray:
        """(n, M) factor by which engagement raises a rate; about 1 for the average customer."""
        return (self.latent / 0.42) ** power


def make_people(stream, window: clock.Window, first: int, size: int, fixtures) -> People:
    rng = stream("people")
    created = _registrations(rng, window, size)
    merged_into, until = _merges(rng, window, created)
    latent = latent_engagement(stream("latent"), size, window.months)
    latent = np.where((merged_into >= 0)[:, None], latent[_survivor(merged_into)], latent)
    ids = c.numbered("C", first + np.arange(size))
    household, shares_email = _households(rng, size, first)
    email, has_email = _emails(rng, first, size, shares_email)
    people = People(
        first, ids, email, has_email, created, until, merged_into,
        c.weighted(rng, COUNTRY_SHARE, size), household, shares_email, latent,
        {name: _lognormal(rng, sigma, size) for name, sigma in TASTES.items()},
        rng.normal(0, 1.4, size), _lognormal(rng, 0.75, size), _lognormal(rng, 0.6, size),
        rng.random(size) < 0.75, rng.random(size) < 0.70, rng.random(size) < 0.45,
    )  # fmt: skip
    gone = np.flatnonzero(merged_into >= 0)
    fixtures.pairs("merges", gone, merged_into[gone])
    fixtures.add("household_shares_email", np.flatnonzero(shares_email))
    return people


def latent_engagement(rng: np.random.Generator, size: int, months: int) -> np.ndarray:
    """(size, months) in 0-1: level + mean-reverting drift + fading jumps - churn-like decay."""
    level = rng.normal(0, 0.85, size)
    drift = rng.normal(0, 0.4, size)
    jump = np.zeros(size)
    fade_from = np.where(
        rng.random(size) < 0.15, rng.integers(-4, max(months - 1, 1), size), months + 1
    )
    logit = np.empty((size, months))
    for month in range(months):
        drift = 0.9 * drift + rng.normal(0, 0.4 * np.sqrt(1 - 0.9**2), size)
        height = (0.7 + rng.exponential(0.5, size)) * rng.choice([-1, 1], size)
        jump = 0.94 * jump + height * (rng.random(size) < 0.015)
        faded = np.clip(month - fade_from, 0, 5) * 0.75
        logit[:, month] = 1.45 * (level + drift + jump - faded) - 0.3
    return 1 / (1 + np.exp(-logit))


def pick(rng: np.random.Generator, among: np.ndarray, share: float, least: int = 1) -> np.ndarray:
    """A share of these indices, but at least so many; in random order."""
    size = min(len(among), max(least, round(share * len(among))))
    return rng.choice(among, size, replace=False)


def customers(stream, window, people: People, table, fixtures) -> pa.Table:
    """raw_crm.customers."""
    rng, size = stream("customers"), len(people)
    number = people.first + np.arange(size)
    everybody = np.arange(size)
    test, staff = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    test[pick(rng, everybody, 0.002)] = True
    staff[pick(rng, everybody, 0.005)] = True
    fixtures.add("test_accounts", np.flatnonzero(test))
    fixtures.add("employees", np.flatnonzero(staff))
    changed = people.created + (rng.random(size) * 90 * clock.DAY).astype(np.int64)
    undated = rng.random(size) < 0.003
    fixtures.add("created_at_unknown", np.flatnonzero(undated))
    country = c.word(COUNTRIES, people.country)
    born = rng.integers(-13_000, 13_000, size).astype("datetime64[D]")
    return clean(
        table, everybody, people.created,
        customer_id=people.ids,
        email=people.email,
        phone=c.blank(_phones(number), rng.random(size) < 0.1),
        birth_date=pa.array(born, mask=rng.random(size) < 0.08),
        postal_code=c.numbered("", rng.integers(1_000, 99_000, size), 5),
        country=country,
        market=country,
        household_id=c.blank(c.numbered("H", people.household), people.household < 0),
        created_at=c.moment(people.created, undated),
        updated_at=c.moment(np.minimum(changed, window.end - clock.SECOND)),
        is_test=pa.array(test),
        is_employee=pa.array(staff),
    )  # fmt: skip


def truth(window: clock.Window, people: People) -> pa.Table:
    """The latent engagement at each month's end, from the month of registration on.

    An account that was merged has none: its customer goes on under the surviving account.
    """
    known = (people.created[:, None] < window.edges[None, 1:]) & (people.merged_into < 0)[:, None]
    owner, month = np.nonzero(known)
    ends = pa.array(list(window.month_ends), type=pa.date32())
    return pa.table({
        "customer_id": people.ids.take(pa.array(owner)),
        "month_end": ends.take(pa.array(month)),
        "latent_engagement": people.latent[owner, month],
    })  # fmt: skip


def _registrations(rng, window, size: int) -> np.ndarray:
    """Three quarters registered in the years before the window, the others during it (µs)."""
    years_ago = (rng.gamma(1.6, 1.4, size) * 365 * clock.DAY).astype(np.int64)
    low = np.full(size, window.start)
    during = clock.spread(rng, window, low, np.full(size, window.end), clock.ONLINE_HOURS)
    return np.where(rng.random(size) < 0.74, window.start - years_ago, during)


def _merges(rng, window, created: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which account ended in which (-1: none), and when; the first three make a chain A→B→C."""
    size = len(created)
    into, until = np.full(size, -1), np.full(size, clock.NEVER)
    old = np.flatnonzero(created < window.edges[window.months // 3])
    chosen = pick(rng, old, 0.006, least=9)
    chosen = chosen[: len(chosen) // 3 * 3]
    first, second, third = chosen.reshape(3, -1)
    into[first] = second
    into[second[:1]] = third[:1]
    span = window.end - window.edges[window.months // 3] - 2 * clock.DAY
    at = window.end - clock.DAY - (np.sort(rng.random(len(first))) * span).astype(np.int64)
    until[first] = at
    until[second[:1]] = at[:1] + clock.DAY // 2
    return into, until


def _survivor(into: np.ndarray) -> np.ndarray:
    """The account at the end of each chain; chains have two steps at most."""
    once = np.where(into >= 0, into, np.arange(len(into)))
    return np.where(into[once] >= 0, into[once], once)


def _households(rng, size: int, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of neighbours 2k, 2k + 1 who live together, and those of them who share one e-mail."""
    pair = np.arange(size) // 2
    together = rng.random(size)[pair * 2] < 0.08
    together[-1] &= size % 2 == 0
    share = np.zeros(size, dtype=bool)
    pairs = pick(rng, np.unique(pair[together]), 0.05)
    share[2 * pairs] = share[2 * pairs + 1] = True
    return np.where(together, first // 2 + pair, -1), share


def _emails(rng, first: int, size: int, shared: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    """first.last123@example.com; unique but for households that share, null for a few."""
    holder = np.where(shared, np.arange(size) // 2 * 2, np.arange(size))
    given = c.word(FIRST_NAMES, rng.integers(0, len(FIRST_NAMES), size)[holder])
    family = c.word(LAST_NAMES, rng.integers(0, len(LAST_NAMES), size)[holder])
    digits = pa.array(first + holder).cast(pa.string())
    name = c.join(c.join(given, family, "."), digits, "")
    has_email = (rng.random(size) >= 0.015) | shared
    return c.blank(c.join(name, "example.com", "@"), ~has_email), has_email


def _phones(number: np.ndarray) -> pa.Array:
    """+33 6 12 34 56 78, another for each of up to 100 million customers."""
    scrambled = number * 58_731_457 % 100_000_000
    pairs = [c.numbered("", scrambled // 100**place % 100, 2) for place in (3, 2, 1, 0)]
    return c.join("+33 6", *pairs, " ")


def _lognormal(rng, sigma: float, size: int) -> np.ndarray:
    """Positive factors with mean 1."""
    return np.exp(rng.normal(0, sigma, size) - sigma**2 / 2)
