"""Candles of several coins to rows that can be learned from: features of a slot, and the class that came true."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals import features
from xfg_pipeline.signals.candles import Candles, Floats, Times, gaps
from xfg_pipeline.signals.events import AMBIGUOUS, UNRESOLVED, realised, rows_of
from xfg_pipeline.signals.features import WARM_UP, FeatureUnknown
from xfg_pipeline.signals.manifest import CLASSES
from xfg_pipeline.signals.slots import SLOT_SECONDS, moment
from xfg_pipeline.signals.training.plan import TrainingPlan
from xfg_pipeline.signals.training.refusal import TrainingRefused
from xfg_pipeline.signals.training.splits import Mask

Matrix = NDArray[np.float32]
Labels = NDArray[np.int64]

SHORTEST = WARM_UP + timedelta(days=14)
"""Less of a coin teaches nothing."""
LARGEST_GAP_SHARE = 0.2
FEWEST_OF_A_CLASS = 50


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """n rows, ordered by slot, then coin. `coin` int16[n] indexes `coins`."""

    coins: tuple[str, ...]
    coin: NDArray[np.int16]
    slots: Times
    settled: Times
    """When the row's event is over at the latest, int64[n] in seconds: from then on its class is known."""
    matrix: Matrix
    labels: Labels
    """The class that came true, int64[n] as in manifest.CLASSES."""
    volume_ratio: Floats
    left_out: dict[str, dict[str, int]]
    """By coin: slots that are not among the rows, by reason."""

    def __len__(self) -> int:
        return int(self.slots.size)


def labelled_rows(candles_by_coin: Mapping[str, Candles], plan: TrainingPlan) -> LabelledRows:
    """All slots with features and a known outcome. Raises TrainingRefused for what cannot be learned from."""
    if not candles_by_coin:
        raise TrainingRefused("No coins: name at least one.")
    coins = tuple(sorted(candles_by_coin))
    parts = [_of_coin(candles_by_coin[coin], number, plan) for number, coin in enumerate(coins)]
    joined = [np.concatenate([part[column] for part, _ in parts]) for column in range(5)]
    coin, slots, matrix, labels, volume_ratio = joined
    order = np.lexsort((coin, slots))
    settled = slots + plan.event.horizon_candles * SLOT_SECONDS
    return LabelledRows(
        coins,
        coin[order],
        slots[order],
        settled[order],
        np.ascontiguousarray(matrix[order]),
        labels[order],
        volume_ratio[order],
        {name: left_out for name, (_, left_out) in zip(coins, parts, strict=True)},
    )


def require_classes(labels: Labels, rows: Mask, what: str) -> None:
    """Raises TrainingRefused unless every class is there often enough among the rows to fit on."""
    counts = np.bincount(labels[rows], minlength=len(CLASSES))
    rare = [f"{name} {count} times" for name, count in zip(CLASSES, counts, strict=True) if count < FEWEST_OF_A_CLASS]
    if rare:
        raise TrainingRefused(
            f"{what}: {', '.join(rare)} among {int(counts.sum())} rows, {FEWEST_OF_A_CLASS} of each class are needed. "
            "Give more candles or coins, or choose another barrier or horizon."
        )


def _of_coin(
    candles: Candles, number: int, plan: TrainingPlan
) -> tuple[tuple[NDArray[np.generic], ...], dict[str, int]]:
    if candles.interval_seconds != SLOT_SECONDS:
        raise TrainingRefused(
            f"{candles.coin}: candles of {candles.interval_seconds} s, {SLOT_SECONDS} s (15 minutes) are needed."
        )
    if len(candles) == 0 or moment(candles.close_time[-1]) - moment(candles.open_time[0]) < SHORTEST:
        raise TrainingRefused(f"{candles.coin}: {len(candles)} candles, at least {SHORTEST.days} days are needed.")
    start, end = moment(candles.open_time[0]) + WARM_UP, moment(candles.close_time[-1] + SLOT_SECONDS)
    rows = features.compute(candles, start, end)
    try:
        matrix = rows.matrix(plan.features)
    except FeatureUnknown as unknown:
        raise TrainingRefused(f"{unknown}. Known are: {', '.join(features.FEATURES)}.") from None
    usable = rows.usable & np.isfinite(matrix).all(axis=1)
    if (~usable).mean() > LARGEST_GAP_SHARE:
        raise TrainingRefused(_too_many_gaps(candles, int((~usable).sum()), len(rows)))
    classes = realised(plan.event, candles, rows.measures["atr"], rows_of(candles, rows.slots))
    known = usable & (classes >= 0)
    left_out = {
        "without features": int((~usable).sum()),
        "both barriers within one candle": int((usable & (classes == AMBIGUOUS)).sum()),
        "outcome not known": int((usable & (classes == UNRESOLVED)).sum()),
    }
    columns = (
        np.full(int(known.sum()), number, dtype=np.int16),
        rows.slots[known],
        matrix[known],
        classes[known].astype(np.int64),
        rows.measures["volume_ratio"][known],
    )
    return columns, left_out


def _too_many_gaps(candles: Candles, unusable: int, slots: int) -> str:
    missing = gaps(candles, moment(candles.open_time[0]), moment(candles.close_time[-1]))
    first = f"; {len(missing)} gaps, the first from {missing[0][0]:%Y-%m-%d %H:%M} UTC" if missing else ""
    return (
        f"{candles.coin}: {unusable} of {slots} slots have no features{first}. A missing candle spoils the slots of "
        f"its day and of the {WARM_UP.days} days after it. Fetch the candles again, or leave the coin out."
    )
