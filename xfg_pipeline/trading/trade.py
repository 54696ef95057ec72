"""A trade: one position from flat to flat, as far as the account's records tell."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from xfg_pipeline.signals.records import Direction

ExitReason = Literal[
    "TP", "SL", "trailing", "manual", "timeout", "liquidation", "ADL", "settlement", "conditional", "unknown"
]
EXIT_REASONS: tuple[ExitReason, ...] = (
    "TP", "SL", "trailing", "manual", "timeout", "liquidation", "ADL", "settlement", "conditional", "unknown",
)  # fmt: skip


@dataclass(frozen=True)
class Trade:
    """What one position came to. Amounts in the quote currency, times aware UTC.

    `episode` names the position for good: its first opening execution, or its first closing order where the opening
    lies before the records. `order_ids` are its closing orders in order of time, the last is `bybit_order_id`.
    `is_open`: partly closed, `pnl` is what was realised so far. `pnl` is the sum of the exchange's closed P&L.
    `fees` were paid (below 0: received) and are in `pnl`; `funding` was received (below 0: paid), see docs/trades.md
    for whether it is in `pnl`. `entry_time` is None where the opening is not in the records. `stop_loss` is that of
    the order that opened it, where told. `exit_evidence` has the fields that prove the reason.
    """

    account: str
    episode: str
    bybit_order_id: str
    order_ids: tuple[str, ...]
    order_link_id: str
    coin: str
    direction: Direction
    entry_time: datetime | None
    exit_time: datetime
    entry_price: Decimal
    exit_price: Decimal
    quantity: Decimal
    pnl: Decimal
    fees: Decimal | None
    funding: Decimal
    leverage: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    exit_reason: ExitReason
    exit_evidence: dict[str, Any]
    is_open: bool
    updated_at: datetime
