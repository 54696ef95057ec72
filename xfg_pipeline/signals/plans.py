"""Entry zone, stop and target of every slot of a coin at once, in whole ticks: comparisons are exact."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.candles import Floats, Times
from xfg_pipeline.signals.increments import EXACT, Increments, Ticks, rounded_down
from xfg_pipeline.signals.positioning import PositioningRows, unknown
from xfg_pipeline.signals.signal_types import BREAKOUT, CASCADE, NO_TYPE, REVERSION, SIGNAL_TYPES, types_of

ZONE = 0.10
"""The entry zone reaches so many ATR to either side of the slot's close."""
STOP: Final = {
    "liquidation_cascade": 1.25,
    "breakout": 1.3,
    "mean_reversion": 1.2,
    "sentiment_divergence": 1.3,
    "trend_following": 1.3,
}
"""From the close to the stop in ATR: beyond what one ordinary candle does."""
TARGET_ATR = 3.0
"""From the close to the target in ATR, where no structure gives one (trend, divergence)."""
FARTHEST = 3.3
"""No target is farther from the close, in ATR: what is seldom reached within a day is not promised."""
EXTENSION = 1.618
"""A breakout's measured move, from the broken edge on, in heights of its range."""
RETRACEMENT = 0.618
"""Share of a cascade's move, from the far end of the 20 candles before, that its target takes back."""

REFUSALS: Final = (
    "",
    "no direction",
    "a measure of the slot is not known",
    "no signal type fits: price is inside its 20-candle range, not stretched, and in no trend",
    "the price cannot be told in whole ticks",
    "the stop or the target would be below zero",
    "the target is inside the entry zone",
    "the tick is too coarse: the stop is inside the entry zone",
)
_PLANNED, _NO_DIRECTION, _NOT_KNOWN, _NO_TYPE, _NO_TICKS, _BELOW_ZERO, _TARGET_INSIDE, _STOP_INSIDE = range(
    len(REFUSALS)
)
_WIDEST = 2.0**50
"""Ticks: a distance beyond it is cut, and cannot become a plan."""
_NEEDED = (
    "close", "high", "low", "atr", "range_high", "range_low", "mean_20", "band_high", "band_low", "rsi", "adx",
    "ema_50", "return_96",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Plans:
    """A plan for each of n slots of one coin.

    `direction` int8[n]: 1 long, -1 short, 0 none. `signal_type` int8[n] indexes SIGNAL_TYPES, -1 none. Prices are
    int64[n] in ticks, 0 where there is no plan. `refusal` int8[n] indexes REFUSALS, 0 where there is a plan.
    """

    coin: str
    slots: Times
    increments: Increments
    direction: NDArray[np.int8]
    signal_type: NDArray[np.int8]
    entry_low: Ticks
    entry_high: Ticks
    stop: Ticks
    target: Ticks
    refusal: NDArray[np.int8]

    @cached_property
    def possible(self) -> NDArray[np.bool_]:
        """Where there is a plan, bool[n]."""
        return np.asarray(self.refusal == _PLANNED, dtype=np.bool_)

    @cached_property
    def far_edge(self) -> Ticks:
        """The worst fill: the edge of the entry zone away from the stop."""
        return np.where(self.direction > 0, self.entry_high, self.entry_low)

    @cached_property
    def risk(self) -> Ticks:
        """From the far edge to the stop, in ticks; 0 where there is no plan."""
        return np.asarray(np.abs(self.far_edge - self.stop), dtype=np.int64)

    @cached_property
    def reward(self) -> Ticks:
        """From the far edge to the target, in ticks; 0 where there is no plan."""
        return np.asarray(np.abs(self.target - self.far_edge), dtype=np.int64)

    def reaches(self, ratio: Decimal) -> NDArray[np.bool_]:
        """Whether reward over risk is at least `ratio`, exactly; False where there is no plan. bool[n]."""
        numerator, denominator = ratio.as_integer_ratio()
        risk, reward = self.risk, self.reward
        largest = int(max(risk.max(initial=0), reward.max(initial=0))) * max(abs(numerator), denominator)
        if largest >= 2**63:
            risk, reward = risk.astype(object), reward.astype(object)
        return np.asarray(self.possible & (reward * denominator >= risk * numerator), dtype=np.bool_)

    def risk_reward(self, row: int) -> Decimal:
        """Reward over risk of a row that has a plan, 4 decimals, rounded down: 2 is at least 2."""
        return rounded_down(EXACT.divide(Decimal(int(self.reward[row])), Decimal(int(self.risk[row]))), 4)

    def as_floats(self) -> tuple[Floats, Floats, Floats]:
        """Far edge, stop and target as prices, float64[n] each; NaN where there is no plan."""
        return self._price(self.far_edge), self._price(self.stop), self._price(self.target)

    def columns(self) -> dict[str, Floats]:
        """Prices and risk/reward by the names they are stored under, float64[n]; NaN where there is no plan."""
        nothing = np.full(self.slots.shape, np.nan)
        return {
            "entry_low": self._price(self.entry_low),
            "entry_high": self._price(self.entry_high),
            "stop_loss": self._price(self.stop),
            "take_profit": self._price(self.target),
            "risk_reward": np.divide(self.reward, self.risk, out=nothing, where=self.possible),
        }

    def _price(self, ticks: Ticks) -> Floats:
        return np.where(self.possible, self.increments.as_floats(ticks), np.nan)


def make_plans(
    coin: str,
    slots: Times,
    measures: Mapping[str, Floats],
    direction: NDArray[np.int8],
    increments: Increments,
    positioning: PositioningRows | None = None,
) -> Plans:
    """A plan, or the reason why there is none, for each slot.

    `measures` are those of FeatureRows, float64[n]; `direction` int8[n]. Entry and target are rounded to the nearest
    tick, the stop towards the entry: rounding never adds risk.
    """
    kind = types_of(measures, direction, positioning or unknown(slots.size))
    known = np.logical_and.reduce([np.isfinite(measures[name]) for name in _NEEDED])
    refusal = np.select(
        [direction == 0, ~known, kind == NO_TYPE], [_NO_DIRECTION, _NOT_KNOWN, _NO_TYPE], default=_PLANNED
    ).astype(np.int8)
    rows = np.flatnonzero(refusal == _PLANNED)
    prices, faults = _place({name: measures[name][rows] for name in _NEEDED}, kind[rows], direction[rows], increments)
    refusal[rows] = faults
    planned = refusal == _PLANNED
    columns = np.zeros((4, slots.size), dtype=np.int64)
    columns[:, planned] = prices[:, faults == _PLANNED]
    return Plans(
        coin=coin,
        slots=slots,
        increments=increments,
        direction=np.where(planned, direction, 0).astype(np.int8),
        signal_type=np.where(planned, kind, NO_TYPE).astype(np.int8),
        entry_low=columns[0],
        entry_high=columns[1],
        stop=columns[2],
        target=columns[3],
        refusal=refusal,
    )


def _place(
    measures: Mapping[str, Floats], kind: NDArray[np.int8], direction: NDArray[np.int8], increments: Increments
) -> tuple[Ticks, NDArray[np.int8]]:
    """Entry low, entry high, stop and target in ticks, int64[4, n], and what is wrong with each, int8[n]."""
    sign = direction.astype(np.int64)
    close = increments.nearest(measures["close"])
    atr = np.minimum(increments.in_ticks(measures["atr"]), _WIDEST)
    half = np.rint(ZONE * atr).astype(np.int64)
    away = np.floor(np.take([STOP[name] for name in SIGNAL_TYPES], kind) * atr).astype(np.int64)
    reach = np.minimum(increments.in_ticks(_reach(measures, kind, sign)), FARTHEST * atr)
    ahead = np.rint(reach).astype(np.int64)
    stop, target = close - sign * away, close + sign * ahead
    faults = np.select(
        [close < 1, np.minimum(stop, target) < 1, ahead <= half, away <= half],
        [_NO_TICKS, _BELOW_ZERO, _TARGET_INSIDE, _STOP_INSIDE],
        default=_PLANNED,
    )
    return np.stack([close - half, close + half, stop, target]), faults.astype(np.int8)


def _reach(measures: Mapping[str, Floats], kind: NDArray[np.int8], sign: NDArray[np.int64]) -> Floats:
    """Price units from the close to the target in the direction of the trade; below 0 where structure offers none."""
    close, high, low = measures["close"], measures["range_high"], measures["range_low"]
    ahead = sign * (np.where(sign > 0, high, low) - close)
    return np.select(
        [kind == CASCADE, kind == BREAKOUT, kind == REVERSION],
        [
            RETRACEMENT * ahead,
            EXTENSION * (high - low) + ahead,
            sign * (measures["mean_20"] - close),
        ],
        default=TARGET_ATR * measures["atr"],
    )
