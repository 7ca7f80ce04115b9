"""raw_crm: consents, campaigns, sends and what followed them, surveys, tickets, preferences."""

from dataclasses import dataclass

import clock
import columns as c
import numpy as np
import pyarrow as pa
from landing import clean
from people import People
from sampling import draw, month_of

CHANNELS = ["email", "postal", "sms", "push", "call"]
CONSENT_SHARE = [0.80, 0.52, 0.34, 0.55, 0.12]  # of customers; of those with the app for push
PLAN = {  # campaigns of each month: channel, type, day, share of the consented who get it
    "email": [
        ("newsletter", 3, 0.7), ("launch", 10, 0.4), ("offer", 17, 0.55), ("win_back", 24, 0.3),
    ],
    "postal": [("catalogue", 6, 0.45)],
    "sms": [("offer", 20, 0.35)],
    "push": [("launch", 12, 0.4), ("reminder", 26, 0.2)],
    "call": [("win_back", 15, 0.25)],
}  # fmt: skip
TOUCHPOINTS = ["purchase", "store", "website", "contact_centre", "delivery"]
TOPICS = ["order", "delivery", "product", "programme", "complaint"]
ATTRIBUTES = ["favourite_sport", "household_size", "favourite_store", "size", "interests"]
ANSWERS = ["a", "b", "c", "d", "e"]


@dataclass(frozen=True)
class Consent:
    """When one channel may be used, µs per customer: [granted, withdrawn) and from regranted on."""

    granted: np.ndarray
    withdrawn: np.ndarray
    regranted: np.ndarray

    def holds(self, owner: np.ndarray, at: np.ndarray) -> np.ndarray:
        first = (at >= self.granted[owner]) & (at < self.withdrawn[owner])
        return first | (at >= self.regranted[owner])


@dataclass(frozen=True)
class Sends:
    """One message each; sorted by channel and customer."""

    owner: np.ndarray
    campaign: np.ndarray  # position in the campaigns table
    channel: np.ndarray  # index into CHANNELS
    at: np.ndarray  # µs
    number: np.ndarray  # running number within the block


def campaigns(window: clock.Window) -> dict[str, np.ndarray]:
    """The calendar of all campaigns: channel and type (indices), moment (µs), share who get it."""
    morning = 8 * clock.HOUR - clock.DAY  # of the day, counted from the month's start
    rows = [
        (CHANNELS.index(channel), kind, int(start) + day * clock.DAY + morning, share)
        for start in window.edges[:-1]
        for channel, plan in PLAN.items()
        for kind, day, share in plan
    ]
    rows = [row for row in rows if row[2] < window.end - 4 * clock.HOUR]
    channel, kind, at, share = zip(*rows, strict=True)
    return {
        "channel": np.array(channel), "kind": np.array(kind),
        "at": np.array(at, dtype=np.int64), "share": np.array(share),
    }  # fmt: skip


def campaign_table(calendar, table) -> pa.Table:
    """raw_crm.campaigns: known to the warehouse the day before the first message goes out."""
    size = len(calendar["at"])
    number = np.arange(size)
    kind = pa.array(calendar["kind"])
    channel = c.word(CHANNELS, calendar["channel"])
    return clean(
        table, np.full(size, -1), calendar["at"] - 2 * clock.DAY,
        campaign_id=c.numbered("CMP", number, 4),
        campaign_name=c.join(kind, channel, c.numbered("", number, 4), " "),
        campaign_type=kind,
    )  # fmt: skip


def crm(stream, window, people: People, calendar, app_time, tables, fixtures):
    """Every raw_crm table that belongs to customers, but customers itself."""
    given = _consents(stream("consents"), window, people, app_time, fixtures)
    sends = _sends(stream("sends"), window, people, given, calendar, fixtures)
    rest = (stream, window, people, tables)
    return {
        "raw_crm.consents": _consent_table(window, people, given, tables),
        "raw_crm.customer_merges": _merge_table(people, tables),
        "raw_crm.preferences": _preferences(*rest, fixtures),
        "raw_crm.campaign_contacts": _contact_table(people, sends, tables),
        "raw_crm.contact_responses": _responses(*rest, sends, given, fixtures),
        "raw_crm.surveys": _surveys(*rest),
        "raw_crm.service_tickets": _tickets(*rest),
    }


def _consents(rng, window, people: People, app_time, fixtures) -> list[Consent]:
    """One Consent per channel; push is asked for when the app is installed."""
    installed, removed = app_time
    has_app = installed < removed
    asked = {"push": np.where(has_app, installed, clock.NEVER)}
    consents = [
        _consent(rng, window, people, asked.get(channel, people.created), share)
        for channel, share in zip(CHANNELS, CONSENT_SHARE, strict=True)
    ]
    email = consents[0]
    fixtures.add("email_never_consented", np.flatnonzero(email.granted == clock.NEVER))
    withdrawn = np.flatnonzero((email.withdrawn > window.start) & (email.withdrawn < clock.NEVER))
    fixtures.add("email_consent_withdrawn", withdrawn)
    fixtures.add("email_consent_regranted", np.flatnonzero(email.regranted < clock.NEVER))
    return consents


def _consent(rng, window, people: People, asked: np.ndarray, share: float) -> Consent:
    """Some withdraw, the less engaged more often; one in eight of them comes back."""
    size = len(people)
    stop = np.minimum(window.end, people.until)
    granted = np.where((rng.random(size) < share) & (asked < stop), asked, clock.NEVER)
    low = np.minimum(np.maximum(granted, window.start), stop)
    withdrawn = low + (rng.random(size) * (stop - low)).astype(np.int64)
    engaged = people.latent[np.arange(size), month_of(window, withdrawn)]
    before = (granted < window.start - 60 * clock.DAY) & (rng.random(size) < 0.03)
    withdrawn = np.where(before, (granted + window.start) // 2, withdrawn)
    leaves = before | (rng.random(size) < 0.15 * (1 - engaged))
    withdrawn = np.where(leaves & (granted < clock.NEVER), withdrawn, clock.NEVER)
    back = withdrawn + ((20 + 130 * rng.random(size)) * clock.DAY).astype(np.int64)
    returns = (rng.random(size) < 0.125) & (withdrawn < clock.NEVER) & (back < stop)
    return Consent(granted, withdrawn, np.where(returns, back, clock.NEVER))


def _consent_table(window, people: People, given: list[Consent], tables) -> pa.Table:
    moments = np.stack([
        np.stack([consent.granted, consent.withdrawn, consent.regranted]) for consent in given
    ])  # (channel, change, customer)  # fmt: skip
    channel, change, owner = np.nonzero(moments < window.end)
    at = moments[channel, change, owner]
    return clean(
        tables["raw_crm.consents"], owner, at,
        customer_id=c.of_owner(people.ids, owner),
        channel=c.word(CHANNELS, channel),
        status=c.word(["granted", "withdrawn", "granted"], change),
        changed_at=c.moment(at),
    )  # fmt: skip


def _merge_table(people: People, tables) -> pa.Table:
    gone = np.flatnonzero(people.merged_into >= 0)
    at = people.until[gone]
    return clean(
        tables["raw_crm.customer_merges"], gone, at,
        from_customer_id=c.of_owner(people.ids, gone),
        into_customer_id=c.of_owner(people.ids, people.merged_into[gone]),
        merged_at=c.moment(at),
    )  # fmt: skip


def _sends(rng, window, people: People, given, calendar, fixtures) -> Sends:
    """Who is written to depends on consent and chance, never on engagement."""
    parts = []
    for code, consent in enumerate(given):
        of_channel = np.flatnonzero(calendar["channel"] == code)
        chance = rng.random((len(people), len(of_channel)), dtype=np.float32)
        owner, which = np.nonzero(chance < calendar["share"][of_channel])
        campaign = of_channel[which]
        wait = (rng.random(len(owner)) * 2 * clock.HOUR).astype(np.int64)
        at = calendar["at"][campaign] + wait // 1_000 * 1_000
        kept = consent.holds(owner, at) & (at >= people.created[owner]) & (at < people.until[owner])
        parts.append((owner[kept], campaign[kept], np.full(kept.sum(), code), at[kept]))
    owner, campaign, channel, at = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Sends(owner, campaign, channel, at, np.arange(len(owner)))


def _contact_ids(people: People, number: np.ndarray) -> pa.Array:
    return c.numbered(f"M{people.first:08d}-", number, 7)


def _contact_table(people: People, sends: Sends, tables) -> pa.Table:
    return clean(
        tables["raw_crm.campaign_contacts"], sends.owner, sends.at,
        contact_id=_contact_ids(people, sends.number),
        campaign_id=c.numbered("CMP", sends.campaign, 4),
        customer_id=c.of_owner(people.ids, sends.owner),
        channel=c.word(CHANNELS, sends.channel),
        sent_at=c.moment(sends.at),
    )  # fmt: skip


TYPES = ["delivered", "opened", "clicked", "replied", "bounced", "unsubscribed"]
MACHINE = ["yes", "no", "unknown", None]
YES, NO, UNKNOWN, UNTOLD = range(4)


def _responses(stream, window, people: People, tables, sends, given, fixtures):
    """raw_crm.contact_responses."""
    rng = stream("responses")
    parts = [
        *_answers(rng, window, people, sends),
        *_machine_opens(rng, people, sends, fixtures),
        *_service_messages(rng, sends),
        _unsubscribed(window, people, sends, given),
    ]
    send, kind, at, machine = (np.concatenate(column) for column in zip(*parts, strict=True))
    kept = np.flatnonzero((at < window.end) & (at < people.until[sends.owner[send]]))
    kept = kept[np.lexsort((at[kept], send[kept]))]
    send, kind, at, machine = send[kept], kind[kept], at[kept], machine[kept]
    size, owner = len(send), sends.owner[send]
    nameless = rng.random(size) < 0.05  # no contact_id: the campaign and the customer must do
    bare = ~nameless & (rng.random(size) < 0.5)  # nothing but the contact_id
    fixtures.add("response_without_contact", owner[nameless])
    return clean(
        tables["raw_crm.contact_responses"], owner, at,
        response_id=c.numbered(f"R{people.first:08d}-", np.arange(size), 7),
        contact_id=c.blank(_contact_ids(people, sends.number[send]), nameless),
        campaign_id=c.blank(c.numbered("CMP", sends.campaign[send], 4), bare),
        customer_id=c.blank(c.of_owner(people.ids, owner), bare),
        response_type=c.word(TYPES, kind),
        responded_at=c.moment(at),
        is_machine=c.word(MACHINE, machine),
    )  # fmt: skip


def _answers(rng, window, people: People, sends: Sends) -> list[tuple]:
    """What people do: open and click by engagement (opening by habit as well), reply rarely."""
    engaged = people.latent[sends.owner, month_of(window, sends.at)]
    logit = np.log(engaged / (1 - engaged))
    chance = rng.random(len(engaged))
    habit = people.opens_by_habit[sends.owner]
    opens = np.isin(sends.channel, [0, 3])  # e-mail and push
    opened = opens & (chance < _logistic(-1.6 + 0.6 * logit + habit))
    clicked = opened & (rng.random(len(engaged)) < _logistic(-0.8 + 1.2 * logit - 0.35 * habit))
    clicked |= (sends.channel == 2) & (chance < _logistic(-2.2 + 1.0 * logit))
    replied = np.isin(sends.channel, [1, 4]) & (chance < _logistic(-2.0 + 1.1 * logit))
    return [
        _people_event(rng, sends, opened, "opened", 5 * clock.HOUR),
        _people_event(rng, sends, opened & (rng.random(len(engaged)) < 0.06), "opened", clock.DAY),
        _people_event(rng, sends, clicked, "clicked", 8 * clock.HOUR),
        _people_event(rng, sends, replied, "replied", 4 * clock.DAY),
    ]


def _logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _people_event(rng, sends: Sends, happened, kind: str, delay: int) -> tuple:
    """Send, type, time and machine mark of what people did, over a minute after the send."""
    send = np.flatnonzero(happened)
    wait = clock.HOUR // 60 + (rng.exponential(delay, len(send))).astype(np.int64)
    machine = np.where(rng.random(len(send)) < 0.3, UNKNOWN, NO)
    if kind == "replied":
        machine[:] = UNTOLD
    return send, np.full(len(send), TYPES.index(kind)), sends.at[send] + wait, machine


def _machine_opens(rng, people: People, sends: Sends, fixtures) -> list[tuple]:
    """Mail programs of a fifth of the customers open everything; scanners of a few click as well.

    Where it is not told to be a machine, it gives itself away by opening within two seconds.
    """
    protected = rng.random(len(people)) < 0.2
    scanned = rng.random(len(people)) < 0.01
    email = sends.channel == 0
    opened = np.flatnonzero(email & (protected | scanned)[sends.owner])
    clicked = np.flatnonzero(email & scanned[sends.owner])
    fixtures.add("machine_opens", np.flatnonzero(protected | scanned))
    fixtures.add("machine_clicks", np.flatnonzero(scanned))
    return [
        _machine_event(rng, sends, opened, "opened"),
        _machine_event(rng, sends, clicked, "clicked"),
    ]


def _machine_event(rng, sends: Sends, send: np.ndarray, kind: str) -> tuple:
    told = rng.random(len(send)) < 0.6
    wait = np.where(told, rng.integers(0, 600, len(send)) * clock.SECOND, 0)
    wait = wait + rng.integers(100, 1_900, len(send)) * 1_000
    machine = np.where(told, YES, UNKNOWN)
    return send, np.full(len(send), TYPES.index(kind)), sends.at[send] + wait, machine


def _service_messages(rng, sends: Sends) -> list[tuple]:
    """Delivery notes of text messages, bounces of e-mails and letters."""
    chance = rng.random(len(sends.owner))
    delivered = np.flatnonzero((sends.channel == 2) & (chance > 0.02))
    bounced = np.flatnonzero(np.isin(sends.channel, [0, 1]) & (chance < 0.01))
    return [
        (send, np.full(len(send), TYPES.index(kind)), sends.at[send] + 20 * clock.SECOND,
         np.full(len(send), UNTOLD))
        for kind, send in (("delivered", delivered), ("bounced", bounced))
    ]  # fmt: skip


def _unsubscribed(window, people: People, sends: Sends, given: list[Consent]) -> tuple:
    """Consent to e-mail is withdrawn by the link in the last e-mail before."""
    withdrawn = given[0].withdrawn
    before = np.flatnonzero((sends.channel == 0) & (sends.at < withdrawn[sends.owner]))
    last = np.full(len(people), -1)
    np.maximum.at(last, sends.owner[before], before)  # within a customer, sends are in time order
    owner = np.flatnonzero((last >= 0) & (withdrawn < window.end))
    kind, machine = np.full_like(owner, TYPES.index("unsubscribed")), np.full_like(owner, NO)
    return last[owner], kind, withdrawn[owner], machine


def _surveys(stream, window, people: People, tables) -> pa.Table:
    """Answering is engagement; what is answered is mostly the last contact's doing."""
    rng = stream("surveys")
    rate = 0.05 * people.drive(1.2) * people.tastes["survey"][:, None]
    made = draw(rng, window, rate, people.created, people.until)
    size = len(made)
    kind = c.weighted(rng, [50, 35, 15], size)
    top, low = np.array([10, 5, 7])[kind], np.array([0, 1, 1])[kind]
    mood = rng.beta(3.2, 1.4, size) + 0.12 * (people.latent[made.owner, made.month] - 0.4)
    rating = np.clip(np.round(low + (top - low) * mood), low, top)
    return clean(
        tables["raw_crm.surveys"], made.owner, made.at,
        survey_id=c.numbered(f"S{people.first:08d}-", np.arange(size), 6),
        customer_id=c.of_owner(people.ids, made.owner),
        survey_type=c.word(["nps", "csat", "ces"], kind),
        rating=c.number(rating),
        touchpoint=c.pick_word(rng, TOUCHPOINTS, [40, 20, 15, 10, 15], size),
        answered_at=c.moment(made.at),
    )  # fmt: skip


def _tickets(stream, window, people: People, tables) -> pa.Table:
    rng = stream("tickets")
    rate = 0.03 * people.drive(0.3) * people.tastes["ticket"][:, None]
    made = draw(rng, window, rate, people.created, people.until)
    size = len(made)
    closed = made.at + (rng.exponential(2, size) * clock.DAY).astype(np.int64)
    return clean(
        tables["raw_crm.service_tickets"], made.owner, made.at,
        ticket_id=c.numbered(f"T{people.first:08d}-", np.arange(size), 6),
        customer_id=c.of_owner(people.ids, made.owner),
        contact_method=c.pick_word(rng, ["phone", "chat", "email"], [50, 20, 30], size),
        topic=c.pick_word(rng, TOPICS, [30, 25, 25, 10, 10], size),
        opened_at=c.moment(made.at),
        closed_at=c.moment(closed, closed >= window.end),
    )  # fmt: skip


def _preferences(stream, window, people: People, tables, fixtures) -> pa.Table:
    """Volunteered attributes; some answers are withdrawn again (a null value)."""
    rng = stream("preferences")
    rate = 0.085 * people.drive(1.3) * people.tastes["preference"][:, None]
    made = draw(rng, window, rate, people.created, people.until)
    size = len(made)
    withdrawn = rng.random(size) < 0.04
    fixtures.add("preference_withdrawn", made.owner[withdrawn])
    return clean(
        tables["raw_crm.preferences"], made.owner, made.at,
        customer_id=c.of_owner(people.ids, made.owner),
        attribute=c.pick_word(rng, ATTRIBUTES, [1] * len(ATTRIBUTES), size),
        value=c.blank(c.pick_word(rng, ANSWERS, [3, 3, 2, 1, 1], size), withdrawn),
        changed_at=c.moment(made.at),
    )  # fmt: skip
