"""A day of signals and decisions, written as the pipeline writes them; numbers agree with each other."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from tests.trading_rows import keep_lights, light
from xfg_pipeline.exchange.simulated import SimulatedMarket
from xfg_pipeline.signals.manifest import Manifest
from xfg_pipeline.signals.records import order_link_id
from xfg_pipeline.signals.slots import moment, seconds
from xfg_pipeline.signals.stops import GATES
from xfg_pipeline.storage import market_facts, outcomes, predictions
from xfg_pipeline.storage import signals as kept
from xfg_pipeline.storage.candles import write_candles
from xfg_pipeline.storage.database import Database

SLOT = datetime(2025, 10, 16, 13, 30, tzinfo=UTC)
"""The newest slot of the desk's tests, whose clock stands at 13:41:12."""
HASH = "7c1e" * 16
MODELS = ("xgboost", "lightgbm", "catboost")
MANIFEST = Manifest.model_validate(
    {
        "format": 1,
        "name": "practice-test",
        "demonstration": True,
        "market": "simulated",
        "coins": ["BTC", "ETH"],
        "interval_minutes": 15,
        "trained_from": "2024-01-01T00:00:00Z",
        "trained_to": "2025-01-01T00:00:00Z",
        "created_at": "2025-01-02T00:00:00Z",
        "features": ["rsi_14", "atr_share"],
        "classes": ["down", "flat", "up"],
        "event": {"kind": "first_touch", "horizon_candles": 16, "barrier": 2.0, "unit": "atr"},
        "models": [{"name": name, "file": f"{name}.onnx", "sha256": "a" * 64, "framework": name} for name in MODELS],
        "meta_learner": {
            "name": "meta_learner",
            "file": "meta_learner.onnx",
            "sha256": "b" * 64,
            "framework": "sklearn",
        },
    }
)
LINEAGE = {
    "market": "simulated",
    "candles": {"count": 343, "sha256": "9f31" * 16},
    "features": {"rsi_14": 61.5, "atr_share": 0.004},
    "ensemble": {"hash": HASH},
    "settings_hash": "b7c3" * 16,
    "light": {
        "status": None,
        "position_multiplier": "1",
        "message": "no traffic light is evaluated",
        "evaluated_at": None,
    },
    "tier": "7 of the last 9 known signals of BTC reached the target first",
}
PAUSED = {
    "status": "paused",
    "position_multiplier": Decimal(0),
    "position_size": Decimal(0),
    "risk_amount": Decimal(0),
    "lineage": LINEAGE | {"light": LINEAGE["light"] | {"status": "red", "message": "loss of the day is 4.6%"}},  # type: ignore[operator]
}
CONFIDENCE = {
    "gate": "confidence",
    "passed": True,
    "value": "0.84",
    "comparison": "≥",
    "threshold": "0.77",
    "margin": "0.07",
    "detail": "",
}


def signal(coin: str = "BTC", slot: datetime = SLOT, **changes: Any) -> dict[str, Any]:
    """A live long of 0.25 BTC, made six seconds after its slot and ready for half an hour."""
    return {
        "coin": coin,
        "slot": slot,
        "mode": "live",
        "created_at": slot + timedelta(seconds=6),
        "signal_type": "breakout",
        "direction": "LONG",
        "tier": 1,
        "confidence": Decimal("0.840000"),
        "disagreement": 0.12,
        "volume_ratio": Decimal("2.620000"),
        "entry_low": Decimal("91850.0"),
        "entry_high": Decimal("91950.0"),
        "stop_loss": Decimal("91350.0"),
        "take_profit": Decimal("93300.0"),
        "risk_reward": Decimal("2.2500"),
        "position_size": Decimal("0.25"),
        "position_multiplier": Decimal("1.0"),
        "risk_amount": Decimal("150.000"),
        "equity": Decimal(10000),
        "reasoning": "price closed above the 20-candle high of 91,886.0 with 2.62 times the usual volume",
        "status": "ready",
        "expires_at": slot + timedelta(minutes=30),
        "order_link_id": order_link_id(slot, coin),
        "gates": [CONFIDENCE],
        "lineage": LINEAGE,
        **changes,
    }


def keep_signals(database: Database, rows: Sequence[dict[str, Any]], market: str = "simulated") -> None:
    """Write signals as selecting does, with the decision that each of them passed."""
    with database.begin() as connection:
        for row in rows:
            at = np.array([seconds(row["slot"])], dtype=np.int64)
            kept.replace_signals(connection, market, [(row["coin"], at)], [row])
    for row in rows:
        keep_decision(database, row["coin"], row["slot"], gate=None, market=market, direction="LONG")


def keep_decision(
    database: Database,
    coin: str,
    slot: datetime,
    *,
    gate: str | None,
    value: float = np.nan,
    threshold: float = np.nan,
    detail: str | None = None,
    direction: str | None = None,
    market: str = "simulated",
) -> None:
    """Write one decision as selecting does; with a direction it has the plan of `signal`."""
    planned = direction == "LONG"
    plan = {"entry_low": 91850.0, "entry_high": 91950.0, "stop_loss": 91350.0, "take_profit": 93300.0}
    numbers = {
        "gate_value": value,
        "gate_threshold": threshold,
        "confidence": value if gate == "confidence" else 0.84 if planned else np.nan,
        "volume_ratio": value if gate == "volume" else 2.62,
        **{name: price if planned else np.nan for name, price in plan.items()},
        "risk_reward": 2.25 if planned else np.nan,
        "atr": 300.0,
    }
    only = np.array([0])
    row = kept.CandidateRows(
        coin=coin,
        slots=np.array([seconds(slot)], dtype=np.int64),
        live=np.array([True]),
        gate=(np.array([GATES.index(gate)]) if gate else np.array([len(GATES)]), (*GATES, None)),
        detail=(only, (detail,)),
        direction=(only, (direction,)),
        signal_type=(only, ("breakout" if planned else None,)),
        numbers={name: np.array([number]) for name, number in numbers.items()},
    )
    with database.begin() as connection:
        kept.replace_candidates(connection, market, [row], slot + timedelta(seconds=6))


def keep_outcome(database: Database, coin: str, slot: datetime, outcome: str, r_multiple: float) -> None:
    """Write what became of a plan three candles after its slot."""
    resolved = 0 if outcome == "unresolved" else seconds(slot) + 2700
    row = outcomes.OutcomeRows(
        coin=coin,
        slots=np.array([seconds(slot)], dtype=np.int64),
        outcome=(np.array([0]), (outcome,)),
        resolved_at=np.array([resolved], dtype=np.int64),
        r_multiple=np.array([r_multiple]),
        candles=np.array([3], dtype=np.int64),
        event=(np.array([0]), ("up",)),
        event_closed=np.array([True]),
    )
    with database.begin() as connection:
        outcomes.replace_outcomes(connection, "simulated", [row], slot + timedelta(hours=2))


def keep_prediction(database: Database, coin: str = "BTC", slot: datetime = SLOT) -> None:
    """Write what the ensemble said of a slot."""
    members = np.array(
        [[[0.05, 0.12, 0.83]], [[0.04, 0.10, 0.86]], [[0.06, 0.20, 0.74]]],
        dtype=np.float32,
    )
    row = predictions.PredictionRows(
        coin=coin,
        slots=np.array([seconds(slot)], dtype=np.int64),
        live=np.array([True]),
        feature_hash=np.full((1, 16), 0x51, dtype=np.uint8),
        meta=np.array([[0.05, 0.11, 0.84]], dtype=np.float32),
        members=members,
        disagreement=np.array([0.12], dtype=np.float32),
    )
    with database.begin() as connection:
        predictions.keep_ensemble(connection, HASH, MANIFEST, slot)
        predictions.replace_predictions(connection, "simulated", [row], HASH, slot)


def keep_candle(database: Database, coin: str, slot: datetime) -> None:
    """Write the candle that closes at a slot."""
    found = SimulatedMarket().candles(coin, moment(seconds(slot) - 900), slot, slot)
    with database.begin() as connection:
        write_candles(connection, "simulated", [found], slot)


def keep_instruments(database: Database, coins: tuple[str, ...] = ("BTC", "ETH", "SOL", "XRP", "DOGE")) -> None:
    """Write BTC's tick of 0.1 and step of 0.001, the same for all."""
    row = {
        "tick_size": Decimal("0.10"),
        "qty_step": Decimal("0.001"),
        "min_qty": Decimal("0.001"),
        "max_qty": Decimal(1000),
        "min_notional": Decimal(5),
        "max_leverage": Decimal(100),
    }
    rows = [{"coin": coin, "symbol": f"{coin}USDT", **row} for coin in coins]
    with database.begin() as connection:
        market_facts.write_instruments(connection, "simulated", rows, SLOT)


def keep_day(database: Database) -> None:
    """BTC is ready, SOL paused, ETH expired and XRP executed; DOGE was stopped, and another market has its own."""
    keep_instruments(database)
    keep_lights(database, light("green", SLOT))
    before = SLOT - timedelta(minutes=15)
    night = SLOT - timedelta(hours=9)
    done = {"status": "executed", "executed_at": night + timedelta(minutes=3)}
    keep_signals(
        database, [signal(), signal("SOL", before, **PAUSED), signal("ETH", night, mode="backfill", status="expired")]
    )
    keep_signals(database, [signal("XRP", night, **done), signal("BTC", night - timedelta(days=1), status="expired")])
    keep_signals(database, [signal("DOGE"), signal("BTC")], market="bybit")
    keep_prediction(database)
    keep_outcome(database, "ETH", night, "stop", -1.0)
    keep_outcome(database, "XRP", night, "target", 2.25)
    keep_decision(database, "DOGE", SLOT, gate="confidence", value=0.748213, threshold=0.77)
    keep_decision(database, "ETH", SLOT, gate="volume", value=1.21, threshold=2.0, direction="LONG")
    keep_decision(
        database, "SOL", SLOT, gate="open_signal", detail="SOL has an open signal of 13:15 UTC", direction="LONG"
    )
    keep_decision(database, "DOGE", before, gate="daily_limit", value=13, threshold=12, direction="LONG")
    keep_outcome(database, "ETH", SLOT, "unresolved", np.nan)
    keep_outcome(database, "DOGE", before, "target", 2.25)
