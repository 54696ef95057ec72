"""Worked examples of each metric, to the last digit that was published with them."""

from decimal import Decimal

import pytest

from tests.trading.metrics.event_lists import MONDAY, closing, days, equity, folded, hours, read, trade
from xfg_pipeline.trading.metrics.exact import rounded
from xfg_pipeline.trading.metrics.ledger import Ledger
from xfg_pipeline.trading.metrics.ratios import (
    max_drawdown,
    profit_factor,
    share_interval,
    sharpe,
    trailing_losses,
)

TEN = [Decimal(one) for one in (".02", "-.01", ".015", "0", "-.03", ".025", ".01", "-.005", ".03", "-.02")]


def _near(value: Decimal | None, expected: str) -> bool:
    return value is not None and abs(value - Decimal(expected)) < Decimal("1e-13")


def test_ten_returns_have_the_published_sharpe_ratios() -> None:
    assert _near(sharpe(TEN), "3.3656479624132634")
    assert _near(sharpe(TEN, 252), "2.7965495981963944")
    assert _near(sharpe(TEN, 1), "0.17616606585441")


def test_ten_returns_have_the_published_drawdown_and_profit_factor() -> None:
    assert max_drawdown(TEN) == Decimal("0.03")
    assert _near(profit_factor(TEN), "1.5384615384615385")


def test_a_drawdown_counts_from_the_start_not_from_the_first_return() -> None:
    assert max_drawdown([Decimal("-.05"), Decimal(".02"), Decimal(".01")]) == Decimal("0.05")


def test_a_chain_that_lost_all_does_not_rise_again() -> None:
    assert max_drawdown([Decimal(-1), Decimal(3)]) == 1
    assert max_drawdown([Decimal("-1.5"), Decimal(-3)]) == Decimal("1.5")
    assert max_drawdown([]) == 0


@pytest.mark.parametrize("returns", [[], [".01"], [".01"] * 40, ["0"] * 40, [str(1 / 3)] * 40])
def test_returns_that_do_not_differ_have_no_sharpe_ratio(returns: list[str]) -> None:
    assert sharpe([Decimal(one) for one in returns]) is None


def test_equal_shares_of_growing_equity_have_no_sharpe_ratio() -> None:
    ledger, amount = folded(equity("300")), Decimal(300)
    for day in range(40):
        pnl = round(amount / 3, 15)
        ledger.add(closing(str(pnl), days(day + 0.5)))
        amount += pnl
    metrics = ledger.at(days(40))
    for name, words in (("sharpe_ratio", "40 days"), ("sharpe_per_trade", "40 closings")):
        assert (metrics[name].value, metrics[name].n) == (None, 40)
        assert metrics[name].reason == f"the returns of {words} do not differ"


def test_a_profit_factor_without_a_loss_is_not_infinite() -> None:
    assert profit_factor([Decimal(5), Decimal(0)]) is None
    assert profit_factor([]) is None
    assert profit_factor([Decimal(-5)]) == 0
    metric = read(trade(True, MONDAY), at=MONDAY)["profit_factor"]
    assert (metric.value, metric.n, metric.reason) == (None, 1, "no losing trade")


@pytest.mark.parametrize(
    ("wins", "n", "low", "high"),
    [
        (12, 20, ".386582", ".781193"),
        (13, 20, ".432854", ".818808"),
        (14, 20, ".481027", ".854523"),
        (75, 100, ".656955", ".824548"),
        (0, 20, "0", ".161125"),
    ],
)
def test_wilson_intervals(wins: int, n: int, low: str, high: str) -> None:
    found = share_interval(wins, n)
    assert found is not None
    assert [round(one, 6) for one in found] == [Decimal(low), Decimal(high)]


def test_nothing_has_no_interval() -> None:
    assert share_interval(0, 0) is None


def test_a_trade_of_exactly_zero_is_no_win() -> None:
    metrics = read(trade(True, MONDAY), trade(False, hours(1), pnl="0"), at=hours(2))
    assert metrics["consecutive_losses"].value == 1
    assert trailing_losses([True, False]) == 1
    assert trailing_losses([]) == 0


def _scored(groups: list[tuple[float, int, int]]) -> Ledger:
    ledger, number = Ledger(ece_min_n=1), 0
    for confidence, n, wins in groups:
        for place in range(n):
            number += 1
            ledger.add(trade(place < wins, hours(number), confidence=confidence))
    return ledger


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([(0.75, 4, 3), (0.85, 4, 4)], "0.075"),
        ([(0.80, 20, 14)], "0.1"),
        ([(0.80, 25, 18)], "0.08"),
        ([(0.85, 100, 77)], "0.08"),
    ],
)
def test_a_calibration_error_on_a_threshold_is_equal_to_it(groups: list[tuple[float, int, int]], expected: str) -> None:
    assert _scored(groups).at(days(9))["ece"].value == Decimal(expected)


def test_ten_forecasts_have_the_published_scores() -> None:
    stated = [0.78, 0.80, 0.82, 0.85, 0.88, 0.90, 0.90, 0.93, 0.95, 0.99]
    came = [1, 1, 0, 1, 1, 1, 0, 1, 1, 1]
    metrics = _scored([(p, 1, y) for p, y in zip(stated, came, strict=True)]).at(days(9))
    assert metrics["ece"].value == Decimal("0.19")
    assert metrics["brier"].value == Decimal("0.16252")
    assert metrics["log_loss"].value == Decimal("0.501861557")


def test_a_loss_of_four_hundred_of_ten_thousand_is_exactly_four_percent() -> None:
    metrics = read(equity("10000"), closing("-400", hours(1)), at=hours(2))
    assert metrics["daily_pnl_share"].value == Decimal("-0.04")
    assert metrics["equity"].value == 9600
    assert metrics["max_drawdown"].value == Decimal("0.04")


def test_ten_cents_a_thousand_times_are_a_hundred() -> None:
    ledger = Ledger()
    for number in range(1000):
        ledger.add(closing("0.10", hours(number / 1000)))
    assert ledger.at(hours(1))["daily_pnl"].value == 100
    wide = folded(closing("10000000000000000000.000000000000000001"), closing("-1e19", hours(1)))
    assert wide.at(hours(1))["pnl_24h"].value == Decimal("1e-18")


def test_losses_of_many_digits_are_summed_without_rounding() -> None:
    pnl = "-1.0000000000000000000000000000000000001"
    ledger = folded(trade(False, MONDAY, pnl=pnl), trade(True, hours(1), pnl=pnl[1:]))
    assert {record.pnl for record in ledger.groups(hours(1)).coins} == {0}
    assert ledger.at(hours(1))["profit_factor"].value == 1


def test_a_daily_sharpe_ratio_has_the_days_without_a_trade() -> None:
    ledger = folded(equity("1000"), closing("10", hours(1)))
    assert ledger.at(days(29))["sharpe_ratio"].reason == "29 of 30 days"
    metric = ledger.at(days(30))["sharpe_ratio"]
    # One return of 1 % and 29 of nothing: the mean is 1/30 of it, the deviation √(1/30) of it.
    assert metric.value == round(Decimal(365 / 30).sqrt(), 9)
    assert metric.n == 30


def test_the_win_rate_warms_up() -> None:
    ledger = Ledger()
    for number in range(19):
        ledger.add(trade(number % 4 != 0, hours(number)))
    metric = ledger.at(days(1))["win_rate_last_20"]
    assert (metric.value, metric.n, metric.sufficient, metric.reason) == (None, 19, False, "warming up 19 of 20")
    ledger.add(trade(False, hours(20)))
    assert ledger.at(days(1))["win_rate_last_20"].value == Decimal("0.7")
    ledger.add(trade(True, hours(21)))
    metrics = ledger.at(days(1))
    assert metrics["win_rate_last_20"].value == Decimal("0.75")
    assert len(metrics.last) == 20
    assert metrics.last[-1].at == hours(21)
    assert metrics["total_trades"].value == 21


def test_trades_without_a_known_risk_are_left_out_of_the_expectancy() -> None:
    events = trade(True, MONDAY, r="2"), trade(True, hours(1)), trade(False, hours(2), r="-1")
    metric = read(*events, at=hours(3))["expectancy_r"]
    assert (metric.value, metric.n) == (Decimal("0.5"), 2)
    unknown = read(trade(True, MONDAY), at=hours(3))["expectancy_r"]
    assert (unknown.value, unknown.reason) == (None, "no closed trade has a known risk")


@pytest.mark.parametrize(
    ("value", "kept"),
    [("1E+5", "100000"), ("-1e-12", "0"), ("0.7000000000004", "0.7"), ("0.1234567895", "0.123456790"), ("100", "100")],
)
def test_a_kept_number_has_nine_places_and_plain_digits(value: str, kept: str) -> None:
    assert rounded(Decimal(value)) == Decimal(kept)
    assert str(rounded(Decimal(value))) == (kept.rstrip("0") if "." in kept else kept)
