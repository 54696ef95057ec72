"""The records of a paper account, in the words and with the fields that Bybit gives (v5, linear, Full mode)."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Final

from xfg_pipeline.exchange.paper_books import ClosingAsked, Entry, PaperOrder
from xfg_pipeline.exchange.paper_terms import fee_of, identity, money, timeout_link_id
from xfg_pipeline.signals.increments import EXACT
from xfg_pipeline.trading.account_records import Closing, Execution, NewOrder, OrderRecord, Side

# Of executions at one time: what closes an earlier position comes before what opens the next.
_FUNDING, _CLOSED, _OPENED, _CLOSED_AT_ONCE = range(4)


@dataclass(frozen=True)
class Way:
    """How a position is closed: Bybit's words for it. `link_id` is ours, where the order is."""

    suffix: str
    create_type: str
    stop_order_type: str
    link_id: str = ""


TARGET: Final = Way("target", "CreateByTakeProfit", "TakeProfit")
STOP: Final = Way("stop", "CreateByStopLoss", "StopLoss")


def by_timeout(order: PaperOrder) -> Way:
    """By our own market order after a day."""
    return Way("timeout", "CreateByUser", "UNKNOWN", timeout_link_id(order.order.link_id))


def by_hand(asked: ClosingAsked) -> Way:
    """By an order that was placed to close it."""
    return Way("asked", "CreateByUser", "UNKNOWN", asked.link_id)


def new_order(account: str, order: NewOrder, at: datetime) -> OrderRecord:
    """An order as it stands when it was accepted."""
    return OrderRecord(
        order_id=identity(account, order.link_id),
        link_id=order.link_id,
        parent_link_id="",
        coin=order.coin,
        side=order.side,
        status="New",
        order_type="Market" if order.price is None else "Limit",
        price=order.price,
        quantity=order.quantity,
        average_price=None,
        filled_quantity=Decimal(0),
        create_type="CreateByUser",
        stop_order_type="UNKNOWN",
        cancel_type="UNKNOWN",
        reject_reason="EC_NoError",
        take_profit=order.take_profit,
        stop_loss=order.stop_loss,
        trigger_price=None,
        reduce_only=order.reduce_only,
        close_on_trigger=False,
        # Hedge mode: a coin may be held long and short at once.
        position_index=(1 if order.side == "Buy" else 2)
        if not order.reduce_only
        else (2 if order.side == "Buy" else 1),
        created_at=at,
        updated_at=at,
    )


def filled(order: OrderRecord, price: Decimal, at: datetime) -> OrderRecord:
    """The same order, filled whole."""
    return replace(order, status="Filled", average_price=price, filled_quantity=order.quantity, updated_at=at)


def cancelled(order: OrderRecord, at: datetime, cancel_type: str = "CancelByUser") -> OrderRecord:
    """The same order, taken back."""
    reason = "EC_PerCancelRequest" if cancel_type == "CancelByUser" else "EC_NoError"
    return replace(order, status="Cancelled", cancel_type=cancel_type, reject_reason=reason, updated_at=at)


def opening(account: str, order: OrderRecord, entry: Entry, *, is_maker: bool) -> Execution:
    """The fill that opens a position."""
    return Execution(
        exec_id=identity(account, order.link_id, "opened"),
        order_id=order.order_id,
        link_id=order.link_id,
        coin=order.coin,
        side=order.side,
        kind="Trade",
        price=entry.price,
        quantity=order.quantity,
        value=EXACT.multiply(entry.price, order.quantity),
        fee=entry.fee,
        closed_quantity=Decimal(0),
        create_type=order.create_type,
        stop_order_type=order.stop_order_type,
        is_maker=is_maker,
        at=entry.at,
        seq=_seq(entry.at, _OPENED),
    )


def funding(account: str, order: OrderRecord, at: datetime, price: Decimal, rate: Decimal) -> Execution:
    """A settlement of funding: longs pay when the rate is above 0, shorts receive."""
    value = EXACT.multiply(price, order.quantity)
    paid = EXACT.multiply(value, rate if order.side == "Buy" else -rate)
    return Execution(
        exec_id=identity(account, order.link_id, "funding", f"{at:%Y%m%d%H}"),
        order_id=identity(account, order.link_id, "settled", f"{at:%Y%m%d%H}"),
        link_id="",
        coin=order.coin,
        side=order.side,
        kind="Funding",
        price=price,
        quantity=order.quantity,
        value=value,
        fee=money(paid),
        closed_quantity=Decimal(0),
        create_type="",
        stop_order_type="UNKNOWN",
        is_maker=False,
        at=at,
        seq=_seq(at, _FUNDING),
    )


@dataclass(frozen=True)
class Closed:
    """What the end of a position leaves: the order that closed it, those that no longer could, its fill, its P&L."""

    orders: tuple[OrderRecord, ...]
    execution: Execution
    closing: Closing


def closed(account: str, paper: PaperOrder, way: Way, price: Decimal, at: datetime) -> Closed:
    """The records of a position that is closed whole, by `way`, at a price."""
    order, entry = paper.order, paper.entry
    assert entry is not None, "only a filled order has a position"
    side: Side = "Sell" if order.side == "Buy" else "Buy"
    own = _closing_order(account, paper, way, side, at)
    fee = fee_of(price, order.quantity, is_maker=False)
    with localcontext(EXACT):
        entry_value, exit_value = entry.price * order.quantity, price * order.quantity
        gained = exit_value - entry_value if order.side == "Buy" else entry_value - exit_value
        pnl = gained - entry.fee - fee
    execution = Execution(
        exec_id=identity(account, order.link_id, "closed"),
        order_id=own.order_id,
        link_id=own.link_id,
        coin=order.coin,
        side=side,
        kind="Trade",
        price=price,
        quantity=order.quantity,
        value=exit_value,
        fee=fee,
        closed_quantity=order.quantity,
        create_type=way.create_type,
        stop_order_type=way.stop_order_type,
        is_maker=False,
        at=at,
        seq=_seq(at, _CLOSED_AT_ONCE if at == entry.at else _CLOSED),
    )
    closing = Closing(
        order_id=own.order_id,
        coin=order.coin,
        side=side,
        quantity=order.quantity,
        entry_price=entry.price,
        exit_price=price,
        entry_value=entry_value,
        exit_value=exit_value,
        pnl=pnl,
        open_fee=entry.fee,
        close_fee=fee,
        # No margin is kept on paper.
        leverage=None,
        exec_type="Trade",
        created_at=at,
        updated_at=at,
    )
    rest = [
        _attached(account, paper, other, side, level)
        for other, level in ((TARGET, order.take_profit), (STOP, order.stop_loss))
        if level is not None and other is not way
    ]
    gone = [replace(one, status="Deactivated", cancel_type="CancelByTpSlTsClear", updated_at=at) for one in rest]
    if paper.asked is not None and way.link_id != paper.asked.link_id:
        gone.append(cancelled(asked_order(account, paper, paper.asked), at, "CancelByReduceOnly"))
    return Closed((filled(own, price, at), *gone), execution, closing)


def _closing_order(account: str, paper: PaperOrder, way: Way, side: Side, at: datetime) -> OrderRecord:
    if way.link_id:
        was_asked = paper.asked is not None and paper.asked.link_id == way.link_id
        asked = paper.asked if paper.asked is not None and was_asked else ClosingAsked(way.link_id, at)
        return asked_order(account, paper, asked)
    level = paper.order.take_profit if way is TARGET else paper.order.stop_loss
    assert level is not None
    return _attached(account, paper, way, side, level)


def asked_order(account: str, paper: PaperOrder, asked: ClosingAsked) -> OrderRecord:
    """The market order that closes a position, as it stands when it was accepted."""
    side: Side = "Sell" if paper.order.side == "Buy" else "Buy"
    wanted = NewOrder(paper.order.coin, side, paper.order.quantity, None, None, None, asked.link_id, reduce_only=True)
    return new_order(account, wanted, asked.at)


def _attached(account: str, paper: PaperOrder, way: Way, side: Side, level: Decimal) -> OrderRecord:
    """A stop or target in Full mode, as Bybit makes it when the entry is filled."""
    order, entry = paper.order, paper.entry
    assert entry is not None
    wanted = NewOrder(order.coin, side, order.quantity, None, None, None, "", reduce_only=True)
    return replace(
        new_order(account, wanted, entry.at),
        order_id=identity(account, order.link_id, way.suffix),
        parent_link_id=order.link_id,
        status="Untriggered",
        price=Decimal(0),
        create_type=way.create_type,
        stop_order_type=way.stop_order_type,
        trigger_price=level,
        close_on_trigger=True,
    )


def _seq(at: datetime, place: int) -> int:
    return int(at.timestamp() * 1000) * 10 + place
