"""The invented hand: what it takes, how late, under which name; the same however often and in whatever steps."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.exchange.paper_bars import BTC, NINE, QUARTER, quiet
from tests.exchange.paper_trials import Trial
from tests.signal_rows import PAUSED, keep_signals, signal
from tests.slots.conftest import DAY
from tests.slots.conftest import Trial as SlotTrial
from xfg_pipeline.exchange.paper import NotOpened
from xfg_pipeline.resources.paper_account import open_paper_account, stored_instruments
from xfg_pipeline.resources.practice_hand import LATE_AT_MOST, Handed, Intent, intent_of, take, take_history
from xfg_pipeline.signals.records import order_link_id
from xfg_pipeline.storage.database import Database
from xfg_pipeline.trading.account_records import NewOrder
from xfg_pipeline.trading.trades import trades_of

KNOWN = {"BTC": BTC, "SOL": BTC}
MINUTE = timedelta(minutes=1)
LEVELS = {
    "entry_low": Decimal("99.0"),
    "entry_high": Decimal("101.0"),
    "stop_loss": Decimal("95.0"),
    "take_profit": Decimal("110.0"),
}


def plan(slot: datetime = NINE, coin: str = "BTC", **changes: Any) -> dict[str, Any]:
    return signal(coin, slot, **{**LEVELS, **changes})


def slot_of(whim: str, coin: str = "BTC", since: datetime = NINE) -> datetime:
    """The first slot whose signal the hand treats so."""
    slots = (since + QUARTER * number for number in range(500))
    return next(slot for slot in slots if intent_of(plan(slot, coin), Decimal(1)).whim == whim)


@pytest.fixture
def trial(database: Database) -> Trial:
    made = Trial(database)
    made.account.open(NINE, Decimal(10000))
    for coin in KNOWN:
        made.lay(quiet(NINE, 600, dict.fromkeys(range(8, 600, 8), (100, 111, 100, 111)), coin=coin))
    return made


def taking(trial: Trial, as_of: datetime, **more: Any) -> Handed:
    return take(trial.account, trial.database, "simulated", KNOWN, as_of, **more)


def inventing(trial: Trial, end: datetime, **more: Any) -> Handed:
    given = {"base_risk": Decimal("0.015"), **more}
    return take_history(trial.account, trial.database, "simulated", KNOWN, NINE, end, end, **given)


def test_of_a_hundred_82_are_taken_6_late_and_12_left_and_a_quarter_of_the_taken_without_a_name() -> None:
    intents = [intent_of(plan(NINE + QUARTER * number), Decimal(1)) for number in range(8000)]
    shares = {whim: count / 80 for whim, count in Counter(one.whim for one in intents).items()}
    assert shares["skipped"] == pytest.approx(12, abs=1.2)
    assert shares["late"] == pytest.approx(6, abs=1)
    assert shares["unnamed"] + shares["taken"] == pytest.approx(82, abs=1.5)
    assert shares["unnamed"] == pytest.approx(82 / 4, abs=1.5)


def test_what_it_does_with_a_signal_is_in_time_and_priced_at_the_far_edge() -> None:
    for number in range(300):
        _check_intent(number)


def _check_intent(number: int) -> None:
    row = plan(NINE + QUARTER * number)
    if number % 2:
        row |= {"direction": "SHORT", "stop_loss": LEVELS["take_profit"], "take_profit": LEVELS["stop_loss"]}
    one = intent_of(row, Decimal(3))
    assert one == intent_of(row, Decimal(3))
    if one.order is None:
        assert one.whim == "skipped"
        return
    expires = row["expires_at"]
    if one.whim == "late":
        assert expires + MINUTE <= one.at < expires + LATE_AT_MOST
        assert one.at < one.expires_at <= expires + timedelta(minutes=30)
    else:
        assert row["slot"] + MINUTE <= one.at < row["slot"] + 6 * MINUTE
        assert one.expires_at == expires
    assert (one.order.link_id == row["order_link_id"]) == (one.whim == "taken")
    assert one.order.link_id.startswith(("xfg-", "hand-"))
    assert len(one.order.link_id) <= 36
    assert one.order.quantity == 3
    assert (one.order.side, one.order.price) == (("Sell", 99) if number % 2 else ("Buy", 101))


@pytest.mark.parametrize("whim", ["taken", "unnamed", "late"])
def test_a_signal_is_taken_when_its_moment_has_come_and_once(trial: Trial, whim: str) -> None:
    row = plan(slot_of(whim))
    keep_signals(trial.database, [row])
    intent = intent_of(row, row["position_size"])
    assert not taking(trial, intent.at - timedelta(seconds=1)).placed
    assert taking(trial, intent.at).placed == {whim: 1}
    assert taking(trial, intent.at + MINUTE).placed[whim] == 0
    assert _placed(trial, intent).created_at == intent.at
    assert _placed(trial, intent).quantity == row["position_size"]


def test_what_it_leaves_it_leaves(trial: Trial) -> None:
    row = plan(slot_of("skipped"))
    keep_signals(trial.database, [row])
    report = taking(trial, row["slot"] + 10 * MINUTE)
    assert (report.skipped, sum(report.placed.values())) == (1, 0)


def test_it_was_seen_a_little_later_than_its_moment_and_not_much_later(trial: Trial) -> None:
    row = plan(slot_of("taken"))
    keep_signals(trial.database, [row])
    intent = intent_of(row, Decimal(1))
    assert not taking(trial, intent.at + timedelta(hours=1)).placed
    assert taking(trial, intent.at + timedelta(minutes=59)).placed == {"taken": 1}


def test_nothing_is_placed_while_the_light_is_red_and_what_is_open_goes_on(trial: Trial) -> None:
    first, second = plan(slot_of("taken")), plan(slot_of("taken", "SOL", NINE), "SOL")
    keep_signals(trial.database, [first, second])
    by_slot = sorted((first, second), key=lambda row: intent_of(row, Decimal(1)).at)
    at = intent_of(by_slot[0], Decimal(1)).at
    taking(trial, at)
    assert not taking(trial, at + timedelta(minutes=50), is_red=True).placed
    assert (
        trial.account.positions_at(at + timedelta(minutes=50)) or trial.account.closings(NINE, at + QUARTER * 9).records
    )


def test_paused_executed_backfilled_and_other_markets_signals_are_not_its_business(trial: Trial) -> None:
    slot = slot_of("taken")
    others = [
        plan(slot, **PAUSED),
        plan(slot, "SOL", mode="backfill", status="expired"),
    ]
    keep_signals(trial.database, others)
    keep_signals(trial.database, [plan(slot, "ETH", status="executed", executed_at=slot + MINUTE)])
    keep_signals(trial.database, [plan(slot)], market="bybit")
    report = taking(trial, slot + 10 * MINUTE)
    assert (report.placed, report.skipped, report.refused) == ({}, 0, [])


def test_a_coin_whose_steps_are_not_known_is_told(trial: Trial) -> None:
    row = plan(slot_of("taken", "ETH"), "ETH")
    keep_signals(trial.database, [row])
    assert taking(trial, row["slot"] + 10 * MINUTE).refused == [
        f"{order_link_id(row['slot'], 'ETH')}: tick and step of ETH are not known"
    ]


def test_a_coin_that_is_held_is_not_bought_again(trial: Trial) -> None:
    first = slot_of("taken")
    second = slot_of("taken", since=first + QUARTER)
    keep_signals(trial.database, [plan(first), plan(second)])
    trial.lay(quiet(NINE, 600))
    assert taking(trial, first + 10 * MINUTE).placed == {"taken": 1}
    (refused,) = taking(trial, second + 10 * MINUTE).refused
    assert refused.startswith(f"{order_link_id(second, 'BTC')}: BTC Buy is there already")


def history(coin: str = "BTC", count: int = 40) -> list[dict[str, Any]]:
    return [plan(NINE + QUARTER * 8 * number, coin, mode="backfill", status="expired") for number in range(count)]


def test_a_past_is_invented_with_sizes_of_its_signals_or_of_the_base_risk(trial: Trial) -> None:
    rows = history()
    for row in rows[1::2]:
        row |= {"position_size": Decimal(0), "position_multiplier": Decimal(0), "risk_amount": Decimal(0)}
    keep_signals(trial.database, rows)
    end = NINE + QUARTER * 8 * 41
    report = inventing(trial, end)
    sizes = {one.quantity for one in trial.account.orders(NINE, end).records if not one.reduce_only}
    # 1.5 % of 10,000 over the 6 from the far edge to the stop.
    assert sizes == {Decimal("0.25"), Decimal("25.000")}
    assert report.placed.total() + report.skipped + len(report.refused) == len(rows)
    assert all("is there already" in text for text in report.refused)
    assert inventing(trial, end).placed.total() == 0


def test_paused_signals_of_the_past_may_be_left_out(trial: Trial) -> None:
    rows = history()
    for row in rows:
        row |= {"position_size": Decimal(0), "position_multiplier": Decimal(0), "risk_amount": Decimal(0)}
    keep_signals(trial.database, rows)
    report = inventing(trial, NINE + timedelta(days=5), also_paused=False)
    assert (report.placed.total(), report.skipped) == (0, 0)


def test_a_past_needs_an_account_with_a_beginning(database: Database) -> None:
    keep_signals(database, history(count=8))
    with pytest.raises(NotOpened):
        inventing(Trial(database), NINE + timedelta(days=5))


def test_a_past_at_once_and_day_by_day_is_the_same(trial: Trial) -> None:
    keep_signals(trial.database, history() + history("SOL"))
    end = NINE + timedelta(days=5)
    inventing(trial, end)
    at_once = trial.stored()
    trial.clear()
    trial.account.open(NINE, Decimal(10000))
    for day in range(6):
        first = NINE + timedelta(days=day)
        take_history(
            trial.account,
            trial.database,
            "simulated",
            KNOWN,
            first,
            first + timedelta(days=1),
            min(first + timedelta(days=1), end),
            base_risk=Decimal("0.015"),
        )
    inventing(trial, end)
    assert [trial.stored()[name] for name in ("paper_orders", "paper_closings")] == [
        at_once[name] for name in ("paper_orders", "paper_closings")
    ]


def test_a_day_of_the_practice_market_becomes_trades_whose_sum_is_the_accounts(
    new_trial: Callable[..., SlotTrial],
) -> None:
    made = new_trial()
    end = DAY + timedelta(days=1)
    made.backfill(DAY, end)
    account = open_paper_account(made.database, "paper_simulated", made.pipeline.market, made.clock.now)
    account.open(DAY, Decimal(10000))
    known = stored_instruments(made.database, "simulated", made.settings.market.coins)
    report = take_history(account, made.database, "simulated", known, DAY, end, end, base_risk=Decimal("0.015"))
    assert report.placed.total() > 3
    closings, executions = account.closings(DAY, end).records, account.executions(DAY, end).records
    trades = trades_of(account.name, closings, executions, account.orders(DAY, end).records)
    whole = account.equity_at(end)
    assert trades
    assert {trade.exit_reason for trade in trades} <= {"TP", "SL", "timeout"}
    paid = sum(one.fee for one in executions)
    gained = sum(one.value * (1 if one.side == "Sell" else -1) for one in executions if one.kind == "Trade")
    if not account.positions_at(end):
        assert whole.equity == 10000 + gained - paid
    assert sum(trade.pnl for trade in trades) == sum(one.pnl for one in closings)
    assert all(trade.entry_time < trade.exit_time for trade in trades)


def test_the_account_of_a_market_pays_the_rates_that_are_kept(new_trial: Callable[..., SlotTrial]) -> None:
    made = new_trial()
    made.backfill(DAY, DAY + timedelta(hours=12))
    market = made.pipeline.market
    account = open_paper_account(made.database, "paper_simulated", market, made.clock.now)
    account.open(DAY, Decimal(10000))
    at = DAY + timedelta(hours=7)
    price = stored_instruments(made.database, "simulated", ("BTC",))["BTC"].tick_size * 1_000_000
    wanted = NewOrder("BTC", "Buy", Decimal("0.010"), price, None, None, "any-name")
    account.place_at(wanted, at)
    account.advance(DAY + timedelta(hours=9))
    opened, paid = account.executions(DAY, DAY + timedelta(hours=12)).records
    (rate,) = market.positioning("BTC", DAY + timedelta(hours=8), DAY + timedelta(hours=8, minutes=1)).funding_rate
    assert (paid.kind, paid.at) == ("Funding", DAY + timedelta(hours=8))
    assert float(paid.fee) == pytest.approx(float(paid.value) * rate, abs=1e-8)
    assert opened.at == at
    (held,) = account.positions_at(DAY + timedelta(hours=9))
    candle = market.candles("BTC", DAY, DAY + timedelta(hours=9), DAY + timedelta(hours=9))
    assert float(held.mark_price) == candle.close[-1]


def _placed(trial: Trial, intent: Intent) -> Any:
    assert intent.order is not None
    return trial.account.order(intent.order.link_id)
