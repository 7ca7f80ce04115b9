"""The score mart in pandas: what a data scientist would write without a database.

Everything is read into memory, one data frame per step, and the variables are computed one score
date after another. It takes the same raw files, seeds and settings as the models and floor.py and
gives the same scores (compare them with run.py), so it shows what the usual alternative to SQL
costs, and is a third implementation to check the other two against. It takes for granted what
floor.py does. It is written to be read: vectorised, but with no chunks and no tricks for speed.

    python benchmarks/pandas_pipeline.py --raw data/demo --out data/score_mart.parquet
"""

import argparse
import re
from pathlib import Path

import numpy as np
import pandas as pd
from pandas_scores import OUTBOUND, PROJECT, compute_variables, local_day, read_yaml, score

# What a response on a channel is; every other one is "other".
ANSWERS = {
    ("email", "bounced"): "email_bounced",
    ("email", "opened"): "email_opened",
    ("email", "clicked"): "email_clicked",
    ("email", "replied"): "email_clicked",
    ("push", "opened"): "push_opened",
    ("push", "clicked"): "push_opened",
    ("push", "replied"): "push_opened",
    ("sms", "clicked"): "sms_answered",
    ("sms", "replied"): "sms_answered",
    ("postal", "clicked"): "postal_replied",
    ("postal", "replied"): "postal_replied",
}
VISIT = ["channel", "visitor_id", "session_id"]
VISITOR = ["channel", "visitor_id"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, required=True, help="folder of the raw Parquet files")
    parser.add_argument("--out", type=Path, required=True, help="score_mart.parquet to write")
    args = parser.parse_args()
    raw, settings = args.raw, read_yaml("dbt_project.yml")["vars"]
    if settings["score_period"] != "month" or settings["score_start_date"]:
        raise SystemExit("this pipeline knows monthly score dates from the first activity on only")
    say("identity")
    crm = read_customers(raw)
    account = follow_merges(raw, crm)
    identifiers = find_identifiers(crm, account)
    cards = match_cards(raw, account, identifiers)
    people = find_people(crm, account, cards)
    say("visits")
    visits, known_uses = find_visits(raw, account, identifiers, settings)
    say("campaigns")
    contacts = read_contacts(raw, account)
    answers = read_answers(raw, account, contacts, settings["machine_response_seconds"])
    say("activities")
    as_of = find_as_of(raw, settings)
    consents = read_consents(raw, account, contacts, answers, settings)
    activities = pd.concat([
        outbound_activities(contacts, answers),
        visit_activities(visits),
        purchase_activities(raw, account, cards),
        card_activities(raw, cards),
        voice_activities(raw, account, identifiers),
    ])  # fmt: skip
    activities = countable(activities, people, consents, as_of, settings)
    say("variables")
    variables = compute_variables(activities, people, consents, known_uses, as_of, settings)
    say("scores")
    mart = score(variables, settings)
    mart.astype({"score_date": "date32[pyarrow]"}).to_parquet(args.out, index=False)
    say(f"{len(mart):,} scores in {args.out}")


def say(text: str) -> None:
    print(f"  {text}", flush=True)


# Reading


def read(raw: Path, table: str, columns: list[str]) -> pd.DataFrame:
    """One raw table: a file, or a folder of parts."""
    file = raw / f"{table}.parquet"
    path = file if file.exists() else raw / table
    return pd.read_parquet(path, columns=[*columns, "_loaded_at", "_is_deleted"])


def current(
    rows: pd.DataFrame, required: list[str], key: list[str] | None = None, own_id: str | None = None
) -> pd.DataFrame:
    """The rows that count: the latest load of each key, unless deleted at its source.

    The column `own_id` tells one row from another where it is filled, the columns of `key` (those
    required if nothing is said) where not.
    """
    key = key or required
    rows = rows.dropna(subset=required).sort_values("_loaded_at", na_position="first")
    if own_id:
        named = rows[rows[own_id].notna()].drop_duplicates(own_id, keep="last")
        nameless = rows[rows[own_id].isna()].drop_duplicates(key, keep="last")
        rows = pd.concat([named, nameless])
    else:
        rows = rows.drop_duplicates(key, keep="last")
    return rows[~is_true(rows["_is_deleted"])].drop(columns=["_loaded_at", "_is_deleted"])


def is_true(flags: pd.Series) -> pd.Series:
    """A flag without a value is false."""
    return flags.astype("boolean").fillna(False).astype(bool)


def as_login(text: pd.Series) -> pd.Series:
    return text.str.strip().str.lower()


def whole_seconds(later: pd.Series, earlier: pd.Series) -> pd.Series:
    """Seconds of the clock from one moment to another."""
    return (later.dt.floor("s") - earlier.dt.floor("s")).dt.total_seconds()


def find_as_of(raw: Path, settings: dict) -> pd.Timestamp:
    """The last whole day of data: the day before the oldest newest load among the systems."""
    if settings["as_of_date"]:
        return pd.Timestamp(settings["as_of_date"])
    newest = [
        max(
            pd.read_parquet(file, columns=["_loaded_at"])["_loaded_at"].max()
            for file in system.rglob("*.parquet")
        )
        for system in raw.glob("raw_*")
    ]
    return local_day(pd.Series(newest), settings["business_timezone"]).min() - pd.Timedelta(days=1)


# Identity


def read_customers(raw: Path) -> pd.DataFrame:
    columns = ["customer_id", "email", "market", "created_at", "is_test", "is_employee"]
    crm = current(read(raw, "raw_crm/customers", columns), ["customer_id"])
    return crm.assign(
        email=as_login(crm["email"]),
        is_internal=is_true(crm["is_test"]) | is_true(crm["is_employee"]),
    )


def follow_merges(raw: Path, crm: pd.DataFrame) -> pd.Series:
    """Account -> customer: the account that it was merged into in the end; of a circle, the least.

    Accounts are the index.
    """
    columns = ["from_customer_id", "into_customer_id", "merged_at"]
    merges = current(read(raw, "raw_crm/customer_merges", columns), columns, columns[:1])
    merges = merges[merges["from_customer_id"] != merges["into_customer_id"]]
    into = merges.set_index("from_customer_id")["into_customer_id"]
    reached, least = into, into
    for _ in range(len(into)):
        if not reached.isin(into.index).any():
            break
        reached = reached.map(into).fillna(reached)
        least = least.where(least < reached, reached)
    ends = reached.where(~reached.isin(into.index), least)
    own = pd.Series(crm["customer_id"].to_numpy(), index=crm["customer_id"])
    return pd.concat([ends, own[~own.index.isin(ends.index)]]).rename("customer")


def find_identifiers(crm: pd.DataFrame, account: pd.Series) -> pd.DataFrame:
    """Per login (account number or e-mail): its customer, null if it could be two, and the kind."""
    numbers = pd.DataFrame({
        "login": as_login(account.index.to_series()).to_numpy(),
        "customer": account.to_numpy(),
        "is_account": True,
    })  # fmt: skip
    mails = crm.dropna(subset="email")
    mails = pd.DataFrame({
        "login": mails["email"],
        "customer": mails["customer_id"].map(account),
        "is_account": False,
    })  # fmt: skip
    logins = pd.concat([numbers, mails]).groupby("login")
    found = logins.agg(customer=("customer", "first"), is_account=("is_account", "any"))
    return found.assign(customer=found["customer"].where(logins["customer"].nunique() == 1))


def match_cards(raw: Path, account: pd.Series, identifiers: pd.DataFrame) -> pd.DataFrame:
    """Per card: its customer, known by account, else by e-mail, else the card itself."""
    columns = ["member_id", "joined_at", "customer_id", "email"]
    cards = current(read(raw, "raw_loyalty/members", columns), columns[:2], ["member_id"])
    emails = identifiers[~identifiers["is_account"]]
    login = as_login(cards["email"])
    by_email = login.map(emails["customer"]).where(login.isin(emails.index), None)
    by_card = "card:" + cards["member_id"]
    nameless = by_email.where(login.isin(emails.index), by_card)
    by_account = cards["customer_id"].map(account)
    customer = by_account.where(cards["customer_id"].notna(), nameless)
    return cards.assign(customer=customer).set_index("member_id")[["customer", "joined_at"]]


def find_people(crm: pd.DataFrame, account: pd.Series, cards: pd.DataFrame) -> pd.DataFrame:
    """Per customer (the index): market, when registered and joined, whether of the company."""
    accounts = crm.assign(customer=crm["customer_id"].map(account))
    people = accounts.groupby("customer").agg(
        created_at=("created_at", "min"), is_internal=("is_internal", "any")
    )
    surviving = accounts[accounts["customer_id"] == accounts["customer"]]
    people["market"] = surviving.set_index("customer")["market"]
    joined_at = cards.groupby("customer")["joined_at"].min()
    people = people.join(joined_at, how="outer")
    return people.assign(
        is_internal=is_true(people["is_internal"]),
        registered_at=people[["created_at", "joined_at"]].min(axis=1),
    )


# Visits


def find_visits(
    raw: Path, account: pd.Series, identifiers: pd.DataFrame, settings: dict
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The visits of customers on web and app, and since when each is known to use a visitor id."""
    events = number_sessions(read_events(raw, identifiers), settings)
    known_uses = find_known_uses(raw, events, account)
    visits = split_visits(events).merge(
        known_uses.drop_duplicates(VISITOR, keep=False), on=VISITOR, how="left",
        suffixes=("", "_known"),
    )  # fmt: skip
    visits["customer"] = visits["customer"].mask(visits["owner"].isna(), visits["customer_known"])
    visits = visits.merge(find_bots(events, settings), on=VISITOR, how="left", indicator=True)
    visits = visits[visits["_merge"] == "left_only"].dropna(subset="customer")
    visits = visits[["channel", "customer", "happened_at", "seconds"]].round({"seconds": 3})
    return visits, known_uses


def read_events(raw: Path, identifiers: pd.DataFrame) -> pd.DataFrame:
    """Events of web and app, with who was logged in."""
    common = ["event_id", "login_id", "session_id", "event_at", "event_name"]
    web = read(raw, "raw_web/events", [*common, "anonymous_id", "engaged_seconds", "user_agent"])
    web = current(web, ["anonymous_id", "event_at", "event_name"], own_id="event_id")
    app = read(raw, "raw_app/events", [*common, "device_id", "duration_seconds"])
    app = current(app, ["device_id", "event_at", "event_name"], own_id="event_id")
    web = web.rename(columns={"anonymous_id": "visitor_id"}).assign(channel="web")
    app = app.rename(columns={"device_id": "visitor_id", "duration_seconds": "engaged_seconds"})
    events = pd.concat([web, app.assign(channel="app")], ignore_index=True)
    events = events.drop(columns=["event_id", "event_name"])
    login = as_login(events.pop("login_id"))
    customer = login.map(identifiers["customer"])
    return events.assign(customer=customer, person=customer.fillna("login " + login))


def number_sessions(events: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """The events, each with a session and its seconds.

    Where the tracker names no session, a silence ends it; where it measured no attention, the time
    until the next unmeasured event stands in, capped.
    """
    is_guessed = events["session_id"].isna() | events["engaged_seconds"].isna()
    guessed = events[is_guessed].sort_values("event_at")
    session = guessed.groupby(VISIT, dropna=False)["event_at"]
    gap_before = whole_seconds(guessed["event_at"], session.shift(1))
    gap_after = whole_seconds(session.shift(-1), guessed["event_at"])
    longest = settings["session_gap_seconds"]
    starts = ~(gap_before <= longest)
    numbers = starts.groupby([guessed[column] for column in VISIT], dropna=False).cumsum()
    seconds = gap_after.clip(upper=settings["event_gap_cap_seconds"]).where(gap_after <= longest, 0)
    guessed = guessed.assign(
        session_id=guessed["session_id"].fillna("visit " + numbers.astype(str)),
        engaged_seconds=guessed["engaged_seconds"].fillna(seconds),
    )
    return pd.concat([events[~is_guessed], guessed])


def find_known_uses(raw: Path, events: pd.DataFrame, account: pd.Series) -> pd.DataFrame:
    """Per channel, visitor and customer: since when the customer is known to use it."""
    logins = events.dropna(subset="customer").rename(columns={"event_at": "known_at"})
    columns = ["device_id", "customer_id", "installed_at"]
    devices = current(read(raw, "raw_app/devices", columns), columns, columns[:2])
    devices = devices.rename(columns={"device_id": "visitor_id", "installed_at": "known_at"})
    devices = devices.assign(channel="app", customer=devices["customer_id"].map(account))
    uses = pd.concat([logins, devices.dropna(subset="customer")])
    return uses.groupby([*VISITOR, "customer"], as_index=False)["known_at"].min()


def split_visits(events: pd.DataFrame) -> pd.DataFrame:
    """One row per session and person: whose visit (as far as a login tells), when and how long.

    A session with one person's logins is all theirs. One of several persons is split, and what has
    no login is nobody's. One without any login has no owner here.
    """
    logins = events.dropna(subset="person").groupby(VISIT)["person"]
    owners = logins.agg(owner="first", persons="nunique").reset_index()
    events = events.merge(owners, on=VISIT, how="left")
    is_split = events["persons"] > 1
    events["owner"] = events["owner"].mask(is_split, events["person"])
    events = events[~is_split | events["owner"].notna()]
    return events.groupby([*VISIT, "owner"], dropna=False, as_index=False).agg(
        customer=("customer", "first"),
        happened_at=("event_at", "min"),
        seconds=("engaged_seconds", "sum"),
    )


def find_bots(events: pd.DataFrame, settings: dict) -> pd.DataFrame:
    """Visitors that call themselves a program, or have too many events on a day."""
    seeds = ("bot_user_agents", "bot_user_agent_additions")
    rules = pd.concat(pd.read_csv(PROJECT / f"seeds/{name}.csv") for name in seeds)
    bots, devices = (
        re.compile("|".join(rules.loc[rules["is_bot"] == is_bot, "user_agent_pattern"]))
        for is_bot in (True, False)
    )
    agents = pd.Series(events["user_agent"].dropna().unique())
    is_program = [bool(bots.search(devices.sub(" ", agent))) for agent in agents]
    declared = events[events["user_agent"].isin(agents[is_program])]
    per_session = events.groupby(VISIT, as_index=False)["event_at"].agg(["min", "size"])
    day = local_day(per_session["min"], settings["business_timezone"])
    per_day = per_session.assign(day=day).groupby([*VISITOR, "day"])["size"].sum()
    busy = per_day[per_day > settings["bot_events_per_day"]].reset_index()
    return pd.concat([declared[VISITOR], busy[VISITOR]]).drop_duplicates()


# Campaigns and consent


def read_contacts(raw: Path, account: pd.Series) -> pd.DataFrame:
    columns = ["contact_id", "campaign_id", "customer_id", "channel", "sent_at"]
    contacts = read(raw, "raw_crm/campaign_contacts", columns)
    contacts = current(contacts, columns[2:], columns[1:], own_id="contact_id")
    return contacts.assign(
        customer=contacts["customer_id"].map(account), channel=contacts["channel"].str.lower()
    ).dropna(subset="customer")


def read_answers(
    raw: Path, account: pd.Series, contacts: pd.DataFrame, machine_seconds: float
) -> pd.DataFrame:
    """What people (no machines) answered, each with the channel of its send.

    Without the send's number, it was the customer's nearest earlier send of the campaign.
    """
    key = ["contact_id", "campaign_id", "customer_id", "response_type", "responded_at"]
    answers = read(raw, "raw_crm/contact_responses", ["response_id", *key, "is_machine"])
    answers = current(answers, key[3:], key, own_id="response_id")
    answers["response_type"] = answers["response_type"].str.lower()
    sends = contacts.dropna(subset="contact_id")[["contact_id", "customer", "channel", "sent_at"]]
    numbered = answers.dropna(subset="contact_id").merge(sends, on="contact_id")
    orphans = answers[answers["contact_id"].isna()].drop(columns="contact_id")
    orphans = orphans.assign(customer=orphans["customer_id"].map(account))
    sends = contacts.dropna(subset="campaign_id").drop(columns="customer_id")
    found = pd.merge_asof(
        orphans.dropna(subset=["customer", "campaign_id"]).sort_values("responded_at"),
        # Of two sends at one moment the one with the lesser number: it comes last.
        sends.sort_values("contact_id", ascending=False, na_position="first")
        .sort_values("sent_at", kind="stable"),
        left_on="responded_at", right_on="sent_at", by=["customer", "campaign_id"],
    ).dropna(subset="sent_at")  # fmt: skip
    answers = pd.concat([numbered, found])
    machine = answers["is_machine"].fillna("unknown").str.lower()
    seconds = whole_seconds(answers["responded_at"], answers["sent_at"])
    is_quick = answers["response_type"].isin(["opened", "clicked"]) & (seconds <= machine_seconds)
    is_open = (answers["response_type"] == "opened") & (answers["channel"] == "email")
    answers = answers[(machine != "yes") & ~((machine == "unknown") & (is_quick | is_open))]
    kinds = zip(answers["channel"], answers["response_type"], strict=True)
    activity = pd.Series([ANSWERS.get(kind, "other") for kind in kinds], index=answers.index)
    left = answers["response_type"] == "unsubscribed"
    answers = answers.assign(activity=activity.mask(left, "unsubscribed"))
    return answers[["customer", "activity", "channel", "responded_at"]]


def read_consents(
    raw: Path, account: pd.Series, contacts: pd.DataFrame, answers: pd.DataFrame, settings: dict
) -> pd.DataFrame:
    """What was agreed and withdrawn, each from a day until the next change.

    is_left: it was withdrawn by somebody who had agreed before, or was sent to before.
    """
    columns = ["customer_id", "channel", "status", "changed_at"]
    changes = current(
        read(raw, "raw_crm/consents", columns), columns, ["customer_id", "channel", "changed_at"]
    )
    changes = pd.DataFrame({
        "customer": changes["customer_id"].map(account),
        "channel": changes["channel"].str.lower(),
        "is_granted": changes["status"].str.lower() == "granted",
        "is_unsubscribe": False,
        "changed_at": changes["changed_at"],
    }).dropna(subset="customer")  # fmt: skip
    left = answers[answers["activity"] == "unsubscribed"].rename(
        columns={"responded_at": "changed_at"}
    )
    left = left.drop(columns="activity").assign(is_granted=False, is_unsubscribe=True)
    changes = pd.concat([changes, left], ignore_index=True)
    who = ["customer", "channel"]
    first_sent = contacts.groupby(who)["sent_at"].min().rename("first_sent_at")
    changes = changes.join(first_sent, on=who).sort_values(["changed_at", "is_granted"])
    agreed = changes["is_granted"] | changes["is_unsubscribe"]
    changes["had_agreed"] = agreed | (changes["first_sent_at"] < changes["changed_at"])
    changes["had_agreed"] = changes.groupby(who)["had_agreed"].cummax()
    at_once = changes.groupby([*who, "changed_at", "is_granted"])["had_agreed"].transform("max")
    changes["is_left"] = ~changes["is_granted"] & at_once
    changes["from_day"] = local_day(changes["changed_at"], settings["business_timezone"])
    changes["until_day"] = changes.groupby(who)["from_day"].shift(-1)
    return changes[[*who, "is_granted", "is_left", "from_day", "until_day"]]


# Activities


def stack(
    customer: pd.Series, activity, channel, happened_at: pd.Series, seconds=np.nan, label=None
) -> pd.DataFrame:
    """Activities in the columns that all of them share."""
    rows = pd.DataFrame({"customer": customer, "happened_at": happened_at})
    rows = rows.assign(activity=activity, channel=channel, seconds=seconds, label=label)
    return rows.astype({"seconds": float, "label": "str"}).dropna(subset="customer")


def outbound_activities(contacts: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    sent = (contacts["channel"] + "_sent").where(contacts["channel"].isin(OUTBOUND), "other")
    return pd.concat([
        stack(contacts["customer"], sent, contacts["channel"], contacts["sent_at"]),
        stack(answers["customer"], answers["activity"], answers["channel"],
              answers["responded_at"]),
    ])  # fmt: skip


def visit_activities(visits: pd.DataFrame) -> pd.DataFrame:
    kind = visits["channel"] + "_visited"
    return stack(
        visits["customer"], kind, visits["channel"], visits["happened_at"], visits["seconds"]
    )


def purchase_activities(raw: Path, account: pd.Series, cards: pd.DataFrame) -> pd.DataFrame:
    """Purchases, and each category bought in one; no returns."""
    required = ["transaction_id", "transacted_at", "sales_channel"]
    columns = [*required, "member_id", "customer_id", "is_return"]
    bought = current(read(raw, "raw_loyalty/transactions", columns), required, required[:1])
    bought = bought[~is_true(bought["is_return"])]
    by_card = bought["member_id"].map(cards["customer"])
    bought = bought.assign(customer=bought["customer_id"].map(account).fillna(by_card))
    is_online = bought["sales_channel"].str.lower() == "online"
    bought["channel"] = np.where(is_online, "web", "store")
    bought["activity"] = np.where(is_online, "online_ordered", "store_purchased")
    lines = read(raw, "raw_loyalty/transaction_lines", ["transaction_id", "line_id", "product_id"])
    lines["line_id"] = lines["line_id"].fillna(lines["product_id"])
    lines = current(lines, ["transaction_id", "product_id"], ["transaction_id", "line_id"])
    columns = ["product_id", "category"]
    products = current(read(raw, "raw_loyalty/products", columns), columns, columns[:1])
    lines = lines.merge(products, on="product_id").merge(bought, on="transaction_id")
    lines = lines.drop_duplicates(["customer", "transacted_at", "channel", "category"])
    return pd.concat([
        stack(bought["customer"], bought["activity"], bought["channel"], bought["transacted_at"]),
        stack(lines["customer"], "category_bought", lines["channel"], lines["transacted_at"],
              label=lines["category"]),
    ])  # fmt: skip


def card_activities(raw: Path, cards: pd.DataFrame) -> pd.DataFrame:
    """What is booked on a card: benefits, promotions, points, referrals, visits to stores."""

    def holder(rows: pd.DataFrame, column: str = "member_id") -> pd.Series:
        return rows[column].map(cards["customer"])

    columns = ["member_id", "benefit_id", "redeemed_at"]
    used = read(raw, "raw_loyalty/benefit_redemptions", ["redemption_id", *columns])
    used = current(used, columns, own_id="redemption_id")
    columns = ["member_id", "promotion_id", "participated_at"]
    joined = read(raw, "raw_loyalty/promotion_participations", ["participation_id", *columns])
    joined = current(joined, columns, own_id="participation_id")
    columns = ["referrer_member_id", "referred_customer_id", "referred_at"]
    referred = read(raw, "raw_loyalty/referrals", ["referral_id", *columns])
    referred = current(
        referred, ["referrer_member_id", "referred_at"], columns, own_id="referral_id"
    )
    columns = ["member_id", "entry_type", "booked_at"]
    points = current(
        read(raw, "raw_loyalty/points_ledger", ["entry_id", *columns]), columns, own_id="entry_id"
    )
    points = points.assign(entry_type=points["entry_type"].str.lower())
    earned, burned = (points[points["entry_type"] == kind] for kind in ("earn", "burn"))
    columns = ["member_id", "visit_type", "visited_at"]
    visits = read(raw, "raw_loyalty/store_visits", ["visit_id", *columns, "duration_seconds"])
    visits = current(visits, columns, own_id="visit_id")
    is_visit = visits["visit_type"].str.lower() == "visit"
    kind = np.where(is_visit, "store_visited", "event_attended")
    seconds = visits["duration_seconds"].round(3)
    return pd.concat([
        stack(holder(used), "benefit_redeemed", "loyalty", used["redeemed_at"]),
        stack(holder(joined), "promotion_joined", "loyalty", joined["participated_at"]),
        stack(holder(referred, "referrer_member_id"), "referral_made", "loyalty",
              referred["referred_at"]),
        stack(holder(earned), "points_earned", "loyalty", earned["booked_at"]),
        stack(holder(burned), "points_burned", "loyalty", burned["booked_at"]),
        stack(holder(visits), kind, "store", visits["visited_at"], seconds),
    ])  # fmt: skip


def voice_activities(raw: Path, account: pd.Series, identifiers: pd.DataFrame) -> pd.DataFrame:
    """What customers say: surveys, tickets, preferences, reviews."""
    columns = ["customer_id", "survey_type", "answered_at"]
    surveys = read(raw, "raw_crm/surveys", ["survey_id", *columns])
    surveys = current(surveys, columns, own_id="survey_id")
    columns = ["ticket_id", "customer_id", "opened_at"]
    tickets = current(read(raw, "raw_crm/service_tickets", columns), columns, ["ticket_id"])
    columns = ["customer_id", "attribute", "changed_at"]
    told = current(read(raw, "raw_crm/preferences", [*columns, "value"]), columns)
    kind = np.where(told["value"].notna(), "preference_given", "preference_withdrawn")
    columns = ["login_id", "review_type", "product_id", "reviewed_at"]
    reviews = read(raw, "raw_web/reviews", ["review_id", *columns])
    reviews = current(reviews, ["login_id", "reviewed_at"], columns, own_id="review_id")
    author = as_login(reviews["login_id"]).map(identifiers["customer"])
    return pd.concat([
        stack(surveys["customer_id"].map(account), "survey_answered", "survey",
              surveys["answered_at"]),
        stack(tickets["customer_id"].map(account), "service_contacted", "contact_centre",
              tickets["opened_at"]),
        stack(told["customer_id"].map(account), kind, "survey", told["changed_at"],
              label=told["attribute"]),
        stack(author, "review_written", "web", reviews["reviewed_at"]),
    ])  # fmt: skip


def countable(
    activities: pd.DataFrame,
    people: pd.DataFrame,
    consents: pd.DataFrame,
    as_of: pd.Timestamp,
    settings: dict,
) -> pd.DataFrame:
    """The activities that count for a customer, each with its day and the day it ceases to count.

    It ceases at the window's end or when consent to the channel is withdrawn; what happens from
    then on until consent is given again does not count at all.
    """
    internal = people.index[people["is_internal"]]
    activities = activities[~activities["customer"].isin(internal)]
    day = local_day(activities["happened_at"], settings["business_timezone"])
    activities = activities.assign(day=day)
    activities = activities[activities["day"] <= as_of].sort_values("day")
    who = ["customer", "channel"]
    never = pd.Timestamp("2200-01-01")
    refused = consents[~consents["is_granted"]].fillna({"until_day": never})
    refused = refused.groupby([*who, "from_day"], as_index=False)["until_day"].max()
    refused = refused.rename(columns={"until_day": "open_again"}).sort_values("from_day")
    later = refused[[*who, "from_day"]].rename(columns={"from_day": "withdrawn"})
    activities = pd.merge_asof(activities, refused, left_on="day", right_on="from_day", by=who)
    activities = pd.merge_asof(
        activities, later, left_on="day", right_on="withdrawn", by=who,
        direction="forward", allow_exact_matches=False,
    )  # fmt: skip
    activities = activities[~(activities["day"] < activities["open_again"])]
    window_end = activities["day"] + pd.Timedelta(days=settings["window_days"])
    until = pd.concat([window_end, activities["withdrawn"]], axis=1).min(axis=1)
    activities = activities.assign(until=until)
    columns = ["customer", "activity", "channel", "happened_at", "day", "until"]
    return activities[[*columns, "seconds", "label"]].astype({"activity": "category"})


if __name__ == "__main__":
    main()
