"""How far price went while a position was held: nothing before the entry, nothing after the exit, nothing guessed."""

from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from tests.trading.plans import SLOT, trade
from xfg_pipeline.signals.candles import Candles, no_candles
from xfg_pipeline.signals.slots import seconds
from xfg_pipeline.trading.excursions import excursions
from xfg_pipeline.trading.trade import Trade

D = Decimal


def candles(*ranges: tuple[float, float], step: int = 900, skip: int | None = None) -> Candles:
    """Candles of (low, high) from SLOT on; `skip` is left out."""
    keep = [row for row in range(len(ranges)) if row != skip]
    low, high = np.array([ranges[row] for row in keep], dtype=np.float64).reshape(-1, 2).T
    times = seconds(SLOT) + np.array(keep, dtype=np.int64) * step
    return Candles("BTC", times, low, high, low, high, np.ones(len(keep)), step)


def held(first: float, last: float, direction: str = "LONG") -> Trade:
    """A position from 100, held from and to minutes after SLOT."""
    return trade(100, first, exit_time=SLOT + timedelta(minutes=last), direction=direction)


QUARTERS = candles((90, 101), (97, 103), (99, 108), (80, 120))


def test_the_farthest_prices_are_those_of_the_candles_that_overlap() -> None:
    assert excursions(held(20, 40), QUARTERS) == (3, 8)
    assert excursions(held(20, 40, "SHORT"), QUARTERS) == (8, 3)


def test_a_candle_that_opens_when_the_position_closes_is_not_in_it() -> None:
    assert excursions(held(15, 45), QUARTERS) == (3, 8)
    assert excursions(held(15, 45.01), QUARTERS) == (20, 20)


def test_a_position_that_is_closed_in_the_second_of_its_entry_has_that_candle() -> None:
    assert excursions(held(15, 15), QUARTERS) == (3, 3)


def test_a_price_that_never_went_the_other_way_is_an_excursion_of_zero() -> None:
    assert excursions(trade(95, 20, exit_time=SLOT + timedelta(minutes=25)), QUARTERS) == (0, 8)


def test_a_missing_candle_leaves_it_unknown() -> None:
    ranges = ((90, 101), (97, 103), (99, 108), (80, 120))
    for missing in (1, 2):
        assert excursions(held(20, 40), candles(*ranges, skip=missing)) is None
    assert excursions(held(5, 50), candles(*ranges, skip=2)) is None
    assert excursions(held(20, 40), candles(*ranges, skip=3)) == (3, 8)
    assert excursions(held(20, 40), no_candles("BTC")) is None


def test_an_entry_that_is_not_in_the_records_leaves_it_unknown() -> None:
    assert excursions(trade(100, None), QUARTERS) is None


def test_of_the_first_and_the_last_candle_only_the_minutes_count() -> None:
    minutes = candles(*[(100 - minute / 10, 100 + minute / 10) for minute in range(60)], step=60)
    asked = []

    def finer(start: datetime, end: datetime) -> Candles:
        asked.append((start, end))
        return minutes.opened_between(start, end)

    wide = candles((50, 150), (97, 103), (50, 150), (50, 150))
    assert excursions(held(5.5, 33.5), wide, finer) == (D("3.3"), D("3.3"))
    assert asked == [
        (SLOT + timedelta(minutes=5), SLOT + timedelta(minutes=15)),
        (SLOT + timedelta(minutes=30), SLOT + timedelta(minutes=34)),
    ]
    assert excursions(held(6.5, 8), wide, finer) == (D("0.7"), D("0.7"))


def test_minutes_that_are_not_all_there_leave_the_whole_candle() -> None:
    gap = candles(*[(99.5, 100.5)] * 60, step=60, skip=21)
    assert excursions(held(20, 40), QUARTERS, gap.opened_between) == (3, 3)
    assert excursions(held(20, 40), QUARTERS, lambda *_: None) == (3, 8)


def test_minutes_tell_of_a_candle_that_has_not_closed_yet() -> None:
    minutes = candles(*[(99.5, 100.5)] * 34, step=60)
    closed = candles((90, 101), (97, 103))
    assert excursions(held(20, 33.5), closed) is None
    assert excursions(held(20, 33.5), closed, minutes.opened_between) == (D("0.5"), D("0.5"))


def test_prices_are_those_that_were_told_not_their_binary_tails() -> None:
    assert excursions(held(20, 25), candles((1, 2), (99.9, 100.1))) == (D("0.1"), D("0.1"))
