"""Where a day, a week, a month, 24 hours and an ensemble begin and end, and what money that came from outside does."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from tests.trading.metrics.event_lists import MONDAY, closing, days, equity, folded, hours, read, trade
from xfg_pipeline.trading.metrics.ledger import Ledger

SECOND = timedelta(seconds=1)


def test_midnight_belongs_to_the_day_that_it_begins() -> None:
    late, early = closing("1", days(1) - SECOND), closing("2", days(1))
    assert read(late, at=days(1) - SECOND)["daily_pnl"].value == 1
    assert read(late, at=days(1))["daily_pnl"].value == 0
    metric = read(late, early, at=days(1))["daily_pnl"]
    assert (metric.value, metric.n) == (2, 1)


def test_a_week_begins_on_monday_and_a_month_on_its_first() -> None:
    sunday = MONDAY - SECOND
    metrics = read(closing("5", sunday), closing("1", MONDAY), closing("2", days(6)), at=days(7) - SECOND)
    assert metrics["weekly_pnl"].value == 3
    assert metrics["monthly_pnl"].value == 3
    after = read(closing("5", sunday), closing("1", MONDAY), closing("2", days(6)), at=days(7))
    assert after["weekly_pnl"].value == 0
    assert after["monthly_pnl"].value == 3
    assert read(closing("5", sunday), at=sunday)["monthly_pnl"].value == 5


def test_what_is_exactly_24_hours_old_has_left_the_window() -> None:
    events = closing("1", MONDAY), closing("2", hours(0.001))
    assert read(*events, at=days(1) - SECOND)["pnl_24h"].value == 3
    metric = read(*events, at=days(1))["pnl_24h"]
    assert (metric.value, metric.n) == (2, 1)
    assert read(*events, at=days(2))["pnl_24h"].value == 0


def test_days_are_those_of_the_zone() -> None:
    ledger = folded(closing("1", hours(3)), ledger=Ledger(ZoneInfo("America/New_York")))
    # 03:00 UTC on Monday the first is 23:00 on Sunday, in New York.
    assert ledger.at(hours(3.9))["monthly_pnl"].value == 1
    metrics = ledger.at(hours(4))
    assert [metrics[f"{name}_pnl"].value for name in ("daily", "weekly", "monthly")] == [0, 0, 0]


def test_a_day_of_25_hours_is_one_day() -> None:
    zone = ZoneInfo("America/New_York")
    start = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)
    ledger = folded(closing("1", start), closing("2", start + timedelta(hours=24, minutes=59)), ledger=Ledger(zone))
    moment = start + timedelta(hours=24, minutes=59)
    assert ledger.at(moment)["daily_pnl"].value == 3
    assert ledger.at(moment)["pnl_24h"].value == 2
    assert ledger.at(start + timedelta(hours=25))["daily_pnl"].value == 0


def test_without_the_accounts_word_equity_and_shares_are_unknown() -> None:
    metrics = read(closing("5"), at=hours(1))
    assert metrics["daily_pnl"].value == 5
    for name in ("equity", "max_drawdown", "daily_pnl_share", "weekly_pnl_share", "monthly_pnl_share", "pnl_24h_share"):
        assert metrics[name].value is None
        assert "not known" in metrics[name].reason
    assert metrics["sharpe_ratio"].reason == "0 of 30 days, equity is not known"


def test_the_first_word_of_the_day_tells_the_days_start() -> None:
    metrics = read(closing("-50", hours(1)), equity("950", hours(2)), closing("-50", hours(3)), at=hours(4))
    for name in ("daily_pnl_share", "weekly_pnl_share", "monthly_pnl_share", "pnl_24h_share"):
        assert metrics[name].value == Decimal("-0.1")
    # Only what came after the word is known as a return.
    assert metrics["max_drawdown"].value == Decimal("0.052631579")
    assert metrics["max_drawdown"].n == 1


def test_the_share_of_a_day_is_of_the_equity_at_its_start() -> None:
    events = equity("1000"), closing("100", hours(1)), closing("-110", hours(25)), equity("5000", hours(26))
    metrics = read(*events, at=hours(27))
    assert metrics["daily_pnl_share"].value == Decimal("-0.1")
    assert metrics["weekly_pnl_share"].value == Decimal("-0.01")
    assert metrics["equity"].value == 5000


def test_a_deposit_is_no_gain_and_a_withdrawal_no_loss() -> None:
    before = [equity("1000"), closing("-100", hours(1))]
    flows = [equity("9000", hours(2)), equity("90", hours(3))]
    after = [closing("-9", hours(4))]
    metrics = read(*before, *flows, *after, at=hours(5))
    # 10 % and then another 10 % of what was left.
    assert metrics["max_drawdown"].value == Decimal("0.19")
    assert metrics["daily_pnl"].value == -109
    plain = read(*before, closing("-90", hours(4)), at=hours(5))
    assert plain["max_drawdown"] == metrics["max_drawdown"]


def test_an_account_with_nothing_in_it_has_no_shares_until_it_is_funded() -> None:
    empty = folded(equity("0"))
    metric = empty.at(hours(1))["daily_pnl_share"]
    assert (metric.value, metric.reason) == (None, "equity at the start of the day was not above 0: 0")
    empty.add(equity("500", hours(2)))
    empty.add(closing("-5", hours(3)))
    metrics = empty.at(hours(4))
    assert metrics["daily_pnl_share"].value == Decimal("-0.01")
    assert metrics["pnl_24h_share"].value == Decimal("-0.01")


def test_days_on_which_equity_was_not_known_have_no_return() -> None:
    ledger = folded(closing("1"), closing("1", days(10)), equity("100", days(20)), closing("1", days(20.5)))
    assert ledger.at(days(40))["sharpe_ratio"].reason == "20 of 30 days"
    assert ledger.at(days(50))["sharpe_ratio"].n == 30


def test_only_forecasts_of_the_newest_ensemble_are_scored() -> None:
    ledger = Ledger(ece_window=10, ece_min_n=3)
    for number in range(8):
        ledger.add(trade(True, hours(number), confidence=0.9, ensemble="old"))
    assert ledger.at(hours(8))["ece"].n == 8
    for number in range(8, 10):
        ledger.add(trade(False, hours(number), confidence=0.8, ensemble="new"))
    metrics = ledger.at(hours(10))
    assert metrics.forecasts == ((0.8, False), (0.8, False))
    assert (metrics["ece"].value, metrics["ece"].reason) == (None, "2 of 3")
    assert (metrics["brier"].value, metrics["brier"].sufficient) == (Decimal("0.64"), False)
    ledger.add(trade(False, hours(10), confidence=0.8, ensemble="new"))
    assert ledger.at(hours(10))["ece"].value == Decimal("0.8")


def test_trades_without_a_confidence_are_no_forecasts() -> None:
    ledger = Ledger(ece_window=5, ece_min_n=2)
    for number in range(9):
        ledger.add(trade(True, hours(number), confidence=0.9 if number % 3 == 0 else None, ensemble="one"))
    assert ledger.at(hours(9))["ece"].n == 3
    assert ledger.at(hours(9))["total_trades"].value == 9


def test_the_window_of_forecasts_slides() -> None:
    ledger = Ledger(ece_window=4, ece_min_n=1)
    for number, win in enumerate([False] * 4 + [True] * 4):
        ledger.add(trade(win, hours(number), confidence=1.0))
    assert ledger.at(hours(9))["ece"].value == 0
    assert ledger.at(hours(9))["ece"].n == 4


def test_types_and_coins_are_counted_apart() -> None:
    ledger = Ledger()
    for number in range(24):
        kind = "breakout" if number % 2 else "reversal"
        ledger.add(trade(number % 2 == 1, days(number), kind=kind, coin="ETH" if number % 2 else "BTC", r="1"))
    ledger.add(trade(True, days(24)))
    groups, metrics = ledger.groups(days(24)), ledger.at(days(24))
    assert (metrics.types["breakout"].n, metrics.types["breakout"].wins) == (12, 12)
    assert set(metrics.types) == {"breakout", "reversal"}
    found = {(record.name, record.period): record for record in groups.coins}
    assert found["BTC", "last_20"].trades == 13
    # The 25th is a Thursday: of its week come Tuesday's ETH trade, Monday's and Wednesday's BTC trades and its own.
    assert found["BTC", "week"].trades == 2
    assert found["ETH", "week"].trades == 2
    assert found["ETH", "week"].win_rate == 1
    assert found["BTC", "month"].profit_factor == Decimal("0.083333333")
    assert groups.tiers["ETH"].tier == 3
    later = {(record.name, record.period): record for record in ledger.groups(days(40)).coins}
    empty = later["ETH", "month"]
    assert (empty.trades, empty.wins, empty.win_rate, empty.pnl, empty.expectancy_r) == (0, 0, None, 0, None)
    assert later["ETH", "last_20"].trades == 12


@pytest.mark.parametrize(("wins", "tier"), [(15, 1), (14, 2), (13, 3)])
def test_a_coins_tier_is_that_of_its_last_20_trades(wins: int, tier: int) -> None:
    ledger = Ledger()
    for number in range(30):
        ledger.add(trade(number >= 30 - wins, hours(number)))
    assert ledger.groups(hours(30)).tiers["BTC"].tier == tier
