"""A recorded market, played at its own time or fast."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from tests.exchange.recordings import BEGIN, recorded, write
from xfg_pipeline.exchange.market import Instrument, MarketMalformed, MarketUnavailable
from xfg_pipeline.exchange.replay import ReplayMarket
from xfg_pipeline.signals.candles import gaps
from xfg_pipeline.signals.slots import moment

NOW = datetime(2026, 5, 1, tzinfo=UTC)
FIRST = moment(BEGIN)
FOREVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten days of two coins, one of them with minutes, and files that are none of the market's business."""
    write(recorded(960), tmp_path / "BTC_USDT-15m.feather")
    write(recorded(960).iloc[96:], tmp_path / "ETHUSDT_15m.csv")
    write(recorded(600, minutes=1), tmp_path / "BTC_USDT-1m.parquet")
    write(recorded(10, minutes=60), tmp_path / "BTC_USDT-60m.csv")
    (tmp_path / "README.md").write_text("notes")
    (tmp_path / "SOL_USDT-15m.csv").mkdir()
    return tmp_path


def test_a_folder_has_the_coins_of_its_files(folder: Path) -> None:
    market = ReplayMarket(folder)
    assert market.coins() == ("BTC", "ETH")
    assert (market.name, market.parallel) == ("replay", 1)
    assert market.positioning("BTC", FIRST, NOW) is None


def test_candles_are_those_of_the_stretch_that_had_closed(folder: Path) -> None:
    market = ReplayMarket(folder)
    as_of = FIRST + timedelta(hours=5, minutes=14)
    found = market.candles("BTC", FIRST + timedelta(hours=1), FIRST + timedelta(hours=9), as_of)
    assert moment(found.open_time[0]) == FIRST + timedelta(hours=1)
    assert moment(found.close_time[-1]) == FIRST + timedelta(hours=5)


def test_minutes_are_there_where_they_were_recorded(folder: Path) -> None:
    market = ReplayMarket(folder)
    found = market.finer_candles("BTC", FIRST, FIRST + timedelta(hours=1), FIRST + timedelta(minutes=30))
    assert found is not None
    assert (len(found), found.interval_seconds) == (30, 60)
    assert market.finer_candles("ETH", FIRST, NOW, NOW) is None


def test_instruments_are_derived_from_the_prices_and_the_rest_is_assumed(folder: Path) -> None:
    market = ReplayMarket(folder)
    assert market.instruments(("ETH", "BTC", "XRP")) == {
        coin: Instrument(
            coin=coin,
            symbol=f"{coin}USDT",
            tick_size=Decimal("0.01"),
            qty_step=Decimal("0.001"),
            min_qty=Decimal("0.001"),
            max_qty=Decimal(1_000_000),
            min_notional=Decimal(5),
            max_leverage=Decimal(100),
        )
        for coin in ("ETH", "BTC")
    }


@pytest.mark.parametrize(
    ("scale", "tick"), [("1", "0.01"), ("100", "1"), ("0.1", "0.001"), ("1e-6", "1e-8"), ("1e-12", "1e-12")]
)
def test_the_tick_is_the_finest_decimal_of_any_price(tmp_path: Path, scale: str, tick: str) -> None:
    frame = recorded(50)
    for name in ("open", "high", "low", "close"):
        frame[name] = [float(Decimal(str(value)) * Decimal(scale)) for value in frame[name]]
    write(frame, tmp_path / "BTC_USDT-15m.csv")
    assert ReplayMarket(tmp_path).instruments(("BTC",))["BTC"].tick_size == Decimal(tick)


def test_a_coin_without_candles_has_no_instrument(tmp_path: Path) -> None:
    write(recorded(0), tmp_path / "BTC_USDT-15m.csv")
    assert ReplayMarket(tmp_path).instruments(("BTC",)) == {}


def test_at_its_own_time_the_recording_is_where_the_clock_is(folder: Path) -> None:
    assert ReplayMarket(folder).time(NOW) == NOW
    assert ReplayMarket(folder, Decimal(1), started_at=NOW - timedelta(days=9)).time(NOW) == NOW


@pytest.mark.parametrize("speed", [60, Decimal(60), 60.0])
def test_played_fast_it_begins_after_three_days_and_ends_with_its_last_candle(
    folder: Path, speed: Decimal | float
) -> None:
    market = ReplayMarket(folder, speed, started_at=NOW)
    assert market.time(NOW) == FIRST + timedelta(days=3)
    assert market.time(NOW + timedelta(minutes=15)) == FIRST + timedelta(days=3, hours=15)
    assert market.time(NOW - timedelta(minutes=15)) == FIRST + timedelta(days=3), "a clock that was set back"
    assert market.time(NOW + timedelta(days=900)) == FIRST + timedelta(days=10)


def test_played_time_never_goes_back_and_shows_no_candle_before_it_closed(folder: Path) -> None:
    market = ReplayMarket(folder, 1000, started_at=NOW)
    before = market.time(NOW)
    for second in range(0, 700, 7):
        played = market.time(NOW + timedelta(seconds=second))
        assert played >= before
        found = market.candles("BTC", FIRST, NOW, played)
        assert moment(found.close_time[-1]) <= played
        assert gaps(found, FIRST, moment(found.close_time[-1])) == []
        before = played


def test_a_recording_shorter_than_the_warm_up_is_played_at_its_end(tmp_path: Path) -> None:
    write(recorded(96), tmp_path / "BTC_USDT-15m.csv")
    market = ReplayMarket(tmp_path, 60, started_at=NOW)
    assert market.time(NOW) == market.time(NOW + timedelta(days=1)) == FIRST + timedelta(days=1)


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused(tmp_path: Path, speed: float) -> None:
    with pytest.raises(ValueError, match=r"market\.replay\.speed is above zero"):
        ReplayMarket(tmp_path, speed)


def test_played_fast_it_must_be_told_since_when(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs the time at which it began"):
        ReplayMarket(tmp_path, 2)


def test_two_recordings_of_one_coin_are_refused_by_name_and_only_that_coin(folder: Path) -> None:
    write(recorded(20), folder / "binance_BTCUSDT_15m.csv")
    market = ReplayMarket(folder)
    with pytest.raises(
        MarketMalformed, match=r"BTC_USDT-15m\.feather and binance_BTCUSDT_15m\.csv.*keep one"
    ) as refused:
        market.candles("BTC", *FOREVER)
    assert refused.value.coin == "BTC"
    assert len(market.candles("ETH", *FOREVER)) == 864


def test_of_two_recordings_the_one_from_bybit_is_played(folder: Path) -> None:
    write(recorded(20), folder / "bybit_BTCUSDT_15m.csv")
    assert len(ReplayMarket(folder).candles("BTC", *FOREVER)) == 20
    write(recorded(20), folder / "bybit_BTCUSDT_15m.parquet")
    with pytest.raises(MarketMalformed, match="keep one"):
        ReplayMarket(folder).candles("BTC", *FOREVER)


def test_a_coin_that_was_not_recorded_is_named_with_those_that_were(folder: Path) -> None:
    with pytest.raises(MarketMalformed, match=r"no recording of XRP \(it has BTC, ETH\): name files with coin"):
        ReplayMarket(folder).candles("XRP", *FOREVER)


def test_a_folder_that_is_not_there_or_empty_says_so(tmp_path: Path) -> None:
    with pytest.raises(MarketUnavailable, match=r"market\.replay\.folder .*nowhere cannot be read: No such file"):
        ReplayMarket(tmp_path / "nowhere").coins()
    with pytest.raises(MarketUnavailable, match="holds no 15-minute candles"):
        ReplayMarket(tmp_path, 60, started_at=NOW).time(NOW)


def test_a_file_is_read_once_and_again_when_it_has_changed(folder: Path) -> None:
    market = ReplayMarket(folder)
    first = market._candles("BTC", 15)
    assert market._candles("BTC", 15) is first
    path = write(recorded(980), folder / "BTC_USDT-15m.feather")
    os.utime(path, ns=(1, 1))
    assert len(market.candles("BTC", *FOREVER)) == 980
    write(recorded(5), folder / "XRP_USDT-15m.csv")
    assert market.coins() == ("BTC", "ETH", "XRP")


def test_a_broken_file_leaves_the_other_coins_alone(folder: Path) -> None:
    (folder / "ETHUSDT_15m.csv").write_text("date,open\n1,2\n")
    market = ReplayMarket(folder)
    with pytest.raises(MarketMalformed, match=r"ETHUSDT_15m\.csv"):
        market.candles("ETH", *FOREVER)
    assert len(market.candles("BTC", *FOREVER)) == 960


def test_threads_get_the_same_candles(folder: Path) -> None:
    market = ReplayMarket(folder)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda coin: market.candles(coin, *FOREVER), ["BTC", "ETH"] * 8))
    assert [len(one) for one in found] == [960, 864] * 8
    assert all(np.array_equal(one.close, found[0].close) for one in found[::2])
