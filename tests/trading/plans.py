"""Signals and trades to be held against each other."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from xfg_pipeline.trading.matching import SignalPlan
from xfg_pipeline.trading.trade import Trade

SLOT = datetime.fromisoformat("2026-03-02T09:00:00+00:00")
D = Decimal


def plan(number: int = 1, minutes: int = 0, **more: Any) -> SignalPlan:
    """A long of BTC: 100 to 102, stop 92, target 122, to be taken within half an hour from its slot."""
    slot = SLOT + timedelta(minutes=minutes)
    told: dict[str, Any] = {
        "id": number,
        "coin": "BTC",
        "slot": slot,
        "expires_at": slot + timedelta(minutes=30),
        "direction": "LONG",
        "entry_low": D(100),
        "entry_high": D(102),
        "stop_loss": D(92),
        "take_profit": D(122),
        "order_link_id": f"xfg-{slot:%y%m%d-%H%M}-BTC",
        "signal_type": "breakout",
        "confidence": D("0.8"),
        "ensemble_hash": "abc",
        "position_size": D(1),
    }
    return SignalPlan(**told | more)


def short_plan(number: int = 1, minutes: int = 0, **more: Any) -> SignalPlan:
    """The mirror of `plan`."""
    return plan(number, minutes, direction="SHORT", stop_loss=D(110), take_profit=D(80), **more)


def trade(entry: str | int = 101, minutes: float | None = 5, episode: str = "e", **more: Any) -> Trade:
    """A long of BTC, entered so many minutes after SLOT (None: not in the records) and closed after a day."""
    told: dict[str, Any] = {
        "account": "bybit",
        "episode": episode,
        "bybit_order_id": f"close-{episode}",
        "order_ids": (f"close-{episode}",),
        "order_link_id": "",
        "coin": "BTC",
        "direction": "LONG",
        "entry_time": None if minutes is None else SLOT + timedelta(minutes=minutes),
        "exit_time": SLOT + timedelta(days=1),
        "entry_price": D(entry),
        "exit_price": D(110),
        "quantity": D(2),
        "pnl": D(9),
        "fees": D("0.1"),
        "funding": D(0),
        "leverage": None,
        "stop_loss": None,
        "take_profit": None,
        "exit_reason": "TP",
        "exit_evidence": {},
        "is_open": False,
        "updated_at": SLOT + timedelta(days=1),
    }
    return Trade(**told | more)
