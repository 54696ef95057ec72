"""Real recordings through the replay market: what their README measured is what arrives."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from xfg_pipeline.exchange.replay import ReplayMarket
from xfg_pipeline.signals.candles import Candles, gaps
from xfg_pipeline.signals.slots import moment

FOREVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def crypto(shared_data: Path) -> Path:
    return shared_data / "crypto"


@pytest.fixture(scope="module")
def market(crypto: Path) -> ReplayMarket:
    return ReplayMarket(crypto)


@pytest.fixture(scope="module")
def spot_bitcoin(crypto: Path, tmp_path_factory: pytest.TempPathFactory) -> Candles:
    """The spot recording of BTC, which the perpetual's stands before in the same folder."""
    folder = tmp_path_factory.mktemp("spot")
    (folder / "BTC_USDT-15m.feather").symlink_to(crypto / "BTC_USDT-15m.feather")
    return ReplayMarket(folder).candles("BTC", *FOREVER)


def test_five_coins_are_there(market: ReplayMarket) -> None:
    assert market.coins() == ("BTC", "DOGE", "ETH", "SOL", "XRP")


@pytest.mark.parametrize(
    ("coin", "count", "first", "last", "tick"),
    [
        ("BTC", 28_000, datetime(2024, 3, 15, tzinfo=UTC), datetime(2024, 12, 31, 15, 45, tzinfo=UTC), "0.1"),
        ("ETH", 23_923, datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 9, 6, 4, 30, tzinfo=UTC), "0.01"),
        ("SOL", 24_009, datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 9, 7, 2, 0, tzinfo=UTC), "0.01"),
        ("XRP", 24_009, datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 9, 7, 2, 0, tzinfo=UTC), "0.0001"),
        ("DOGE", 24_009, datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 9, 7, 2, 0, tzinfo=UTC), "0.00001"),
    ],
)
def test_a_recording_is_whole(
    market: ReplayMarket, coin: str, count: int, first: datetime, last: datetime, tick: str
) -> None:
    found = market.candles(coin, *FOREVER)
    assert len(found) == count
    assert (moment(found.open_time[0]), moment(found.open_time[-1])) == (first, last)
    assert gaps(found, first, last + timedelta(minutes=15)) == []
    assert market.instruments((coin,))[coin].tick_size == Decimal(tick)


def test_spot_and_perpetual_closes_are_as_near_as_measured(market: ReplayMarket, spot_bitcoin: Candles) -> None:
    assert len(spot_bitcoin) == 23_923
    perpetual = market.candles("BTC", *FOREVER)

    def apart(shift: int) -> np.ndarray:
        times = perpetual.open_time + shift
        _, ours, theirs = np.intersect1d(times, spot_bitcoin.open_time, return_indices=True)
        return (perpetual.close[ours] / spot_bitcoin.close[theirs] - 1) * 1e4

    assert np.median(apart(0)) == pytest.approx(-3.7, abs=0.05)
    # Both are stamped at the open: one candle beside, they are three times as far apart.
    assert 2.5 * np.median(abs(apart(0))) < min(np.median(abs(apart(900))), np.median(abs(apart(-900))))


def test_a_price_is_the_one_in_the_file(market: ReplayMarket, spot_bitcoin: Candles) -> None:
    opened = datetime(2024, 3, 15, 0, 15, tzinfo=UTC)
    found = market.candles("BTC", opened, opened + timedelta(minutes=15), opened + timedelta(minutes=15))
    assert [found.open[0], found.high[0], found.low[0], found.close[0], found.volume[0]] == [
        71477.0,
        72222.0,
        71326.5,
        72181.2,
        2258.04,
    ]
    assert spot_bitcoin.close[:3].tolist() == [42488.0, 42419.73, 42441.32]
