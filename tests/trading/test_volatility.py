"""Volatility against its own normal: the published vectors, what is not known, and nothing from the future."""

from datetime import UTC, datetime, timedelta
from statistics import median, stdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xfg_pipeline.signals.candles import Candles, Floats, no_candles
from xfg_pipeline.signals.slots import SLOT_SECONDS, SLOTS_A_DAY, seconds
from xfg_pipeline.trading.volatility import regime_rows

START = datetime(2026, 9, 1, tzinfo=UTC)


def candles(returns: Floats, keep: np.ndarray | None = None) -> Candles:
    """One more candle than returns, the first at START; `keep` is a mask of candles that are there."""
    close = 100 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))
    times = seconds(START) + SLOT_SECONDS * np.arange(close.size, dtype=np.int64)
    mask = np.ones(close.size, dtype=bool) if keep is None else keep
    return Candles("BTC", times[mask], *(close[mask] for _ in range(4)), np.ones(int(mask.sum())))


def alternating(days: int, size: float) -> Floats:
    return np.tile([size, -size], days * SLOTS_A_DAY // 2)


def last_slot(made: Candles) -> np.ndarray:
    return made.close_time[-1:]


@pytest.mark.parametrize(("size", "ratio", "is_red"), [(0.005, 5.0, False), (0.0051, 5.1, True)])
def test_five_times_normal_is_exactly_five_and_a_little_more_is_above(size: float, ratio: float, is_red: bool) -> None:
    made = candles(np.concatenate([alternating(31, 0.001), alternating(1, size)]))
    rows = regime_rows(made, last_slot(made))
    assert rows.ratio.tolist() == [ratio]
    assert bool(rows.ratio[0] > 5) is is_red
    assert rows.volatility[0] == pytest.approx(size * np.sqrt(96 / 95))
    assert rows.baseline[0] == pytest.approx(0.001 * np.sqrt(96 / 95))
    assert rows.days.tolist() == [30]


@pytest.mark.parametrize(("days", "known"), [(13, False), (14, True)])
def test_a_baseline_needs_fourteen_days(days: int, known: bool) -> None:
    made = candles(alternating(days + 1, 0.002))
    rows = regime_rows(made, last_slot(made))
    assert rows.days.tolist() == [days]
    assert bool(np.isfinite(rows.ratio[0])) is known
    assert bool(np.isfinite(rows.baseline[0])) is known
    assert np.isfinite(rows.volatility[0])


@pytest.mark.parametrize(("missing", "known"), [(24, True), (25, False)])
def test_a_volatility_needs_72_returns(missing: int, known: bool) -> None:
    returns = alternating(1, 0.002)
    keep = np.ones(97, dtype=bool)
    keep[:missing] = False  # as many returns as candles at the start
    made = candles(returns, keep)
    assert bool(np.isfinite(regime_rows(made, last_slot(made)).volatility[0])) is known


def test_a_gap_takes_both_returns_that_it_touches() -> None:
    random = np.random.default_rng(1)
    returns = random.normal(0, 0.001, 96)
    keep = np.ones(97, dtype=bool)
    keep[50] = False
    made = candles(returns, keep)
    there = [float(one) for k, one in enumerate(returns) if k not in (49, 50)]
    assert regime_rows(made, last_slot(made)).volatility[0] == pytest.approx(stdev(there))


def test_a_market_that_never_moved_has_no_normal() -> None:
    made = candles(np.concatenate([np.zeros(31 * 96), alternating(1, 0.01)]))
    rows = regime_rows(made, last_slot(made))
    assert rows.baseline.tolist() == [0]
    assert np.isnan(rows.ratio[0])


def test_a_slot_whose_own_candle_is_missing_is_not_known() -> None:
    made = candles(alternating(40, 0.001))
    slots = np.concatenate([last_slot(made) + SLOT_SECONDS, [seconds(START)]])
    assert np.isnan(regime_rows(made, slots).ratio).all()
    assert np.isnan(regime_rows(made, last_slot(made) + 1).ratio).all()
    assert np.isnan(regime_rows(no_candles("BTC"), slots).volatility).all()
    assert regime_rows(made, slots[:0]).ratio.size == 0


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.integers(0, 40))
def test_rows_are_those_of_a_plain_recomputation_and_see_nothing_later(seed: int, holes: int) -> None:
    random = np.random.default_rng(seed)
    returns = random.normal(0, 0.002, 20 * 96)
    keep = np.ones(returns.size + 1, dtype=bool)
    keep[random.integers(0, keep.size, holes)] = False
    made = candles(returns, keep)
    slots = made.close_time[random.integers(16 * 96, len(made), 5)]
    rows = regime_rows(made, slots)
    for place, slot in enumerate(slots.tolist()):
        known = made.at(made.close_time <= slot)
        alone = regime_rows(known, np.array([slot]))
        for name in ("volatility", "baseline", "ratio"):
            np.testing.assert_equal(getattr(alone, name)[0], getattr(rows, name)[place])
        plain = [_plain(known, slot - day * 86_400) for day in range(31)]
        before = [one for one in plain[1:] if one is not None]
        assert rows.days[place] == len(before)
        if len(before) < 14:
            assert np.isnan(rows.ratio[place])
            continue
        assert rows.baseline[place] == pytest.approx(median(before))
        assert plain[0] is not None
        assert rows.ratio[place] == pytest.approx(plain[0] / median(before), abs=1e-8)


def _plain(made: Candles, slot: int) -> float | None:
    closes = dict(zip(made.close_time.tolist(), np.log(made.close).tolist(), strict=True))
    times = [slot - SLOT_SECONDS * back for back in range(96)]
    found = [closes[at] - closes[at - 900] for at in times if at in closes and at - 900 in closes]
    return stdev(found) if len(found) >= 72 and slot in closes else None


def test_a_month_of_slots_takes_no_longer_than_a_blink() -> None:
    made = candles(np.random.default_rng(2).normal(0, 0.001, 61 * 96))
    first = seconds(START + timedelta(days=31))
    slots = first + SLOT_SECONDS * np.arange(30 * 96, dtype=np.int64)
    assert np.isfinite(regime_rows(made, slots).ratio).all()
