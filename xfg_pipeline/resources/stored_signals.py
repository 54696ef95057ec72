"""Rows of signals and predictions as the values that they were written from."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from xfg_pipeline.signals.records import Signal
from xfg_pipeline.signals.stops import GateReading

ASSETS = ("candles", "predictions", "signals", "signal_outcomes")
"""What a signal was made from and what became of it, in the order of the lineage."""
_MILLIONTH = Decimal("0.000001")


def signal_of(row: Mapping[str, Any]) -> Signal:
    """The signal of a row with its lineage, as it was published; the row's status may be another by now."""
    lineage = row["lineage"]
    light = lineage.get("light") or {}
    return Signal(
        coin=row["coin"],
        slot=row["slot"],
        direction=row["direction"],
        signal_type=row["signal_type"],
        tier=row["tier"],
        tier_evidence=lineage.get("tier", ""),
        confidence=_millionths(row["confidence"]),
        disagreement=_millionths(row["disagreement"]),
        volume_ratio=_millionths(row["volume_ratio"]),
        entry_low=row["entry_low"],
        entry_high=row["entry_high"],
        stop_loss=row["stop_loss"],
        take_profit=row["take_profit"],
        risk_reward=row["risk_reward"],
        position_size=row["position_size"],
        position_multiplier=row["position_multiplier"],
        risk_amount=row["risk_amount"],
        equity=row["equity"],
        light_status=light.get("status"),
        light_message=light.get("message", "the light is not known any more"),
        reasoning=row["reasoning"],
        status=row["status"],
        expires_at=row["expires_at"],
        order_link_id=row["order_link_id"],
        gates=tuple(reading_of(one) for one in row["gates"]),
    )


def reading_of(stored: Mapping[str, Any]) -> GateReading:
    """A gate's reading from its JSON, where numbers are texts (see GateReading.to_dict)."""
    value, threshold, margin = (
        None if stored[name] is None else Decimal(stored[name]) for name in ("value", "threshold", "margin")
    )
    return GateReading(
        stored["gate"], stored["passed"], value, stored["comparison"], threshold, margin, stored["detail"]
    )


def prediction_of_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A prediction with the probabilities of every model by name and class, from its row with the manifest."""
    manifest = row["manifest"]
    classes, models = manifest["classes"], [one["name"] for one in manifest["models"]]
    flat, width = row["probabilities"], len(classes)
    by_model = {
        name: dict(zip(classes, flat[at * width : (at + 1) * width], strict=True)) for at, name in enumerate(models)
    }
    return {
        "mode": row["mode"],
        "made_at": row["made_at"],
        "ensemble": manifest["name"],
        "ensemble_hash": row["ensemble_hash"],
        "demonstration": manifest["demonstration"],
        "event": manifest["event"],
        "feature_hash": bytes(row["feature_hash"]).hex(),
        "models": by_model,
        "meta_learner": {name: row[f"p_{name}"] for name in classes},
        "disagreement": row["disagreement"],
    }


def dagster_paths(slot: datetime) -> dict[str, str]:
    """Where the Dagster UI shows the partition of a slot, by asset."""
    return {name: f"/assets/{name}?view=partitions&partition={slot:%Y-%m-%d}" for name in ASSETS}


def _millionths(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(_MILLIONTH)
