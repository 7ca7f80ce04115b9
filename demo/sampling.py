"""From monthly rates to single events."""

from dataclasses import dataclass

import clock
import numpy as np


@dataclass(frozen=True)
class Draws:
    """Events, sorted by customer and month."""

    owner: np.ndarray  # index of the customer
    month: np.ndarray  # index of the month
    at: np.ndarray  # µs

    def __len__(self) -> int:
        return len(self.owner)


def draw(rng, window, rate, since, until, hours=clock.ONLINE_HOURS, clumping=3.0) -> Draws:
    """Negative-binomial counts per customer and month, between `since` and `until` only.

    rate: (n, M) events per month; since, until: (n,) µs. The smaller `clumping`, the more events
    crowd into some months (variance = mean + mean² / clumping).
    """
    low = np.maximum(window.edges[None, :-1], since[:, None])
    high = np.minimum(window.edges[None, 1:], until[:, None])
    exposure = np.maximum(high - low, 0) / clock.MONTH
    counts = rng.poisson(rate * exposure * rng.gamma(clumping, 1 / clumping, rate.shape))
    cell = np.repeat(np.arange(counts.size), counts.ravel())
    owner, month = np.divmod(cell, window.months)
    at = clock.spread(rng, window, low.ravel()[cell], high.ravel()[cell], hours)
    return Draws(owner, month, at)


def month_of(window: clock.Window, at: np.ndarray) -> np.ndarray:
    """Index of the month, clipped to the window."""
    return np.clip(np.searchsorted(window.edges, at, side="right") - 1, 0, window.months - 1)


def within(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Groups of such sizes laid out one after the other: each item's group and place in it."""
    group = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(group)) - np.repeat(np.cumsum(counts) - counts, counts)
    return group, place


def running(values: np.ndarray, group: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Cumulative sum within each group, which starts at its own first value."""
    total = np.cumsum(values)
    start = np.flatnonzero(place == 0)
    return total - (total[start] - values[start])[group] if len(values) else total
