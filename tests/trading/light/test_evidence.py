"""How likely luck is: against published numbers, against counting, and against SciPy."""

from decimal import Decimal
from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.trading.light.situations import CALM, health, metrics, record
from xfg_pipeline.trading.light.decide import decide
from xfg_pipeline.trading.light.evidence import (
    chance_of_calibration_error,
    chance_of_fall,
    chance_of_groups,
    chance_of_streak,
    chance_of_wins,
    cusum,
)
from xfg_pipeline.trading.light.facts import Status, Thresholds

GATED = Thresholds(evidence="gated")
SEVENTY = Decimal("0.70")


@pytest.mark.parametrize(("rate", "percent"), [("0.60", 58.4), ("0.65", 39.9), ("0.70", 22.8), ("0.75", 10.18)])
def test_twelve_or_fewer_of_twenty_are_as_likely_as_published(rate: str, percent: float) -> None:
    assert 100 * float(chance_of_wins(12, 20, Decimal(rate))) == pytest.approx(percent, abs=0.05)


@given(st.integers(1, 60), st.data())
def test_the_binomial_tail_is_that_of_scipy(n: int, drawn: st.DataObject) -> None:
    wins, rate = drawn.draw(st.integers(0, n)), drawn.draw(st.integers(1, 99))
    expected = stats.binom.cdf(wins, n, rate / 100)
    assert float(chance_of_wins(wins, n, Decimal(rate) / 100)) == pytest.approx(expected, rel=1e-8)


def test_a_streak_is_the_losses_multiplied() -> None:
    assert chance_of_streak(5, SEVENTY) == Decimal("0.00243")
    assert chance_of_streak(0, SEVENTY) == 1


def test_the_cusum_adds_what_was_published_and_starts_again_at_zero() -> None:
    assert cusum([False], 0.77, 0.62) == pytest.approx(0.50209194, abs=1e-8)
    assert cusum([False, True], 0.77, 0.62) == pytest.approx(0.50209194 - 0.21667104, abs=1e-8)
    assert cusum([False] * 9, 0.77, 0.62) == pytest.approx(4.5188, abs=1e-4)
    assert cusum([False] * 10, 0.77, 0.62) == pytest.approx(5.0209, abs=1e-4)
    assert cusum([True] * 50, 0.77, 0.62) == 0
    assert cusum([True] * 50 + [False], 0.77, 0.62) == cusum([False], 0.77, 0.62)


def test_the_chance_of_a_fall_is_that_of_a_simulation() -> None:
    random = np.random.default_rng(3)
    seen = [True] * 26 + [False, False, True] * 8
    threshold = cusum(seen, 0.7, 0.55)
    drawn = (random.random((8000, 50)) < 0.7).tolist()
    share = sum(cusum(wins, 0.7, 0.55) >= threshold - 1e-9 for wins in drawn) / len(drawn)
    assert float(chance_of_fall(seen, SEVENTY)) == pytest.approx(share, abs=0.004)


@given(st.lists(st.booleans(), max_size=50), st.data())
def test_one_more_win_never_makes_a_fall_less_likely_to_be_luck(wins: list[bool], drawn: st.DataObject) -> None:
    assert 0 < chance_of_fall(wins, SEVENTY) <= 1
    lost = [k for k, win in enumerate(wins) if not win]
    if lost:
        better = list(wins)
        better[drawn.draw(st.sampled_from(lost))] = True
        assert chance_of_fall(better, SEVENTY) >= chance_of_fall(wins, SEVENTY)


def test_the_chance_of_two_groups_is_what_counting_gives() -> None:
    # Three groups of two tosses at one half: a group without a win has the chance one in four.
    p = Decimal("0.25")
    counted = sum(
        prod([0.25 if low else 0.75 for low in lows]) for lows in product([True, False], repeat=3) if sum(lows) >= 2
    )
    assert float(chance_of_groups([p, p, Decimal(1)], 2)) == pytest.approx(counted)
    assert chance_of_groups([p], 2) == 1
    assert chance_of_groups([p, Decimal(1)], 1) == Decimal("0.4375")


def test_a_calibrated_window_is_ordinary_and_a_false_one_beyond_luck_in_any_order() -> None:
    ordinary = tuple([(0.8, True)] * 80 + [(0.8, False)] * 20)
    assert chance_of_calibration_error(ordinary) == 1
    false = tuple([(0.8, True)] * 50 + [(0.8, False)] * 50)
    assert chance_of_calibration_error(false) == chance_of_calibration_error(false[::-1]) < Decimal("0.001")
    assert chance_of_calibration_error(()) == 1


def test_about_as_many_calibrated_windows_of_twenty_are_red_by_eight_percent_as_published() -> None:
    # metrics.md: 67 % of calibrated windows of 20 with confidences between .77 and .95 lie above 8 %.
    stated = np.random.default_rng(5).uniform(0.77, 0.95, 20).round(6)
    wins = np.arange(20) < 16
    chance = float(chance_of_calibration_error(tuple(zip(stated.tolist(), wins.tolist(), strict=True))))
    assert 0.2 < chance < 1


def gated(won: list[bool], **more: object) -> Status:
    return decide(metrics(won, **more), health(), CALM, GATED).status  # type: ignore[arg-type]


def test_the_gated_light_waits_until_a_fall_of_the_win_rate_is_unlikely_as_luck() -> None:
    assert gated([True] * 30 + record(12)) == "yellow"
    assert gated([True] * 30 + record(9)) == "yellow"
    assert gated([True] * 30 + record(6)) == "red"
    spread = [True, False] * 25  # 50 % over fifty trades
    assert gated(spread) == "red"


def test_the_gated_light_asks_whether_two_types_would_fail_by_luck() -> None:
    many = dict.fromkeys("abc", (16, 20))
    assert gated([True] * 20, types=many | {"d": (12, 20), "e": (12, 20)}) == "yellow"
    assert gated([True] * 20, types=many | {"d": (7, 20), "e": (7, 20)}) == "red"
    assert gated([True] * 20, types=many | {"d": (12, 20)}) == "yellow"


def test_the_gated_light_is_red_by_calibration_only_when_less_was_won_than_stated() -> None:
    def forecasts(wins: int) -> list[tuple[float, bool]]:
        return [(0.75, k < wins) for k in range(200)]

    assert gated([True] * 20, ece="0.25", forecasts=forecasts(100)) == "red"
    assert gated([True] * 20, ece="0.25", forecasts=forecasts(200)) == "yellow"
    assert gated([True] * 20, ece="0.085", forecasts=forecasts(133)) == "yellow"


def test_red_without_a_chance_to_weigh_stays_red_in_the_gated_light() -> None:
    assert gated([True] * 20, ece="0.09", forecasts=200) == "red"


def test_losses_in_a_row_and_the_daily_loss_are_not_gated() -> None:
    assert gated([True] * 20, streak=5) == "red"
    assert gated([True] * 20, daily="-0.05") == "red"
