"""The local exchange is judged by pybit itself: what it signs is accepted, and nothing else."""

import time
from collections.abc import Iterator

import pytest
from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP

from tests.exchange.bybit_server import KEY, NEW_YEAR, SECRET, BybitServer, bybit_server


@pytest.fixture
def running() -> Iterator[BybitServer]:
    with bybit_server() as server:
        yield server


def session(server: BybitServer, key: str = KEY, secret: str = SECRET) -> HTTP:
    http = HTTP(api_key=key, api_secret=secret, max_retries=1, retry_codes={-1})
    http.endpoint = server.url
    http.client.trust_env = False
    return http


def test_what_pybit_signs_is_accepted(running: BybitServer) -> None:
    http = session(running)
    assert http.get_api_key_information()["result"]["readOnly"] == 1
    assert http.get_wallet_balance(accountType="UNIFIED")["result"]["list"][0]["totalEquity"] == "10000"
    http.client.close()


@pytest.mark.parametrize(
    ("key", "secret", "late", "number"),
    [
        ("another-key", SECRET, 0, 10003),
        (KEY, "another-secret", 0, 10004),
        (KEY, SECRET, 10, 10002),
        (KEY, SECRET, -10, 10002),
    ],
)
def test_a_wrong_key_sign_or_time_is_refused_by_its_code(
    running: BybitServer, key: str, secret: str, late: float, number: int
) -> None:
    running.stamps = lambda: time.time() + late
    http = session(running, key, secret)
    with pytest.raises(InvalidRequestError) as refused:
        http.get_api_key_information()
    assert refused.value.status_code == number
    http.client.close()


def test_candles_come_newest_first_with_the_open_one_and_both_bounds(running: BybitServer) -> None:
    running.now = lambda: NEW_YEAR + 3600 + 60
    http = session(running)
    rows = http.get_kline(
        category="linear", symbol="BTCUSDT", interval=15, start=NEW_YEAR * 1000, end=(NEW_YEAR + 3600) * 1000
    )["result"]["list"]
    assert [int(row[0]) // 1000 - NEW_YEAR for row in rows] == [3600, 2700, 1800, 900, 0]
    assert len(http.get_kline(category="linear", symbol="BTCUSDT", interval=15)["result"]["list"]) == 200
    http.client.close()


def test_rows_are_paged_by_a_cursor_that_ends(running: BybitServer) -> None:
    http = session(running)
    asked = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "intervalTime": "15min",
        "startTime": NEW_YEAR * 1000,
        "endTime": (NEW_YEAR + 900 * 9) * 1000,
        "limit": 4,
    }
    stamps, cursor = [], ""
    for _ in range(3):
        page = http.get_open_interest(**asked, cursor=cursor or None)["result"]
        stamps += [int(row["timestamp"]) for row in page["list"]]
        cursor = page["nextPageCursor"]
    assert cursor == ""
    assert stamps == [(NEW_YEAR + 900 * at) * 1000 for at in range(9, -1, -1)]
    http.client.close()
