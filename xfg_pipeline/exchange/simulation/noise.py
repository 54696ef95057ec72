"""Noise with random access: the draw of a purpose at an index is the same whenever, and wherever, it is asked for.

Counter-mode SplitMix64 (Steele, Lea, Flood 2014) on integers: no generator's state, and no library's version, is in it.
"""

import functools
import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.candles import Floats, Times

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
_LAST = np.uint64(31)
_MANTISSA = np.uint64(11)


@functools.lru_cache(maxsize=65_536)
def seed(*words: str) -> int:
    """64 bits that name a stream of draws."""
    return int.from_bytes(hashlib.blake2b("/".join(words).encode(), digest_size=8).digest(), "little")


def uniforms(stream: int, index: Times) -> Floats:
    """Draws strictly between 0 and 1, one for each index."""
    state: NDArray[np.uint64] = (index.astype(np.uint64) + np.uint64(1)) * _GOLDEN + np.uint64(stream)
    for shift, factor in _MIX:
        state = (state ^ (state >> shift)) * factor
    state ^= state >> _LAST
    return ((state >> _MANTISSA).astype(np.float64) + 0.5) * 2.0**-53


def normals(stream: int, index: Times) -> Floats:
    """Standard normal draws (Box and Muller 1958), one for each index."""
    pairs = uniforms(stream, np.concatenate([index * 2, index * 2 + 1]))
    radius, angle = pairs[: index.size], pairs[index.size :]
    return np.sqrt(-2.0 * np.log(radius)) * np.cos(math.tau * angle)


def smooth(stream: int, at: Times, spacing: int) -> Floats:
    """Value noise from -1 to 1: draws every `spacing`, joined by straight lines."""
    first = int(at[0]) // spacing
    knots = 2.0 * uniforms(stream, np.arange(first, int(at[-1]) // spacing + 2, dtype=np.int64)) - 1.0
    return np.interp(at, (np.arange(knots.size) + first) * spacing, knots)


def draw(stream: int, index: int) -> float:
    """One uniform draw."""
    return float(uniforms(stream, np.array([index], dtype=np.int64))[0])
