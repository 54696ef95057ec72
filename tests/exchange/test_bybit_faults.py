"""Whatever Bybit, the network or the machine do: an answer, or one of the market's two errors, in bounded time."""

import gzip
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.conftest import FixedClock
from tests.exchange.bybit_server import (
    BybitServer,
    Fault,
    Reply,
    code,
    cut,
    dripping,
    edited,
    raw,
    slow,
    status,
    too_often,
    truncated,
)
from tests.exchange.conftest import AT_ONCE, NOON, Open, PlayedTime
from xfg_pipeline.exchange import bybit_wire
from xfg_pipeline.exchange.bybit import BybitMarket
from xfg_pipeline.exchange.bybit_session import ATTEMPTS, Backoff
from xfg_pipeline.exchange.market import MarketError, MarketMalformed, MarketUnavailable

HOUR = timedelta(hours=1)
SECRET = "abcdefghij0123456789ABCDEFGHIJ456789"
PASSING: dict[str, Fault] = {
    "500": status(500),
    "502": status(502),
    "503": status(503, b""),
    "504": status(504),
    "429": status(429),
    "server timeout": code(10000, "Server Timeout"),
    "server error": code(10016, "Service is restarting"),
    "a page of HTML": raw(b"<html><body>Maintenance</body></html>"),
    "nothing": raw(b""),
    "half an answer": truncated,
    "half a JSON": lambda reply: replace(reply, body=reply.body[:100]),
    "a reset": cut,
    "too often, reset in the past": too_often(-3_600_000),
    "too often, no word until when": too_often(None),
    "too often, until nonsense": code(10006, "Too many visits", X_Bapi_Limit_Reset_Timestamp="soon"),
}


def read(market: BybitMarket) -> int:
    return len(market.candles("BTC", NOON - HOUR, NOON, NOON))


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_by_itself_is_asked_again_within_the_call(
    market: BybitMarket, exchange: BybitServer, name: str
) -> None:
    exchange.fail(PASSING[name], PASSING[name])
    assert read(market) == 4
    assert exchange.count() == 3


@pytest.mark.parametrize("name", PASSING)
def test_what_does_not_pass_is_unavailable_after_a_few_attempts(
    market: BybitMarket, exchange: BybitServer, name: str
) -> None:
    exchange.fail_always(PASSING[name])
    with pytest.raises(MarketUnavailable) as refused:
        read(market)
    assert refused.value.coin == "BTC"
    assert exchange.count() == ATTEMPTS
    exchange.fail_always(None)
    assert read(market) == 4, "the next call is a new one"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{}", "retCode is missing"),
        (b"[]", "has not the shape of an answer"),
        (b"null", "has not the shape of an answer"),
        (b"0", "has not the shape of an answer"),
        (b'"OK"', "has not the shape of an answer"),
        (b"[" * 100_000, "has not the shape of an answer"),
        (b"1" * 5_000, "has not the shape of an answer"),
        (b'{"retCode": 0, "retMsg": "OK"}', "result is missing"),
        (b'{"retCode": 0, "result": [], "time": 1740830400000}', r"result is \[\]"),
        (b'{"retCode": 0, "result": {}, "time": 1740830400000}', "category is missing"),
        (b'{"retCode": 0, "result": {}, "time": "1740830400000"}', "time is '1740830400000'"),
        (b'{"retCode": "0", "retMsg": "OK", "result": {}, "time": 1740830400000}', "retCode that is no number: '0'"),
        (b'{"retCode": "10006", "retMsg": "Too many visits", "result": {}}', "no number: '10006'"),
        (b'{"retCode": 10006, "result": {}}', "has not the shape of an answer"),
        (b'{"retCode": null, "result": {}}', "retCode is None"),
        (b'{"retCode": true, "retMsg": "", "result": {}}', "retCode that is no number: True"),
        (b'{"retCode": [], "result": {}}', r"retCode is \[\]"),
        (b'{"retCode": [1], "retMsg": "", "result": {}}', "has not the shape of an answer"),
        (b'{"retCode": 0.5, "retMsg": "", "result": {}}', r"retCode that is no number: 0\.5"),
        (b'{"ret_code": 0, "result": {}}', "retCode is missing"),
    ],
)
def test_garbage_that_parses_is_malformed_and_not_asked_for_again(
    market: BybitMarket, exchange: BybitServer, body: bytes, told: str
) -> None:
    exchange.fail(raw(body))
    with pytest.raises(MarketMalformed, match=told):
        read(market)
    assert exchange.count() == 1


@pytest.mark.parametrize("number", [False, 0.0, "", None, -0.0])
def test_a_success_is_the_number_zero_and_nothing_like_it(
    market: BybitMarket, exchange: BybitServer, number: object
) -> None:
    exchange.fail(edited(lambda answer: answer.update(retCode=number)))
    with pytest.raises(MarketMalformed, match="retCode is"):
        read(market)


def test_a_rate_limit_that_ended_long_ago_is_not_told_as_one_to_wait_for(
    market: BybitMarket, exchange: BybitServer
) -> None:
    exchange.fail_always(too_often(-3_600_000))
    with pytest.raises(MarketUnavailable, match="it does not say until when"):
        read(market)


def test_a_rate_limit_that_ends_in_eight_seconds_is_waited_out_once_for_all(
    open_market: Open, exchange: BybitServer, played: PlayedTime
) -> None:
    market = open_market(monotonic=played.monotonic, sleep=played.sleep)
    exchange.fail(too_often(8_000))
    assert read(market) == 4
    assert played.slept == pytest.approx([8.1])


def test_a_rate_limit_that_ends_after_the_deadline_is_unavailable_and_says_until_when(
    open_market: Open, exchange: BybitServer, played: PlayedTime
) -> None:
    market = open_market(monotonic=played.monotonic, sleep=played.sleep, deadline=5)
    exchange.fail(too_often(8_000))
    with pytest.raises(MarketUnavailable, match=r"asked too often.*ask again after 12:00:08 UTC"):
        read(market)
    assert (exchange.count(), played.slept) == (1, [])


def test_a_rate_limit_that_ends_in_an_hour_keeps_everybody_from_asking_but_not_for_ever(
    open_market: Open, exchange: BybitServer, played: PlayedTime
) -> None:
    market = open_market(monotonic=played.monotonic, sleep=played.sleep)
    exchange.fail(too_often(3_600_000))
    for _ in range(3):
        with pytest.raises(MarketUnavailable, match=r"asked too often.*ask again after 12:10:00 UTC"):
            read(market)
    assert (exchange.count(), played.slept) == (1, [])
    played.at += 600
    assert read(market) == 4


def test_a_retry_after_of_http_429_is_kept(open_market: Open, exchange: BybitServer, played: PlayedTime) -> None:
    market = open_market(monotonic=played.monotonic, sleep=played.sleep)
    exchange.fail(status(429, b"slow down", Retry_After="7"))
    assert read(market) == 4
    assert played.slept == pytest.approx([7.0])


@pytest.mark.parametrize("fault", [status(403, b"access too frequent"), code(10018, "IP rate limit"), code(10009)])
def test_an_address_that_is_shut_out_asks_nothing_for_ten_minutes(
    open_market: Open, exchange: BybitServer, played: PlayedTime, fault: Fault
) -> None:
    market = open_market(monotonic=played.monotonic, sleep=played.sleep)
    exchange.fail(fault)
    for _ in range(4):
        with pytest.raises(MarketUnavailable, match=r"shuts this address out.*before 12:10:00 UTC.*base_url"):
            read(market)
    assert (exchange.count(), played.slept) == (1, [])
    played.at += 601
    assert read(market) == 4


@pytest.mark.parametrize("number", [10003, 10004, 10005, 10010, 33004])
def test_a_refused_key_is_told_by_what_to_look_at_and_never_tried_hot(
    market: BybitMarket, exchange: BybitServer, number: int
) -> None:
    exchange.fail(code(number, f"error sign! origin_string[{SECRET}]"))
    with pytest.raises(MarketUnavailable, match=rf"the API key \(code {number}\): look at bybit\.api_key") as refused:
        read(market)
    assert SECRET not in str(refused.value)
    assert exchange.count() == 1


def test_a_wrong_clock_is_told_as_one(market: BybitMarket, exchange: BybitServer) -> None:
    exchange.fail(code(10002, "invalid request, req_timestamp"))
    with pytest.raises(MarketUnavailable, match=r"clock .*NTP"):
        read(market)
    assert exchange.count() == 1


@pytest.mark.parametrize("fault", [code(10024, "compliance rules"), code(-7), status(404), status(418), status(451)])
def test_any_other_refusal_is_unavailable_with_its_code(
    market: BybitMarket, exchange: BybitServer, fault: Fault
) -> None:
    exchange.fail(fault)
    with pytest.raises(
        MarketUnavailable, match=r"Bybit refuses (code (10024|-7): |with HTTP (404|418|451); .*base_url)"
    ):
        read(market)
    assert exchange.count() == 1


def test_a_redirect_is_not_followed(market: BybitMarket, exchange: BybitServer) -> None:
    exchange.fail(status(302, b"", Location=f"{exchange.url}/v5/market/time"))
    with pytest.raises(MarketUnavailable, match="HTTP 302"):
        read(market)
    assert exchange.count() == 1


def test_an_answer_that_is_late_is_given_up_and_asked_for_again(open_market: Open, exchange: BybitServer) -> None:
    exchange.fail(slow(1.0))
    assert read(open_market(timeout=0.15)) == 4
    assert exchange.count() == 2


def test_an_answer_that_drips_for_ever_ends_at_the_deadline(open_market: Open, exchange: BybitServer) -> None:
    exchange.fail_always(dripping(0.02))
    with pytest.raises(MarketUnavailable, match="no answer in time"):
        read(open_market(timeout=5, deadline=0.3))
    assert exchange.count() == 1


def test_attempts_end_when_the_deadline_leaves_no_time_for_another(open_market: Open, exchange: BybitServer) -> None:
    exchange.fail_always(status(502))
    with pytest.raises(MarketUnavailable, match="HTTP 502"):
        read(open_market(deadline=2.0, backoff=Backoff(first=0.001, longest=2.5, jitter=0)))
    assert exchange.count() == 1


def test_threads_that_share_a_session_do_not_share_their_faults(market: BybitMarket, exchange: BybitServer) -> None:
    exchange.fail(*[status(502), cut, truncated, raw(b"<html>")] * 4)
    with ThreadPoolExecutor(market.parallel) as pool:
        found = list(pool.map(lambda _: read(market), range(40)))
    assert found == [4] * 40
    assert exchange.count() == 56


def test_a_flood_is_cut_off(market: BybitMarket, exchange: BybitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bybit_wire, "MOST_BYTES", 100_000)
    exchange.fail(raw(b" " * 200_000))
    with pytest.raises(MarketMalformed, match="longer than 100,000 bytes"):
        read(market)


def test_a_compressed_answer_is_read_and_a_broken_one_asked_for_again(
    market: BybitMarket, exchange: BybitServer
) -> None:
    def zipped(reply: Reply) -> Reply:
        return replace(reply, body=gzip.compress(reply.body), headers={"Content-Encoding": "gzip"})

    def broken(reply: Reply) -> Reply:
        return replace(reply, headers={"Content-Encoding": "gzip"})

    exchange.fail(broken, zipped)
    assert read(market) == 4
    assert exchange.count() == 2


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:9", "the connection was refused; look at bybit.base_url"),
        ("http://no-such-exchange.invalid", "its name is not found"),
    ],
)
def test_a_host_that_is_not_there_is_told_as_such(open_market: Open, url: str, told: str) -> None:
    with pytest.raises(MarketUnavailable, match=told):
        read(open_market(base_url=url))


def test_plain_text_where_a_certificate_is_expected_is_unavailable(open_market: Open, exchange: BybitServer) -> None:
    with pytest.raises(MarketUnavailable, match=r"certificate is not accepted|connection was cut"):
        read(open_market(base_url=exchange.url.replace("http:", "https:")))


def test_proxies_of_the_machine_are_not_used(open_market: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert read(open_market()) == 4


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{SECRET}@127.0.0.1",
        f"https://{SECRET}@api.bybit.com",
        f"https://api.bybit.com/v5?key={SECRET}",
        f"https://api.bybit.com/{SECRET}",
        f"ftp://{SECRET}",
        "api.bybit.com",
        "",
    ],
)
def test_a_base_url_that_is_no_plain_host_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"bybit\.base_url") as refused:
        BybitMarket(base_url=url)
    assert SECRET not in str(refused.value)


def test_a_base_url_may_end_with_a_slash(open_market: Open, exchange: BybitServer) -> None:
    assert read(open_market(base_url=exchange.url + "/")) == 4
    assert exchange.asked[0].path == "/v5/market/kline"


@pytest.mark.parametrize(
    "fault",
    [
        code(10001, f"params error {SECRET}"),
        code(10003, SECRET),
        code(10004, f"error sign! origin_string[1740830400000{SECRET}5000]"),
        code(99999, f"who knows\n{SECRET}\x1b[31m"),
        code(SECRET, "a code of words"),
        status(403, SECRET.encode()),
        status(500, SECRET.encode()),
        raw(SECRET.encode()),
        edited(lambda answer: answer["result"].update(symbol=SECRET * 20)),
    ],
)
def test_what_may_be_a_key_is_in_no_message_no_log_and_no_cause(
    market: BybitMarket, exchange: BybitServer, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    caplog.set_level(logging.INFO)
    exchange.fail_always(fault)
    with pytest.raises(MarketError) as refused:
        read(market)
    # A traceback shows causes and contexts; pybit's own error holds the request and Bybit's words.
    assert (refused.value.__cause__, refused.value.__context__) == (None, None)
    told = str(refused.value) + repr(refused.value) + caplog.text
    assert SECRET not in told
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 500


def test_each_new_attempt_is_logged_with_its_reason(
    market: BybitMarket, exchange: BybitServer, caplog: pytest.LogCaptureFixture
) -> None:
    exchange.fail(status(502))
    read(market)
    assert [record.getMessage().split(" is in ")[0] for record in caplog.records] == ["attempt 1 failed, the next"]
    assert "HTTP 502" in caplog.text


def test_pybit_adds_no_handler_of_its_own(open_market: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    before = list(logging.getLogger("pybit._http_manager").handlers)
    open_market()
    assert logging.getLogger("pybit._http_manager").handlers == before
    assert logging.root.handlers == []


@pytest.mark.parametrize("ahead", [-3600, -5, 0, 2, 3600])
def test_the_skew_says_how_far_bybits_clock_is_ahead(
    open_market: Open, noon: FixedClock, played: PlayedTime, ahead: int
) -> None:
    market = open_market(monotonic=played.monotonic, sleep=played.sleep)
    noon.at = NOON + timedelta(seconds=ahead)
    assert market.clock_skew(NOON) == timedelta(seconds=ahead)


def test_hosts_are_those_of_testnet_demo_and_the_exchange_itself() -> None:
    endpoints = [
        BybitMarket(testnet=testnet, demo=demo)._session._http.endpoint
        for testnet, demo in ((False, False), (True, False), (False, True))
    ]
    assert endpoints == ["https://api.bybit.com", "https://api-testnet.bybit.com", "https://api-demo.bybit.com"]


def test_the_usual_pauses_grow_and_stay_within_the_deadline() -> None:
    usual = Backoff()
    assert usual.first < usual.longest < 30
    assert AT_ONCE.longest < usual.first
