"""How others stand, from Bybit: each value from the moment on at which it was known, and none before."""

from datetime import timedelta

import numpy as np
import pytest

from tests.conftest import FixedClock
from tests.exchange.bybit_server import BybitServer, edited, funding, open_interest, shares, status
from tests.exchange.conftest import NOON
from xfg_pipeline.exchange.bybit import BybitMarket
from xfg_pipeline.exchange.bybit_positioning import pages
from xfg_pipeline.exchange.market import MarketError, MarketMalformed, MarketUnavailable, Positioning
from xfg_pipeline.signals.slots import SLOT, seconds

HOUR = timedelta(hours=1)
PATHS = ("open-interest", "account-ratio", "funding/history")


def columns(found: Positioning) -> np.ndarray:
    return np.stack([found.funding_rate, found.open_interest, found.long_short_ratio])


def test_a_row_holds_what_was_published_by_its_time(market: BybitMarket) -> None:
    found = market.positioning("BTC", NOON - 30 * HOUR, NOON)
    assert found.time.tolist() == list(range(seconds(NOON - 30 * HOUR), seconds(NOON), 900))
    for at, rate, interest, ratio in zip(found.time.tolist(), *columns(found).tolist(), strict=True):
        settled = at // 28_800 * 28_800
        long, short = shares("BTCUSDT", at - 900)
        assert rate == float(funding("BTCUSDT", settled))
        assert interest == float(open_interest("BTCUSDT", at - 900))
        assert ratio == float(long) / float(short)


def test_what_comes_later_changes_no_row(market: BybitMarket, exchange: BybitServer) -> None:
    before = market.positioning("BTC", NOON - 6 * HOUR, NOON)
    later = seconds(NOON)
    exchange.open_interest = lambda name, at: "1" if at >= later - 900 else open_interest(name, at)
    exchange.shares = lambda name, at: ("1", "0.5") if at >= later - 900 else shares(name, at)
    exchange.funding = lambda name, at: "0.9" if at >= later else funding(name, at)
    np.testing.assert_array_equal(columns(market.positioning("BTC", NOON - 6 * HOUR, NOON)), columns(before))


def test_one_row_alone_is_the_row_of_a_long_stretch(market: BybitMarket) -> None:
    many = market.positioning("ETH", NOON - timedelta(days=10), NOON)
    for back in (1, 7, 40, 500, 960):
        one = market.positioning("ETH", NOON - back * SLOT, NOON - (back - 1) * SLOT)
        np.testing.assert_array_equal(columns(one)[:, 0], columns(many)[:, -back])


def test_a_long_stretch_is_read_in_pages_that_the_call_has_time_for(market: BybitMarket, exchange: BybitServer) -> None:
    found = market.positioning("BTC", NOON - timedelta(days=30), NOON)
    assert not np.isnan(columns(found)).any()
    # 2,880 rows: 15 pages of 200, 6 pages of 500, and 744 hours of funding in 4 pages of 200.
    assert [exchange.count(path) for path in PATHS] == [15, 6, 4]
    assert pages(NOON - timedelta(days=30), NOON) >= exchange.count()


def test_a_missing_stamp_is_not_known_and_not_carried(market: BybitMarket, exchange: BybitServer) -> None:
    exchange.fail(edited(lambda answer: answer["result"]["list"].pop(0)), path="open-interest")
    found = market.positioning("BTC", NOON - HOUR, NOON)
    assert np.isnan(found.open_interest).tolist() == [False, False, False, True]
    assert not np.isnan(found.long_short_ratio).any()


def test_funding_is_carried_until_the_next_but_for_less_than_a_day(market: BybitMarket, exchange: BybitServer) -> None:
    last = seconds(NOON) - 4 * 3600 - 5 * 28_800

    def stop(answer: dict) -> None:
        rows = answer["result"]["list"]
        answer["result"]["list"] = [row for row in rows if int(row["fundingRateTimestamp"]) <= last * 1000]

    exchange.fail_always(edited(stop), path="funding/history")
    found = market.positioning("BTC", NOON - timedelta(days=3), NOON)
    known = found.time[~np.isnan(found.funding_rate)]
    assert known[-1] == last + 86_400 - 900
    assert set(found.funding_rate[found.time >= last][:95].tolist()) == {float(funding("BTCUSDT", last))}


def test_a_ratio_to_nobody_is_not_known(market: BybitMarket, exchange: BybitServer) -> None:
    exchange.shares = lambda *_: ("1", "0")
    assert np.isnan(market.positioning("BTC", NOON - HOUR, NOON).long_short_ratio).all()


def test_no_rows_are_asked_for_where_the_grid_has_none(market: BybitMarket, exchange: BybitServer) -> None:
    assert market.positioning("BTC", NOON, NOON).time.size == 0
    assert market.positioning("BTC", NOON + timedelta(minutes=1), NOON + timedelta(minutes=14)).time.size == 0
    assert exchange.count() == 0


def test_of_the_future_nothing_is_known_but_the_funding_that_holds(market: BybitMarket, noon: FixedClock) -> None:
    found = market.positioning("BTC", NOON + 2 * HOUR, NOON + 3 * HOUR)
    assert np.isnan(found.open_interest).all()
    assert np.isnan(found.long_short_ratio).all()
    assert found.funding_rate.tolist() == [float(funding("BTCUSDT", seconds(NOON) - 4 * 3600))] * 4


@pytest.mark.parametrize("path", PATHS)
def test_an_endpoint_that_fails_fails_the_call(market: BybitMarket, exchange: BybitServer, path: str) -> None:
    exchange.fail_always(status(502), path=path)
    with pytest.raises(MarketUnavailable) as refused:
        market.positioning("BTC", NOON - HOUR, NOON)
    assert refused.value.coin == "BTC"


STAMPS = {"open-interest": "timestamp", "account-ratio": "timestamp", "funding/history": "fundingRateTimestamp"}
VALUES = {"open-interest": "openInterest", "account-ratio": "buyRatio", "funding/history": "fundingRate"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("value", ["", "NaN", None, 1.5, "1e999", "-7"])
def test_a_value_that_cannot_be_is_malformed(
    market: BybitMarket, exchange: BybitServer, path: str, value: object
) -> None:
    exchange.fail(edited(lambda answer: answer["result"]["list"][0].update({VALUES[path]: value})), path=path)
    with pytest.raises(MarketMalformed, match="of BTC"):
        market.positioning("BTC", NOON - HOUR, NOON)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stamp", ["", 7, "0", "999999999999999", "1750000000000"])
def test_a_row_that_was_not_asked_for_is_malformed(
    market: BybitMarket, exchange: BybitServer, path: str, stamp: object
) -> None:
    exchange.fail(edited(lambda answer: answer["result"]["list"][0].update({STAMPS[path]: stamp})), path=path)
    with pytest.raises(MarketMalformed, match=r"asked for those from|Bybit documents"):
        market.positioning("BTC", NOON - HOUR, NOON)


@pytest.mark.parametrize("path", PATHS)
def test_two_values_of_one_time_are_malformed_and_one_twice_is_not(
    market: BybitMarket, exchange: BybitServer, path: str
) -> None:
    exchange.fail(edited(lambda answer: answer["result"]["list"].append(answer["result"]["list"][0])), path=path)
    assert not np.isnan(columns(market.positioning("BTC", NOON - HOUR, NOON))).any()
    exchange.fail(
        edited(lambda answer: answer["result"]["list"].append({**answer["result"]["list"][0], VALUES[path]: "0.123"})),
        path=path,
    )
    with pytest.raises(MarketMalformed, match="two different values"):
        market.positioning("BTC", NOON - HOUR, NOON)


@pytest.mark.parametrize("path", PATHS)
def test_rows_of_another_coin_are_malformed(market: BybitMarket, exchange: BybitServer, path: str) -> None:
    def other(answer: dict) -> None:
        answer["result"]["symbol"] = "ETHUSDT"
        for row in answer["result"]["list"]:
            row["symbol"] = "ETHUSDT"

    exchange.fail(edited(other), path=path)
    with pytest.raises(MarketError, match="rows of 'ETHUSDT' for BTCUSDT"):
        market.positioning("BTC", NOON - HOUR, NOON)
