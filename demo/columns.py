"""Small builders of Arrow columns from numpy arrays, all vectorised."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MOMENT = pa.timestamp("us")
MASK64 = (1 << 64) - 1
HEX = np.array([f"{byte:02x}" for byte in range(256)], dtype="S2")


def numbered(prefix: str, numbers: np.ndarray, width: int = 8) -> pa.Array:
    """`C`, 42 → `C00000042`."""
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(prefix, digits, "")


def opaque(prefix: str, numbers: np.ndarray) -> pa.Array:
    """A different meaningless name for every number, as cookies and devices have (splitmix64)."""
    x = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    pairs = HEX[x.astype(">u8").view(np.uint8)].reshape(-1)
    text = pa.array(pairs.view("S16"), type=pa.binary()).cast(pa.string())
    return pc.binary_join_element_wise(prefix, text, "")


def word(choices: list, index: np.ndarray) -> pa.Array:
    """choices[index], text or None."""
    return pa.array(choices, type=pa.string()).take(pa.array(index))


def pick_word(rng: np.random.Generator, choices: list, weights: list, size: int) -> pa.Array:
    """Random choices by weight."""
    return word(choices, weighted(rng, weights, size))


def weighted(rng: np.random.Generator, weights: list, size: int) -> np.ndarray:
    """Random positions 0 … len(weights) - 1."""
    share = np.cumsum(weights) / np.sum(weights)
    return np.searchsorted(share, rng.random(size), side="right")


def of_owner(values: pa.Array, owner: np.ndarray) -> pa.Array:
    """values[owner], null where the owner is -1."""
    return values.take(pa.array(owner, mask=owner < 0))


def blank(values: pa.Array, where: np.ndarray) -> pa.Array:
    """The values, null where told."""
    return pc.if_else(pa.array(where), pa.scalar(None, values.type), values)


def merge(where: np.ndarray, yes: pa.Array, no: pa.Array) -> pa.Array:
    """yes where told, else no."""
    return pc.if_else(pa.array(where), yes, no)


def moment(at: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """Timestamps from µs; null where missing."""
    return pa.array(at, type=pa.int64(), mask=missing).cast(MOMENT)


def number(values: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """Doubles; null where missing."""
    return pa.array(np.asarray(values, dtype=np.float64), mask=missing)


def join(*parts) -> pa.Array:
    """join(a, b, separator): the texts of each row, put together."""
    return pc.binary_join_element_wise(*parts)


def upper(values: pa.Array) -> pa.Array:
    """As somebody typed it at the till."""
    return pc.utf8_upper(values)
