"""What an account says of itself, whoever keeps it: closings, executions, orders, positions, equity, its key.

Amounts are Decimal in the quote currency (USDT), quantities in the base asset, times aware UTC. Words are those of
Bybit v5, whose records all providers give. None: not told.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from xfg_pipeline.signals.records import Direction

AccountName = Literal[
    "bybit", "bybit_testnet", "bybit_demo", "paper_simulated", "paper_replay", "paper_bybit", "paper_bybit_testnet"
]
"""Stands in every row that was made from an account: rows of two accounts are never mixed."""
Side = Literal["Buy", "Sell"]


@dataclass(frozen=True)
class Closing:
    """Closed P&L of one closing order; it may grow while the order fills, `updated_at` says which is newer.

    `side` is that of the closing order. `pnl` is net of the fees to open and to close.
    """

    order_id: str
    coin: str
    side: Side
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    entry_value: Decimal
    exit_value: Decimal
    pnl: Decimal
    open_fee: Decimal | None
    close_fee: Decimal | None
    leverage: Decimal | None
    exec_type: str
    created_at: datetime
    updated_at: datetime

    @property
    def direction(self) -> Direction:
        """Of the position that was closed."""
        return "LONG" if self.side == "Sell" else "SHORT"


@dataclass(frozen=True)
class Execution:
    """A fill, or a settlement of funding (`kind` Funding; then `fee` above 0 was paid, below 0 received).

    `closed_quantity` is how much of it closed a position; the rest opened one.
    """

    exec_id: str
    order_id: str
    link_id: str
    coin: str
    side: Side
    kind: str
    price: Decimal
    quantity: Decimal
    value: Decimal
    fee: Decimal
    closed_quantity: Decimal
    create_type: str
    stop_order_type: str
    is_maker: bool
    at: datetime
    seq: int


@dataclass(frozen=True)
class OrderRecord:
    """An order as it stands. `parent_link_id`: of the order that this stop or target was attached to."""

    order_id: str
    link_id: str
    parent_link_id: str
    coin: str
    side: Side
    status: str
    order_type: str
    price: Decimal | None
    quantity: Decimal
    average_price: Decimal | None
    filled_quantity: Decimal
    create_type: str
    stop_order_type: str
    cancel_type: str
    reject_reason: str
    take_profit: Decimal | None
    stop_loss: Decimal | None
    trigger_price: Decimal | None
    reduce_only: bool
    close_on_trigger: bool
    position_index: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Position:
    """An open position; flat ones are left out."""

    coin: str
    side: Side
    position_index: int
    quantity: Decimal
    entry_price: Decimal
    mark_price: Decimal | None
    liquidation_price: Decimal | None
    leverage: Decimal | None
    take_profit: Decimal | None
    stop_loss: Decimal | None
    unrealised_pnl: Decimal | None
    updated_at: datetime | None


@dataclass(frozen=True)
class Equity:
    """What the account is worth: `equity` with open positions at their mark price, `wallet_balance` without."""

    equity: Decimal
    wallet_balance: Decimal
    available: Decimal | None
    unrealised: Decimal | None


@dataclass(frozen=True)
class KeyFacts:
    """What the API key may do. `expires_at` is None where it never does."""

    read_only: bool
    permissions: tuple[str, ...]
    addresses: tuple[str, ...]
    expires_at: datetime | None


@dataclass(frozen=True)
class NewOrder:
    """An order to place. `link_id` is ours, 1 to 36 of letters, digits, - and _; `price` None: at market."""

    coin: str
    side: Side
    quantity: Decimal
    price: Decimal | None
    take_profit: Decimal | None
    stop_loss: Decimal | None
    link_id: str
    reduce_only: bool = False


@dataclass(frozen=True)
class Placed:
    """An order was accepted, not filled. `again`: it had been accepted before under the same link id."""

    order_id: str
    link_id: str
    again: bool = False
