"""Steps of an exchange: prices in whole ticks, and back, without losing a digit."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xfg_pipeline.signals.increments import MOST_TICKS, Increments, rounded_down

TICKS = ["0.10", "0.1", "0.01", "0.5", "0.25", "1", "5", "10", "0.00001", "0.0000001", "0.05", "2.5"]


def increments(tick: str, step: str = "0.001") -> Increments:
    return Increments(Decimal(tick), Decimal(step), Decimal(step), Decimal(1000), Decimal(5))


@given(ticks=st.integers(1, 2**45), tick=st.sampled_from(TICKS))
def test_a_price_of_whole_ticks_is_the_double_that_its_decimal_text_is_read_as(ticks: int, tick: str) -> None:
    one = increments(tick)
    exact = one.price(ticks)
    assert exact == ticks * Decimal(tick)
    assert one.as_floats(np.array([ticks])).tolist() == [float(exact)]
    assert one.nearest(np.array([float(exact)])).tolist() == [ticks]


@given(price=st.floats(1e-4, 1e8), tick=st.sampled_from(TICKS))
def test_the_nearest_tick_is_at_most_half_a_tick_away(price: float, tick: str) -> None:
    one = increments(tick)
    away = abs(one.price(int(one.nearest(np.array([price]))[0])) - Decimal(price))
    # The price itself is known to a double's precision only.
    assert away <= Decimal(tick) / 2 + Decimal(price) * Decimal("1e-15")


def test_what_no_float_can_tell_in_ticks_is_no_price() -> None:
    one = increments("0.0000001")
    prices = np.array([np.nan, np.inf, -1.0, MOST_TICKS * 1e-7 * 2, 1.0])
    assert one.nearest(prices).tolist() == [-1, -1, -1, -1, 10_000_000]


@pytest.mark.parametrize(
    ("tick", "decimals", "text"),
    [
        ("0.10", 1, "91,950.0"),
        ("0.1", 1, "91,950.0"),
        ("5", 0, "91,950"),
        ("1E+1", 0, "91,950"),
        ("0.25", 2, "91,950.00"),
    ],
)
def test_prices_have_the_decimals_of_their_tick(tick: str, decimals: int, text: str) -> None:
    one = increments(tick)
    assert one.price_decimals == decimals
    price = one.price(int(Decimal(91950) / Decimal(tick)))
    assert price.as_tuple().exponent == -decimals
    assert one.price_text(price, thousands=True) == text
    assert one.price_text(price) == text.replace(",", "")


def test_a_quantity_has_the_decimals_of_its_step() -> None:
    assert increments("0.1", "0.0010").quantity_text(Decimal("0.495000")) == "0.495"
    assert increments("0.1", "10").quantity_text(Decimal("5.0E+2")) == "500"


@pytest.mark.parametrize("value", ["0", "-0.1", "NaN", "Infinity", "1e-19"])
def test_a_step_that_is_none_is_refused_by_name(value: str) -> None:
    with pytest.raises(ValueError, match="tick_size"):
        increments(value)
    with pytest.raises(ValueError, match="qty_step"):
        increments("0.1", value)


def test_a_least_order_value_of_nothing_is_allowed_but_none_below() -> None:
    least = (Decimal("0.1"), Decimal(1), Decimal(1), Decimal(1))
    assert Increments(*least, Decimal(0)).min_notional == 0
    with pytest.raises(ValueError, match="min_notional"):
        Increments(*least, Decimal(-1))


def test_rounding_down_never_reaches_what_was_not_there() -> None:
    assert rounded_down(Decimal("1.99999"), 2) == Decimal("1.99")
    assert rounded_down(Decimal("-1.99999"), 2) == Decimal("-1.99")
    assert str(rounded_down(Decimal(0), 2)) == "0.00"
