"""An order is sent once, whatever happens; what became of it is found out, or said to be unknown."""

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import FixedClock
from tests.exchange.bybit_server import (
    KEY,
    SECRET,
    BybitServer,
    Fault,
    bybit_server,
    code,
    cut,
    edited,
    raw,
    slow,
    status,
    too_often,
    truncated,
    unheard,
)
from tests.exchange.conftest import AT_ONCE, NOON, OpenAccount, PlayedTime
from tests.exchange.test_bybit_any_answer import ANY_JSON, ENVELOPES
from xfg_pipeline.exchange.account import KeyRefused, OrderOutcomeUnknown, OrderRefused
from xfg_pipeline.exchange.bybit_account import BybitAccount
from xfg_pipeline.exchange.bybit_account_orders import LOOKS
from xfg_pipeline.exchange.market import MarketUnavailable
from xfg_pipeline.trading.account_records import NewOrder, Placed

LINK_ID = "xfg-250301-1200-BTC"
ORDER = NewOrder(
    coin="BTC",
    side="Buy",
    quantity=Decimal("0.010"),
    price=Decimal("60000.10"),
    take_profit=Decimal(61_000),
    stop_loss=Decimal("59000.5"),
    link_id=LINK_ID,
)
CREATE = "order/create"


def sent(exchange: BybitServer) -> int:
    """How many orders were sent, heard of or not."""
    return exchange.count(CREATE)


def test_an_order_is_sent_as_it_is_meant(account: BybitAccount, exchange: BybitServer) -> None:
    placed = account.place(ORDER)
    (order,) = exchange.account.orders.values()
    assert placed == Placed(order["orderId"], LINK_ID)
    body = {name: order[name] for name in ("symbol", "side", "orderType", "qty", "price", "takeProfit", "stopLoss")}
    assert body == {
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Limit",
        "qty": "0.01",
        "price": "60000.1",
        "takeProfit": "61000",
        "stopLoss": "59000.5",
    }
    assert sent(exchange) == exchange.count() == 1


def test_numbers_leave_as_the_decimals_that_they_are(account: BybitAccount, exchange: BybitServer) -> None:
    bodies: list[str] = []
    answer = exchange.answer

    def kept(asked: Any, payload: str) -> Any:
        bodies.append(payload)
        return answer(asked, payload)

    exchange.answer = kept  # type: ignore[method-assign]
    account.place(replace(ORDER, quantity=Decimal("1E-5"), price=Decimal("1.23E+4"), take_profit=None))
    body = json.loads(bodies[0])
    assert (body["qty"], body["price"], body["stopLoss"]) == ("0.00001", "12300", "59000.5")
    assert (body["tpslMode"], body["slTriggerBy"], body["positionIdx"]) == ("Full", "LastPrice", 0)
    assert "takeProfit" not in body


def test_a_market_order_that_only_reduces_closes_what_is_open(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.account.trade("BTC", "LONG", NOON - timedelta(hours=2), None, "0.01", 60_000)
    exchange.account.marks["BTCUSDT"] = Decimal(60_500)
    close = NewOrder("BTC", "Sell", Decimal("0.01"), None, None, None, f"xfc-{LINK_ID[4:]}", reduce_only=True)
    account.place(close)
    assert account.positions() == ()
    order = account.order(close.link_id)
    assert order is not None
    assert (order.status, order.order_type, order.reduce_only) == ("Filled", "Market", True)


AMBIGUOUS: dict[str, Fault] = {
    "server timeout": code(10000, "Server Timeout"),
    "server error": code(10016, "Internal error"),
    "500": status(500),
    "502": status(502),
    "504": status(504),
    "404": status(404),
    "a reset": cut,
    "half an answer": truncated,
    "a page of HTML": raw(b"<html></html>"),
    "nothing": raw(b""),
    "an empty object": raw(b"{}"),
    "a list": raw(b"[]"),
    "a code in quotes": edited(lambda answer: answer.update(retCode="0")),
    "no order id": edited(lambda answer: answer["result"].pop("orderId")),
    "the link id of another": edited(lambda answer: answer["result"].update(orderLinkId="another")),
    "no answer in time": slow(0.3),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_an_order_whose_answer_was_lost_is_looked_up_and_found(
    open_account: OpenAccount, exchange: BybitServer, name: str
) -> None:
    account = open_account(timeout=0.15)
    exchange.fail(AMBIGUOUS[name], path=CREATE)
    placed = account.place(ORDER)
    (order,) = exchange.account.orders.values()
    assert placed == Placed(order["orderId"], LINK_ID)
    assert sent(exchange) == 1


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_an_order_that_bybit_never_heard_of_is_unknown_and_not_sent_again(
    open_account: OpenAccount, exchange: BybitServer, played: PlayedTime, name: str
) -> None:
    account = open_account(timeout=0.15)
    exchange.fail(unheard(raw(b"{}") if name in QUOTED else AMBIGUOUS[name]), path=CREATE)
    with pytest.raises(OrderOutcomeUnknown, match=f"whether {LINK_ID} was placed is not known") as unknown:
        account.place(ORDER)
    assert unknown.value.coin == "BTC"
    assert exchange.account.orders == {}
    assert sent(exchange) == 1
    assert exchange.count("order/realtime") == exchange.count("order/history") == len(LOOKS)
    assert sum(one for one in played.slept if one in LOOKS) == sum(LOOKS)


# These change an honest answer, which there is none of when nobody heard.
QUOTED = ("a code in quotes", "no order id", "the link id of another")


def test_an_order_that_shows_late_is_found_when_it_shows(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.fail(status(502), path=CREATE)
    exchange.hidden = 2
    placed = account.place(ORDER)
    assert placed.link_id == LINK_ID
    assert exchange.count("order/realtime") == 3, "two looks did not see it"
    assert sent(exchange) == 1


def test_an_order_that_is_over_already_is_found_in_the_history(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.fail(status(502), path=CREATE)
    exchange.fail_always(edited(lambda answer: answer["result"].update(list=[])), path="order/realtime")
    exchange.account.marks["BTCUSDT"] = Decimal(60_000)
    placed = account.place(replace(ORDER, price=None))
    assert placed.order_id in exchange.account.orders


def test_looks_that_fail_are_repeated_and_then_unknown(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.fail_always(status(503))
    with pytest.raises(OrderOutcomeUnknown, match="trouble of its own"):
        account.place(ORDER)
    assert sent(exchange) == 1
    assert len(exchange.account.orders) == 1


def test_a_key_that_is_refused_while_looking_ends_the_looking(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.fail(cut, path=CREATE)
    exchange.fail_always(code(10003, "API key is invalid."), path="realtime")
    with pytest.raises(OrderOutcomeUnknown, match="API key"):
        account.place(ORDER)
    assert exchange.count() == 2


def test_the_same_order_again_is_the_one_that_is_there(account: BybitAccount, exchange: BybitServer) -> None:
    first = account.place(ORDER)
    assert account.place(ORDER) == replace(first, again=True)
    exchange.fail(unheard(code(10014, "duplicate request")), path=CREATE)
    assert account.place(ORDER) == replace(first, again=True)
    assert len(exchange.account.orders) == 1


def test_a_link_id_of_another_order_is_refused(account: BybitAccount, exchange: BybitServer) -> None:
    account.place(ORDER)
    with pytest.raises(OrderRefused, match="the name of another order, Buy BTC"):
        account.place(replace(ORDER, coin="ETH"))
    assert len(exchange.account.orders) == 1


def test_an_order_that_was_taken_and_rejected_is_refused(account: BybitAccount, exchange: BybitServer) -> None:
    order_id = exchange.account.order("BTC", "Buy", "0.01", NOON, link_id=LINK_ID)
    exchange.account.reject(order_id, NOON)
    with pytest.raises(OrderRefused, match="EC_NoEnoughQtyToFill"):
        account.place(ORDER)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (10001, "look at the order's numbers"),
        (110003, "too far from the market"),
        (110007, "available balance does not suffice"),
        (110017, "nothing to close"),
        (110094, "smallest value"),
        (110123, "accepted by hand"),
        (170_001, "look at the order's numbers"),
    ],
)
def test_a_refusal_names_its_code_and_what_to_do(
    account: BybitAccount, exchange: BybitServer, number: int, told: str
) -> None:
    exchange.fail(unheard(code(number, "no")), path=CREATE)
    with pytest.raises(OrderRefused, match=told) as refused:
        account.place(ORDER)
    assert (refused.value.code, refused.value.coin) == (number, "BTC")
    assert "Nothing was placed" in str(refused.value)
    assert exchange.count() == 1


def test_hedge_mode_is_refused_with_its_remedy(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.account.hedge_mode = True
    with pytest.raises(OrderRefused, match="one-way mode"):
        account.place(ORDER)
    assert exchange.account.orders == {}


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (code(10003, "API key is invalid."), "API key"),
        (code(10005, "Permission denied"), "API key"),
        (status(401), "API key"),
        (code(10002, "req_timestamp"), "this machine's clock"),
        (too_often(500), "too often"),
        (status(429), "too often"),
        (status(403), "shut"),
    ],
)
def test_what_is_refused_before_it_is_read_is_not_placed_and_not_looked_for(
    account: BybitAccount, exchange: BybitServer, fault: Fault, told: str
) -> None:
    exchange.fail(unheard(fault), path=CREATE)
    with pytest.raises(MarketUnavailable, match=re.compile(f"{told}|403")) as refused:
        account.place(ORDER)
    assert isinstance(refused.value, KeyRefused) == (told == "API key")
    assert exchange.count() == 1


def test_an_order_that_never_left_is_not_looked_for(open_account: OpenAccount, played: PlayedTime) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(MarketUnavailable, match="refused"):
        open_account(base_url=nobody).place(ORDER)
    assert played.slept == []


@pytest.mark.parametrize(
    "change",
    [
        {"coin": "btc"},
        {"coin": "BTC&qty=9"},
        {"link_id": ""},
        {"link_id": "x" * 37},
        {"link_id": "a b"},
        {"quantity": Decimal(0)},
        {"quantity": Decimal("NaN")},
        {"price": Decimal(-1)},
        {"stop_loss": Decimal("Infinity")},
        {"reduce_only": True},
    ],
)
def test_what_can_be_seen_to_be_no_order_is_not_sent(
    account: BybitAccount, exchange: BybitServer, change: dict[str, Any]
) -> None:
    with pytest.raises(OrderRefused, match="nothing was placed"):
        account.place(replace(ORDER, **change))
    assert exchange.count() == 0


def test_an_order_is_found_by_its_link_id_open_or_over(account: BybitAccount, exchange: BybitServer) -> None:
    assert account.order(LINK_ID) is None
    account.place(ORDER)
    found = account.order(LINK_ID)
    assert found is not None
    assert (found.status, found.price, found.stop_loss, found.average_price) == (
        "New",
        Decimal("60000.1"),
        Decimal("59000.5"),
        None,
    )
    exchange.account.cancel(found.order_id, NOON)
    over = account.order(LINK_ID)
    assert over is not None
    assert (over.status, over.cancel_type) == ("Cancelled", "CancelByUser")
    asked = exchange.count()
    assert account.order("a b") is None
    assert exchange.count() == asked, "a name that no order can have is not asked for"


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[BybitServer, BybitAccount]]:
    """A server and an account for many examples."""
    played, clock = PlayedTime(), FixedClock(NOON)
    with bybit_server(lambda: clock.now().timestamp()) as server:
        yield (
            server,
            BybitAccount(
                KEY,
                SECRET,
                base_url=server.url,
                clock=clock,
                backoff=AT_ONCE,
                monotonic=played.monotonic,
                sleep=played.sleep,
            ),
        )


@given(answer=ANY_JSON | ENVELOPES, is_heard=st.booleans())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_comes_back_an_order_is_sent_once_and_placed_only_where_it_is(
    pair: tuple[BybitServer, BybitAccount], answer: object, is_heard: bool
) -> None:
    server, account = pair
    server.account.orders.clear()
    before = sent(server)
    fault = raw(json.dumps(answer).encode())
    server.fail(fault if is_heard else unheard(fault), path=CREATE)
    try:
        placed = account.place(ORDER)
    except OrderOutcomeUnknown:
        assert not is_heard, "what is there would have been found"
    except OrderRefused:
        assert isinstance(answer, dict)
        assert type(answer["retCode"]) is int
    else:
        assert [placed.order_id] == list(server.account.orders)
    assert sent(server) == before + 1


def test_orders_are_sent_one_by_one_after_a_few(
    open_account: OpenAccount, exchange: BybitServer, played: PlayedTime
) -> None:
    account = open_account()
    for number in range(8):
        account.place(replace(ORDER, link_id=f"{LINK_ID}-{number}"))
    assert sum(played.slept) == pytest.approx(3)
