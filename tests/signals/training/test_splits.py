"""Walk-forward windows: nothing is fitted on whose event reaches into what is forecast."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xfg_pipeline.signals.training.splits import before, walk_forward

SLOT = 900
START = 1_735_689_600


@given(
    days=st.integers(4, 30),
    coins=st.integers(1, 3),
    horizon=st.integers(1, 96),
    folds=st.integers(1, 4),
    embargo=st.integers(0, 96),
    rolling=st.none() | st.integers(96, 960),
)
def test_no_event_that_is_fitted_on_reaches_into_the_window_or_its_embargo(
    days: int, coins: int, horizon: int, folds: int, embargo: int, rolling: int | None
) -> None:
    slots = np.repeat(START + SLOT * np.arange(96 * days), coins)
    settled = slots + SLOT * horizon
    start, end = START + 86_400, START + 86_400 * days
    reach = None if rolling is None else rolling * SLOT
    windows = list(
        walk_forward(slots, settled, start=start, end=end, folds=folds, embargo=embargo * SLOT, rolling=reach)
    )
    assert len(windows) == folds
    times_forecast = np.zeros(slots.size, dtype=int)
    for window in windows:
        times_forecast += window.forecast
        forecast = slots[window.forecast]
        assert forecast.min(initial=window.start) >= window.start
        assert forecast.max(initial=window.start) < window.end
        if window.fit.any():
            assert settled[window.fit].max() + embargo * SLOT <= window.start
            assert rolling is None or slots[window.fit].min() >= window.start - reach
    assert times_forecast.max(initial=0) <= 1
    inside = (slots >= start) & (settled <= end)
    assert (times_forecast == inside).all()


def test_expanding_windows_keep_everything_that_was_settled_and_rolling_ones_forget() -> None:
    slots = START + SLOT * np.arange(96 * 10)
    settled = slots + SLOT * 16
    span = {"start": START + 86_400 * 4, "end": START + 86_400 * 10, "folds": 2, "embargo": 86_400}
    expanding = [int(window.fit.sum()) for window in walk_forward(slots, settled, **span)]
    rolling = [int(window.fit.sum()) for window in walk_forward(slots, settled, **span, rolling=86_400 * 3)]
    assert expanding == [96 * 3 - 15, 96 * 6 - 15]
    assert rolling == [96 * 2 - 15, 96 * 2 - 15]


def test_an_event_that_is_over_when_the_embargo_begins_may_be_fitted_on_and_a_later_one_not() -> None:
    assert before(np.array([99, 100, 101]), 200, 100).tolist() == [True, True, False]


def test_all_coins_are_split_at_the_same_times() -> None:
    slots = np.concatenate([START + SLOT * np.arange(96 * 10), START + SLOT * np.arange(96 * 5, 96 * 10)])
    windows = walk_forward(slots, slots + SLOT, start=START + 86_400 * 2, end=START + 86_400 * 10, folds=4, embargo=0)
    assert [(window.start - START) // 86_400 for window in windows] == [2, 4, 6, 8]


def test_windows_without_room_are_refused() -> None:
    slots = START + SLOT * np.arange(96)
    with pytest.raises(ValueError, match="9 windows do not fit"):
        list(walk_forward(slots, slots, start=START, end=START + SLOT * 4, folds=9, embargo=0))
