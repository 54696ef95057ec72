"""Ground for the tests of selection: slots whose measures and probabilities are written by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from xfg_pipeline.signals.features import FEATURES, FeatureRows
from xfg_pipeline.signals.gates import Candidates, judge
from xfg_pipeline.signals.increments import Increments
from xfg_pipeline.signals.light import Light
from xfg_pipeline.signals.records import Direction
from xfg_pipeline.signals.rules import SignalRules
from xfg_pipeline.signals.selection import Selection
from xfg_pipeline.signals.signal_types import SIGNAL_TYPES
from xfg_pipeline.signals.slots import SLOT_SECONDS, moment, seconds
from xfg_pipeline.signals.stops import GATES, PASSED, Stops, millionths

START = datetime(2025, 12, 9, 9, 30, tzinfo=UTC)
BTC = Increments(Decimal("0.10"), Decimal("0.001"), Decimal("0.001"), Decimal(100), Decimal(5))
MODELS = ("xgboost", "lightgbm", "catboost", "tabnet", "automl")

# A breakout: 44 above the 20-candle high of 91,886, range of 1,000, ATR of 400.
BREAKOUT = {
    "open": 91700.0,
    "high": 91960.0,
    "low": 91690.0,
    "close": 91930.0,
    "candle_range": 270.0,
    "atr": 400.0,
    "volume_ratio": 2.62,
    "range_high": 91886.0,
    "range_low": 90886.0,
    "mean_20": 91400.0,
    "band_high": 91900.0,
    "band_low": 90900.0,
    "ema_50": 91200.0,
    "rsi": 62.0,
    "adx": 24.0,
    "return_4": 0.004,
    "return_96": 0.012,
}


@dataclass(frozen=True, eq=False)
class Said:
    """Probabilities written by hand."""

    meta: Any
    members: Any
    disagreement: Any
    broken: Any


def said(*rows: tuple[float, float, float], members: Any = None, broken: Any = None) -> Said:
    """Each row is down, flat, up; every model says what the meta-learner says unless told otherwise."""
    meta = np.array(rows, dtype=np.float32).reshape(-1, 3)
    same = np.repeat(meta[None], len(MODELS), axis=0)
    none = np.zeros(len(meta), dtype=np.bool_)
    return Said(
        meta,
        same if members is None else np.asarray(members, dtype=np.float32),
        np.full(len(meta), 0.12, dtype=np.float32),
        none if broken is None else np.asarray(broken, dtype=np.bool_),
    )


def measures(size: int = 1, **changed: float | Sequence[float]) -> dict[str, Any]:
    """The breakout at each of so many slots, but for what is changed."""
    values = {**BREAKOUT, **changed}
    return {name: np.broadcast_to(np.array(value, dtype=np.float64), (size,)).copy() for name, value in values.items()}


def feature_rows(
    size: int = 1,
    *,
    coin: str = "BTC",
    start: datetime = START,
    reason: Sequence[int] | None = None,
    **changed: float | Sequence[float],
) -> FeatureRows:
    """Slots from `start` on."""
    slots = seconds(start) + np.arange(size, dtype=np.int64) * SLOT_SECONDS
    reasons = np.zeros(size, dtype=np.int8) if reason is None else np.array(reason, dtype=np.int8)
    return FeatureRows(coin, slots, np.zeros((size, len(FEATURES))), reasons, measures(size, **changed))


def candidates(
    size: int = 1,
    *,
    up: float | Sequence[float] = 0.84,
    coin: str = "BTC",
    start: datetime = START,
    increments: Increments = BTC,
    rules: SignalRules | None = None,
    **changed: float | Sequence[float],
) -> Candidates:
    """Breakouts upwards that pass every gate of their own, but for what is changed."""
    shares = np.broadcast_to(np.array(up, dtype=np.float64), (size,))
    rows = [(0.25 * (1 - share), 0.75 * (1 - share), share) for share in shares.tolist()]
    features = feature_rows(size, coin=coin, start=start, **changed)
    return judge(features, said(*rows), MODELS, increments, rules or SignalRules())


class FixedLight:
    """The same light at every slot."""

    def __init__(self, multiplier: str, status: str | None = "green", message: str = "all is well") -> None:
        self.light = Light(status, Decimal(multiplier), message)

    def at(self, slot: datetime) -> Light:
        del slot
        return self.light


@dataclass(frozen=True)
class Rejection:
    """A slot of a coin that became no signal: the first gate that stopped it, why, and the plan where there was one."""

    coin: str
    slot: datetime
    gate: str
    reason: str
    direction: Direction | None
    confidence: Decimal | None
    volume_ratio: Decimal | None
    signal_type: str | None
    entry_low: Decimal | None
    entry_high: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    risk_reward: Decimal | None


def rejection_of(one: Candidates, stops: Stops, row: int) -> Rejection:
    """The first gate that stopped a row, with its plan where there was one."""
    plans, price = one.plans, one.plans.increments.price
    planned, directed = bool(plans.possible[row]), one.direction[row] != 0
    prices = (plans.entry_low, plans.entry_high, plans.stop, plans.target)
    entry_low, entry_high, stop, target = (price(int(ticks[row])) if planned else None for ticks in prices)
    return Rejection(
        coin=one.coin,
        slot=moment(one.features.slots[row]),
        gate=GATES[stops.gate[row]],
        reason=stops.reason(row),
        direction=("LONG" if one.direction[row] > 0 else "SHORT") if directed else None,
        confidence=millionths(one.confidence[row]) if directed else None,
        volume_ratio=millionths(one.volume_ratio[row]) if one.volume_ratio[row] >= 0 else None,
        signal_type=SIGNAL_TYPES[plans.signal_type[row]] if planned else None,
        entry_low=entry_low,
        entry_high=entry_high,
        stop_loss=stop,
        take_profit=target,
        risk_reward=plans.risk_reward(row) if planned else None,
    )


def rejections(found: Selection) -> list[Rejection]:
    """Every slot of every coin that became no signal, with the first gate that stopped it."""
    return [
        rejection_of(one, found.stops[one.coin], row)
        for one in found.candidates
        for row in np.flatnonzero(found.stops[one.coin].gate != PASSED).tolist()
    ]
