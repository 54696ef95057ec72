"""Closed candles from Bybit: all of them, once, and only those that can be meant."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.conftest import FixedClock
from tests.exchange.bybit_server import BybitServer, Fault, Listing, candle, edited
from tests.exchange.conftest import NOON, Open
from xfg_pipeline.exchange.bybit import BybitMarket
from xfg_pipeline.exchange.market import MarketMalformed
from xfg_pipeline.signals.candles import Candles, gaps
from xfg_pipeline.signals.slots import moment, seconds

HOUR = timedelta(hours=1)
YEAR_AGO = NOON - timedelta(days=365)


def rows_of(candles: Candles) -> list[tuple[float, ...]]:
    columns = (candles.open_time, candles.open, candles.high, candles.low, candles.close, candles.volume)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def told_rows(coin: str, minutes: int, start: datetime, end: datetime) -> list[tuple[float, ...]]:
    """What the exchange has, straight from its function."""
    opens = range(seconds(start), seconds(end), 60 * minutes)
    return [(at, *(float(text) for text in candle(f"{coin}USDT", minutes, at)[:5])) for at in opens]


def test_a_year_arrives_whole_in_as_few_pages_as_it_fits_in(market: BybitMarket, exchange: BybitServer) -> None:
    found = market.candles("BTC", YEAR_AGO, NOON, NOON)
    assert len(found) == 365 * 96
    assert gaps(found, YEAR_AGO, NOON) == []
    assert rows_of(found) == told_rows("BTC", 15, YEAR_AGO, NOON)
    assert exchange.count("kline") == 36
    asked = [(int(one.query["start"]), int(one.query["end"])) for one in exchange.asked]
    assert all(before[1] < after[0] for before, after in pairwise(asked)), "nothing is asked for twice"


def test_eight_threads_get_what_one_gets(market: BybitMarket) -> None:
    starts = [NOON - timedelta(days=day) for day in range(2, 26)]

    def read(start: datetime) -> list[tuple[float, ...]]:
        return rows_of(market.candles("ETH", start, start + timedelta(days=2), NOON))

    with ThreadPoolExecutor(market.parallel) as pool:
        found = list(pool.map(read, starts))
    assert found == [told_rows("ETH", 15, start, start + timedelta(days=2)) for start in starts]


def test_prices_print_as_the_exchange_wrote_them(market: BybitMarket, exchange: BybitServer) -> None:
    texts = ["0.00001234", "0.1000001", "0.00000999", "0.06000000000000001", "123456789.123"]
    exchange.candle = lambda *_: [*texts, "1"]
    found = market.candles("1000PEPE", NOON - HOUR, NOON, NOON)
    assert [repr(float(value)) for value in rows_of(found)[0][1:]] == [
        "1.234e-05",
        "0.1000001",
        "9.99e-06",
        "0.06000000000000001",
        "123456789.123",
    ]


def test_a_candle_counts_from_the_moment_at_which_it_closes(market: BybitMarket, noon: FixedClock) -> None:
    noon.at = NOON + timedelta(minutes=14, seconds=59)
    assert market.candles("BTC", NOON - HOUR, NOON + HOUR, noon.at).close_time[-1] == seconds(NOON)
    noon.at = NOON + timedelta(minutes=15)
    assert market.candles("BTC", NOON - HOUR, NOON + HOUR, noon.at).close_time[-1] == seconds(noon.at)


def test_nothing_later_than_as_of_is_given_or_even_asked_for(market: BybitMarket, exchange: BybitServer) -> None:
    as_of = NOON - timedelta(hours=3, minutes=7)
    found = market.candles("BTC", NOON - 6 * HOUR, NOON, as_of)
    assert moment(found.close_time[-1]) == datetime(2025, 3, 1, 8, 45, tzinfo=UTC)
    assert int(exchange.asked[-1].query["end"]) == (seconds(NOON) - int(3.5 * 3600)) * 1000


def test_a_candle_that_is_open_by_bybits_clock_is_dropped_although_ours_says_it_closed(
    market: BybitMarket, noon: FixedClock
) -> None:
    ours = noon.at + timedelta(seconds=20)
    noon.at = NOON - timedelta(seconds=1)
    found = market.candles("BTC", NOON - HOUR, NOON + HOUR, ours)
    assert moment(found.close_time[-1]) == NOON - timedelta(minutes=15)
    noon.at = NOON
    assert moment(market.candles("BTC", NOON - HOUR, NOON, ours).close_time[-1]) == NOON


def test_where_nothing_can_have_closed_nothing_is_asked(market: BybitMarket, exchange: BybitServer) -> None:
    assert len(market.candles("BTC", NOON, NOON + HOUR, NOON)) == 0
    assert len(market.candles("BTC", NOON, NOON - HOUR, NOON)) == 0
    assert exchange.count() == 0


def test_a_stretch_need_not_begin_or_end_on_the_grid(market: BybitMarket) -> None:
    found = market.candles("BTC", NOON - HOUR + timedelta(seconds=1), NOON - timedelta(seconds=1), NOON)
    assert rows_of(found) == told_rows("BTC", 15, NOON - timedelta(minutes=45), NOON)


def test_a_coin_that_was_listed_later_begins_with_its_listing(market: BybitMarket, exchange: BybitServer) -> None:
    listed = NOON - timedelta(days=20)
    exchange.listings = [Listing("NEW", launched=seconds(listed))]
    found = market.candles("NEW", NOON - timedelta(days=40), NOON, NOON)
    assert rows_of(found) == told_rows("NEW", 15, listed, NOON)


def test_pages_that_are_cut_short_are_asked_for_to_their_end(market: BybitMarket, exchange: BybitServer) -> None:
    exchange.fail_always(edited(lambda answer: answer["result"]["list"].__delitem__(slice(200, None))))
    start = NOON - timedelta(days=21)
    assert rows_of(market.candles("BTC", start, NOON, NOON)) == told_rows("BTC", 15, start, NOON)


def test_one_minute_candles_come_the_same_way(market: BybitMarket) -> None:
    found = market.finer_candles("BTC", NOON - timedelta(hours=20), NOON, NOON)
    assert found.interval_seconds == 60
    assert rows_of(found) == told_rows("BTC", 1, NOON - timedelta(hours=20), NOON)


def test_rows_in_another_order_and_rows_repeated_are_the_same_candles(
    market: BybitMarket, exchange: BybitServer
) -> None:
    honest = rows_of(market.candles("BTC", NOON - 6 * HOUR, NOON, NOON))

    def shuffle(answer: dict[str, Any]) -> None:
        rows = answer["result"]["list"]
        answer["result"]["list"] = [*rows[5:], *rows[:9], rows[0]]

    exchange.fail(edited(shuffle))
    assert rows_of(market.candles("BTC", NOON - 6 * HOUR, NOON, NOON)) == honest


def test_a_page_that_repeats_itself_is_refused_at_once(market: BybitMarket, exchange: BybitServer) -> None:
    first: list[Any] = []

    def repeat(answer: dict[str, Any]) -> None:
        first[:] = first or answer["result"]["list"]
        answer["result"]["list"] = first

    exchange.fail_always(edited(repeat))
    with pytest.raises(MarketMalformed, match="BTC: Bybit gave a candle of 2024-03-11 21:45:00 UTC, asked for those"):
        market.candles("BTC", YEAR_AGO, NOON, NOON)
    assert exchange.count() == 2


def row(change: Any) -> Fault:
    """The answer with its fourth candle from the end, that of 11:00, changed."""
    return edited(lambda answer: change(answer["result"]["list"][3]))


def cell(column: int, value: object) -> Fault:
    return row(lambda found: found.__setitem__(column, value))


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (cell(1, ""), r"list\.3\.1 \(2025-03-01 11:00 UTC\) is ''"),
        (cell(4, "NaN"), r"list\.3\.4 \(2025-03-01 11:00 UTC\) is 'NaN'"),
        (cell(4, "inf"), "is 'inf'"),
        (cell(2, "1_000"), "is '1_000'"),
        (cell(2, " 2000"), "is ' 2000'"),
        (cell(2, "٣"), "which is not what Bybit documents"),
        (cell(3, 2000.5), r"is 2000\.5"),
        (cell(5, None), "is None"),
        (cell(5, "-1"), "2025-03-01 11:00 UTC has a volume that is not finite, or below zero"),
        (cell(1, "0"), "2025-03-01 11:00 UTC has a price that is not finite and positive"),
        (cell(1, "9e999"), "2025-03-01 11:00 UTC has a price that is not finite and positive"),
        (cell(2, "1.0"), "2025-03-01 11:00 UTC has its high below its open, low or close"),
        (cell(3, "99999"), "11:00 UTC has its high below its open, low or close"),
        (row(lambda found: found.pop()), r"list\.3\.6 \(2025-03-01 11:00 UTC\) is missing"),
        (row(lambda found: found.append("1")), r"list\.3 \(2025-03-01 11:00 UTC\) is"),
        (cell(0, "1740826800001"), r"a candle of 2025-03-01 11:00:00 UTC, asked for those"),
        (cell(0, "1740826860000"), "a candle of 2025-03-01 11:01:00 UTC, asked for those from 2025-03-01 06:00"),
        (cell(0, "1740873600000"), "a candle of 2025-03-02 00:00:00 UTC"),
        (cell(0, "999999999999999"), "a candle of 999999999999999 ms"),
        (cell(0, "1740826800"), "a candle of 1970-01-21"),
        (cell(0, ""), r"list\.3\.0 is ''"),
        (cell(0, "1740827700000"), "two different candles of 2025-03-01 11:15:00 UTC"),
        (edited(lambda answer: answer["result"].update(symbol="ETHUSDT")), "candles of 'ETHUSDT' for BTCUSDT"),
        (edited(lambda answer: answer["result"].update(category="inverse")), "category is 'inverse'"),
        (edited(lambda answer: answer["result"].pop("list")), "list is missing"),
        (edited(lambda answer: answer["result"].update(list=None)), "list is None"),
    ],
)
def test_what_cannot_be_meant_is_malformed_and_nothing_of_it_is_used(
    market: BybitMarket, exchange: BybitServer, fault: Fault, told: str
) -> None:
    exchange.fail(fault)
    with pytest.raises(MarketMalformed, match=told) as refused:
        market.candles("BTC", NOON - 6 * HOUR, NOON, NOON)
    assert "BTC" in str(refused.value)
    assert refused.value.coin == "BTC"
    assert exchange.count() == 1, "asking again is of no use until somebody has looked"


def test_an_empty_page_is_no_candles(market: BybitMarket, exchange: BybitServer) -> None:
    exchange.fail(edited(lambda answer: answer["result"].update(list=[])))
    assert len(market.candles("BTC", NOON - HOUR, NOON, NOON)) == 0


def test_a_coin_that_bybit_does_not_know_is_named(market: BybitMarket) -> None:
    with pytest.raises(MarketMalformed, match=r"10001.*Symbol Is Invalid.*leaves market\.coins") as refused:
        market.candles("NOTACOIN", NOON - HOUR, NOON, NOON)
    assert refused.value.coin == "NOTACOIN"


@pytest.mark.parametrize("coin", ["", "btc", "BTC&symbol=ETHUSDT", "BTC ", "../v5", "É", "B" * 21])
def test_what_is_no_coin_is_refused_before_anything_is_asked(
    market: BybitMarket, exchange: BybitServer, coin: str
) -> None:
    with pytest.raises(MarketMalformed, match="is no coin"):
        market.candles(coin, NOON - HOUR, NOON, NOON)
    assert exchange.count() == 0


def test_the_market_says_who_it_is(open_market: Open) -> None:
    market = open_market()
    assert (market.name, market.parallel, market.time(NOON)) == ("bybit", 8, NOON)


def test_arrays_have_the_types_that_candles_promise(market: BybitMarket) -> None:
    found = market.candles("BTC", NOON - HOUR, NOON, NOON)
    assert found.open_time.dtype == np.int64
    assert {column.dtype for column in (found.open, found.high, found.low, found.close, found.volume)} == {
        np.dtype(np.float64)
    }
