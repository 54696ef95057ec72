"""Features: the same bits however a slot is asked for, nothing from later, finite whatever a market can do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.signals.random_candles import MIDNIGHT, random_candles
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.day_blocks import CLIP, window_sums
from xfg_pipeline.signals.features import (
    BEYOND,
    FEATURES,
    GAP,
    MEASURES,
    NO_CANDLE,
    REASONS,
    WARM_UP,
    FeatureRows,
    FeatureUnknown,
    compute,
    needed_from,
)

SLOT = timedelta(minutes=15)
DAYS = 8
DOCS = Path(__file__).resolve().parents[2] / "docs" / "features.md"
few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def same_bits(one: FeatureRows, other: FeatureRows) -> bool:
    """Whether two results are equal to the last bit, NaN where NaN."""
    pairs = [(one.values, other.values), (one.matrix(FEATURES), other.matrix(FEATURES))]
    pairs += [(one.measures[name], other.measures[name]) for name in MEASURES]
    return (
        np.array_equal(one.slots, other.slots)
        and np.array_equal(one.reason, other.reason)
        and all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)
    )


def part(rows: FeatureRows, rows_wanted: slice) -> FeatureRows:
    """Some of the rows of a result."""
    return replace(
        rows,
        slots=rows.slots[rows_wanted],
        values=rows.values[rows_wanted],
        reason=rows.reason[rows_wanted],
        measures={name: column[rows_wanted] for name, column in rows.measures.items()},
    )


def joined(parts: list[FeatureRows]) -> FeatureRows:
    """Results one after another."""
    return replace(
        parts[0],
        slots=np.concatenate([one.slots for one in parts]),
        values=np.concatenate([one.values for one in parts]),
        reason=np.concatenate([one.reason for one in parts]),
        measures={name: np.concatenate([one.measures[name] for one in parts]) for name in MEASURES},
    )


@pytest.fixture(scope="module")
def ordinary() -> Candles:
    """Eight days without anything remarkable."""
    return random_candles(7, DAYS)


@few
@given(seed=st.integers(0, 10_000), slot=st.integers(0, 96 * 5 - 1), gaps=st.integers(0, 3), wild=st.booleans())
@example(seed=1, slot=0, gaps=0, wild=True)
@example(seed=1, slot=95, gaps=0, wild=True)
@example(seed=1, slot=96, gaps=0, wild=True)
def test_one_slot_alone_has_the_bits_that_it_has_in_the_whole_range(
    seed: int, slot: int, gaps: int, wild: bool
) -> None:
    candles = random_candles(seed, DAYS, gaps=gaps, wild=wild)
    start = MIDNIGHT + WARM_UP
    whole = compute(candles, start, start + timedelta(days=5))
    at = start + slot * SLOT
    asked = candles.opened_between(needed_from(at), at)
    alone = compute(asked, at, at + SLOT)
    assert len(alone) == 1
    assert same_bits(alone, part(whole, slice(slot, slot + 1)))


@few
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 96 * 5 - 1), gaps=st.integers(0, 3))
def test_what_comes_later_changes_nothing(seed: int, cut: int, gaps: int) -> None:
    candles = random_candles(seed, DAYS, gaps=gaps, wild=True)
    start = MIDNIGHT + WARM_UP
    now = start + cut * SLOT
    known = compute(candles, start, start + timedelta(days=5))
    truncated = compute(candles.closed_by(now), start, now + SLOT)
    # Another future: every price fivefold, every volume tenfold.
    later = candles.close_time > now.timestamp()
    factor, volume = np.where(later, 5.0, 1.0), np.where(later, 10.0, 1.0) * candles.volume
    prices = (candles.open, candles.high, candles.low, candles.close)
    other = compute(
        Candles(candles.coin, candles.open_time, *(price * factor for price in prices), volume), start, now + SLOT
    )
    assert same_bits(truncated, part(known, slice(0, cut + 1)))
    assert same_bits(other, truncated)


@few
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 96 * 5), max_size=5), gaps=st.integers(0, 2))
def test_a_range_can_be_split_anywhere(seed: int, cuts: list[int], gaps: int) -> None:
    candles = random_candles(seed, DAYS, gaps=gaps)
    start = MIDNIGHT + WARM_UP
    ends = [0, *sorted(cuts), 96 * 5]
    pieces = [compute(candles, start + first * SLOT, start + last * SLOT) for first, last in pairwise(ends)]
    assert same_bits(joined(pieces), compute(candles, start, start + timedelta(days=5)))


@few
@given(
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1e-6, 1e-3, 1.0, 1e3, 1e6]),
    volume=st.sampled_from([0.0, 1e-9, 1.0, 1e15]),
    still=st.sampled_from([0.0, 0.3, 1.0]),
    wild=st.booleans(),
)
@example(seed=0, scale=1e-6, volume=0.0, still=1.0, wild=False)
@example(seed=0, scale=1e6, volume=1e15, still=1.0, wild=True)
def test_every_feature_is_finite_and_bounded_for_any_candles_without_a_gap(
    seed: int, scale: float, volume: float, still: float, wild: bool
) -> None:
    candles = random_candles(seed, 5, price=scale, volume=volume, still=still, wild=wild)
    rows = compute(candles, MIDNIGHT + WARM_UP, MIDNIGHT + timedelta(days=5))
    assert rows.usable.all()
    assert np.isfinite(rows.matrix(FEATURES)).all()
    assert np.abs(rows.values).max() <= CLIP
    assert all(np.isfinite(column).all() for column in rows.measures.values())


def test_prices_that_never_move_give_the_neutral_values() -> None:
    candles = random_candles(1, 5, still=1.0, volume=0.0)
    rows = compute(candles, MIDNIGHT + WARM_UP, MIDNIGHT + timedelta(days=4))
    neutral = dict(zip(FEATURES, rows.values[40], strict=True))
    assert neutral.pop("stochastic_k") == 0.5
    assert neutral.pop("stochastic_d") == pytest.approx(0.5)
    for name in ("band_width_change", "band_width_before", "atr_ratio", "volatility_ratio_8", "volatility_ratio_24"):
        assert neutral.pop(name) == 1.0
    del neutral["hour_sin"], neutral["hour_cos"]
    assert set(neutral.values()) == {0.0}
    assert rows.measures["rsi"][40] == 50.0
    assert rows.measures["volume_ratio"][40] == 0.0


@few
@given(seed=st.integers(0, 10_000), power=st.integers(-20, 20), volume_power=st.integers(-20, 20))
def test_the_unit_of_price_and_of_volume_is_of_no_account(seed: int, power: int, volume_power: int) -> None:
    candles = random_candles(seed, 5)
    factor, volume = 2.0**power, 2.0**volume_power
    prices = (candles.open, candles.high, candles.low, candles.close)
    other = Candles(candles.coin, candles.open_time, *(price * factor for price in prices), candles.volume * volume)
    start, end = MIDNIGHT + WARM_UP, MIDNIGHT + timedelta(days=5)
    one, two = compute(candles, start, end), compute(other, start, end)
    assert np.array_equal(one.values, two.values)
    assert np.array_equal(one.measures["atr"] * factor, two.measures["atr"])


def test_a_missing_candle_spoils_its_slot_and_the_days_that_read_it(ordinary: Candles) -> None:
    missing = 4 * 96 + 50
    candles = ordinary.at(np.arange(len(ordinary)) != missing)
    start = MIDNIGHT + WARM_UP
    rows = compute(candles, start, start + timedelta(days=5))
    # The slot's place is one after its candle's, and the range begins after three days.
    place = missing + 1 - 3 * 96
    assert (rows.reason[:place] == 0).all()
    assert rows.reason[place] == NO_CANDLE
    # Day 4 is read by the slots of days 4 to 7, and the candle that opened 23:45 belongs to the next day's first.
    assert (rows.reason[place + 1 :] == GAP).all()
    assert np.isnan(rows.values[place:]).all()
    assert np.isnan(rows.measures["close"][place:]).all()
    whole = compute(ordinary, start, start + timedelta(days=5))
    assert same_bits(part(rows, slice(0, place)), part(whole, slice(0, place)))


def test_a_slot_is_usable_again_when_three_whole_days_stand_between(ordinary: Candles) -> None:
    missing = 95
    rows = compute(ordinary.at(np.arange(len(ordinary)) != missing), MIDNIGHT + WARM_UP, MIDNIGHT + timedelta(days=5))
    assert (rows.reason[:96] == GAP).all()
    assert (rows.reason[96:] == 0).all()


def test_exactly_the_candles_from_needed_from_on_are_needed(ordinary: Candles) -> None:
    at = MIDNIGHT + timedelta(days=5, hours=7)
    assert needed_from(at) == MIDNIGHT + timedelta(days=2)
    assert needed_from(MIDNIGHT + timedelta(days=5)) == MIDNIGHT + timedelta(days=2)
    assert needed_from(MIDNIGHT + timedelta(days=5) - SLOT) == MIDNIGHT + timedelta(days=1)
    enough = compute(ordinary.opened_between(needed_from(at), at), at, at + SLOT)
    assert same_bits(enough, compute(ordinary, at, at + SLOT))
    assert enough.reason[0] == 0
    one_less = compute(ordinary.opened_between(needed_from(at) + SLOT, at), at, at + SLOT)
    assert one_less.reason[0] == GAP


def test_a_slot_whose_candle_has_not_closed_has_no_features(ordinary: Candles) -> None:
    now = MIDNIGHT + timedelta(days=6, hours=3)
    rows = compute(ordinary.closed_by(now), now, now + 3 * SLOT)
    assert rows.reason.tolist() == [0, NO_CANDLE, NO_CANDLE]
    assert REASONS[NO_CANDLE] == "no closed candle for the slot"


def test_no_candles_and_no_slots_are_no_error(ordinary: Candles) -> None:
    nothing = compute(ordinary.at(slice(0, 0)), MIDNIGHT, MIDNIGHT + timedelta(days=2))
    assert (nothing.reason == NO_CANDLE).all()
    assert len(nothing) == 192
    assert len(compute(ordinary, MIDNIGHT, MIDNIGHT)) == 0
    assert compute(ordinary, MIDNIGHT, MIDNIGHT).matrix(FEATURES).shape == (0, len(FEATURES))


def test_what_is_too_large_to_compute_with_is_said_and_not_guessed() -> None:
    candles = random_candles(3, 5)
    volume = candles.volume.copy()
    volume[3 * 96 + 10] = 1e300
    rows = compute(replace(candles, volume=volume), MIDNIGHT + WARM_UP, MIDNIGHT + timedelta(days=5))
    assert (rows.reason[:11] == 0).all()
    assert (rows.reason[11:] == BEYOND).all()
    # Of two days, so that the later one is computed beyond the candle.
    candles = random_candles(3, 6)
    fallen = replace(candles, low=candles.low.copy(), close=candles.close.copy())
    fallen.low[4 * 96 + 10] = fallen.close[4 * 96 + 10] = 1e-200
    rows = compute(fallen, MIDNIGHT + WARM_UP, MIDNIGHT + timedelta(days=5))
    assert (rows.reason[:107] == 0).all()
    assert (rows.reason[107:] == BEYOND).all()
    tiny = compute(random_candles(3, 5, price=1e-200), MIDNIGHT + WARM_UP, MIDNIGHT + timedelta(days=5))
    assert (tiny.reason == BEYOND).all()


def test_a_range_off_the_grid_takes_the_slots_inside_it(ordinary: Candles) -> None:
    at = MIDNIGHT + timedelta(days=4)
    rows = compute(ordinary, at + timedelta(minutes=1), at + timedelta(minutes=46))
    assert rows.slots.tolist() == [int((at + n * SLOT).timestamp()) for n in (1, 2, 3)]


def test_a_zone_with_summer_time_changes_nothing(ordinary: Candles) -> None:
    at = MIDNIGHT + timedelta(days=4)
    elsewhere = at.astimezone(ZoneInfo("Europe/Berlin"))
    assert same_bits(
        compute(ordinary, at, at + timedelta(days=1)), compute(ordinary, elsewhere, elsewhere + timedelta(days=1))
    )


def test_features_of_other_candles_than_15_minutes_are_refused(ordinary: Candles) -> None:
    hourly = replace(ordinary.at(slice(0, None, 4)), interval_seconds=3600)
    with pytest.raises(ValueError, match="candles of 900 s, not of 3600 s"):
        compute(hourly, MIDNIGHT, MIDNIGHT + SLOT)


def test_a_matrix_is_float32_in_the_order_that_was_asked_for(ordinary: Candles) -> None:
    start = MIDNIGHT + WARM_UP
    rows = compute(ordinary, start, start + timedelta(days=1))
    names = ("rsi_14", "return_4", "hour_cos")
    matrix = rows.matrix(names)
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous
    for column, name in enumerate(names):
        assert np.array_equal(matrix[:, column], rows.values[:, FEATURES.index(name)].astype(np.float32))


def test_features_that_nobody_computes_are_refused_by_name(ordinary: Candles) -> None:
    rows = compute(ordinary, MIDNIGHT + WARM_UP, MIDNIGHT + WARM_UP + SLOT)
    with pytest.raises(FeatureUnknown, match="features not known: phase_of_moon, tea_leaves") as refused:
        rows.matrix(("rsi_14", "phase_of_moon", "tea_leaves"))
    assert refused.value.names == ("phase_of_moon", "tea_leaves")


@few
@given(st.integers(1, 120), st.integers(0, 1000))
def test_a_window_sum_is_the_sum_of_its_columns(candles: int, seed: int) -> None:
    columns = np.random.default_rng(seed).integers(-1000, 1000, (2, candles + 7)).astype(np.float64)
    expected = [[columns[row, at : at + candles].sum() for at in range(8)] for row in range(2)]
    assert np.array_equal(window_sums(columns, candles), expected)


def test_every_feature_and_measure_is_in_the_documentation() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert [name for name in (*FEATURES, *MEASURES) if f"`{name}`" not in text] == []
    assert [reason for reason in REASONS[1:] if reason not in text] == []


@pytest.fixture(scope="module")
def bitcoin(shared_data: Path) -> Candles:
    """Binance spot, January 2024."""
    from pyarrow import feather

    frame = feather.read_feather(str(shared_data / "crypto" / "BTC_USDT-15m.feather"))[: 96 * 31]
    times = ((frame["date"] - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(seconds=1)).to_numpy(np.int64)
    return Candles(
        "BTC", times, *(frame[name].to_numpy(np.float64) for name in ("open", "high", "low", "close", "volume"))
    )


@pytest.mark.parametrize("day", [3, 11, 30])
def test_features_agree_with_pandas_on_recorded_candles(bitcoin: Candles, day: int) -> None:
    start = datetime.fromtimestamp(int(bitcoin.open_time[0]), UTC) + timedelta(days=day)
    rows = compute(bitcoin, start, start + timedelta(days=1))
    assert rows.usable.all()
    block = bitcoin.opened_between(needed_from(start), start + timedelta(days=1) - SLOT)
    frame = pd.DataFrame({name: getattr(block, name) for name in ("open", "high", "low", "close", "volume")})
    close, high, low, volume = frame["close"], frame["high"], frame["low"], frame["volume"]

    def agree(name: str, expected: pd.Series) -> None:
        found = rows.measures[name] if name in rows.measures else rows.values[:, FEATURES.index(name)]
        np.testing.assert_allclose(found, expected.to_numpy()[-96:], rtol=1e-9, atol=1e-12, err_msg=name)

    def wilder(series: pd.Series, period: int, first: int) -> pd.Series:
        """Wilder's mean: the plain mean of the first `period` values, then 1/period of each new one."""
        seeded = series.iloc[first:].copy()
        seeded.iloc[period - 1] = seeded.iloc[:period].mean()
        return seeded.iloc[period - 1 :].ewm(alpha=1 / period, adjust=False).mean()

    true_range = pd.concat([high - low, (high - close.shift()).abs(), (low - close.shift()).abs()], axis=1).max(axis=1)
    atr = wilder(true_range, 14, 1)
    agree("atr", atr)
    agree("return_8", (close - close.shift(8)) / np.sqrt(8) / atr)
    agree("return_96", close / close.shift(96) - 1)
    gain, loss = close.diff().clip(lower=0), (-close.diff()).clip(lower=0)
    strength = wilder(gain, 14, 1) / wilder(loss, 14, 1)
    agree("rsi", 100 - 100 / (1 + strength))
    mean, deviation = close.rolling(20).mean(), close.rolling(20).std(ddof=0)
    agree("mean_20", mean)
    agree("band_high", mean + 2 * deviation)
    agree("band_position", (close - mean) / (2 * deviation))
    width = deviation / mean
    agree("band_width_before", width.shift() / width.shift().rolling(96).mean())
    agree("range_high", high.shift().rolling(20).max())
    agree("range_low_96", (close - low.shift().rolling(96).min()) / atr)
    agree("volume_ratio", volume / volume.rolling(20).mean())
    agree("volume_before", volume.shift().rolling(4).mean() / volume.rolling(96).mean())
    direction = np.sign(close.diff().fillna(0))
    agree("obv_slope", (direction * volume).rolling(20).sum() / volume.rolling(20).sum())
    squares = close.pct_change() ** 2
    agree("volatility_ratio_8", np.sqrt(squares.rolling(8).mean() / squares.rolling(96).mean()))
    lowest, highest = low.rolling(14).min(), high.rolling(14).max()
    agree("stochastic_d", ((close - lowest) / (highest - lowest)).rolling(3).mean())
    agree("lower_wick", (frame[["open", "close"]].min(axis=1) - low) / (high - low))
    streak = direction.groupby((direction != direction.shift()).cumsum()).cumcount().add(1).clip(upper=8)
    agree("run", streak * direction / 8)
    hours = pd.Series(np.arange(-287, 96) % 96 / 96)
    agree("hour_sin", np.sin(2 * np.pi * hours))
    # The power of two by which prices are divided leaves TA-Lib's own numbers untouched.
    arrays = [column.to_numpy() for column in (high, low, close)]
    assert np.array_equal(rows.measures["atr"], talib.ATR(*arrays, timeperiod=14)[-96:])
    assert np.array_equal(rows.measures["ema_50"], talib.EMA(arrays[2], timeperiod=50)[-96:])
    assert np.array_equal(rows.measures["adx"], 100 * (talib.ADX(*arrays, timeperiod=14)[-96:] / 100))
