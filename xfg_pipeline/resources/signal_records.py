"""A published signal as the row that is kept of it, with its lineage."""

import hashlib
from datetime import datetime
from typing import Any

import numpy as np

from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.predicting import digests
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.features import needed_from
from xfg_pipeline.signals.gates import Candidates
from xfg_pipeline.signals.light import Light
from xfg_pipeline.signals.records import Signal, status_at
from xfg_pipeline.signals.slots import SLOT_SECONDS, moment, seconds
from xfg_pipeline.storage.predictions import OnGrid


def record_of(
    one: Signal,
    pipeline: Pipeline,
    piece: SlotWork,
    judged: Candidates,
    candles: Candles,
    prediction: OnGrid,
    light: Light,
    now: datetime,
) -> dict[str, Any]:
    row = int((seconds(one.slot) - judged.plans.slots[0]) // SLOT_SECONDS)
    live = bool(piece.live(judged.plans.slots[row : row + 1], now, pipeline.signal_rules.ttl)[0])
    return {
        "coin": one.coin,
        "slot": one.slot,
        "mode": "live" if live else "backfill",
        "created_at": now,
        "signal_type": one.signal_type,
        "direction": one.direction,
        "tier": one.tier,
        "confidence": one.confidence,
        "disagreement": float(prediction.disagreement[row]),
        "volume_ratio": one.volume_ratio,
        "entry_low": one.entry_low,
        "entry_high": one.entry_high,
        "stop_loss": one.stop_loss,
        "take_profit": one.take_profit,
        "risk_reward": one.risk_reward,
        "position_size": one.position_size,
        "position_multiplier": one.position_multiplier,
        "risk_amount": one.risk_amount,
        "equity": one.equity,
        "reasoning": one.reasoning,
        "status": status_at(one.status, one.expires_at, now) if live else "expired",
        "expires_at": one.expires_at,
        "order_link_id": one.order_link_id,
        "gates": [reading.to_dict() for reading in one.gates],
        "lineage": lineage(one, pipeline, judged, candles, light, row),
    }


def lineage(
    one: Signal, pipeline: Pipeline, judged: Candidates, candles: Candles, light: Light, row: int
) -> dict[str, Any]:
    """From what a signal was made: whoever has the same inputs can make it again and compare."""
    seen = candles.opened_between(needed_from(one.slot), one.slot)
    content = np.stack([seen.open, seen.high, seen.low, seen.close, seen.volume]).tobytes()
    names = pipeline.ensemble.manifest.features
    features = judged.features.matrix(names)[row]
    return {
        "market": pipeline.market.name,
        "candles": {
            "count": len(seen),
            "first_open": moment(seen.open_time[0]).isoformat(),
            "last_close": one.slot.isoformat(),
            "sha256": hashlib.sha256(seen.open_time.tobytes() + content).hexdigest(),
        },
        "features": dict(zip(names, (float(value) for value in features), strict=True)),
        "feature_hash": digests(features[None, :])[0].tobytes().hex(),
        "ensemble": pipeline.ensemble.describe(),
        "settings_hash": pipeline.signal_rules.hash,
        "light": {
            "status": light.status,
            "position_multiplier": str(light.multiplier),
            "message": light.message,
            "evaluated_at": light.evaluated_at.isoformat() if light.evaluated_at else None,
        },
        "tier": one.tier_evidence,
    }
