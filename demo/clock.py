"""Time. Every moment is an int64 of microseconds since 1970 in UTC, `NEVER` is later than all.

People live by the clock of Paris: what they do is spread over their local day and then turned into
UTC, so a visit at half past midnight carries the UTC date of the day before.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
MONTH = 30.4375 * DAY
NEVER = np.int64(2**62)
ZONE = ZoneInfo("Europe/Paris")

# How busy each local hour is, from midnight on; the scale does not matter.
ONLINE_HOURS = [6, 3, 1, 1, 1, 2, 5, 10, 12, 12, 12, 12]
ONLINE_HOURS += [16, 15, 12, 11, 12, 14, 17, 20, 24, 25, 20, 12]
SHOP_HOURS = [0] * 9 + [5, 10, 12, 12, 9, 10, 13, 15, 17, 14, 6] + [0] * 4


@dataclass(frozen=True)
class Window:
    """The months that the data covers; `edges` are their M + 1 borders, in UTC."""

    edges: np.ndarray  # (M + 1,) µs; the last one is the end of the last day
    month_ends: tuple[date, ...]  # (M,) the last day of each month
    last_load: int  # µs
    first_day: int  # UTC day number of `offsets[0]`
    offsets: np.ndarray  # (days,) µs that local time is ahead of UTC

    @property
    def months(self) -> int:
        return len(self.month_ends)

    @property
    def start(self) -> int:
        return int(self.edges[0])

    @property
    def end(self) -> int:
        return int(self.edges[-1])


def make_window(end: date, months: int) -> Window:
    """The month of `end` up to that day, and the whole months before it: `months` in all."""
    last = end.year * 12 + end.month - 1
    firsts = [date(m // 12, m % 12 + 1, 1) for m in range(last - months + 1, last + 1)]
    borders = [*firsts, end + timedelta(days=1)]
    midnight = datetime.combine(borders[-1], time(3), UTC)
    days = range(borders[0].toordinal() - 2, borders[-1].toordinal() + 3)
    return Window(
        edges=np.array([_local_midnight(day) for day in borders], dtype=np.int64),
        month_ends=tuple(border - timedelta(days=1) for border in borders[1:]),
        last_load=int(midnight.timestamp()) * SECOND,
        first_day=days[0] - date(1970, 1, 1).toordinal(),
        offsets=np.array([_offset_at_noon(date.fromordinal(day)) for day in days], dtype=np.int64),
    )


def _local_midnight(day: date) -> int:
    return int(datetime.combine(day, time(0), ZONE).timestamp()) * SECOND


def _offset_at_noon(day: date) -> int:
    return int(datetime.combine(day, time(12), ZONE).utcoffset().total_seconds()) * SECOND


def offset(window: Window, at: np.ndarray) -> np.ndarray:
    """How far Paris is ahead of UTC at each moment, µs."""
    index = np.clip(at // DAY - window.first_day, 0, len(window.offsets) - 1)
    return window.offsets[index]


def time_of_day(rng: np.random.Generator, hours: list[int], size: int) -> np.ndarray:
    """µs after local midnight, busy hours more often."""
    share = np.cumsum(hours) / np.sum(hours)
    hour = np.searchsorted(share, rng.random(size), side="right")
    return hour * HOUR + rng.integers(0, HOUR, size)


def spread(rng, window: Window, low: np.ndarray, high: np.ndarray, hours: list[int]) -> np.ndarray:
    """One moment in each [low, high): any day of it, at a time of day when people are busy."""
    anyhow = low + (rng.random(len(low)) * (high - low)).astype(np.int64)
    ahead = offset(window, anyhow)
    local_day = (anyhow + ahead) // DAY
    at = local_day * DAY + time_of_day(rng, hours, len(low)) - ahead
    return np.where((at < low) | (at >= high), anyhow, at)


def usual_load(window: Window, at: np.ndarray) -> np.ndarray:
    """The nightly load that brings a row: 03:00 UTC of the next day, within the window's loads."""
    first_load = window.start // DAY * DAY + DAY + 3 * HOUR
    return np.clip((at // DAY + 1) * DAY + 3 * HOUR, first_load, window.last_load)
