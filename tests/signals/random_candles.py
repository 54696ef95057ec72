"""Invented candles for tests of pure functions: a random walk with whatever a market can do to it."""

from datetime import UTC, datetime

import numpy as np

from xfg_pipeline.signals.candles import Candles

MIDNIGHT = datetime(2024, 10, 24, tzinfo=UTC)
"""Three days before Europe's clocks went back."""


def random_candles(
    seed: int,
    days: int,
    *,
    price: float = 100.0,
    volume: float = 10.0,
    still: float = 0.0,
    gaps: int = 0,
    wild: bool = False,
) -> Candles:
    """Candles of whole days from MIDNIGHT on.

    `volume` is the mean (0: nobody ever trades), `still` the share of candles in which nothing moves, `gaps` how many
    candles are missing, `wild` jumps of the price by powers of ten, and candles without volume.
    """
    draws = np.random.default_rng(seed)
    size = days * 96
    moves = draws.normal(0, 0.004, size) * (draws.random(size) >= still)
    if wild:
        moves += (draws.random(size) < 0.01) * draws.normal(0, 1.0, size)
    close = price * np.exp(np.cumsum(moves))
    opened = np.concatenate([[price], close[:-1]])
    wicks = np.abs(draws.normal(0, 0.002, (2, size))) * (draws.random(size) >= still)
    traded = volume * draws.lognormal(0, 0.5, size)
    if wild:
        traded *= draws.random(size) > 0.2
    start = int(MIDNIGHT.timestamp())
    made = Candles(
        "TEST",
        start + np.arange(size, dtype=np.int64) * 900,
        opened,
        np.maximum(opened, close) * (1 + wicks[0]),
        np.minimum(opened, close) / (1 + wicks[1]),
        close,
        traded,
    )
    there = np.ones(size, dtype=np.bool_)
    there[draws.integers(0, size, gaps)] = False
    return made.at(there)
