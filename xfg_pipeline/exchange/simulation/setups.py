"""The planted structure: recognisable setups after which the price drifts, decoys, and spells in which it weakens."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.exchange.simulation.noise import draw, seed, uniforms
from xfg_pipeline.signals.candles import Floats, Times
from xfg_pipeline.signals.slots import DAY_SECONDS, SLOT_SECONDS

LEAD = 28
"""Candles before a setup's own that belong to its shape."""
DRIFT_CANDLES = 12
"""Candles after it over which the price drifts."""
CYCLE_DAYS = 12
"""Each has one weak spell of two or three days, at a place that only its hash knows."""

_SPACING = LEAD + DRIFT_CANDLES
"""Candles from one to the next at least; the rest is exponential, with this mean."""
_MEAN_EXTRA = 12.0
_MOST = 20
_SHARE_OF_SETUPS = 0.5
_CHANCE, _CHANCE_OF_STRENGTH, _CHANCE_WEAK = 0.92, 0.07, 0.46
_REACH, _REACH_BACK = 3.9, -1.5
"""Where the drift ends, in ATR in the setup's direction, when it works and when it does not."""
_FADING = np.linspace(1.5, 0.5, DRIFT_CANDLES) / DRIFT_CANDLES
_ATTENTION = np.linspace(1.5, 1.0, DRIFT_CANDLES)
_FALL, _RUSH = np.linspace(0.9, 1.9, 5), np.linspace(1.1, 1.8, 5)
"""Pace, in usual moves, and volume of the candles before a climax."""


class Kind(Enum):
    """What stands there."""

    BREAKOUT = "breakout"
    CAPITULATION = "capitulation"
    RESUMPTION = "resumption"
    SPIKE = "spike"
    FALSE_BREAK = "false_break"


SETUPS = (Kind.BREAKOUT, Kind.CAPITULATION, Kind.RESUMPTION)
DECOYS = (Kind.SPIKE, Kind.FALSE_BREAK)


@dataclass(frozen=True)
class Setup:
    """One of them. `candle` is the place of its own candle in the block, `direction` +1 or -1 what should follow,
    `strength` from 0 to 1 how clear it is, `works` whether it will. A decoy's direction means nothing.
    """

    candle: int
    kind: Kind
    direction: int
    strength: float
    works: bool


@dataclass(eq=False)
class Draft:
    """A block while it is made, one value a candle: `move` of the log price, `sigma` of its wicks, `volume`.

    `up` and `down` are the natural logarithms of uniform draws behind the wicks.
    """

    move: Floats
    sigma: Floats
    volume: Floats
    up: Floats
    down: Floats
    held: NDArray[np.bool_]

    def wicks(self, rows: slice) -> tuple[Floats, Floats]:
        """How far above the higher, and below the lower, of open and close the price went, as log prices.

        The extreme of a Brownian bridge from 0 to the candle's move has a closed form (Karatzas, Shreve, 2.8).
        """
        move, spread = self.move[rows], 2.0 * self.sigma[rows] ** 2
        squared = move * move
        above = 0.5 * (move + np.sqrt(squared - spread * self.up[rows])) - np.maximum(move, 0.0)
        below = 0.5 * (-move + np.sqrt(squared - spread * self.down[rows])) - np.maximum(-move, 0.0)
        return above, below

    def atr(self, candle: int) -> float:
        """Wilder's ATR(14) at a candle, as a log price."""
        rows = slice(max(0, candle - 69), candle + 1)
        above, below = self.wicks(rows)
        ranges = np.abs(self.move[rows]) + above + below
        weights = (13.0 / 14.0) ** np.arange(ranges.size - 1, -1, -1)
        return float((ranges * weights).sum() / weights.sum())


def is_weak(at: int) -> bool:
    """Whether a time (seconds UTC) lies in a weak spell: setups look as ever, and half of them come to nothing."""
    cycle, day = divmod(at // DAY_SECONDS, CYCLE_DAYS)
    return day in _weak_days(cycle)


@functools.lru_cache(maxsize=4096)
def _weak_days(cycle: int) -> range:
    stream = seed("market", "weak spell")
    length = 2 + (draw(stream, 2 * cycle) < 0.3)
    begin = int(draw(stream, 2 * cycle + 1) * (CYCLE_DAYS - length + 1))
    return range(begin, begin + length)


def setups_of(coin: str, block: int, index: Times) -> tuple[Setup, ...]:
    """What is planted in a block, whose candles have these numbers since 1970."""
    draws = uniforms(seed(coin, "setups"), block * 256 + np.arange(6 * _MOST, dtype=np.int64)).reshape(_MOST, 6)
    found = []
    candle = LEAD + 4 - _SPACING
    for gap, planted, which, side, strength, luck in draws.tolist():
        candle += _SPACING + int(-_MEAN_EXTRA * math.log(gap))
        if candle > index.size - DRIFT_CANDLES - 2:
            break
        kinds = SETUPS if planted < _SHARE_OF_SETUPS else DECOYS
        kind = kinds[int(which * len(kinds))]
        weak = is_weak(int(index[candle] + 1) * SLOT_SECONDS)
        works = luck < (_CHANCE_WEAK if weak else _CHANCE + _CHANCE_OF_STRENGTH * strength)
        found.append(Setup(candle, kind, 1 if side < 0.5 else -1, strength, kind in SETUPS and works))
    return tuple(found)


def plant(draft: Draft, setup: Setup) -> None:
    """Shapes the draft around a setup, and what follows it."""
    usual = float(draft.sigma[max(0, setup.candle - LEAD) : setup.candle].mean())
    _SHAPES[setup.kind](draft, setup, usual)
    if setup.kind in DECOYS:
        return
    atr = draft.atr(setup.candle)
    after = slice(setup.candle + 1, setup.candle + 1 + DRIFT_CANDLES)
    noise = draft.move[after] / draft.sigma[after]
    reach = _REACH if setup.works else _REACH_BACK
    draft.sigma[after] = 0.5 * atr
    draft.move[after] = 0.5 * atr * noise + setup.direction * reach * atr * _FADING
    draft.volume[after] *= _ATTENTION
    draft.held[setup.candle - LEAD : setup.candle + 1 + DRIFT_CANDLES] = True


def _volume_spike(draft: Draft, candle: int, multiple: float) -> None:
    draft.volume[candle] = multiple * draft.volume[candle - 20 : candle].mean()


def _breakout(draft: Draft, setup: Setup, usual: float) -> None:
    """Movement dries up, then a candle closes beyond the range of 20 with volume."""
    quiet = slice(setup.candle - 24, setup.candle)
    tight = 0.6 - 0.2 * setup.strength
    draft.move[quiet] = tight * (draft.move[quiet] - draft.move[quiet].mean())
    draft.sigma[quiet] *= tight
    draft.volume[quiet] *= 0.75
    margin = (0.5 + 0.6 * setup.strength) * usual
    draft.move[setup.candle] = _to_beyond(draft, setup.candle, setup.direction) + setup.direction * margin
    draft.sigma[setup.candle] = 0.5 * margin
    _volume_spike(draft, setup.candle, 4.2 + 3.4 * setup.strength)


def _to_beyond(draft: Draft, candle: int, side: int) -> float:
    """The move from the close before a candle to the edge of the 20 candles before it."""
    before = slice(candle - 20, candle)
    above, below = draft.wicks(before)
    closes = side * np.cumsum(draft.move[before])
    opens = closes - side * draft.move[before]
    edge = float((np.maximum(opens, closes) + (above if side > 0 else below)).max())
    return side * (edge - float(closes[-1]))


def _capitulation(draft: Draft, setup: Setup, usual: float) -> None:
    """A fast move over several candles on rising volume, and a climax that is taken back within its candle."""
    lead = slice(setup.candle - 14, setup.candle - 5)
    run = slice(setup.candle - 5, setup.candle)
    draft.move[lead] -= setup.direction * 0.3 * usual
    draft.move[run] = 0.3 * draft.move[run] - setup.direction * usual * _FALL
    draft.sigma[run] = usual
    draft.volume[run] *= _RUSH
    draft.move[setup.candle] = setup.direction * (0.9 + 0.5 * setup.strength) * usual
    draft.sigma[setup.candle] = 0.7 * usual
    deep = draft.down if setup.direction > 0 else draft.up
    deep[setup.candle] = -9.0
    _volume_spike(draft, setup.candle, 5.0 + 3.4 * setup.strength)


def _resumption(draft: Draft, setup: Setup, usual: float) -> None:
    """A trend, a quiet pullback against it, and a candle with volume that takes the trend up again."""
    trend = slice(setup.candle - 27, setup.candle - 5)
    pullback = slice(setup.candle - 5, setup.candle)
    draft.move[trend] = 0.7 * draft.move[trend] + setup.direction * 0.45 * usual
    draft.move[pullback] = 0.3 * draft.move[pullback] - setup.direction * 0.4 * usual
    draft.sigma[pullback] *= 0.7
    draft.volume[pullback] *= 0.65
    draft.move[setup.candle] = setup.direction * (1.4 + 0.8 * setup.strength) * usual
    draft.sigma[setup.candle] = 0.5 * usual
    _volume_spike(draft, setup.candle, 4.2 + 3.4 * setup.strength)


def _spike(draft: Draft, setup: Setup, usual: float) -> None:
    """Volume, and nothing else."""
    del usual
    _volume_spike(draft, setup.candle, 2.2 + 1.6 * setup.strength)


def _false_break(draft: Draft, setup: Setup, usual: float) -> None:
    """A candle beyond the nearer edge of the range with volume, out of ordinary movement."""
    move = min((_to_beyond(draft, setup.candle, side) for side in (1, -1)), key=abs)
    draft.move[setup.candle] = move + math.copysign(0.5 * usual, move)
    draft.sigma[setup.candle] = 0.25 * usual
    _volume_spike(draft, setup.candle, 2.0 + 1.6 * setup.strength)


_SHAPES: dict[Kind, Callable[[Draft, Setup, float], Any]] = {
    Kind.BREAKOUT: _breakout,
    Kind.CAPITULATION: _capitulation,
    Kind.RESUMPTION: _resumption,
    Kind.SPIKE: _spike,
    Kind.FALSE_BREAK: _false_break,
}
