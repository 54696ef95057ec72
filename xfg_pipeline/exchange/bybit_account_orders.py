"""Placing an order at Bybit once, and finding out what became of it; it is never sent a second time."""

import re
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import requests
from pybit.exceptions import FailedRequestError, InvalidRequestError
from urllib3.exceptions import NewConnectionError

from xfg_pipeline.exchange.account import KeyRefused, OrderOutcomeUnknown, OrderRefused
from xfg_pipeline.exchange.bybit_account_pages import Patience, read_rows
from xfg_pipeline.exchange.bybit_account_records import order_of
from xfg_pipeline.exchange.bybit_account_rows import PlacedRow
from xfg_pipeline.exchange.bybit_errors import (
    CLOCK_OFF,
    KEY_REFUSED,
    SHUT_OUT,
    TOO_OFTEN,
    TROUBLE_THERE,
    BybitUnavailable,
    explain,
    scrubbed,
)
from xfg_pipeline.exchange.bybit_records import read
from xfg_pipeline.exchange.bybit_session import BybitSession
from xfg_pipeline.exchange.market import MarketError, MarketMalformed, MarketUnavailable
from xfg_pipeline.exchange.pace import Deadline
from xfg_pipeline.trading.account_records import NewOrder, OrderRecord, Placed

# Seconds before each look for an order whose outcome is not known: Bybit shows an order some time after it took it.
LOOKS = (0.2, 0.5, 1.0, 2.0, 3.0)
SECONDS_A_LOOK = 8.0
LOOKED_UP_PAGE = 50

PARAMETERS = 10001
ALREADY_THERE = frozenset({10014, 110072})
# What a person can do about a refusal, by Bybit's code.
REMEDIES = {
    110003: "the price is too far from the market: look at the ticket's prices",
    110004: "the wallet does not hold enough",
    110007: "the available balance does not suffice: lower the size, or close something",
    110009: "there are too many stop orders: cancel some",
    110012: "the available balance does not suffice: lower the size, or close something",
    110017: "there is nothing to close, or the size is below the smallest step",
    110020: "there are too many open orders: cancel some",
    110045: "the wallet does not hold enough",
    110061: "there are too many targets and stops: cancel some",
    110074: "the contract does not trade now",
    110090: "the position would be above its limit: lower the size or the leverage",
    110094: "the order is below the smallest value that Bybit takes: raise the size",
    110123: "Bybit has terms that must be accepted by hand, on its own pages",
    110125: "Bybit has terms that must be accepted by hand, on its own pages",
}
_COIN = re.compile(r"[A-Z0-9]{1,20}")
_LINK_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")


class _AlreadyThere(MarketError):
    """Bybit has an order of this link id."""


class BybitOrders:
    """Orders of one account: `writing` sends and never retries, `reading` looks up."""

    def __init__(
        self,
        writing: BybitSession,
        reading: BybitSession,
        *,
        seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._writing = writing
        self._reading = reading
        self._seconds = seconds
        self._monotonic = monotonic
        self._sleep = sleep

    def place(self, order: NewOrder) -> Placed:
        """Send an order, once. Raises OrderRefused, OrderOutcomeUnknown, and MarketUnavailable: nothing was placed."""
        body = _body(order)
        try:
            deadline = Deadline(self._seconds, self._monotonic)
            answer = self._writing.post("place_order", deadline, explain_order, **body)
            placed = read(PlacedRow, answer.result, "Bybit's answer to an order")
            if placed.order_link_id == order.link_id:
                return Placed(placed.order_id, order.link_id)
            answered = "Bybit's answer is about another order"
        except _AlreadyThere as there:
            return self._found(order, str(there), again=True)
        except OrderRefused as refused:
            refused.coin = order.coin
            raise
        except (OrderOutcomeUnknown, MarketMalformed) as unsure:
            answered = str(unsure)
        return self._found(order, answered, again=False)

    def order(self, link_id: str, patience: Patience) -> OrderRecord | None:
        """The newest order of a link id, open or of the last seven days. Raises MarketUnavailable, MarketMalformed."""
        if not _LINK_ID.fullmatch(link_id):
            return None
        for call, query in (("get_open_orders", {"settleCoin": "USDT"}), ("get_order_history", {})):
            rows = read_rows(
                self._reading, call, "orders", patience, limit=LOOKED_UP_PAGE, **query, orderLinkId=link_id
            )
            told = [record for record in map(order_of, rows) if record is not None and record.link_id == link_id]
            if told:
                return max(told, key=lambda one: (one.created_at, one.updated_at, one.order_id))
        return None

    def _found(self, order: NewOrder, answered: str, *, again: bool) -> Placed:
        problem = "Bybit does not show it"
        for pause in LOOKS:
            self._sleep(pause)
            try:
                there = self.order(order.link_id, Patience(SECONDS_A_LOOK, self._monotonic))
            except KeyRefused as refused:
                problem = str(refused)
                break
            except (MarketUnavailable, MarketMalformed) as failed:
                problem = str(failed)
                continue
            if there is not None:
                return _as_placed(order, there, again=again)
            problem = "Bybit does not show it"
        raise OrderOutcomeUnknown(
            f"whether {order.link_id} was placed is not known ({answered}; then {problem}): look for it at Bybit "
            "before anything is placed again",
            coin=order.coin,
        )


def explain_order(error: Exception, now: datetime) -> MarketError:
    """What a failed order comes to: refused, not sent, there already; OrderOutcomeUnknown where nobody can say."""
    told = explain(error, now)
    # pybit gives a status of its own to what is no JSON; such an answer has no headers.
    code = None
    if isinstance(error, InvalidRequestError | FailedRequestError) and error.resp_headers is not None:
        code = error.status_code
    if type(code) is not int:
        return told if _was_not_sent(error) else OrderOutcomeUnknown(str(told))
    if code in ALREADY_THERE:
        return _AlreadyThere(str(told))
    if code in KEY_REFUSED | SHUT_OUT | TOO_OFTEN or code == CLOCK_OFF:
        return told
    # An HTTP status that is none of these comes from something in between.
    if code in TROUBLE_THERE or isinstance(error, FailedRequestError):
        return OrderOutcomeUnknown(str(told))
    return OrderRefused(_refusal(code, getattr(error, "message", "")), code=code)


def _refusal(code: int, words: object) -> str:
    remedy = REMEDIES.get(code, "look at the order's numbers")
    if code == PARAMETERS and "position idx" in str(words):
        remedy = "the account is in hedge mode: set this coin to one-way mode at Bybit, or place the order by hand"
    return f"Bybit refuses the order (code {code}: {scrubbed(words)}); {remedy}. Nothing was placed"


def _was_not_sent(error: Exception) -> bool:
    if isinstance(error, BybitUnavailable | requests.exceptions.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.exceptions.ConnectionError) and isinstance(reason, NewConnectionError)


def _as_placed(order: NewOrder, there: OrderRecord, *, again: bool) -> Placed:
    if (there.coin, there.side) != (order.coin, order.side):
        raise OrderRefused(
            f"{order.link_id} is already the name of another order, {there.side} {there.coin}: nothing was placed",
            code=110072,
            coin=order.coin,
        )
    if there.status == "Rejected":
        raise OrderRefused(
            f"Bybit took the order and rejected it ({there.reject_reason}): nothing was placed", code=0, coin=order.coin
        )
    return Placed(there.order_id, order.link_id, again=again)


def _body(order: NewOrder) -> dict[str, str | int | bool]:
    """The order as Bybit wants it. Raises OrderRefused for one that can be seen to be none."""
    prices = [one for one in (order.price, order.take_profit, order.stop_loss) if one is not None]
    problem = ""
    if not _COIN.fullmatch(order.coin):
        problem = f"{order.coin[:40]!r} is no coin"
    elif not _LINK_ID.fullmatch(order.link_id):
        problem = f"{order.link_id[:60]!r} is no link id: 1 to 36 of letters, digits, - and _"
    elif not all(one.is_finite() and one > 0 for one in (order.quantity, *prices)):
        problem = "a quantity or price is not above zero"
    elif order.reduce_only and (order.take_profit is not None or order.stop_loss is not None):
        problem = "an order that only reduces has no target and no stop of its own"
    if problem:
        raise OrderRefused(f"{problem}; nothing was placed", code=PARAMETERS, coin=order.coin)
    body: dict[str, str | int | bool] = {
        "category": "linear",
        "symbol": f"{order.coin}USDT",
        "side": order.side,
        "qty": _plain(order.quantity),
        "orderLinkId": order.link_id,
        "positionIdx": 0,
        "reduceOnly": order.reduce_only,
    }
    if order.price is None:
        body |= {"orderType": "Market", "timeInForce": "IOC"}
    else:
        body |= {"orderType": "Limit", "timeInForce": "GTC", "price": _plain(order.price)}
    if order.take_profit is not None:
        body |= {"takeProfit": _plain(order.take_profit), "tpTriggerBy": "LastPrice", "tpslMode": "Full"}
    if order.stop_loss is not None:
        body |= {"stopLoss": _plain(order.stop_loss), "slTriggerBy": "LastPrice", "tpslMode": "Full"}
    return body


def _plain(number: Decimal) -> str:
    return f"{number:f}"
