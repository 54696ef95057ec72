"""From a real local exchange into Postgres: only what is missing is asked for, and a killed fetch goes on."""

import multiprocessing
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import FixedClock
from tests.exchange.bybit_server import BybitServer, bybit_server, status
from tests.exchange.conftest import AT_ONCE
from tests.slots.conftest import Trial
from xfg_pipeline.exchange.bybit import BybitMarket
from xfg_pipeline.exchange.market import MarketUnavailable
from xfg_pipeline.faults import CRASH_AT
from xfg_pipeline.resources.market_feed import MarketFeed
from xfg_pipeline.storage.database import Database

NOON = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
NOW = NOON + timedelta(seconds=6)
SLOT = timedelta(minutes=15)
COINS = ("BTC", "ETH", "1000PEPE")


@pytest.fixture
def exchange() -> Iterator[BybitServer]:
    with bybit_server(NOW.timestamp) as server:
        yield server


def feed_from(url: str, database: Database) -> MarketFeed:
    market = BybitMarket(base_url=url, clock=FixedClock(NOW), backoff=AT_ONCE)
    return MarketFeed(database, market, COINS, FixedClock(NOW))


@pytest.fixture
def feed(exchange: BybitServer, database: Database) -> MarketFeed:
    return feed_from(exchange.url, database)


def kept(trial: Trial) -> dict[str, int]:
    return {row["coin"]: row["n"] for row in trial.all("SELECT coin, count(*) AS n FROM candles GROUP BY coin")}


@pytest.fixture
def stored(database: Database, tmp_path: Path) -> Trial:
    return Trial(database, tmp_path, tmp_path)


def test_a_long_fetch_keeps_every_closed_candle_once_and_tells_how_far_it_is(
    feed: MarketFeed, exchange: BybitServer, stored: Trial
) -> None:
    said: list[str] = []
    fetched = feed.fetch_candles(NOON - timedelta(days=40), NOON, NOW, said.append)
    assert kept(stored) == dict.fromkeys(COINS, 40 * 96)
    assert (fetched.written.new, fetched.written.revised, fetched.problems) == (3 * 40 * 96, 0, {})
    assert said[-1].startswith("candles: 11,520 of 11,520")
    newest = stored.all("SELECT max(open_time) AS at FROM candles")[0]["at"]
    assert newest == datetime(2025, 3, 1, 11, 45, tzinfo=UTC)  # the one that is open now is not there
    assert exchange.count("/kline") == 3 * 4


def test_the_next_fetch_asks_for_what_is_new_and_looks_again_at_the_newest(
    feed: MarketFeed, exchange: BybitServer
) -> None:
    feed.fetch_candles(NOON - timedelta(days=4), NOON, NOW)
    asked = len(exchange.asked)
    again = feed.fetch_candles(NOON - timedelta(days=4), NOON, NOW)
    assert (again.asked, again.written.new, again.written.revised) == (2 * len(COINS), 0, 0)
    assert len(exchange.asked) == asked + len(COINS)


def test_a_candle_that_the_exchange_corrects_is_replaced_and_counted(
    feed: MarketFeed, exchange: BybitServer, stored: Trial
) -> None:
    feed.fetch_candles(NOON - timedelta(hours=5), NOON, NOW)
    honest = exchange.candle

    def corrected(symbol: str, minutes: int, opened: int) -> list[str]:
        row = honest(symbol, minutes, opened)
        return [*row[:4], str(float(row[4]) + 1), row[5]]

    exchange.candle = corrected
    fetched = feed.fetch_candles(NOON - timedelta(hours=5), NOON, NOW)
    assert (fetched.written.new, fetched.written.revised) == (0, 2 * len(COINS))
    assert stored.all("SELECT sum(revisions) AS n FROM candles")[0]["n"] == 2 * len(COINS)


def killed_after_the_first_transaction(url: str, exchange_url: str) -> None:
    os.environ[CRASH_AT] = "candles.after_commit"
    feed_from(exchange_url, Database(url)).fetch_candles(NOON - timedelta(days=90), NOON, NOW)


def test_a_long_fetch_that_is_killed_goes_on_where_it_was(
    feed: MarketFeed, exchange: BybitServer, database_url: str, stored: Trial
) -> None:
    process = multiprocessing.get_context("forkserver").Process(
        target=killed_after_the_first_transaction, args=(database_url, exchange.url)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -9
    there = sum(kept(stored).values())
    assert 15_000 < there < 3 * 90 * 96
    asked = exchange.count("/kline")
    feed.fetch_candles(NOON - timedelta(days=90), NOON, NOW)
    assert kept(stored) == dict.fromkeys(COINS, 90 * 96)
    # 27 pages in all; twenty were kept, and the newest candles of two coins are looked at again.
    assert exchange.count("/kline") - asked <= 27 - 20 + 2


def test_one_coin_without_an_answer_is_named_and_all_without_one_are_no_empty_market(
    feed: MarketFeed, exchange: BybitServer, stored: Trial
) -> None:
    exchange.listings = exchange.listings[:2]
    fetched = feed.fetch_candles(NOON - timedelta(days=1), NOON, NOW)
    assert list(fetched.problems) == ["1000PEPE"]
    assert set(kept(stored)) == {"BTC", "ETH"}
    exchange.fail_always(status(502))
    with pytest.raises(MarketUnavailable):
        feed.fetch_candles(NOON - timedelta(days=2), NOON, NOW)


def test_positioning_and_instruments_that_cannot_be_read_are_told_and_stop_nothing(
    feed: MarketFeed, exchange: BybitServer, stored: Trial
) -> None:
    assert feed.fetch_facts(NOON - timedelta(hours=6), NOON, NOW) == []
    rows = stored.all("SELECT coin, count(*) AS n FROM positioning GROUP BY coin")
    assert {row["coin"] for row in rows} == set(COINS)
    first = stored.all("SELECT coin, tick_size FROM instruments ORDER BY coin")
    assert len(first) == len(COINS)
    exchange.fail_always(status(503), "/open-interest")
    notes = feed.fetch_facts(NOON - timedelta(hours=12), NOON, NOW)
    assert len(notes) == len(COINS)
    assert all("positioning of" in note for note in notes)
    assert stored.all("SELECT coin, tick_size FROM instruments ORDER BY coin") == first


def test_a_coin_that_is_not_traded_is_named(feed: MarketFeed, exchange: BybitServer) -> None:
    exchange.listings = exchange.listings[:2]
    notes = feed.fetch_facts(NOON - timedelta(hours=1), NOON, NOW)
    assert any("1000PEPE: not traded on bybit" in note for note in notes)
