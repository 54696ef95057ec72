"""Positioning at a slot: the newest that was published by then, unless it is too old."""

import numpy as np

from xfg_pipeline.signals.positioning import CHANGE_OVER, FUNDING_HOLDS, LOOK_BACK, READING_HOLDS, align

NAN = np.nan


def test_only_what_was_published_by_the_slot_is_known() -> None:
    time = np.array([0, 3600, 7200])
    rows = align(
        np.array([3599, 3600, 7199, 7200]),
        time,
        np.array([0.0001, 0.0002, 0.0003]),
        np.array([100.0, 90.0, 99.0]),
        np.array([1.0, 1.5, 2.0]),
    )
    assert rows.funding_rate.tolist() == [0.0001, 0.0002, 0.0002, 0.0003]
    assert rows.long_short_ratio.tolist() == [1.0, 1.5, 1.5, 2.0]
    change = rows.open_interest_change
    assert np.isnan(change[0])
    np.testing.assert_allclose(change[1:], [-0.1, -0.1, 0.1])


def test_a_value_that_is_too_old_is_not_known() -> None:
    one, time = np.array([1.0]), np.array([0])
    slots = np.array([READING_HOLDS, READING_HOLDS + 900, FUNDING_HOLDS, FUNDING_HOLDS + 900])
    rows = align(slots, time, one, one, one)
    assert np.isfinite(rows.long_short_ratio).tolist() == [True, False, False, False]
    assert np.isfinite(rows.funding_rate).tolist() == [True, True, True, False]


def test_a_hole_in_one_column_leaves_its_last_value() -> None:
    rows = align(
        np.array([1800]), np.array([0, 900]), np.array([0.0001, NAN]), np.array([5.0, 6.0]), np.array([NAN, NAN])
    )
    assert rows.funding_rate.tolist() == [0.0001]
    assert np.isnan(rows.long_short_ratio[0])


def test_a_market_that_publishes_nothing_leaves_everything_unknown() -> None:
    none = np.empty(0)
    rows = align(np.array([900, 1800]), np.empty(0, dtype=np.int64), none, none, none)
    assert np.isnan([rows.funding_rate, rows.open_interest_change, rows.long_short_ratio]).all()


def test_later_rows_change_nothing_and_earlier_ones_than_the_look_back_are_not_needed() -> None:
    rng = np.random.default_rng(3)
    time = np.arange(0, 40) * 3600
    columns = [rng.uniform(0.5, 2.0, 40) for _ in range(3)]
    slots = np.arange(20 * 3600, 24 * 3600, 900)
    whole = align(slots, time, *columns)
    cut = (time >= slots[0] - LOOK_BACK) & (time <= slots[-1])
    part = align(slots, time[cut], *(column[cut] for column in columns))
    for name in ("funding_rate", "open_interest_change", "long_short_ratio"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(part, name))


def test_open_interest_that_was_nothing_has_no_change() -> None:
    rows = align(
        np.array([CHANGE_OVER]), np.array([0, CHANGE_OVER]), np.full(2, NAN), np.array([0.0, 5.0]), np.full(2, NAN)
    )
    assert np.isnan(rows.open_interest_change[0])


def test_a_ratio_of_nobody_is_not_known() -> None:
    nothing = np.array([np.nan, np.nan])
    rows = align(np.array([900, 1800]), np.array([900, 1800]), nothing, nothing, np.array([0.4, 0.0]))
    assert rows.long_short_ratio.tolist() == [0.4, 0.4]
