"""What the paper account refuses before it takes an order: what the exchange would refuse too, with its codes."""

import re
from decimal import Decimal
from itertools import pairwise
from typing import Final

from xfg_pipeline.exchange.account import OrderRefused
from xfg_pipeline.exchange.market import Instrument
from xfg_pipeline.signals.increments import EXACT
from xfg_pipeline.trading.account_records import NewOrder

LINK_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,36}")
_PARAMETER, _UNKNOWN_SYMBOL, _BELOW_NOTIONAL = 10001, 10029, 110094


def refuse_impossible(order: NewOrder, instrument: Instrument | None) -> None:
    """Raise OrderRefused for an order that the instrument's filters or its own prices forbid."""
    if not LINK_ID.fullmatch(order.link_id):
        _refuse(order, f"{order.link_id!r} is no order link id: 1 to 36 of letters, digits, - and _")
    if instrument is None:
        _refuse(order, f"{order.coin} is not traded here: correct the coin", _UNKNOWN_SYMBOL)
    assert instrument is not None
    _check_quantity(order, instrument)
    levels = {"price": order.price, "take profit": order.take_profit, "stop loss": order.stop_loss}
    for name, price in levels.items():
        if price is not None and not _is_multiple(price, instrument.tick_size):
            _refuse(order, f"{name} {price} is no multiple of the tick {instrument.tick_size} above 0")
    if order.reduce_only:
        if order.take_profit is not None or order.stop_loss is not None:
            _refuse(order, "a reduce-only order takes no target and no stop")
        return
    if order.price is not None and order.price * order.quantity < instrument.min_notional:
        worth = f"{order.quantity} at {order.price} is worth {order.price * order.quantity}"
        _refuse(order, f"{worth}, below the least order value of {instrument.min_notional}", _BELOW_NOTIONAL)
    _check_sides(order)


def _check_quantity(order: NewOrder, instrument: Instrument) -> None:
    if not _is_multiple(order.quantity, instrument.qty_step):
        _refuse(order, f"quantity {order.quantity} is no multiple of the step {instrument.qty_step} above 0")
    if not instrument.min_qty <= order.quantity <= instrument.max_qty:
        _refuse(order, f"quantity {order.quantity} is not from {instrument.min_qty} to {instrument.max_qty}")


def _check_sides(order: NewOrder) -> None:
    """The stop on the losing side of the price, the target on the other."""
    rising = [price for price in (order.stop_loss, order.price, order.take_profit) if price is not None]
    if order.side == "Sell":
        rising.reverse()
    if any(low >= high for low, high in pairwise(rising)):
        _refuse(
            order,
            f"{order.side} at {order.price}: stop {order.stop_loss} and target {order.take_profit} are not on their "
            "sides of it",
        )


def _is_multiple(value: Decimal, step: Decimal) -> bool:
    return value.is_finite() and value > 0 and EXACT.remainder(value, step) == 0


def _refuse(order: NewOrder, why: str, code: int = _PARAMETER) -> None:
    raise OrderRefused(f"{order.link_id}: {why}", code=code, coin=order.coin)
