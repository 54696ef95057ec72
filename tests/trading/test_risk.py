"""The risk is the way to the stop; where it is not known, neither is the R multiple."""

from decimal import Decimal

import pytest

from tests.trading.plans import plan, short_plan, trade
from xfg_pipeline.trading.risk import pnl_percent, r_multiple, risk_of

D = Decimal


def test_the_risk_is_the_way_to_the_signals_stop_times_the_quantity() -> None:
    assert risk_of(trade(101, stop_loss=D(99)), plan()) == 18
    assert risk_of(trade(101, direction="SHORT"), short_plan()) == 18


def test_without_a_signal_the_stop_of_the_order_counts() -> None:
    assert risk_of(trade(101, stop_loss=D(98))) == 6
    assert risk_of(trade(101)) is None


@pytest.mark.parametrize("stop", [101, 103])
def test_a_stop_that_limits_no_loss_is_no_risk(stop: int) -> None:
    assert risk_of(trade(101, stop_loss=D(stop))) is None
    assert risk_of(trade(101, direction="SHORT", stop_loss=D(202 - stop))) is None


def test_the_r_multiple_is_the_pnl_in_units_of_the_risk() -> None:
    assert r_multiple(trade(), D(18)) == D("0.5")
    assert r_multiple(trade(pnl=D(-18)), D(18)) == -1
    assert r_multiple(trade(), None) is None


def test_percent_is_of_the_entry_value_whatever_the_leverage() -> None:
    assert pnl_percent(trade(90, pnl=D("-1.8"), leverage=D(10))) == -1
