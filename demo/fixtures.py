"""Which customers each quirk touches, so that tests can look for it."""

import json
from collections import defaultdict

import numpy as np

EXAMPLES = 200  # ids kept per quirk (and table); counts are complete


class Fixtures:
    """Collects quirks block by block. People are given as indices within the current block."""

    def __init__(self):
        self._quirks = defaultdict(lambda: {"count": 0})
        self._first = 0

    def start_block(self, first: int) -> None:
        self._first = first

    def count(self, quirk: str, count: int, **more: list) -> None:
        """So many of what belongs to no customer; `more` names some, e.g. cookies=[...]."""
        self._quirks[quirk]["count"] += int(count)
        self._more(self._quirks[quirk], more)

    def add(self, quirk: str, owner: np.ndarray, table: str | None = None, **more: list) -> None:
        """One entry per row or customer; with a table, ids and counts are kept table by table."""
        if len(owner) == 0:
            return
        self.count(quirk, len(owner))
        entry = self._quirks[quirk]
        if table:
            entry = entry.setdefault("tables", {}).setdefault(table, {"count": 0})
            entry["count"] += len(owner)
        _extend(entry, "customer_ids", self._ids(np.unique(owner[owner >= 0])))
        self._more(entry, more)

    def pairs(self, quirk: str, one: np.ndarray, other: np.ndarray, **more: list) -> None:
        """Pairs of customers, e.g. (account that ended, account that goes on).

        `more` has one value for each pair, e.g. the cookie that they share.
        """
        self.count(quirk, len(one))
        both = [list(pair) for pair in zip(self._ids(one), self._ids(other), strict=True)]
        _extend(self._quirks[quirk], "pairs", both)
        self._more(self._quirks[quirk], more)

    def as_json(self) -> str:
        return json.dumps(dict(sorted(self._quirks.items())), indent=1, sort_keys=True) + "\n"

    def _more(self, entry: dict, more: dict[str, list]) -> None:
        for name, values in more.items():
            _extend(entry, name, values)

    def _ids(self, owner: np.ndarray) -> list[str]:
        return [f"C{self._first + int(index):08d}" for index in owner[:EXAMPLES]]


def _extend(entry: dict, name: str, values: list) -> None:
    kept = entry.setdefault(name, [])
    kept.extend(values[: EXAMPLES - len(kept)])
