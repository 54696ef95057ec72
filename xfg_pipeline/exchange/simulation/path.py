"""One week of a coin's candles, made whole from its name and number: the smallest piece that can be asked for."""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.exchange.simulation.coins import Coin
from xfg_pipeline.exchange.simulation.noise import normals, seed, smooth, uniforms
from xfg_pipeline.exchange.simulation.setups import Draft, Setup, plant, setups_of
from xfg_pipeline.signals.candles import Times
from xfg_pipeline.signals.slots import DAY_SECONDS, SLOT_SECONDS, SLOTS_A_DAY

CANDLES = 7 * SLOTS_A_DAY
"""Candles of a block."""
OCTAVES = (1, 2, 4, 8, 16, 32, 64)
"""Weeks over which the slow movement of a price turns. It is bounded: a coin keeps its order of magnitude for ever."""
REACH = 1.15
"""What the slow movement adds in a week, in moves of a week of independent candles: as far as they go themselves."""

Ticks = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Week:
    """Candles of a block: prices in ticks, volume in quantity steps, all int64[672]; `open_time` in seconds UTC."""

    open_time: Times
    open: Ticks
    high: Ticks
    low: Ticks
    close: Ticks
    volume: Ticks
    setups: tuple[Setup, ...]


@dataclass(frozen=True, eq=False)
class Stretch:
    """Candles of any range, as in Week; `setups` with the close of their candle in seconds UTC."""

    open_time: Times
    open: Ticks
    high: Ticks
    low: Ticks
    close: Ticks
    volume: Ticks
    setups: tuple[tuple[int, Setup], ...]


def stretch(coin: Coin, first: int, last: int) -> Stretch:
    """The candles with first <= open time < last (seconds UTC), and all setups of the blocks that they are in."""
    name = coin.instrument.coin
    begin, end = -(-first // SLOT_SECONDS), -(-last // SLOT_SECONDS)
    if end <= begin:
        nothing = np.empty(0, dtype=np.int64)
        return Stretch(nothing, nothing, nothing, nothing, nothing, nothing, ())
    offset = block_offset(name)
    blocks = range((begin - offset) // CANDLES, (end - 1 - offset) // CANDLES + 1)
    weeks = [week(coin, block) for block in blocks]
    skipped = begin - offset - blocks[0] * CANDLES
    rows = slice(skipped, skipped + end - begin)
    open_time, open_, high, low, close, volume = (
        np.concatenate([getattr(one, column) for one in weeks])[rows]
        for column in ("open_time", "open", "high", "low", "close", "volume")
    )
    setups = tuple((int(one.open_time[setup.candle]) + SLOT_SECONDS, setup) for one in weeks for setup in one.setups)
    return Stretch(open_time, open_, high, low, close, volume, setups)


@functools.lru_cache(maxsize=512)
def week(coin: Coin, block: int) -> Week:
    """A block of a coin. Blocks of different coins begin at different hours."""
    name = coin.instrument.coin
    index = block * CANDLES + block_offset(name) + np.arange(CANDLES, dtype=np.int64)
    draft = _draft(coin, index)
    setups = setups_of(name, block, index)
    for setup in setups:
        plant(draft, setup)
    return _priced(coin, block, index, draft, setups)


def block_offset(name: str) -> int:
    """The place in 15-minute candles since 1970 at which the blocks of a coin begin, modulo their length."""
    return seed(name, "offset") % CANDLES


def _draft(coin: Coin, index: Times) -> Draft:
    name = coin.instrument.coin
    at = index * SLOT_SECONDS
    days = at // DAY_SECONDS
    market = uniforms(seed("market", "regime"), days)
    own = uniforms(seed(name, "regime"), days)
    mood = np.where(own < 0.6, market, uniforms(seed(name, "own regime"), days))
    # Calm, trending or turbulent days, over slower and faster swings of volatility and the hours of the day.
    level = np.where(mood < 0.45, 0.8, np.where(mood < 0.8, 1.0, 1.5))
    side = np.where(uniforms(seed(name, "trend"), days) < 0.5, 0.08, -0.08)
    trend = np.where((mood >= 0.45) & (mood < 0.8), side, 0.0)
    swing = 0.35 * smooth(seed(name, "swing"), index, 24) + 0.25 * smooth(seed("market", "swing"), index, 8)
    hours = 1.0 + 0.2 * np.sin(2.0 * np.pi * ((at % DAY_SECONDS) / DAY_SECONDS - 0.35))
    sigma = coin.sigma * level * np.exp(swing) * hours
    common, alone = normals(seed("market", "move"), index), normals(seed(name, "move"), index)
    shock = 0.5 * common + np.sqrt(0.75) * alone
    busy = (sigma / coin.sigma) * (0.8 + 0.25 * np.abs(shock))
    tail = uniforms(seed(name, "tail"), index)
    scatter = np.exp(0.16 * normals(seed(name, "volume"), index)) * np.where(tail < 0.01, 1.0 + 150.0 * tail, 1.0)
    volume = coin.turnover / coin.price * busy * scatter
    return Draft(
        move=sigma * (shock + trend),
        sigma=sigma,
        volume=volume,
        up=np.log(uniforms(seed(name, "high"), index)),
        down=np.log(uniforms(seed(name, "low"), index)),
        held=np.zeros(index.size, dtype=np.bool_),
    )


def boundaries(coin: Coin, block: int) -> tuple[float, float]:
    """The log prices at which a block begins, and ends: where the next one begins."""
    at = np.array([block, block + 1], dtype=np.int64)
    slow = np.zeros(2)
    for weeks in OCTAVES:
        slow += math.sqrt(weeks) * smooth(seed(coin.instrument.coin, "octave", str(weeks)), at, weeks)
    begin, end = (math.log(coin.price) + REACH * coin.sigma * math.sqrt(CANDLES) * slow).tolist()
    return begin, end


def _priced(coin: Coin, block: int, index: Times, draft: Draft, setups: tuple[Setup, ...]) -> Week:
    begin, end = boundaries(coin, block)
    # What is missing to the next block's beginning is spread over the candles that no setup holds.
    weights = np.where(draft.held, 0.0, draft.sigma**2)
    above, below = draft.wicks(slice(None))
    move = draft.move + (end - begin - draft.move.sum()) * weights / weights.sum()
    close = begin + np.cumsum(move)
    close[-1] = end
    opened = np.concatenate([[begin], close[:-1]])
    name = coin.instrument.coin
    jumps = uniforms(seed(name, "gap"), index) < 0.02
    jumps[0] = False
    opened = np.where(jumps & ~draft.held, opened + 0.6 * (close - opened), opened)
    numerator, denominator = coin.instrument.tick_size.as_integer_ratio()
    log_prices = np.stack([opened, np.maximum(opened, close) + above, np.minimum(opened, close) - below, close])
    ticks = np.maximum(np.rint(np.exp(log_prices) * denominator / numerator), 1.0).astype(np.int64)
    steps, whole = coin.instrument.qty_step.as_integer_ratio()
    return Week(
        open_time=index * SLOT_SECONDS,
        open=ticks[0],
        high=ticks.max(axis=0),
        low=ticks.min(axis=0),
        close=ticks[3],
        volume=np.rint(draft.volume * whole / steps).astype(np.int64),
        setups=setups,
    )
