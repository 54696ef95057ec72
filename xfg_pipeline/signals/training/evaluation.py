"""How forecasts did on rows that nothing was fitted on: numbers for the report, without any judgement."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.calibration import (
    brier_score,
    brier_score_of_classes,
    calibration_error,
    log_loss,
    reliability,
    wilson_interval,
)
from xfg_pipeline.signals.candles import Floats
from xfg_pipeline.signals.events import DOWN, UP
from xfg_pipeline.signals.manifest import CLASSES
from xfg_pipeline.signals.slots import DAY_SECONDS, moment
from xfg_pipeline.signals.training.rows import LabelledRows
from xfg_pipeline.signals.training.splits import Mask

GATE_CONFIDENCE = 0.77
GATE_VOLUME_RATIO = 2.0

Figures = dict[str, Any]


def direction_forecast(probabilities: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """What a signal would say of each row: the likelier direction and its probability, float64[n] and int64[n]."""
    directed = np.where(probabilities[:, UP] >= probabilities[:, DOWN], UP, DOWN)
    chosen = np.asarray(probabilities[np.arange(directed.size), directed], dtype=np.float64)
    return np.clip(chosen, 0.0, 1.0), directed


def scores(probabilities: Floats, labels: NDArray[np.int64]) -> Figures:
    """Brier and log loss over the classes; ECE of the likeliest class; Brier and ECE of the likelier direction."""
    if labels.size == 0:
        return {"n": 0}
    confidence, directed = direction_forecast(probabilities)
    likeliest = probabilities.argmax(axis=1)
    rows = np.arange(labels.size)
    return {
        "n": int(labels.size),
        "brier": brier_score_of_classes(probabilities, labels),
        "log_loss": log_loss(np.clip(probabilities[rows, labels], 0.0, 1.0), np.ones(labels.size, dtype=np.bool_)),
        "ece": calibration_error(np.clip(probabilities[rows, likeliest], 0.0, 1.0), likeliest == labels),
        "accuracy": round(float((likeliest == labels).mean()), 6),
        "direction_brier": brier_score(confidence, directed == labels),
        "direction_ece": calibration_error(confidence, directed == labels),
    }


def evaluate(
    rows: LabelledRows, held_out: Mask, fitted: Mask, forecasts: Mapping[str, Floats], meta: Floats
) -> Figures:
    """All figures of the held-out rows: `forecasts` [n, 3] by base model and `meta` [n, 3], n held-out rows."""
    labels, slots = rows.labels[held_out], rows.slots[held_out]
    shares = np.bincount(rows.labels[fitted], minlength=len(CLASSES)) / int(fitted.sum())
    confidence, directed = direction_forecast(meta)
    months = np.array([f"{moment(slot):%Y-%m}" for slot in (slots // DAY_SECONDS * DAY_SECONDS).tolist()])
    coins = np.array(rows.coins)[rows.coin[held_out]]
    return {
        "from": moment(int(slots.min())).isoformat(),
        "to": moment(int(slots.max())).isoformat(),
        "classes": {name: int(count) for name, count in zip(CLASSES, np.bincount(labels, minlength=3), strict=True)},
        "base_rates": scores(np.tile(shares, (labels.size, 1)), labels),
        "models": {name: scores(made, labels) for name, made in forecasts.items()},
        "meta_learner": scores(meta, labels),
        "reliability": [vars(part) for part in reliability(confidence, directed == labels)],
        "confusion": _confusion(meta.argmax(axis=1), labels),
        "by_coin": {coin: scores(meta[coins == coin], labels[coins == coin]) for coin in rows.coins},
        "by_month": {
            month: scores(meta[months == month], labels[months == month]) for month in np.unique(months).tolist()
        },
        "gates": _gates(confidence, directed == labels, rows.volume_ratio[held_out], slots),
    }


def _confusion(forecast: NDArray[np.int64], labels: NDArray[np.int64]) -> list[list[int]]:
    """Rows: what came; columns: the likeliest class."""
    size = len(CLASSES)
    return np.bincount(labels * size + forecast, minlength=size * size).reshape(size, size).tolist()


def _gates(confidence: Floats, came: Mask, volume_ratio: Floats, slots: NDArray[np.int64]) -> Figures:
    days = max(1, int(np.unique(slots // DAY_SECONDS).size))
    sure = confidence >= GATE_CONFIDENCE
    return {
        "confidence": GATE_CONFIDENCE,
        "volume_ratio": GATE_VOLUME_RATIO,
        "days": days,
        "sure": _share(confidence[sure], came[sure], days),
        "sure_with_volume": _share(
            confidence[sure & (volume_ratio >= GATE_VOLUME_RATIO)],
            came[sure & (volume_ratio >= GATE_VOLUME_RATIO)],
            days,
        ),
    }


def _share(confidence: Floats, came: Mask, days: int) -> Figures:
    n, hits = int(came.size), int(came.sum())
    return {
        "n": n,
        "a_day": round(n / days, 3),
        "mean_confidence": round(float(confidence.mean()), 6) if n else None,
        "came_true": round(hits / n, 6) if n else None,
        "interval": wilson_interval(hits, n),
    }
