"""Small random worlds of people who share addresses, cards and devices, and ask to be erased.

What is certain is worked out here in plain Python, from what every version of every row says: an
identifier goes when all persons who have or ever had it asked. Accounts with a merge that was not
undone are one person. Ids of a world begin with its number, so many worlds make one raw folder.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import duckdb

DAY = "2026-05-{:02d} 10:00:00"
COLUMNS = {
    "raw_crm.customers": ["customer_id", "email"],
    "raw_crm.customer_merges": ["from_customer_id", "into_customer_id", "merged_at"],
    "raw_crm.service_tickets": ["ticket_id", "customer_id", "opened_at"],
    "raw_crm.campaign_contacts": ["contact_id", "customer_id", "channel", "sent_at"],
    "raw_crm.erasure_requests": ["customer_id", "member_id", "email", "requested_at"],
    "raw_loyalty.members": ["member_id", "customer_id", "email", "joined_at"],
    "raw_loyalty.transactions": ["transaction_id", "customer_id", "member_id", "transacted_at",
                                 "sales_channel", "currency"],
    "raw_app.devices": ["device_id", "customer_id", "installed_at"],
    "raw_web.events": ["event_id", "anonymous_id", "session_id", "login_id", "event_at",
                       "event_name"],
}  # fmt: skip
# The staging table of each raw table whose rows are one person's, and the key of both.
KEYS = {
    "raw_crm.customers": "customer_id",
    "raw_crm.service_tickets": "ticket_id",
    "raw_crm.campaign_contacts": "contact_id",
    "raw_loyalty.members": "member_id",
    "raw_loyalty.transactions": "transaction_id",
    "raw_web.events": "event_id",
}
KINDS = {
    "customer_id": "account", "member_id": "card", "email": "email", "contact_id": "contact",
    "transaction_id": "receipt", "anonymous_id": "visitor", "device_id": "visitor",
}  # fmt: skip


@dataclass
class World:
    """Raw rows in the order in which they landed, and whose each row is in truth."""

    rows: dict[str, list[dict]] = field(default_factory=lambda: defaultdict(list))
    truth: dict[tuple[str, str], str] = field(default_factory=dict)  # table, key -> person
    asked: set[str] = field(default_factory=set)  # persons

    def land(self, table: str, person: str | None = None, deleted: bool = False, **row) -> None:
        time = next((c for c in COLUMNS[table] if c.endswith("_at")), None)
        usual = {"sales_channel": "store", "currency": "EUR"} | (
            {time: DAY.format(1)} if time else {}
        )
        row = {column: usual.get(column) for column in COLUMNS[table]} | row
        load = f"2026-06-01 05:{len(self.rows[table]) // 60:02d}:{len(self.rows[table]) % 60:02d}"
        self.rows[table].append(row | {"_loaded_at": load, "_is_deleted": deleted})
        if person and table in KEYS:
            self.truth[table, row[KEYS[table]]] = person


def world(number: int, seed: int = 7) -> World:
    """Three to six people with up to four accounts each, and all they share by mistake or not."""
    random, made = Random(f"{seed} {number}"), World()
    name = f"w{number}"
    people = [f"{name}-{letter}" for letter in "abcdef"[: random.randint(3, 6)]]
    accounts: dict[str, list[str]] = {}
    for person in people:
        # Upper and lower case of one letter are two people's accounts.
        letter = person[-1].upper() if person[-1] in "bdf" else chr(ord(person[-1]))
        letter = {"B": "A", "D": "C", "F": "E"}.get(letter, letter)
        accounts[person] = [f"{name}-{letter}{n}" for n in range(random.randint(1, 4))]
        for n, account in enumerate(accounts[person]):
            mail = random.choice([f"{person}@x.test", f"{person.upper()}@X.test", None])
            made.land("raw_crm.customers", person, customer_id=account, email=mail)
            if n:
                into = random.choice(accounts[person][:n])
                made.land("raw_crm.customer_merges", from_customer_id=account,
                          into_customer_id=into)  # fmt: skip
        if len(accounts[person]) > 2 and random.random() < 0.3:  # a circle
            made.land("raw_crm.customer_merges", from_customer_id=accounts[person][0],
                      into_customer_id=accounts[person][-1])  # fmt: skip

    def other(person):
        return random.choice([one for one in people if one != person])

    def account(person):
        return random.choice(accounts[person])

    for person in people:
        if random.random() < 0.4:  # a merge with somebody else, undone
            pair = {"from_customer_id": accounts[person][0],
                    "into_customer_id": account(other(person))}  # fmt: skip
            if all(row["from_customer_id"] != pair["from_customer_id"]
                   for row in made.rows["raw_crm.customer_merges"]):  # fmt: skip
                made.land("raw_crm.customer_merges", **pair)
                made.land("raw_crm.customer_merges", deleted=True, **pair)
        if random.random() < 0.3:  # an address that was somebody else's before, or still is
            made.land("raw_crm.customers", person, customer_id=accounts[person][0],
                      email=f"{other(person)}@x.test")  # fmt: skip
        for n in range(random.randint(0, 3)):
            card = f"{person}-card{n}"
            holder = {
                "own": {"customer_id": account(person)},
                "by address": {"email": f"{person}@x.test"},
                "by another address": {"email": f"{person}-old@x.test"},
                "with the address of another": {
                    "customer_id": account(person), "email": f"{other(person)}@x.test",
                },
                "of nobody": {},
            }  # fmt: skip
            kind = random.choice(list(holder))
            # Corrected: it was put on somebody else before.
            if kind != "of nobody" and random.random() < 0.3:
                made.land("raw_loyalty.members", None, member_id=card,
                          customer_id=account(other(person)))  # fmt: skip
            made.land("raw_loyalty.members", person, member_id=card, **holder[kind])
            for m in range(2):
                made.land("raw_loyalty.transactions", person, member_id=card,
                          transaction_id=f"{card}-r{m}")  # fmt: skip
            if random.random() < 0.2:  # somebody else pays with it
                borrower = other(person)
                made.land("raw_loyalty.transactions", borrower, member_id=card,
                          customer_id=account(borrower), transaction_id=f"{card}-b")  # fmt: skip
        made.land("raw_loyalty.transactions", person, customer_id=account(person),
                  transaction_id=f"{person}-r")  # fmt: skip
        for n in range(2):
            made.land("raw_crm.service_tickets", person, customer_id=account(person),
                      ticket_id=f"{person}-t{n}")  # fmt: skip
            made.land("raw_crm.campaign_contacts", person, customer_id=account(person),
                      contact_id=f"{person}-c{n}", channel="email")  # fmt: skip
        made.land("raw_app.devices", device_id=f"{person}-phone", customer_id=account(person))
        if random.random() < 0.3:
            made.land("raw_app.devices", device_id=f"{person}-phone",
                      customer_id=account(other(person)))  # fmt: skip
        cookies = [f"{person}-w", f"{name}-family"]
        for n in range(6):
            login = random.choice([account(person), f"{person}@x.test", None])
            cookie = random.choice(cookies)
            owner = person if login or cookie != f"{name}-family" else None
            made.land("raw_web.events", owner, event_id=f"{person}-e{n}", anonymous_id=cookie,
                      session_id=random.choice([f"{person}-s{n % 2}", None]), login_id=login,
                      event_at=DAY.format(2 + n), event_name="page_view")  # fmt: skip
    for person in random.sample(people, random.choice([1, 1, 2])):
        made.asked.add(person)
        asked = {
            "customer_id": account(person),
            "member_id": f"{person}-card0",
            "email": random.choice([f"{person}@x.test", f"{person}-old@x.test"]),
        }
        fields = random.sample(list(asked), random.choice([1, 1, 2]))
        made.land("raw_crm.erasure_requests", **{name: asked[name] for name in fields})
    return made


def write(worlds: list[World], folder: Path) -> Path:
    """The rows of all worlds as one raw folder."""
    for table, columns in COLUMNS.items():
        rows = [row for one in worlds for row in one.rows[table]]
        path = folder / f"{table.replace('.', '/')}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.with_suffix(".json")
        file.write_text("\n".join(json.dumps(row) for row in rows))
        types = {c: "timestamp" if c.endswith("_at") else "varchar" for c in columns}
        types |= {"_loaded_at": "timestamp", "_is_deleted": "boolean"}
        duckdb.sql(f"""
            copy (from read_json('{file}', format = 'newline_delimited', columns = {types}))
            to '{path}' (format parquet)""")
        file.unlink()
    return folder


class Oracle:
    """What is certain in a world, from its raw rows alone."""

    def __init__(self, made: World):
        self.rows = made.rows
        self.person = self._persons()
        self.owners: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._own()
        self.erased = self._asked()
        self.certain = {what for what, owners in self.owners.items()
                        if owners and owners <= self.erased}  # fmt: skip

    def _persons(self) -> dict[str, str]:
        """Account -> the least account that merges link it with; the last word on each counts."""
        into = {}
        for row in self.rows["raw_crm.customer_merges"]:
            into[row["from_customer_id"]] = None if row["_is_deleted"] else row["into_customer_id"]
        groups = {}
        for one, other in into.items():
            if other:
                joined = groups.get(one, {one}) | groups.get(other, {other})
                groups |= dict.fromkeys(joined, joined)
        return {account: min(group) for account, group in groups.items()}

    def who(self, account: str) -> str:
        return self.person.get(account, account)

    def of_login(self, login: str) -> set[str]:
        if "@" not in login:
            return {self.who(login)}
        return self.owners.get(("email", login.lower())) or {login.lower()}

    def _own(self) -> None:
        mail = defaultdict(set)  # address -> persons whose account or card names it
        members = self.rows["raw_loyalty.members"]
        for row in self.rows["raw_crm.customers"] + members:
            if row["customer_id"] and row["email"]:
                mail[row["email"].lower()].add(self.who(row["customer_id"]))
        cards = defaultdict(set)
        for row in members + self.rows["raw_loyalty.transactions"]:
            if row["member_id"] and row["customer_id"]:
                cards[row["member_id"]].add(self.who(row["customer_id"]))
        for row in members:
            if not row["customer_id"] and row["email"]:
                address = row["email"].lower()
                cards[row["member_id"]] |= mail.get(address) or {address}
        for row in members:
            cards[row["member_id"]] = cards[row["member_id"]] or {row["member_id"]}
            if row["email"]:
                self.owners["email", row["email"].lower()] |= cards[row["member_id"]]
        for address, persons in mail.items():
            self.owners["email", address] |= persons
        for card, persons in cards.items():
            self.owners["card", card] |= persons
        for rows in self.rows.values():
            for row in rows:
                for column in ("customer_id", "from_customer_id", "into_customer_id"):
                    if row.get(column):
                        self.owners["account", row[column]] = {self.who(row[column])}
        for row in self.rows["raw_crm.campaign_contacts"]:
            self.owners["contact", row["contact_id"]].add(self.who(row["customer_id"]))
        for row in self.rows["raw_loyalty.transactions"]:
            receipt = self.owners["receipt", row["transaction_id"]]
            receipt |= {self.who(row["customer_id"])} if row["customer_id"] else set()
            receipt |= cards[row["member_id"]] if row["member_id"] else set()
        for row in self.rows["raw_app.devices"]:
            self.owners["visitor", row["device_id"]].add(self.who(row["customer_id"]))
        for row in self.rows["raw_web.events"]:
            if row["login_id"]:
                persons = self.of_login(row["login_id"])
                self.owners["visitor", row["anonymous_id"]] |= persons
                if row["session_id"]:
                    session = row["anonymous_id"] + "\x1f" + row["session_id"]
                    self.owners["session", session] |= persons

    def _asked(self) -> set[str]:
        persons = set()
        for row in self.rows["raw_crm.erasure_requests"]:
            for column, kind in [("customer_id", "account"), ("member_id", "card"),
                                 ("email", "email")]:  # fmt: skip
                if row[column]:
                    named = row[column].lower() if kind == "email" else row[column]
                    found = self.owners[kind, named] or {named}
                    self.owners[kind, named] = found
                    persons |= found if len(found) == 1 else set()
        return persons

    def identifiers(self) -> set[tuple[str, str]]:
        """What the list of erased identifiers must hold, in clear."""
        cards = {row["member_id"] for row in self.rows["raw_loyalty.members"]}
        return self.certain | {("account", f"card:{card}") for card in cards
                               if ("card", card) in self.certain}  # fmt: skip

    def names_erased(self, row: dict) -> bool:
        named = {(KINDS[c], row[c].lower() if c == "email" else row[c])
                 for c in row.keys() & KINDS.keys() if row[c]}  # fmt: skip
        login, session = row.get("login_id"), row.get("session_id")
        if login:
            named |= {("account", login), ("email", login.lower())}
        if session:
            named.add(("session", row["anonymous_id"] + "\x1f" + session))
        return bool(named & self.certain)

    def kept(self, table: str) -> set[str]:
        """The keys of the rows that stay: the last version of each says so."""
        last = {row[KEYS[table]]: row for row in self.rows[table]}
        return {key for key, row in last.items() if not self.names_erased(row)}
