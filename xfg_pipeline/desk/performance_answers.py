"""The shapes of the answers about trades and performance, for the API's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class About(BaseModel):
    """What every answer says of itself."""

    model_config = ConfigDict(extra="allow")

    as_of: str
    account: str
    market: str
    mode: Literal["practice", "live"]


class TradeAnswer(BaseModel):
    """A row of `trades`. `pnl` is the exchange's closed P&L; `r_multiple` is null where the risk is not known."""

    model_config = ConfigDict(extra="allow")

    id: int
    coin: str
    direction: Literal["LONG", "SHORT"]
    entry_time: str | None
    exit_time: str
    entry_price: float
    exit_price: float
    quantity: float
    pnl: float
    pnl_percent: float
    fees: float | None
    funding: float
    r_multiple: float | None
    exit_reason: str
    exit_evidence: dict[str, Any]
    signal_id: int | None
    matched_by: str | None
    bybit_order_id: str
    is_open: bool


class TradesAnswer(About):
    """Trades of a range of UTC days by their exit, newest first; `sums` are of all of them, whatever page is shown."""

    trades: list[TradeAnswer]
    total: int
    sums: dict[str, float]


class PerformanceAnswer(About):
    """The newest snapshot with `samples` and `reasons` of nulls, by signal type and coin, and what they rest on."""

    snapshot: dict[str, Any] | None
    signal_types: list[dict[str, Any]]
    coins: list[dict[str, Any]]
    reconciliations: list[dict[str, Any]]
    usage: list[dict[str, Any]]
    account_state: dict[str, Any]


class UsesAnswer(About):
    """What was made of each signal: taken, late, skipped, open, or paused by a red light; newest first."""

    signals: list[dict[str, Any]]


class SnapshotsAnswer(About):
    """Rows of `performance_snapshots`, newest first."""

    history: list[dict[str, Any]]
    total: int


class CalibrationAnswer(About):
    """How far stated probabilities held: of the last trades, which decides the light, and of all predicted events."""

    trades: dict[str, Any]
    events: dict[str, Any]
