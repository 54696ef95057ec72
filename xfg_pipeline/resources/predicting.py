"""Features through the ensemble into predictions."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.faults import point
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.signals.features import REASONS
from xfg_pipeline.storage.database import lock, without_hurry
from xfg_pipeline.storage.predictions import PredictionRows, keep_ensemble, kept_slots, replace_predictions


@dataclass
class Predicted:
    """What predicting came to: rows written, rows that stayed, and rows without a prediction by reason."""

    ensemble: str = ""
    written: int = 0
    stayed: int = 0
    without: Counter[str] = field(default_factory=Counter)


def predict(pipeline: Pipeline, work: SlotWork) -> Predicted:
    """Score every coin at every slot of the work that has its candles, and keep the rows.

    Raises EnsembleRefused, by name, when the ensemble cannot be trusted: then nothing is predicted.
    """
    ensemble = pipeline.ensemble
    report = Predicted(f"{ensemble.manifest.name} {ensemble.hash[:12]}")
    coins, market = pipeline.settings.market.coins, pipeline.market.name
    for piece in work.chunks():
        by_coin = pipeline.features.rows(piece.span)
        now = pipeline.market_now()
        with pipeline.database.begin() as connection:
            without_hurry(connection)
            lock(connection, "predictions", market)
            keep_ensemble(connection, ensemble.hash, ensemble.manifest, now)
            kept = kept_slots(connection, market, coins, piece.span, live_only=work.is_backfill)
            todo = {
                coin: np.flatnonzero(by_coin[coin].features.usable & ~np.isin(by_coin[coin].features.slots, kept[coin]))
                for coin in coins
            }
            # One matrix for all coins: inference costs least so.
            matrices = {coin: by_coin[coin].features.matrix(ensemble.manifest.features)[todo[coin]] for coin in coins}
            answer = ensemble.predict(np.concatenate([matrices[coin] for coin in coins]))
            rows, first = [], 0
            for coin in coins:
                features, own = by_coin[coin].features, slice(first, first + todo[coin].size)
                first = own.stop
                whole = ~answer.broken[own]
                slots = features.slots[todo[coin]][whole]
                rows.append(
                    PredictionRows(
                        coin=coin,
                        slots=slots,
                        live=piece.live(slots, now, pipeline.signal_rules.ttl),
                        feature_hash=digests(matrices[coin][whole]),
                        meta=answer.meta[own][whole],
                        members=answer.members[:, own][:, whole],
                        disagreement=answer.disagreement[own][whole],
                    )
                )
                report.stayed += kept[coin].size
                report.without += _reasons(features.reason)
                report.without["the ensemble's answer was unusable"] += int((~whole).sum())
            report.written += replace_predictions(connection, market, rows, ensemble.hash, now)
            point("predictions.before_commit")
        point("predictions.after_commit")
    report.without += Counter()  # drops zeros
    return report


def digests(matrix: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A hash of each row of features, uint8[n, 16]: two rows with the same hash had the same input."""
    width = matrix.shape[1] * matrix.itemsize
    content = np.ascontiguousarray(matrix).tobytes()
    made = b"".join(
        hashlib.blake2b(content[at : at + width], digest_size=16).digest() for at in range(0, len(content), width)
    )
    return np.frombuffer(made, dtype=np.uint8).reshape(-1, 16)


def _reasons(reason: NDArray[np.int8]) -> Counter[str]:
    counts = np.bincount(reason, minlength=len(REASONS))
    return Counter({REASONS[code]: int(count) for code, count in enumerate(counts) if code and count})
