"""The same numbers as established libraries give, over random lists."""

import math
from datetime import timedelta
from decimal import Decimal

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from tests.trading.metrics.event_lists import MONDAY, closing, days, equity, trade
from xfg_pipeline.trading.metrics.ledger import Ledger
from xfg_pipeline.trading.metrics.ratios import max_drawdown, sharpe

returns = st.lists(st.decimals("-0.2", "0.2", places=4), min_size=2, max_size=60)


@given(returns)
@settings(max_examples=60, deadline=None)
def test_ratios_are_those_of_empyrical(values: list[Decimal]) -> None:
    series = pd.Series([float(value) for value in values])
    assert float(max_drawdown(values)) == pytest.approx(-empyrical.max_drawdown(series), abs=1e-12)
    ours = sharpe(values)
    if ours is None:
        assert len(set(values)) == 1
    else:
        assert float(ours) == pytest.approx(empyrical.sharpe_ratio(series, annualization=365), rel=1e-9, abs=1e-9)


@given(st.lists(st.decimals(-90, 90, places=2), min_size=30, max_size=60), st.integers(1000, 20_000))
@settings(max_examples=25, deadline=None)
def test_an_accounts_daily_ratios_are_those_of_empyrical(pnls: list[Decimal], start: int) -> None:
    ledger, worth, daily = Ledger(), [float(start)], []
    ledger.add(equity(str(start)))
    for day, pnl in enumerate(pnls):
        if pnl:
            ledger.add(closing(str(pnl), days(day) + timedelta(hours=12)))
        daily.append(float(pnl) / worth[-1])
        worth.append(worth[-1] + float(pnl))
    assume(min(worth) > 100)
    metrics = ledger.at(days(len(pnls)))
    assert float(metrics["max_drawdown"].value or 0) == pytest.approx(
        -empyrical.max_drawdown(pd.Series(daily)), abs=2e-9
    )
    ours = metrics["sharpe_ratio"]
    assert ours.n == len(pnls)
    if ours.value is not None:
        theirs = empyrical.sharpe_ratio(pd.Series(daily), annualization=365)
        assert float(ours.value) == pytest.approx(theirs, rel=1e-7, abs=2e-9)


@given(st.lists(st.tuples(st.integers(1, 9999), st.booleans()), min_size=2, max_size=80))
@settings(max_examples=40, deadline=None)
def test_scores_are_those_of_scikit_learn(forecasts: list[tuple[int, bool]]) -> None:
    # A multiple of 0.1 lies on an edge of scikit-learn's bins, where its floats decide.
    forecasts = [(p, win) for p, win in forecasts if p % 1000]
    assume(len({win for _, win in forecasts}) == 2)
    ledger = Ledger(ece_min_n=1)
    for number, (p, win) in enumerate(forecasts):
        ledger.add(trade(win, MONDAY + timedelta(hours=number), confidence=p / 10_000))
    metrics = ledger.at(days(9))
    stated = np.array([p / 10_000 for p, _ in forecasts])
    came = np.array([win for _, win in forecasts])
    shares, means = calibration_curve(came, stated, n_bins=10)
    counts = np.bincount(np.ceil(stated * 10).astype(int))
    theirs = math.fsum(abs(shares - means) * counts[counts > 0]) / stated.size
    for name, expected in (
        ("ece", theirs),
        ("brier", brier_score_loss(came, stated)),
        ("log_loss", log_loss(came, stated)),
    ):
        assert float(metrics[name].value or 0) == pytest.approx(expected, abs=1e-9), name
