"""The type of a candidate: each rule at its limits, in the stated order."""

import numpy as np
import pytest

from tests.signals.candidate_rows import measures
from xfg_pipeline.signals.positioning import PositioningRows, unknown
from xfg_pipeline.signals.signal_types import NO_TYPE, SIGNAL_TYPES, types_of

NAN = np.nan
# Inside its range, inside its bands, no trend.
QUIET = {
    "close": 91400.0,
    "high": 91500.0,
    "low": 91300.0,
    "mean_20": 91450.0,
    "ema_50": 91400.0,
    "adx": 12.0,
    "rsi": 50.0,
}


def kind(direction: int = 1, around: PositioningRows | None = None, **changed: float) -> str | None:
    found = types_of(measures(**changed), np.array([direction], dtype=np.int8), around or unknown(1))[0]
    return None if found == NO_TYPE else SIGNAL_TYPES[found]


def positioning(funding: float = NAN, interest: float = NAN, crowd: float = NAN) -> PositioningRows:
    return PositioningRows(np.array([funding]), np.array([interest]), np.array([crowd]))


def test_names_fit_into_twenty_characters() -> None:
    assert max(len(name) for name in SIGNAL_TYPES) == 20


def test_a_quiet_slot_is_of_no_type() -> None:
    assert kind(1, **QUIET) is None
    assert kind(-1, **QUIET) is None


def test_a_breakout_closes_beyond_the_range_and_not_at_its_edge() -> None:
    assert kind(1, close=91886.1) == "breakout"
    assert kind(1, close=91886.0) != "breakout"
    assert kind(-1, close=90885.9) == "breakout"
    assert kind(-1, close=91930.0) != "breakout"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"rsi": 30.0}, "mean_reversion"),
        ({"rsi": 30.1}, None),
        ({"low": 90899.9}, "mean_reversion"),
        ({"low": 90900.0}, None),
        ({"rsi": 25.0, "mean_20": 91300.0}, None),
    ],
)
def test_a_stretched_price_below_its_mean_reverts_upwards(changed: dict[str, float], expected: str | None) -> None:
    assert kind(1, **{**QUIET, **changed}) == expected


def test_a_stretched_price_above_its_mean_reverts_downwards_only() -> None:
    stretched = {**QUIET, "rsi": 70.0, "mean_20": 91300.0}
    assert kind(-1, **stretched) == "mean_reversion"
    assert kind(1, **stretched) is None


def test_a_trend_is_followed_on_its_own_side_alone() -> None:
    trend = {**QUIET, "adx": 20.0, "ema_50": 91399.0}
    assert kind(1, **trend) == "trend_following"
    assert kind(-1, **trend) is None
    assert kind(-1, **{**trend, "ema_50": 91401.0}) == "trend_following"
    assert kind(1, **{**trend, "adx": 19.9}) is None


def test_a_cascade_needs_a_far_move_and_positions_that_were_closed() -> None:
    fallen = {**QUIET, "close": 89886.0, "low": 89800.0, "mean_20": 91000.0}
    assert kind(1, positioning(interest=-0.02), **fallen) == "liquidation_cascade"
    assert kind(1, positioning(interest=-0.019), **fallen) == "mean_reversion"
    assert kind(1, positioning(interest=-0.05), **{**fallen, "close": 89887.0}) == "mean_reversion"
    risen = {**QUIET, "close": 92886.0, "high": 93000.0, "mean_20": 92000.0}
    assert kind(-1, positioning(interest=-0.02), **risen) == "liquidation_cascade"


def test_a_divergence_is_against_a_crowd_that_pays_and_is_not_followed_by_the_price() -> None:
    crowded = positioning(funding=0.0002, crowd=1.5)
    assert kind(-1, crowded, **QUIET, return_96=0.0) == "sentiment_divergence"
    assert kind(-1, crowded, **QUIET, return_96=0.001) is None
    assert kind(-1, positioning(funding=0.00019, crowd=1.5), **QUIET, return_96=0.0) is None
    assert kind(-1, positioning(funding=0.0002, crowd=1.49), **QUIET, return_96=0.0) is None
    assert kind(1, crowded, **QUIET, return_96=0.0) is None
    short = positioning(funding=-0.00001, crowd=0.66)
    assert kind(1, short, **QUIET, return_96=0.0) == "sentiment_divergence"
    assert kind(1, positioning(funding=0.0, crowd=0.66), **QUIET, return_96=0.0) is None


@pytest.mark.parametrize("hidden", ["funding", "crowd"])
def test_what_is_not_known_of_others_states_no_divergence(hidden: str) -> None:
    known = {"funding": 0.001, "crowd": 3.0, hidden: NAN}
    assert kind(-1, positioning(**known), **QUIET, return_96=-0.01) is None


def test_the_first_rule_that_holds_names_the_candidate() -> None:
    both = {"close": 91890.0, "adx": 40.0, "rsi": 28.0, "mean_20": 91900.0}
    assert kind(1, **both) == "breakout"
    assert kind(1, **{**both, "close": 91880.0}) == "mean_reversion"
    assert kind(1, **{**both, "close": 91880.0, "rsi": 40.0}) == "trend_following"


def test_without_a_direction_or_a_measure_there_is_no_type() -> None:
    assert kind(0) is None
    assert kind(0, close=90000.0) is None
    assert kind(1, close=NAN) is None
