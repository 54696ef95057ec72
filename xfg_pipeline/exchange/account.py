"""What an account is to the pipeline, and its ways to fail. Providers: Bybit, and paper for practice."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from xfg_pipeline.exchange.market import MarketError, MarketUnavailable
from xfg_pipeline.trading.account_records import (
    AccountName,
    Closing,
    Equity,
    Execution,
    KeyFacts,
    NewOrder,
    OrderRecord,
    Placed,
    Position,
)


class KeyRefused(MarketUnavailable):
    """The exchange does not accept the key. Asking again is of no use until a person has changed it."""


class OrderRefused(MarketError):
    """The exchange said no to an order: nothing was placed. `code` is the exchange's own."""

    def __init__(self, message: str, *, code: int, coin: str | None = None) -> None:
        super().__init__(message, coin=coin)
        self.code = code


class OrderOutcomeUnknown(MarketError):
    """Whether the order was placed is not known. Look it up by its link id; never send it again before that."""


@dataclass(frozen=True)
class Refused:
    """A record that cannot be meant: as it came, and why it was not used."""

    record: dict[str, Any]
    why: str


Record = TypeVar("Record", Closing, Execution, OrderRecord)


@dataclass(frozen=True)
class Batch(Generic[Record]):
    """All records of a stretch of time, in no particular order, each once in its newest version.

    With `refused` records it is not complete: whoever reads on from here must read it again.
    """

    records: tuple[Record, ...]
    refused: tuple[Refused, ...] = ()


class Account(Protocol):
    """A provider. Questions raise MarketUnavailable (KeyRefused among them) or MarketMalformed, and nothing else.

    A question that could not be answered says nothing: it is never an empty answer.
    """

    @property
    def name(self) -> AccountName:
        """Stands in every row that was made from it: rows of two accounts are never mixed."""

    @property
    def keeps(self) -> timedelta | None:
        """How far back its records go; None: to its beginning."""

    def settled_to(self, now: datetime) -> datetime:
        """Up to when records can be complete: `now`, but for a paper account that waits for its candles."""

    def equity(self) -> Equity:
        """What the account is worth now."""

    def positions(self) -> tuple[Position, ...]:
        """What is open now."""

    def closings(self, start: datetime, end: datetime) -> Batch[Closing]:
        """Closed P&L of start <= time < end."""

    def executions(self, start: datetime, end: datetime) -> Batch[Execution]:
        """Fills and funding of start <= time < end."""

    def orders(self, start: datetime, end: datetime) -> Batch[OrderRecord]:
        """Orders of start <= time < end that are no longer open."""

    def key(self) -> KeyFacts | None:
        """What the API key may do; None where there is none."""

    def clock_skew(self, now: datetime) -> timedelta:
        """How far the account's clock is ahead of `now`."""

    def place(self, order: NewOrder) -> Placed:
        """Place an order, once. Also raises OrderRefused and OrderOutcomeUnknown."""

    def order(self, link_id: str) -> OrderRecord | None:
        """An order by our own name for it, open or not; None: the account does not know it, now."""
