"""Rows of an account's trades, metrics and light, written straight into the tables; numbers agree with each other."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from xfg_pipeline.storage import tables
from xfg_pipeline.storage.database import Database
from xfg_pipeline.trading.light.facts import Status
from xfg_pipeline.trading.light.memory import LightMemory

ACCOUNT = "paper_simulated"
NOW = datetime(2025, 10, 16, 13, 41, 12, tzinfo=UTC)
"""When the clock of the desk's tests stands."""
SLOT = datetime(2025, 10, 16, 13, 30, tzinfo=UTC)
MULTIPLIERS = {"green": Decimal(1), "yellow": Decimal("0.5"), "red": Decimal(0)}
HASH = "7c1e" * 16

WIN_RATE = {
    "rule": "win_rate",
    "status": "yellow",
    "message": "13 of the last 20 trades won: 65 % (95 % interval 43.3 to 81.9 %), below 70 %",
    "value": "0.65",
    "threshold": "0.70",
    "n": 20,
    "interval": ["0.432854", "0.818808"],
    "chance": "0.391990",
}
LOW_WIN_RATE = WIN_RATE | {
    "status": "red",
    "message": "12 of the last 20 trades won: 60 % (95 % interval 38.7 to 78.1 %), below 65 %",
    "value": "0.60",
    "threshold": "0.65",
    "chance": "0.227728",
}
DAILY_LOSS = {
    "rule": "daily_loss",
    "status": "red",
    "message": "the day lost 4.6 % of its first equity, above 4 %",
    "value": "0.046",
    "threshold": "0.04",
    "n": 1,
    "interval": None,
    "chance": None,
}
PARTS = {
    "market": "answered 1 min ago",
    "candles": "all 5 coins have a fresh candle",
    "account": "read in full",
    "models": "6 models of practice-3",
    "clock": "0.0 s off the account's clock",
    "database": "Postgres answers",
    "daemon": "all daemons beat",
}
HEALTH = [{"part": part, "state": "ok", "detail": says, "value": None, "limit": None} for part, says in PARTS.items()]
METRICS = {
    "win_rate_last_20": "0.75",
    "daily_pnl": "301.65",
    "weekly_pnl": "201.82",
    "monthly_pnl": "-1143.16",
    "pnl_24h": "301.65",
    "daily_pnl_share": "0.0077",
    "weekly_pnl_share": "0.0051",
    "monthly_pnl_share": "-0.028",
    "pnl_24h_share": "0.0077",
    "sharpe_ratio": None,
    "sharpe_per_trade": "0.031",
    "max_drawdown": "0.081",
    "ece": "0.052",
    "brier": "0.173",
    "log_loss": "0.52",
    "profit_factor": "1.07",
    "expectancy_r": "0.02",
    "consecutive_losses": "0",
    "total_trades": "207",
    "equity": "39661.00",
}
THRESHOLDS = {"red_wr_threshold": "0.65", "yellow_wr_threshold": "0.70", "evidence": "literal", "ece_window": 200}


def light(
    status: Status = "green", at: datetime = SLOT, triggers: Sequence[Mapping[str, Any]] = (), **changes: Any
) -> dict[str, Any]:
    """A live row of the light at a slot; without triggers a light that is not green was triggered by its win rate."""
    if status != "green" and not triggers:
        triggers = [LOW_WIN_RATE if status == "red" else WIN_RATE]
    decided_by = triggers[0]["rule"] if triggers else None
    message = str(triggers[0]["message"]) if triggers else "no rule objects; 15 of the last 20 trades won"
    side = {
        "status": status,
        "position_multiplier": str(MULTIPLIERS[status]),
        "triggered_by": decided_by,
        "message": message,
        "triggers": list(triggers),
        "memory": LightMemory(at, status, decided_by, reds=_reds(triggers)).to_dict(),
    }
    gated = changes.pop("gated", side)
    return {
        "account": ACCOUNT,
        "timestamp": at,
        "evaluated_at": at + timedelta(seconds=6),
        "cause": "slot",
        "mode": "live",
        "status": status,
        "position_multiplier": MULTIPLIERS[status],
        "triggered_by": decided_by,
        "message": message,
        "triggers": list(triggers),
        "evidence": "literal",
        "literal_status": status,
        "gated_status": gated["status"],
        "lights": {"literal": side, "gated": gated},
        "health": HEALTH,
        "metrics": METRICS,
        "thresholds": THRESHOLDS,
        "changed": False,
        **changes,
    }


def _reds(triggers: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(one["rule"] for one in triggers if one["status"] == "red")


def side(status: Status, *triggers: Mapping[str, Any]) -> dict[str, Any]:
    """One of the two lights of a row."""
    made = light(status, triggers=triggers)
    found: dict[str, Any] = made["lights"]["literal"]
    return found


def keep_lights(database: Database, *rows: dict[str, Any]) -> None:
    """Write rows of the light."""
    _insert(database, tables.controller_status, rows)


def keep_action(database: Database, action: str, at: datetime, who: str = "anna", reason: str = "news") -> None:
    """Write what a person did."""
    row = {"account": ACCOUNT, "at": at, "action": action, "who": who, "reason": reason}
    _insert(database, tables.controller_actions, [row])


def trade(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A long of 0.25 BTC that reached its target after an hour, half an hour before now; numbered for its names."""
    ended = changes.get("exit_time", NOW - timedelta(minutes=30))
    return {
        "account": ACCOUNT,
        "episode": f"fill-{number}",
        "signal_id": None,
        "matched_by": None,
        "coin": "BTC",
        "direction": "LONG",
        "entry_time": ended - timedelta(hours=1),
        "exit_time": ended,
        "entry_price": Decimal(91900),
        "exit_price": Decimal(93300),
        "quantity": Decimal("0.25"),
        "pnl": Decimal("324.54"),
        "pnl_percent": Decimal("1.4126"),
        "fees": Decimal("25.46"),
        "funding": Decimal("-1.20"),
        "leverage": Decimal(5),
        "stop_loss": Decimal(91350),
        "take_profit": Decimal(93300),
        "risk": Decimal("137.5"),
        "r_multiple": Decimal("2.360291"),
        "mae": Decimal(120),
        "mfe": Decimal(1410),
        "slippage": None,
        "exit_reason": "TP",
        "exit_evidence": {"order": {"orderId": f"close-{number}", "stopOrderType": "TakeProfit"}},
        "signal_type": None,
        "confidence": None,
        "ensemble_hash": None,
        "order_link_id": "",
        "bybit_order_id": f"close-{number}",
        "order_ids": [f"close-{number}"],
        "is_open": False,
        "updated_at": NOW,
        "recorded_at": NOW,
        **changes,
    }


def keep_trades(database: Database, *rows: dict[str, Any]) -> None:
    """Write trades."""
    _insert(database, tables.trades, rows)


def snapshot(at: datetime = SLOT, **changes: Any) -> dict[str, Any]:
    """Metrics after 207 trades; Sharpe is not known yet."""
    values = {name: None if value is None else Decimal(value) for name, value in METRICS.items()}
    samples = dict.fromkeys(METRICS, 207) | {"win_rate_last_20": 20, "ece": 200, "brier": 200, "sharpe_ratio": 12}
    return {
        "account": ACCOUNT,
        "snapshot_time": at,
        "cause": "hour",
        "mode": "live",
        "made_at": at,
        **values,
        "win_rate_low": Decimal("0.531299"),
        "win_rate_high": Decimal("0.888138"),
        "consecutive_losses": 0,
        "total_trades": 207,
        "event_ece": Decimal("0.031"),
        "event_brier": Decimal("0.22"),
        "event_n": 1204,
        "samples": samples,
        "reasons": {"sharpe_ratio": "12 of 30 days"},
        **changes,
    }


def keep_snapshots(database: Database, *rows: dict[str, Any]) -> None:
    """Write snapshots."""
    _insert(database, tables.performance_snapshots, rows)


def group(name: str, trades: int, wins: int, pnl: str, period: str = "month", **changes: Any) -> dict[str, Any]:
    """Trades of a signal type or a coin, without their name."""
    rate = Decimal(wins) / trades
    return {
        "account": ACCOUNT,
        "snapshot_time": SLOT,
        "period": period,
        "mode": "live",
        "trades": trades,
        "wins": wins,
        "win_rate": round(rate, 9),
        "win_rate_low": max(Decimal(0), round(rate - Decimal("0.1"), 9)),
        "win_rate_high": min(Decimal(1), round(rate + Decimal("0.09"), 9)),
        "pnl": Decimal(pnl),
        "profit_factor": None,
        "expectancy_r": Decimal("0.06"),
        **({"tier": 2, "coin": name} if name.isupper() else {"signal_type": name, "is_failing": False}),
        **changes,
    }


def keep_groups(database: Database, *rows: dict[str, Any]) -> None:
    """Write performance by type and by coin."""
    for table, key in ((tables.coin_performance, "coin"), (tables.signal_type_performance, "signal_type")):
        _insert(database, table, [row for row in rows if key in row])


def keep_account(database: Database, **key: Any) -> None:
    """An account that was read 12 s ago, with a position and two days held against the exchange."""
    read = NOW - timedelta(seconds=12)
    sync = [
        {
            "account": ACCOUNT,
            "kind": kind,
            "complete_until": read,
            "tried_at": read,
            "succeeded_at": read,
            "problem": None,
            "problem_kind": None,
            "facts": {"clock_skew": 0.0, "key": key or None} if kind == "state" else {},
        }
        for kind in ("closings", "executions", "orders", "state")
    ]
    _insert(database, tables.account_sync, sync)
    worth = {"equity": Decimal("39671.25"), "wallet_balance": Decimal("39661.00"), "source": "account"}
    _insert(database, tables.account_equity, [{"account": ACCOUNT, "at": read, **worth}])
    position = {
        "coin": "ETH",
        "side": "Sell",
        "position_index": 0,
        "quantity": Decimal("2.50"),
        "entry_price": Decimal("3122.40"),
        "stop_loss": Decimal("3155.00"),
        "unrealised_pnl": Decimal("10.25"),
        "recorded_at": read,
    }
    _insert(database, tables.account_positions, [{"account": ACCOUNT, **position}])
    keep_day(database, date(2025, 10, 15), "120.10", "120.10")
    keep_day(database, date(2025, 10, 14), "-80.00", "-92.50", "order close-9 is not in ours")


def keep_day(database: Database, day: date, ours: str, exchange: str, detail: str = "both agree") -> None:
    """Write a day held against the exchange."""
    row = {
        "account": ACCOUNT,
        "day": day,
        "our_pnl": Decimal(ours),
        "exchange_pnl": Decimal(exchange),
        "difference": Decimal(ours) - Decimal(exchange),
        "our_closings": 3,
        "exchange_closings": 3 if ours == exchange else 4,
        "detail": detail,
        "checked_at": NOW,
    }
    _insert(database, tables.reconciliations, [row])


def _insert(database: Database, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        with database.begin() as connection:
            connection.execute(sa.insert(table), [dict(row) for row in rows])
