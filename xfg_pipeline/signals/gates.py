"""What a candidate must pass by itself to become a signal, for all slots of a coin at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.features import REASONS, FeatureRows
from xfg_pipeline.signals.increments import Increments
from xfg_pipeline.signals.manifest import CLASSES
from xfg_pipeline.signals.plans import REFUSALS, Plans, make_plans
from xfg_pipeline.signals.positioning import PositioningRows, unknown
from xfg_pipeline.signals.rules import SignalRules
from xfg_pipeline.signals.stops import (
    CONFIDENCE,
    DATA,
    DIRECTION,
    GATES,
    MILLION,
    PASSED,
    PLAN,
    RISK_REWARD,
    VOLUME,
    GateReading,
    Stops,
    at_least,
    in_millionths,
    millionths,
)

NOT_KNOWN: Final = "a measure of the slot is not known"

_DOWN, _FLAT, _UP = (CLASSES.index(name) for name in ("down", "flat", "up"))


class SlotPredictions(Protocol):
    """What an ensemble said of n slots: class order is manifest.CLASSES."""

    @property
    def meta(self) -> NDArray[Any]:
        """The meta-learner's probabilities, [n, 3]."""

    @property
    def members(self) -> NDArray[Any]:
        """Those of the models, [models, n, 3]."""

    @property
    def disagreement(self) -> NDArray[Any]:
        """Largest difference between models' probabilities of the meta-learner's class, [n]."""

    @property
    def broken(self) -> NDArray[np.bool_]:
        """Rows that must not be used, bool[n]."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """All slots of one coin as candidates, judged by the gates that need nothing but themselves.

    `direction` int8[n] is the class that is ahead (1 up, -1 down, 0 neither); `confidence` int64[n] is its probability
    and `volume_ratio` int64[n] the volume in its mean of 20, both in millionths, -1 where there is none.
    """

    features: FeatureRows
    prediction: SlotPredictions
    models: tuple[str, ...]
    positioning: PositioningRows
    plans: Plans
    rules: SignalRules
    direction: NDArray[np.int8]
    confidence: NDArray[np.int64]
    volume_ratio: NDArray[np.int64]
    stops: Stops

    @property
    def coin(self) -> str:
        """Whose slots these are."""
        return self.features.coin

    def readings(self, row: int) -> tuple[GateReading, ...]:
        """The row's own gates up to the one that stopped it."""
        stop = int(self.stops.gate[row])
        last = stop if stop != PASSED else RISK_REWARD
        return tuple(self._reading(gate, row, passed=gate != stop) for gate in range(last + 1))

    def _reading(self, gate: int, row: int, *, passed: bool) -> GateReading:
        name = GATES[gate]
        if gate == DIRECTION:
            best, rest = _best_and_rest(self.prediction.meta[row : row + 1])
            return at_least(name, millionths(best[0]), millionths(rest[0]), passed=passed, comparison=">")
        if gate == CONFIDENCE:
            return at_least(name, millionths(self.confidence[row]), self.rules.min_confidence, passed=passed)
        if gate == VOLUME:
            return at_least(name, millionths(self.volume_ratio[row]), self.rules.min_volume_ratio, passed=passed)
        if gate == RISK_REWARD:
            return at_least(name, self.plans.risk_reward(row), self.rules.min_risk_reward, passed=passed)
        return GateReading(name, passed, detail="" if passed else self.stops.reason(row))


def judge(
    features: FeatureRows,
    prediction: SlotPredictions,
    models: Sequence[str],
    increments: Increments,
    rules: SignalRules,
    positioning: PositioningRows | None = None,
) -> Candidates:
    """Plans of all slots, and the first of their own gates that stops each.

    `prediction` has one row for each of `features`, `models` names its members. Probabilities and volume ratios are
    rounded to 6 decimals (halves to even) before anything is compared, so that 0.77 as a float32 is 0.77; classes that
    are level after that are no direction. Raises ValueError for arrays of different length.
    """
    if prediction.meta.shape != (len(features), len(CLASSES)):
        raise ValueError(f"{len(features)} slots of {features.coin}, but probabilities of {prediction.meta.shape}")
    if len(models) != len(prediction.members):
        raise ValueError(f"{len(models)} names for {len(prediction.members)} models")
    measures = features.measures
    known = np.logical_and.reduce([np.isfinite(measures[name]) for name in ("close", "atr", "volume_ratio")])
    sound = ~prediction.broken & np.isfinite(prediction.meta).all(axis=1)
    best, rest = _best_and_rest(np.where(sound[:, None], prediction.meta, 0.0))
    ahead = np.where(prediction.meta[:, _UP] > prediction.meta[:, _DOWN], 1, -1)
    may = features.usable & known & sound
    direction = np.where(may & (best > rest), ahead, 0).astype(np.int8)
    around = positioning or unknown(len(features))
    plans = make_plans(features.coin, features.slots, measures, direction, increments, around)
    confidence = np.where(direction != 0, best, -1)
    volume = np.where(known, in_millionths(np.where(known, measures["volume_ratio"], 0.0)), -1)
    failed = (
        ~(features.usable & known),
        ~sound,
        direction == 0,
        confidence < _least(rules.min_confidence),
        volume < _least(rules.min_volume_ratio),
        ~plans.possible,
        ~plans.reaches(rules.min_risk_reward),
    )
    gate = np.select(failed, range(len(failed)), default=PASSED).astype(np.int8)
    stops = _stops(gate, features, plans, rules, {DIRECTION: (best, rest), CONFIDENCE: confidence, VOLUME: volume})
    return Candidates(features, prediction, tuple(models), around, plans, rules, direction, confidence, volume, stops)


def _stops(
    gate: NDArray[np.int8], features: FeatureRows, plans: Plans, rules: SignalRules, compared: dict[int, Any]
) -> Stops:
    best, rest = compared[DIRECTION]
    values = {
        DIRECTION: best / MILLION,
        CONFIDENCE: compared[CONFIDENCE] / MILLION,
        VOLUME: compared[VOLUME] / MILLION,
        RISK_REWARD: plans.columns()["risk_reward"],
    }
    thresholds = {
        DIRECTION: rest / MILLION,
        CONFIDENCE: float(rules.min_confidence),
        VOLUME: float(rules.min_volume_ratio),
        RISK_REWARD: float(rules.min_risk_reward),
    }
    at = [gate == one for one in values]
    details = (*REASONS, NOT_KNOWN, *REFUSALS)
    unusable = np.where(features.usable, len(REASONS), features.reason.astype(np.int64))
    return Stops(
        gate,
        np.select(at, list(values.values()), default=np.nan),
        np.select(at, list(thresholds.values()), default=np.nan),
        np.select([gate == DATA, gate == PLAN], [unusable, plans.refusal + len(REASONS) + 1], default=0),
        details,
    )


def _least(limit: Decimal) -> int:
    return int((limit * MILLION).to_integral_value(ROUND_CEILING))


def _best_and_rest(meta: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The larger of up and down, and the largest of the other classes, in millionths."""
    parts = in_millionths(meta)
    up, down = parts[:, _UP], parts[:, _DOWN]
    return np.maximum(up, down), np.maximum(np.minimum(up, down), parts[:, _FLAT])
