"""Whatever JSON or bytes come back: candles, instruments and rows that hold, or one of the market's two errors."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import FixedClock
from tests.exchange.bybit_server import BybitServer, Reply, bybit_server, edited, raw
from tests.exchange.conftest import AT_ONCE, NOON, PlayedTime
from xfg_pipeline.exchange.bybit import BybitMarket
from xfg_pipeline.exchange.market import MarketError
from xfg_pipeline.signals.slots import seconds

START = NOON - timedelta(hours=2)
TRICKY = st.sampled_from(
    [
        "",
        "0",
        "-0",
        "1e999",
        "1e-999",
        "NaN",
        "١٢",
        "1740830400000",
        "\ud800",
        "BTCUSDT",
        "x" * 300,
        0,
        -1,
        2**70,
        1e308,
    ]
)
NUMBERS = st.integers() | st.floats(allow_nan=True, allow_infinity=True)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=20) | TRICKY
ANY_JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={
        "retCode": ANY_JSON | st.just(0),
        "retMsg": ANY_JSON,
        "result": ANY_JSON | st.fixed_dictionaries({"list": ANY_JSON}),
        "time": ANY_JSON | st.just(1740830400000),
    },
)
often = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
# What is not JSON is asked for six times over.
seldom = settings(often, max_examples=40)


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[BybitServer, BybitMarket]]:
    """A server and a market for many examples; its pace is kept in played time."""
    time = PlayedTime()
    clock = FixedClock(NOON)
    with bybit_server(lambda: clock.now().timestamp()) as server:
        yield (
            server,
            BybitMarket(base_url=server.url, clock=clock, backoff=AT_ONCE, monotonic=time.monotonic, sleep=time.sleep),
        )


def told(ask: Callable[[], object]) -> MarketError | None:
    """The error of the market, if there was one; any other goes on its way."""
    try:
        ask()
    except MarketError as error:
        return error
    return None


def ask_everything(market: BybitMarket) -> None:
    """Each question once; what comes back holds what the market promises, or is an error of the market."""

    def candles() -> None:
        found = market.candles("BTC", START, NOON, NOON)
        assert ((found.open_time >= seconds(START)) & (found.close_time <= seconds(NOON))).all()

    def instruments() -> None:
        for instrument in market.instruments(("BTC",)).values():
            assert instrument.tick_size > 0
            assert instrument.qty_step > 0

    def positioning() -> None:
        rows = market.positioning("BTC", START, NOON)
        assert rows.time.size == 8
        assert not np.isinf([rows.funding_rate, rows.open_interest, rows.long_short_ratio]).any()

    for ask, coin in (
        (candles, "BTC"),
        (positioning, "BTC"),
        (instruments, None),
        (lambda: market.clock_skew(NOON), None),
    ):
        error = told(ask)
        assert error is None or (str(error).isprintable() and error.coin == coin)


@often
@given(answer=ANY_JSON | ENVELOPES)
def test_any_json_is_an_answer_or_an_error_of_the_market(pair: tuple[BybitServer, BybitMarket], answer: object) -> None:
    pair[0].fail_always(raw(json.dumps(answer).encode()))
    ask_everything(pair[1])


@seldom
@given(body=st.binary(max_size=60) | st.sampled_from([b"\xff\xfe", b"\x1f\x8b", b"[" * 5000, b'{"a":' * 5000]))
def test_any_bytes_are_an_answer_or_an_error_of_the_market(pair: tuple[BybitServer, BybitMarket], body: bytes) -> None:
    pair[0].fail_always(raw(body))
    ask_everything(pair[1])


@often
@given(turns=st.lists(st.integers(0, 50), min_size=1, max_size=6), value=ANY_JSON, remove=st.booleans())
def test_an_honest_answer_with_any_one_thing_wrong_is_an_answer_or_an_error_of_the_market(
    pair: tuple[BybitServer, BybitMarket], turns: list[int], value: object, remove: bool
) -> None:
    def spoil(answer: dict[str, Any]) -> None:
        where: Any = answer
        for depth, turn in enumerate(turns, start=1):
            keys = list(where) if isinstance(where, dict) else list(range(len(where)))
            if not keys:
                return
            key = keys[turn % len(keys)]
            if not isinstance(where[key], dict | list) or depth == len(turns):
                break
            where = where[key]
        if remove:
            del where[key]
        else:
            where[key] = value

    pair[0].fail_always(edited(spoil))
    ask_everything(pair[1])


@often
@given(
    number=st.integers() | st.sampled_from([10000, 10001, 10002, 10004, 10016, 10017]),
    words=st.text(max_size=60),
    at=st.integers(200, 599).filter(lambda status: status not in (204, 304, 403, 429)),
)
def test_any_code_and_status_is_an_error_of_the_market(
    pair: tuple[BybitServer, BybitMarket], number: int, words: str, at: int
) -> None:
    if number in (0, 10006, 10009, 10018, 403, 429):
        number = 1
    body = json.dumps({"retCode": number, "retMsg": words, "result": {}, "time": 1740830400000}).encode()
    pair[0].fail_always(lambda reply: Reply(body, status=at, at_ms=reply.at_ms))
    with pytest.raises(MarketError) as refused:
        pair[1].candles("BTC", START, NOON, NOON)
    assert str(refused.value).isprintable()
