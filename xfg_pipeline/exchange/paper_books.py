"""What the paper account writes down, and what it needs of whoever keeps it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from pydantic import TypeAdapter

from xfg_pipeline.trading.account_records import Closing, Execution, OrderRecord

JsonRecord = Mapping[str, Any]
"""A record as JSON: amounts and times as text, exactly."""


@dataclass(frozen=True)
class Entry:
    """How an order was filled. `fee` is in the quote currency, `candle` is when its 15-minute candle opened."""

    price: Decimal
    fee: Decimal
    at: datetime
    candle: datetime


@dataclass(frozen=True)
class ClosingAsked:
    """An order of our own that closes the position at the first price after `at`."""

    link_id: str
    at: datetime


@dataclass(frozen=True)
class PaperOrder:
    """An order to open a position, and what became of it.

    `followed_to`: candles that close later have not been looked at. `ended_at`: when it was cancelled, or its position
    closed; until then it is working.
    """

    order: OrderRecord
    expires_at: datetime
    followed_to: datetime
    entry: Entry | None = None
    asked: ClosingAsked | None = None
    ended_at: datetime | None = None

    @property
    def is_working(self) -> bool:
        """Waiting for its fill, or with a position that is open."""
        return self.ended_at is None


class Opened(Protocol):
    """A paper account's beginning, and up to when candles were applied."""

    @property
    def opened_at(self) -> datetime:
        """When it was opened."""

    @property
    def starting_equity(self) -> Decimal:
        """With what, in the quote currency."""

    @property
    def advanced_to(self) -> datetime:
        """Candles that closed later have not been applied."""


class PaperPage(Protocol):
    """One transaction, alone on the books of the account."""

    def order_of(self, link_id: str) -> JsonRecord | None:
        """What is kept under a link id."""

    def last_of(self, coin: str, side: str) -> JsonRecord | None:
        """The newest order to open a position of this coin and side, by when it was placed."""

    def keep_order(
        self,
        record: JsonRecord,
        *,
        order_id: str,
        link_id: str,
        is_working: bool,
        created_at: datetime,
        updated_at: datetime,
    ) -> None:
        """Write an order in the place of an older version of it."""

    def keep_execution(self, record: JsonRecord, *, exec_id: str, at: datetime) -> None:
        """Write a fill; one that is there stays."""

    def keep_closing(self, record: JsonRecord, *, order_id: str, updated_at: datetime) -> None:
        """Write a closing; one that is there stays."""

    def advanced_to(self, at: datetime) -> None:
        """Note that candles up to `at` were applied; it never goes back."""


class PaperBooks(Protocol):
    """The books of one paper account. Times are aware UTC; ranges include their start and not their end."""

    def opened(self) -> Opened | None:
        """None: it has not been opened."""

    def open(self, at: datetime, equity: Decimal) -> Opened:
        """Open it; what was opened before stays as it was."""

    def changing(self) -> AbstractContextManager[PaperPage]:
        """One transaction, committed at the end of the block."""

    def order_of(self, link_id: str) -> JsonRecord | None:
        """What is kept under a link id."""

    def standing_at(self, at: datetime | None) -> Sequence[JsonRecord]:
        """Orders to open a position that were working at a moment; None: that are now."""

    def orders(self, start: datetime, end: datetime) -> Sequence[JsonRecord]:
        """Orders by when they were last changed."""

    def executions(self, start: datetime, end: datetime) -> Sequence[JsonRecord]:
        """Fills and funding by their time."""

    def closings(self, start: datetime, end: datetime) -> Sequence[JsonRecord]:
        """Closings by when they were last changed."""

    def wallet(self, at: datetime) -> Decimal | None:
        """Starting equity, closed P&L and funding until a moment, included; None: it has not been opened."""


ORDERS: TypeAdapter[PaperOrder] = TypeAdapter(PaperOrder)
CHILDREN: TypeAdapter[OrderRecord] = TypeAdapter(OrderRecord)
EXECUTIONS: TypeAdapter[Execution] = TypeAdapter(Execution)
CLOSINGS: TypeAdapter[Closing] = TypeAdapter(Closing)


def order_in(record: JsonRecord) -> OrderRecord:
    """The order of a record: one that opens a position is kept with what became of it, others by themselves."""
    return CHILDREN.validate_python(record.get("order", record))


def write_order(page: PaperPage, order: PaperOrder) -> None:
    """Keep an order to open a position, as it stands."""
    _write(page, order.order, ORDERS.dump_python(order, mode="json"), is_working=order.is_working)


def write_child(page: PaperPage, order: OrderRecord) -> None:
    """Keep an order that closed a position, or did not come to it."""
    _write(page, order, CHILDREN.dump_python(order, mode="json"), is_working=False)


def _write(page: PaperPage, order: OrderRecord, record: JsonRecord, *, is_working: bool) -> None:
    page.keep_order(
        record,
        order_id=order.order_id,
        # Attached stops and targets have no name of ours; their id stands in its place.
        link_id=order.link_id or order.order_id,
        is_working=is_working,
        created_at=order.created_at,
        updated_at=order.updated_at,
    )


def write_execution(page: PaperPage, execution: Execution) -> None:
    """Keep a fill."""
    record = EXECUTIONS.dump_python(execution, mode="json")
    page.keep_execution(record, exec_id=execution.exec_id, at=execution.at)


def write_closing(page: PaperPage, closing: Closing) -> None:
    """Keep a closing."""
    record = CLOSINGS.dump_python(closing, mode="json")
    page.keep_closing(record, order_id=closing.order_id, updated_at=closing.updated_at)
