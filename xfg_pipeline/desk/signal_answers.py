"""The shapes of the answers about signals, for the API's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class SignalAnswer(BaseModel):
    """A row of `signals` with the status of now, what became of it, and the light that it was made under."""

    model_config = ConfigDict(extra="allow")

    id: int
    market: str
    coin: str
    slot: str
    mode: Literal["live", "backfill"]
    direction: Literal["LONG", "SHORT"]
    signal_type: str
    tier: int
    confidence: float
    volume_ratio: float
    entry_low: float
    entry_high: float
    stop_loss: float
    take_profit: float
    risk_reward: float
    position_size: float
    position_multiplier: float
    risk_amount: float
    reasoning: str
    status: Literal["ready", "paused", "expired", "executed"]
    expires_at: str
    order_link_id: str
    gates: list[dict[str, Any]]
    outcome: str | None


class SignalsAnswer(BaseModel):
    """Signals, newest first; `total` counts all that were asked for. `mode` says whether any of it is real."""

    model_config = ConfigDict(extra="allow")

    signals: list[SignalAnswer]
    total: int
    as_of: str
    market: str
    mode: Literal["practice", "live"]


class LineageAnswer(SignalAnswer):
    """One signal with everything that it was made from. `links` lead to the Dagster UI, by asset."""

    lineage: dict[str, Any]
    prediction: dict[str, Any] | None
    links: dict[str, str]
    trading_mode: Literal["practice", "live"]
    as_of: str


class TicketAnswer(BaseModel):
    """The order in the exchange's own terms, in lines to copy and field by field; numbers as they are typed."""

    id: int
    ticket: str
    symbol: str
    side: Literal["Buy", "Sell"]
    quantity: str
    price: str
    take_profit: str
    stop_loss: str
    link_id: str
    position_multiplier: float
    risk_amount: float
    expires_at: str
    as_of: str
    market: str
    mode: Literal["practice", "live"]


class CandidateAnswer(BaseModel):
    """A row of `signal_candidates` with the reason in words; not `evaluated` where nothing was decided."""

    model_config = ConfigDict(extra="allow")

    coin: str
    slot: str
    evaluated: bool
    gate: str | None
    reason: str
    margin: float | None
    confidence: float | None
    volume_ratio: float | None
    outcome: str | None
    signal_id: int | None


class CandidatesAnswer(BaseModel):
    """Why there is no signal; `counts` by the gate that stopped, `passed` became signals."""

    model_config = ConfigDict(extra="allow")

    candidates: list[CandidateAnswer]
    total: int
    counts: dict[str, int]
    date: str
    as_of: str
    market: str
    mode: Literal["practice", "live"]
