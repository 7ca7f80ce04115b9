"""raw_loyalty: cards, purchases, points, benefits, promotions, referrals, visits."""

from dataclasses import dataclass

import clock
import columns as c
import numpy as np
import pyarrow as pa
from fixtures import EXAMPLES
from landing import clean
from people import COUNTRIES, People, pick
from sampling import Draws, draw, month_of, within

CATEGORIES = [
    "running", "cycling", "hiking", "swimming", "football", "tennis", "fitness", "winter_sports",
    "climbing", "water_sports", "yoga", "nutrition",
]  # fmt: skip
LEVELS = ["entry", "core", "expert"]
BRANDS = ["Alto", "Brisk", "Corsa", "Delta", "Erma"]
BENEFITS = [
    ("Birthday voucher", "voucher"), ("Welcome voucher", "voucher"), ("Free delivery", "service"),
    ("Free repair", "service"), ("Extended returns", "service"), ("Early access", "access"),
    ("Members' evening", "event"), ("Trial lesson", "event"), ("Partner museum", "partner"),
    ("Partner gym", "partner"),
]  # fmt: skip
PRODUCT_COUNT, STORE_COUNT, PROMOTIONS_PER_MONTH = 400, 40, 2


@dataclass(frozen=True)
class Offer:
    """What all customers share: products by category, prices, promotions and their times (µs)."""

    category: np.ndarray  # (products,) index into CATEGORIES
    price: np.ndarray  # (products,)
    promotion_start: np.ndarray
    promotion_end: np.ndarray


@dataclass(frozen=True)
class Cards:
    """Who holds a card since when (µs; NEVER without one). A card's number is its customer's.

    A few people also show an old card that no account knows.
    """

    joined: np.ndarray
    ids: pa.Array
    old: np.ndarray  # bool
    old_ids: pa.Array

    @property
    def held(self) -> np.ndarray:
        return self.joined < clock.NEVER


def make_offer(rng: np.random.Generator, window: clock.Window) -> Offer:
    number = np.arange(window.months * PROMOTIONS_PER_MONTH)
    month, nth = np.divmod(number, PROMOTIONS_PER_MONTH)
    start = window.edges[month] + (nth * 14 + 1) * clock.DAY
    start, end = start[start < window.end], (start + 12 * clock.DAY)[start < window.end]
    price = np.round(rng.lognormal(3.0, 0.7, PRODUCT_COUNT), 2)
    category = np.arange(PRODUCT_COUNT) % len(CATEGORIES)
    return Offer(category, price, start, end)


def reference_tables(rng, window, offer: Offer, tables) -> dict[str, pa.Table]:
    """Products, stores, benefits and promotions, the same for everybody."""
    product, store = np.arange(PRODUCT_COUNT), np.arange(STORE_COUNT)
    benefit, promotion = np.arange(len(BENEFITS)), np.arange(len(offer.promotion_start))
    names, kinds = zip(*BENEFITS, strict=True)
    kind = c.pick_word(rng, ["double_points", "coupon", "challenge"], [2, 3, 1], len(promotion))
    return {
        "raw_loyalty.products": clean(
            tables["raw_loyalty.products"], *_since_always(window, product),
            product_id=c.numbered("P", product + 1, 4),
            category=c.word(CATEGORIES, offer.category),
            subcategory=c.join(
                c.word(CATEGORIES, offer.category), c.word(LEVELS, product % len(LEVELS)), "_"
            ),
            brand=c.word(BRANDS, product // len(CATEGORIES) % len(BRANDS)),
        ),
        "raw_loyalty.stores": clean(
            tables["raw_loyalty.stores"], *_since_always(window, store),
            store_id=c.numbered("ST", store + 1, 3),
            store_name=c.numbered("Store ", store + 1, 2),
            country=c.word(COUNTRIES, store % len(COUNTRIES)),
        ),
        "raw_loyalty.benefits": clean(
            tables["raw_loyalty.benefits"], *_since_always(window, benefit),
            benefit_id=c.numbered("B", benefit + 1, 2),
            benefit_name=pa.array(names),
            benefit_type=pa.array(kinds),
        ),
        "raw_loyalty.promotions": clean(
            tables["raw_loyalty.promotions"], np.full(len(promotion), -1),
            offer.promotion_start - 7 * clock.DAY,
            promotion_id=c.numbered("PR", promotion + 1, 3),
            promotion_name=c.join(kind, c.numbered("", promotion + 1, 3), " "),
            promotion_type=kind,
            starts_at=c.moment(offer.promotion_start),
            ends_at=c.moment(offer.promotion_end),
        ),
    }  # fmt: skip


def loyalty(stream, window, people: People, offer: Offer, tables, fixtures):
    """The tables of raw_loyalty that belong to customers; then each line's receipt (its row)."""
    cards = _cards(stream("cards"), window, people)
    rest = (stream, window, people, cards, tables)
    receipts, lines, bought, line_receipt = _purchases(
        stream, window, people, cards, offer, tables, fixtures
    )
    redemptions, used = _redemptions(*rest)
    made = {
        "raw_loyalty.members": _members(stream, window, people, cards, tables, fixtures),
        "raw_loyalty.transactions": receipts,
        "raw_loyalty.transaction_lines": lines,
        "raw_loyalty.points_ledger": _points(*rest, bought, used),
        "raw_loyalty.benefit_redemptions": redemptions,
        "raw_loyalty.promotion_participations": _participations(*rest, offer),
        "raw_loyalty.referrals": _referrals(*rest, fixtures),
        "raw_loyalty.store_visits": _visits(*rest),
    }
    return made, line_receipt


def _since_always(window, number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Owner and time of shared rows: nobody's, and there when the window starts."""
    return np.full(len(number), -1), np.full(len(number), window.start)


def _cards(rng, window, people: People) -> Cards:
    """Three quarters hold a card, most of them since they registered."""
    size = len(people)
    wait = np.where(rng.random(size) < 0.7, 0.01, rng.exponential(90, size)) * clock.DAY
    joined = people.created + wait.astype(np.int64)
    held = people.is_member & (joined < np.minimum(window.end - clock.HOUR, people.until))
    old = np.zeros(size, dtype=bool)
    old[pick(rng, np.flatnonzero(held), 0.01, least=2)] = True
    number = people.first + np.arange(size)
    ids, old_ids = c.numbered("L", number), c.numbered("LX", number)
    return Cards(np.where(held, joined, clock.NEVER), ids, old, old_ids)


def _members(stream, window, people: People, cards: Cards, tables, fixtures) -> pa.Table:
    """One row per card: some known by e-mail only (written another way), a few by nothing."""
    rng, size = stream("members"), len(people)
    owner = np.flatnonzero(cards.held)
    traceable = np.flatnonzero(people.has_email & ~people.shares_email & cards.held)
    by_email, strangers = np.zeros(size, dtype=bool), np.flatnonzero(cards.old)
    by_email[pick(rng, traceable, 0.04, least=3)] = True
    fixtures.add("member_by_email_only", np.flatnonzero(by_email))
    untidy = c.join("  ", c.upper(people.email), " ", "")
    email = c.merge(by_email, untidy, people.email)
    email = c.blank(email, ~by_email & (rng.random(size) < 0.2))
    ids = c.blank(people.ids, by_email)
    tier = c.pick_word(rng, ["bronze", "silver", "gold"], [60, 30, 10], size)
    status = c.pick_word(rng, ["active", "blocked"], [98, 2], size)
    known = clean(
        tables["raw_loyalty.members"], owner, cards.joined[owner],
        member_id=c.of_owner(cards.ids, owner), customer_id=c.of_owner(ids, owner),
        email=c.of_owner(email, owner), joined_at=c.moment(cards.joined[owner]),
        tier=c.of_owner(tier, owner), status=c.of_owner(status, owner),
    )  # fmt: skip
    number = people.first + strangers
    unknown = clean(
        tables["raw_loyalty.members"], np.full(len(number), -1), cards.joined[strangers],
        member_id=c.of_owner(cards.old_ids, strangers),
        customer_id=c.blank(c.numbered("C9", number), number % 2 == 0),
        email=c.blank(c.join(c.numbered("lost", number), "example.org", "@"), number % 2 == 1),
        joined_at=c.moment(cards.joined[strangers]),
        status=c.word(["active"], np.zeros(len(number), dtype=int)),
    )  # fmt: skip
    strange_cards = cards.old_ids.take(pa.array(strangers[:EXAMPLES])).to_pylist()
    fixtures.count("members_matching_no_account", len(number), member_ids=strange_cards)
    return pa.concat_tables([known, unknown])


def _purchases(stream, window, people, cards, offer, tables, fixtures):
    """Receipts and their lines, returns included; the member purchases; each line's receipt.

    How often one buys depends on engagement in part, how much one pays not at all.
    """
    rng = stream("purchases")
    rate = 0.27 * people.drive(0.55) * (people.need * people.tastes["purchase"])[:, None]
    bought = draw(rng, window, rate, people.created, people.until, clock.SHOP_HOURS)
    line_of, _ = within(1 + rng.poisson(1.2, len(bought)))
    product = _products(rng, people, bought, line_of)
    quantity = 1.0 + (rng.random(len(line_of)) < 0.15)
    paid = offer.price[product] * people.wealth[bought.owner[line_of]] * quantity
    amount = np.round(paid * rng.uniform(0.8, 1.0, len(line_of)), 2) + 0.01
    back = _returned(rng, window, people, bought)
    head = np.concatenate([np.arange(len(bought)), back])  # the purchase of each receipt
    at = np.concatenate([bought.at, bought.at[back] + _days(rng, 3, 25, len(back))])
    # A return has one line: the first of its purchase.
    first_line = np.searchsorted(line_of, back)
    line = np.concatenate([np.arange(len(line_of)), first_line])
    receipt = np.concatenate([line_of, len(bought) + np.arange(len(back))])
    is_return = np.arange(len(head)) >= len(bought)
    receipts, by_card = _receipts(
        rng, people, cards, bought.owner[head], at, is_return, head, tables, fixtures
    )
    lines = _lines(
        rng, people, offer, bought.owner[line_of[line]], receipt, at[receipt],
        product[line], quantity[line], amount[line], is_return[receipt], tables, fixtures,
    )  # fmt: skip
    with_card = by_card[: len(bought)]
    return receipts, lines, Draws(*(a[with_card] for a in vars(bought).values())), receipt


def _products(rng, people: People, bought: Draws, line_of: np.ndarray) -> np.ndarray:
    """Everyone has favourite categories; the engaged wander further from them."""
    favourite = rng.integers(0, len(CATEGORIES), len(people))
    engaged = people.latent[bought.owner, bought.month][line_of]
    step = rng.geometric(0.75 - 0.55 * engaged) - 1
    category = (favourite[bought.owner[line_of]] + step * 5) % len(CATEGORIES)
    shelf = rng.integers(0, PRODUCT_COUNT // len(CATEGORIES), len(line_of))
    return shelf * len(CATEGORIES) + category


def _returned(rng, window, people: People, bought: Draws) -> np.ndarray:
    """Positions of the purchases of which something is brought back in time."""
    limit = np.minimum(window.end, people.until[bought.owner]) - 26 * clock.DAY
    return np.flatnonzero((rng.random(len(bought)) < 0.04) & (bought.at < limit))


def _days(rng, low: int, high: int, size: int) -> np.ndarray:
    return rng.integers(low, high, size) * clock.DAY


def _receipts(rng, people, cards, owner, at, is_return, head, tables, fixtures):
    """raw_loyalty.transactions, and where a card was shown; returns go the way of the purchase."""
    size = len(owner)
    chance = rng.random((size, 4))[head]
    online = chance[:, 0] < 0.27
    has_card = at >= cards.joined[owner]
    by_card = has_card & (chance[:, 1] < 0.88)
    shows_old = by_card & cards.old[owner] & (chance[:, 2] > 0.7)
    card = c.merge(shows_old, c.of_owner(cards.old_ids, owner), c.of_owner(cards.ids, owner))
    named = ~by_card & (online | (~has_card & (chance[:, 1] < 0.5)))
    fixtures.add("transaction_without_customer", owner[~by_card & ~named])
    fixtures.add("returns", owner[is_return])
    swiss = np.asarray(COUNTRIES)[people.country[owner]] == "CH"
    currency = np.where(swiss, 1, np.where(chance[:, 2] < 0.012, 2, 0))
    fixtures.add("foreign_currency", owner[currency > 0])
    unsaid = (currency == 0) & (chance[:, 3] > 0.95)
    store = 1 + (people.first + owner + (chance[:, 3] < 0.2)) % STORE_COUNT
    table = clean(
        tables["raw_loyalty.transactions"], owner, at,
        transaction_id=c.numbered(f"X{people.first:08d}-", np.arange(size), 7),
        transacted_at=c.moment(at),
        sales_channel=c.word(["store", "online"], online.astype(int)),
        store_id=c.blank(c.numbered("ST", store, 3), online),
        member_id=c.blank(card, ~by_card),
        customer_id=c.blank(c.of_owner(people.ids, owner), ~named),
        currency=c.blank(c.word(["EUR", "CHF", "USD"], currency), unsaid),
        is_return=pa.array(is_return),
    )  # fmt: skip
    return table, by_card & ~shows_old


def _lines(
    rng, people, offer, owner, receipt, at, product, quantity, amount, is_return, tables, fixtures
):
    """raw_loyalty.transaction_lines; some products are in no catalogue."""
    size = len(owner)
    number = product + 1
    unknown = rng.random(size) < 0.005
    number[unknown] += 9_000
    fixtures.add("line_of_unknown_product", owner[unknown])
    promotion = np.searchsorted(offer.promotion_start, at, side="right") - 1
    running = (promotion >= 0) & (at < offer.promotion_end[promotion])
    promoted = running & (rng.random(size) < 0.25) & ~is_return
    _, nth = within(np.bincount(receipt))  # lines lie receipt by receipt
    return clean(
        tables["raw_loyalty.transaction_lines"], owner, at,
        transaction_id=c.numbered(f"X{people.first:08d}-", receipt, 7),
        line_id=pa.array(nth + 1).cast(pa.string()),
        product_id=c.numbered("P", number, 4),
        quantity=c.number(quantity),
        amount=c.number(amount),
        promotion_id=c.blank(c.numbered("PR", promotion + 1, 3), ~promoted),
    )  # fmt: skip


def _card_events(rng, window, people, cards, rate, hours=clock.ONLINE_HOURS) -> Draws:
    """Events of card holders since they joined; rate: (n, M) per month."""
    since = np.where(cards.held, cards.joined, window.end)
    return draw(rng, window, rate, since, people.until, hours)


def _redemptions(stream, window, people, cards, tables) -> tuple[pa.Table, Draws]:
    rng = stream("benefits")
    rate = 0.17 * people.drive(1.3) * people.tastes["benefit"][:, None]
    used = _card_events(rng, window, people, cards, rate)
    size = len(used)
    table = clean(
        tables["raw_loyalty.benefit_redemptions"], used.owner, used.at,
        redemption_id=c.numbered(f"D{people.first:08d}-", np.arange(size), 6),
        member_id=c.of_owner(cards.ids, used.owner),
        benefit_id=c.numbered("B", 1 + rng.integers(0, len(BENEFITS), size), 2),
        redeemed_at=c.moment(used.at),
    )  # fmt: skip
    return table, used


def _participations(stream, window, people, cards, tables, offer: Offer) -> pa.Table:
    """Each member may take part in each promotion, some day while it runs."""
    rng = stream("promotions")
    month = month_of(window, offer.promotion_start)
    rate = 0.115 * people.drive(1.3) * people.tastes["promotion"][:, None]  # (n, M)
    takes_part = rng.random((len(people), len(month))) < np.minimum(rate[:, month], 0.8)
    owner, promotion = np.nonzero(takes_part)
    low = offer.promotion_start[promotion]
    high = np.minimum(offer.promotion_end[promotion], window.end)
    at = clock.spread(rng, window, low, high, clock.SHOP_HOURS)
    kept = (at >= cards.joined[owner]) & (at < people.until[owner])
    owner, promotion, at = owner[kept], promotion[kept], at[kept]
    return clean(
        tables["raw_loyalty.promotion_participations"], owner, at,
        participation_id=c.numbered(f"A{people.first:08d}-", np.arange(len(owner)), 6),
        member_id=c.of_owner(cards.ids, owner),
        promotion_id=c.numbered("PR", promotion + 1, 3),
        participated_at=c.moment(at),
    )  # fmt: skip


def _points(stream, window, people, cards, tables, bought: Draws, used: Draws) -> pa.Table:
    """Earned at most purchases with a card, burnt for some benefits; few expire or are adjusted."""
    rng = stream("points")
    earned = np.flatnonzero(rng.random(len(bought)) < 0.95)
    burnt = np.flatnonzero(rng.random(len(used)) < 0.5)
    other = _card_events(rng, window, people, cards, np.full(people.latent.shape, 0.02))
    expired = (rng.random(len(other)) < 0.8).astype(int)
    owner = np.concatenate([bought.owner[earned], used.owner[burnt], other.owner])
    at = np.concatenate([bought.at[earned], used.at[burnt], other.at])
    kind = np.repeat([0, 1, 2], [len(earned), len(burnt), len(other)])
    kind[kind == 2] += 1 - expired
    size = len(owner)
    sign = np.array([1, 1, -1, 1])[kind]
    return clean(
        tables["raw_loyalty.points_ledger"], owner, at,
        entry_id=c.numbered(f"E{people.first:08d}-", np.arange(size), 7),
        member_id=c.of_owner(cards.ids, owner),
        entry_type=c.word(["earn", "burn", "expire", "adjust"], kind),
        points=c.number(sign * np.round(rng.lognormal(4, 0.6, size))),
        booked_at=c.moment(at),
    )  # fmt: skip


def _referrals(stream, window, people, cards, tables, fixtures) -> pa.Table:
    """Who was referred is the next customer to register within ten days, if it is known at all."""
    rng = stream("referrals")
    rate = 0.013 * people.drive(1.4) * people.tastes["referral"][:, None]
    made = _card_events(rng, window, people, cards, rate)
    arrivals = np.argsort(people.created, kind="stable")
    following = np.searchsorted(people.created[arrivals], made.at, side="right")
    referred = np.append(arrivals, -1)[following]
    soon = np.append(people.created, clock.NEVER)[referred] < made.at + 10 * clock.DAY
    _, first = np.unique(referred, return_index=True)  # nobody is referred twice
    alone = np.isin(np.arange(len(made)), first)
    referred = np.where(soon & alone & (rng.random(len(made)) < 0.8), referred, -1)
    fixtures.add("referred_customers", referred[referred >= 0])
    return clean(
        tables["raw_loyalty.referrals"], made.owner, made.at,
        referral_id=c.numbered(f"F{people.first:08d}-", np.arange(len(made)), 5),
        referrer_member_id=c.of_owner(cards.ids, made.owner),
        referred_customer_id=c.of_owner(people.ids, referred),
        referred_at=c.moment(made.at),
    )  # fmt: skip


def _visits(stream, window, people, cards, tables) -> pa.Table:
    rng = stream("visits")
    rate = 0.15 * people.drive(1.1) * people.tastes["store"][:, None]
    made = _card_events(rng, window, people, cards, rate, clock.SHOP_HOURS)
    size = len(made)
    kind = c.weighted(rng, [75, 15, 10], size)
    lasted = np.round(np.array([900, 4_500, 6_000])[kind] * rng.lognormal(0, 0.4, size))
    store = 1 + (people.first + made.owner + (rng.random(size) < 0.2)) % STORE_COUNT
    return clean(
        tables["raw_loyalty.store_visits"], made.owner, made.at,
        visit_id=c.numbered(f"V{people.first:08d}-", np.arange(size), 6),
        member_id=c.of_owner(cards.ids, made.owner),
        store_id=c.numbered("ST", store, 3),
        visit_type=c.word(["visit", "workshop", "event"], kind),
        visited_at=c.moment(made.at),
        duration_seconds=c.number(lasted, rng.random(size) < 0.4),
    )  # fmt: skip
