"""Whatever Bybit and the network do to an account: an answer or a named error, never a guess, and never the key."""

import json
import logging
import traceback
from collections.abc import Callable, Iterator
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
    status,
    too_often,
    truncated,
)
from tests.exchange.conftest import AT_ONCE, NOON, OpenAccount, PlayedTime
from tests.exchange.test_bybit_any_answer import ANY_JSON, ENVELOPES
from xfg_pipeline.exchange.account import KeyRefused
from xfg_pipeline.exchange.bybit_account import BybitAccount
from xfg_pipeline.exchange.bybit_session import ATTEMPTS, Keys
from xfg_pipeline.exchange.market import MarketError, MarketMalformed, MarketUnavailable
from xfg_pipeline.trading.account_records import NewOrder

DAY = timedelta(days=1)
Ask = Callable[[BybitAccount], object]
QUESTIONS: dict[str, Ask] = {
    "equity": lambda account: account.equity(),
    "positions": lambda account: account.positions(),
    "closings": lambda account: account.closings(NOON - DAY, NOON),
    "executions": lambda account: account.executions(NOON - DAY, NOON),
    "orders": lambda account: account.orders(NOON - DAY, NOON),
    "key": lambda account: account.key(),
    "order": lambda account: account.order("xfg-250301-0900-BTC"),
    "clock_skew": lambda account: account.clock_skew(NOON),
}
PASSING: dict[str, Fault] = {
    "502": status(502),
    "429": status(429),
    "server timeout": code(10000, "Server Timeout"),
    "server error": code(10016, "Service is restarting"),
    "a page of HTML": raw(b"<html>Maintenance</html>"),
    "half an answer": truncated,
    "a reset": cut,
    "too often, reset in the past": too_often(-3_600_000),
    "too often, no word until when": too_often(None),
}
ECHO = f"origin_string[1740830400000{KEY}5000accountType=UNIFIED] and {SECRET}"
FAULTS: dict[str, Fault] = PASSING | {
    "the key is echoed": code(10004, ECHO),
    "the key is echoed with a code of no meaning": code(99999, ECHO),
    "the key is echoed with a wrong parameter": code(10001, ECHO),
    "the key is echoed by a gateway": status(500, ECHO.encode()),
    "the key is the code": code(ECHO),
    "the key is the result": edited(lambda answer: answer.update(result=KEY)),
    "the key is the cursor": edited(lambda answer: answer["result"].update(nextPageCursor=f"{KEY} {SECRET}")),
    "the key is the list": edited(lambda answer: answer["result"].update(list=[KEY, SECRET])),
    "the key is the time": edited(lambda answer: answer.update(time=KEY)),
    "the clock is off": code(10002, f"req_timestamp, {KEY}"),
    "shut out": status(403),
    "nothing of an answer": raw(b"{}"),
    "a null": raw(b"null"),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_by_itself_is_asked_again_within_the_call(
    account: BybitAccount, exchange: BybitServer, name: str
) -> None:
    for question, ask in QUESTIONS.items():
        if question == "clock_skew":
            continue
        before = exchange.count()
        honest = ask(account)
        asked = exchange.count() - before
        exchange.fail(PASSING[name])
        assert ask(account) == honest, question
        assert exchange.count() == before + 2 * asked + 1, question


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_does_not_pass_is_unavailable_and_never_empty(
    account: BybitAccount, exchange: BybitServer, question: str
) -> None:
    exchange.fail_always(status(503))
    with pytest.raises(MarketUnavailable):
        QUESTIONS[question](account)
    assert exchange.count() == ATTEMPTS


@pytest.mark.parametrize("number", [10003, 10004, 10005, 10007, 10010, 33004])
def test_a_refused_key_is_named_after_one_question(account: BybitAccount, exchange: BybitServer, number: int) -> None:
    exchange.fail_always(code(number, "API key is invalid."))
    for asked, ask in enumerate(QUESTIONS.values(), 1):
        with pytest.raises(KeyRefused, match=rf"API key \(code {number}\): look at bybit\.api_key"):
            ask(account)
        assert exchange.count() == asked


def test_http_401_is_a_refused_key_as_well(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.fail_always(status(401))
    with pytest.raises(KeyRefused):
        account.equity()
    assert exchange.count() == 1


def test_keys_that_the_exchange_does_not_know_are_refused_by_the_exchange_itself(
    open_account: OpenAccount, exchange: BybitServer
) -> None:
    for keys in ({"api_key": "another-key-of-an-account"}, {"api_secret": "another-secret"}):
        with pytest.raises(KeyRefused):
            open_account(**keys).equity()
    assert exchange.count() == 2


def test_a_clock_that_is_off_is_named_and_not_asked_again(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.stamps = NOON.timestamp
    with pytest.raises(MarketUnavailable, match="this machine's clock") as refused:
        account.equity()
    assert not isinstance(refused.value, KeyRefused)
    assert exchange.count() == 1


@pytest.mark.parametrize("question", ["equity", "positions", "key", "closings"])
@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"retCode":0}', b'{"result":{"list":[]},"time":1}'])
def test_what_is_no_answer_is_never_an_empty_account(
    account: BybitAccount, exchange: BybitServer, body: bytes, question: str
) -> None:
    exchange.fail(raw(body))
    with pytest.raises(MarketMalformed):
        QUESTIONS[question](account)


@pytest.mark.parametrize(
    ("path", "question", "change"),
    [
        ("wallet-balance", "equity", lambda one: one.update(totalEquity="")),
        ("wallet-balance", "equity", lambda one: one.pop("totalEquity")),
        ("wallet-balance", "equity", lambda one: one.update(totalEquity=10000)),
        ("wallet-balance", "equity", lambda one: one.update(totalWalletBalance="Infinity")),
        ("position/list", "positions", lambda one: one.update(size="")),
        ("position/list", "positions", lambda one: one.update(side="")),
        ("position/list", "positions", lambda one: one.update(avgPrice="0")),
        ("position/list", "positions", lambda one: one.update(positionIdx="0")),
        ("position/list", "positions", lambda one: one.update(symbol="?")),
    ],
)
def test_a_present_that_cannot_be_meant_is_malformed(
    account: BybitAccount, exchange: BybitServer, path: str, question: str, change: Callable[[dict[str, Any]], object]
) -> None:
    exchange.account.trade("BTC", "LONG", NOON - DAY, None, "0.01", 60_000)
    exchange.fail(edited(lambda answer: change(answer["result"]["list"][0])), path=path)
    with pytest.raises(MarketMalformed):
        QUESTIONS[question](account)


def test_two_accounts_in_an_answer_are_malformed(account: BybitAccount, exchange: BybitServer) -> None:
    for rows in ([], [exchange.account.wallet()] * 2):
        exchange.fail(edited(lambda answer, rows=rows: answer["result"].update(list=rows)))  # type: ignore[misc]
        with pytest.raises(MarketMalformed):
            account.equity()


def test_what_may_be_empty_is_unknown_and_not_zero(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.account.trade("BTC", "LONG", NOON - DAY, None, "0.01", 60_000)
    empty = dict.fromkeys(("markPrice", "liqPrice", "leverage", "unrealisedPnl", "updatedTime"), "")
    exchange.fail(edited(lambda answer: answer["result"]["list"][0].update(empty)))
    (position,) = account.positions()
    assert position.mark_price is position.leverage is position.unrealised_pnl is position.updated_at is None
    flat = {"side": "", "size": "0.000", "avgPrice": ""}
    exchange.fail(edited(lambda answer: answer["result"]["list"][0].update(flat)))
    assert account.positions() == ()


@pytest.mark.parametrize("name", FAULTS)
def test_the_key_is_in_no_error_no_log_and_no_repr(
    account: BybitAccount, exchange: BybitServer, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.DEBUG)
    said = [repr(account), repr(vars(account)), repr(vars(account._session)), repr(Keys(KEY, SECRET))]
    exchange.fail_always(FAULTS[name])
    order = NewOrder("BTC", "Buy", Decimal("0.01"), Decimal(60_000), None, None, "xfg-250301-0900-BTC")
    for ask in [*QUESTIONS.values(), lambda account: account.place(order)]:
        try:
            ask(account)
        except MarketError as error:
            said += [str(error), repr(error), repr(vars(error)), repr(error.__cause__), repr(error.__context__)]
            said += traceback.format_exception(error)
    exchange.fail_always(None)
    said += caplog.messages
    for secret in (KEY, SECRET):
        # The signature is made of the secret, and is as good as nothing; it is not told either.
        assert not [one for one in said if secret in one]
        assert not [one for one in said if "X-BAPI-SIGN" in one]


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[BybitServer, BybitAccount]]:
    """A server and an account for many examples."""
    played, clock = PlayedTime(), FixedClock(NOON)
    with bybit_server(lambda: clock.now().timestamp()) as server:
        server.account.trade("BTC", "LONG", NOON - DAY / 2, NOON - DAY / 4, "0.01", 60_000, 61_000)
        server.account.trade("ETH", "LONG", NOON - DAY / 2, None, 1, 3_000)
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


def told(ask: Ask, account: BybitAccount) -> MarketError | None:
    """The error of the account, if there was one; any other goes on its way."""
    try:
        ask(account)
    except MarketError as error:
        return error
    return None


often = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@given(answer=ANY_JSON | ENVELOPES)
@often
def test_any_json_is_an_answer_or_an_error_of_the_account(
    pair: tuple[BybitServer, BybitAccount], answer: object
) -> None:
    server, account = pair
    server.fail_always(raw(json.dumps(answer).encode()))
    for ask in QUESTIONS.values():
        assert told(ask, account) is None or isinstance(told(ask, account), MarketUnavailable | MarketMalformed)
    server.fail_always(None)


@given(data=st.data())
@often
def test_an_honest_answer_with_any_one_thing_wrong_is_an_answer_or_an_error_of_the_account(
    pair: tuple[BybitServer, BybitAccount], data: st.DataObject
) -> None:
    server, account = pair
    question = data.draw(st.sampled_from(sorted(QUESTIONS)))

    def spoil(answer: dict[str, Any]) -> None:
        place: Any = answer
        while True:
            keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                return
            key = data.draw(st.sampled_from(keys))
            if not isinstance(place[key], dict | list) or not data.draw(st.integers(0, 3)):
                place[key] = data.draw(ANY_JSON)
                return
            place = place[key]

    server.fail(edited(spoil))
    try:
        batch = QUESTIONS[question](account)
    except MarketError:
        return
    if question in ("closings", "executions", "orders"):
        for refused in batch.refused:  # type: ignore[attr-defined]
            json.dumps(refused.record, allow_nan=False)
            assert "\x00" not in repr(refused) + refused.why
            str(refused.record).encode()
            refused.why.encode()
