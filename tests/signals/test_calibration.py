"""Measures of calibration against published definitions and worked vectors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xfg_pipeline.signals.calibration import (
    bin_of,
    brier_score,
    brier_score_of_classes,
    calibration_error,
    log_loss,
    reliability,
    wilson_interval,
)

TEN_P = np.array([0.78, 0.80, 0.82, 0.85, 0.88, 0.90, 0.90, 0.93, 0.95, 0.99])
TEN_Y = np.array([1, 1, 0, 1, 1, 1, 0, 1, 1, 1], dtype=bool)


def _wins(probability: float, n: int, wins: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(n, probability), np.arange(n) < wins


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([(0.75, 4, 3), (0.85, 4, 4)], 0.075),
        ([(0.80, 20, 14)], 0.10),
        ([(0.80, 25, 18)], 0.08),
        ([(0.85, 100, 77)], 0.08),
    ],
)
def test_calibration_error_is_exact_on_a_threshold(groups: list[tuple[float, int, int]], expected: float) -> None:
    parts = [_wins(*group) for group in groups]
    p, y = (np.concatenate(part) for part in zip(*parts, strict=True))
    assert calibration_error(p, y) == expected


def test_ten_forecasts_give_the_worked_figures() -> None:
    assert calibration_error(TEN_P, TEN_Y) == 0.19
    assert calibration_error(TEN_P, TEN_Y, bins=15) == 0.176
    assert brier_score(TEN_P, TEN_Y) == 0.16252
    assert log_loss(TEN_P, TEN_Y) == pytest.approx(0.5018615571440055, abs=1e-9)


@pytest.mark.parametrize(
    ("wins", "n", "low", "high"),
    [
        (12, 20, 0.386582, 0.781193),
        (13, 20, 0.432854, 0.818808),
        (14, 20, 0.481027, 0.854523),
        (75, 100, 0.656955, 0.824548),
        (0, 20, 0.0, 0.161125),
    ],
)
def test_the_interval_of_a_share_is_wilsons(wins: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(wins, n) == pytest.approx((low, high), abs=5e-7)


def test_a_probability_on_an_edge_belongs_to_the_bin_below() -> None:
    edges = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert bin_of(edges).tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert bin_of(np.array([0.3000001, 0.7000001])).tolist() == [3, 7]


def test_reliability_has_every_bin_and_says_which_are_empty() -> None:
    bins = reliability(*_wins(0.75, 4, 3))
    assert len(bins) == 10
    assert [part.n for part in bins] == [0, 0, 0, 0, 0, 0, 0, 4, 0, 0]
    assert (bins[7].lower, bins[7].upper, bins[7].mean_probability, bins[7].share) == (0.7, 0.8, 0.75, 0.75)
    assert bins[0].mean_probability is None
    assert bins[0].share is None


def test_the_brier_score_of_classes_is_zero_for_certainty_and_two_for_its_opposite() -> None:
    certain = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert brier_score_of_classes(certain, np.array([0, 2])) == 0.0
    assert brier_score_of_classes(certain, np.array([1, 0])) == 2.0
    assert brier_score_of_classes(np.full((2, 3), 1 / 3), np.array([0, 1])) == pytest.approx(2 / 3)


def test_no_forecasts_have_no_figure() -> None:
    none, nothing = np.empty(0), np.empty(0, dtype=bool)
    assert calibration_error(none, nothing) is None
    assert brier_score(none, nothing) is None
    assert log_loss(none, nothing) is None
    assert wilson_interval(0, 0) is None
    assert brier_score_of_classes(np.empty((0, 3)), np.empty(0, dtype=int)) is None


@pytest.mark.parametrize("wrong", [-0.01, 1.01, math.nan])
def test_what_is_no_probability_is_refused(wrong: float) -> None:
    for measure in (calibration_error, brier_score, log_loss, reliability):
        with pytest.raises(ValueError, match="not between 0 and 1"):
            measure(np.array([0.5, wrong]), np.array([True, False]))


def test_as_many_outcomes_as_forecasts_are_needed() -> None:
    with pytest.raises(ValueError, match="shape"):
        calibration_error(np.array([0.5, 0.5]), np.array([True]))
    with pytest.raises(ValueError, match="2 forecasts and 1 outcomes"):
        brier_score_of_classes(np.full((2, 3), 1 / 3), np.array([0]))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.integers(1, 20))
def test_calibration_error_is_that_of_its_bins(forecasts: list[tuple[float, bool]], bins: int) -> None:
    p, y = np.array([f[0] for f in forecasts]), np.array([f[1] for f in forecasts])
    parts = reliability(p, y, bins)
    assert sum(part.n for part in parts) == len(forecasts)
    expected = sum(part.n * abs(part.share - part.mean_probability) for part in parts if part.n) / len(forecasts)
    assert calibration_error(p, y, bins) == pytest.approx(expected, abs=1e-8)


@given(st.floats(0, 1), st.sampled_from([5, 10, 15, 20]))
def test_a_bin_holds_its_probability(p: float, bins: int) -> None:
    number = int(bin_of(np.array([p]), bins)[0])
    assert number == max(math.ceil(round(p * bins, 12)), 1) - 1
    assert number / bins - 1e-12 <= p <= (number + 1) / bins + 1e-12
