"""The paper account on its books: placed once, followed in any steps, worth what its records say."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.exchange.paper_bars import MINUTE, NINE, QUARTER, order, quiet, short
from tests.exchange.paper_trials import Trial
from tests.killable import apart
from xfg_pipeline.exchange.account import OrderRefused
from xfg_pipeline.exchange.market import MarketUnavailable
from xfg_pipeline.exchange.paper import NotOpened
from xfg_pipeline.exchange.simulated import SimulatedMarket
from xfg_pipeline.faults import CRASH_AT
from xfg_pipeline.storage.database import Database
from xfg_pipeline.trading.trades import trades_of

EQUITY = Decimal(10000)
LATER = NINE + timedelta(days=3)


@pytest.fixture
def trial(database: Database) -> Trial:
    made = Trial(database)
    made.account.open(NINE, EQUITY)
    made.lay(quiet(NINE, 8, {4: (100, 111, 100, 111)}))
    return made


def test_a_round_trip_is_told_as_bybit_would(trial: Trial) -> None:
    placed = trial.account.place(order())
    assert trial.account.order("xfg-250301-0900-BTC").status == "New"
    assert trial.account.advance(NINE + 8 * QUARTER) == 2
    account = trial.account
    (closing,) = account.closings(NINE, LATER).records
    opened, closed = account.executions(NINE, LATER).records
    orders = {one.stop_order_type: one for one in account.orders(NINE, LATER).records}
    assert (closing.pnl, closing.open_fee, closing.close_fee) == (Decimal("19.769"), Decimal("0.11"), Decimal("0.121"))
    assert (opened.order_id, closed.order_id) == (placed.order_id, closing.order_id)
    assert {name: one.status for name, one in orders.items()} == {
        "UNKNOWN": "Filled",
        "TakeProfit": "Filled",
        "StopLoss": "Deactivated",
    }
    assert orders["TakeProfit"].parent_link_id == orders["UNKNOWN"].link_id == "xfg-250301-0900-BTC"
    assert account.order("xfg-250301-0900-BTC") == orders["UNKNOWN"]
    assert account.order("xfg-other") is None
    (trade,) = trades_of(account.name, account.closings(NINE, LATER).records, (opened, closed), tuple(orders.values()))
    assert (trade.exit_reason, trade.pnl, trade.order_link_id) == ("TP", closing.pnl, "xfg-250301-0900-BTC")
    assert (trade.stop_loss, trade.take_profit) == (95, 110)


def test_records_are_told_by_their_own_time(trial: Trial) -> None:
    trial.account.place(order())
    trial.account.advance(LATER)
    closed_at = NINE + 5 * QUARTER
    assert not trial.account.closings(NINE, closed_at).records
    assert len(trial.account.closings(closed_at, LATER).records) == 1
    assert len(trial.account.executions(NINE, closed_at).records) == 1
    assert len(trial.account.orders(NINE, closed_at).records) == 1


def test_the_same_name_is_placed_once(trial: Trial) -> None:
    first, again = trial.account.place(order()), trial.account.place(order(quantity=Decimal(3)))
    assert (first.again, again.again, first.order_id) == (False, True, again.order_id)
    trial.account.advance(LATER)
    assert trial.account.place(order()).again
    assert len(trial.account.executions(NINE, LATER).records) == 2


def test_many_at_once_place_it_once(trial: Trial) -> None:
    with ThreadPoolExecutor(6) as pool:
        placed = list(pool.map(lambda _: trial.account.place(order()), range(6)))
    assert sorted(one.again for one in placed) == [False] + [True] * 5
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(trial.account.advance, [LATER] * 4))
    assert len(trial.account.closings(NINE, LATER).records) == 1


def test_a_coin_and_side_is_held_once_and_the_other_side_beside_it(trial: Trial) -> None:
    trial.account.place(order())
    with pytest.raises(OrderRefused, match="BTC Buy is there already"):
        trial.account.place(order("second"))
    trial.account.place(short("other-side"))
    trial.account.advance(NINE + QUARTER)
    found = {(one.side, one.position_index, one.quantity) for one in trial.account.positions_at(NINE + QUARTER)}
    assert found == {("Buy", 1, 2), ("Sell", 2, 2)}


def test_an_order_as_of_the_past_meets_what_was_known_then(trial: Trial) -> None:
    trial.account.place(order())
    trial.account.advance(LATER)
    known_at = NINE + 5 * QUARTER
    with pytest.raises(OrderRefused, match="is there already"):
        trial.account.place_at(order("second"), known_at - MINUTE)
    trial.account.place_at(order("second"), known_at)
    with pytest.raises(OrderRefused, match="is there already"):
        trial.account.place_at(order("third"), NINE - MINUTE)


def test_an_order_lives_for_a_day_or_as_long_as_it_is_told(trial: Trial) -> None:
    low = {"price": Decimal("90.0"), "stop_loss": Decimal("80.0")}
    trial.account.place(order(**low))
    trial.account.place_at(short(price=Decimal("120.0"), stop_loss=Decimal("130.0")), NINE)
    trial.lay(quiet(NINE, 120))
    trial.account.advance(LATER)
    assert trial.account.order("xfg-250301-0900-BTC").updated_at == NINE + timedelta(days=1)
    with pytest.raises(OrderRefused, match="would expire"):
        trial.account.place_at(order("late"), LATER, expires_at=LATER)


def test_a_position_is_closed_by_an_order_of_ours(trial: Trial) -> None:
    trial.account.place(order())
    close = order("xfc-1", side="Sell", price=None, take_profit=None, stop_loss=None, reduce_only=True)
    trial.now = NINE + 2 * QUARTER
    placed = trial.account.place(close)
    assert trial.account.order("xfc-1").status == "New"
    assert trial.account.place(close).again
    assert not [one for one in trial.account.orders(NINE, LATER).records if one.link_id == "xfc-1"]
    trial.account.advance(NINE + 3 * QUARTER)
    (closing,) = trial.account.closings(NINE, LATER).records
    assert (closing.order_id, closing.exit_price, closing.updated_at) == (placed.order_id, 100, NINE + 2 * QUARTER)
    assert trial.account.order("xfc-1").status == "Filled"
    assert not trial.account.positions()


def test_nothing_is_closed_where_nothing_is_held_and_only_whole_positions(trial: Trial) -> None:
    close = order("xfc-1", side="Sell", price=None, take_profit=None, stop_loss=None, reduce_only=True)
    with pytest.raises(OrderRefused, match="no position that Sell would close") as refused:
        trial.account.place(close)
    assert refused.value.code == 110017
    trial.account.place(order())
    half = order(
        "half", side="Sell", quantity=Decimal(1), price=None, take_profit=None, stop_loss=None, reduce_only=True
    )
    with pytest.raises(OrderRefused, match="whole positions at market: 2 BTC"):
        trial.account.place_at(half, NINE + QUARTER)


def test_equity_is_what_the_records_say_at_any_moment(trial: Trial) -> None:
    trial.lay(quiet(NINE, 60, {4: (100, 105, 100, 105), 40: (100, 111, 100, 111)}))
    trial.rate = Decimal("0.0001")
    trial.account.place(order())
    trial.account.advance(LATER)
    at = trial.account.equity_at
    assert at(NINE - MINUTE).equity == EQUITY
    assert at(NINE + QUARTER).equity == EQUITY - Decimal("0.11")
    marked = at(NINE + 5 * QUARTER)
    assert (marked.wallet_balance, marked.unrealised) == (EQUITY - Decimal("0.11"), 10)
    assert marked.equity == EQUITY + Decimal("9.89")
    assert at(NINE + timedelta(hours=8)).wallet_balance == EQUITY - Decimal("0.13"), "funding of 16:00 was paid"
    trial.now = LATER
    assert trial.account.equity().equity == EQUITY + Decimal("19.769") - Decimal("0.02")
    (held,) = trial.account.positions_at(NINE + 5 * QUARTER)
    assert (held.mark_price, held.unrealised_pnl, held.take_profit, held.stop_loss) == (105, 10, 110, 95)


def test_equity_of_what_cannot_be_valued_is_unknown(trial: Trial) -> None:
    trial.account.place(order())
    trial.account.advance(NINE + QUARTER)
    trial.candles.clear()
    with pytest.raises(MarketUnavailable, match="equity of paper_simulated is not known: BTC is held"):
        trial.account.equity_at(NINE + QUARTER)
    assert trial.account.positions_at(NINE + QUARTER)[0].unrealised_pnl is None


def test_an_account_that_was_not_opened_says_so(database: Database) -> None:
    account = Trial(database).account
    assert account.opened is None
    for call in (lambda: account.place(order()), lambda: account.advance(NINE), account.equity):
        with pytest.raises(NotOpened, match="give it its starting equity"):
            call()


def test_it_is_opened_once(trial: Trial) -> None:
    again = trial.account.open(LATER, Decimal(5))
    assert (again.opened_at, again.starting_equity) == (NINE, EQUITY)
    trial.account.advance(LATER)
    trial.account.advance(NINE)
    assert trial.account.opened.advanced_to == LATER


def test_an_account_that_has_lost_everything_takes_no_order(trial: Trial) -> None:
    trial.lay(quiet(NINE, 3, {1: (94, 94, 94, 94)}))
    trial.clear()
    trial.account.open(NINE, Decimal(10))
    trial.account.place(order())
    trial.account.advance(LATER)
    with pytest.raises(OrderRefused, match="nothing left to trade with") as refused:
        trial.account.place_at(order("second"), LATER)
    assert refused.value.code == 110007


def test_it_needs_no_key_and_has_no_clock_and_keeps_everything(trial: Trial) -> None:
    account = trial.account
    assert (account.name, account.key(), account.keeps) == ("paper_simulated", None, None)
    assert account.clock_skew(NINE) == timedelta(0)


def test_it_tells_up_to_when_its_records_are_final(trial: Trial) -> None:
    assert trial.account.settled_to(LATER) == LATER
    trial.account.place_at(order(), NINE + 3 * MINUTE)
    assert trial.account.settled_to(LATER) == NINE
    trial.account.advance(NINE + 2 * QUARTER)
    assert trial.account.settled_to(LATER) == NINE + 2 * QUARTER


def test_while_candles_are_missing_for_long_it_does_not_say_that_nothing_happened(trial: Trial) -> None:
    trial.account.place(order())
    trial.now = NINE + timedelta(hours=12)
    assert not trial.account.closings(NINE, LATER).records
    trial.now += MINUTE
    for question in (trial.account.closings, trial.account.executions, trial.account.orders):
        with pytest.raises(MarketUnavailable, match="waits for candles of BTC since 2025-03-01 09:00 UTC"):
            question(NINE, LATER)
    trial.account.advance(trial.now)
    assert trial.account.closings(NINE, LATER).records


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.integers(0, 2 * 96), max_size=8),
    seed=st.integers(0, 50),
    doubled=st.booleans(),
    before=st.integers(0, 8),
)
def test_one_advance_or_many_in_any_order_write_the_same_books(
    database: Database, steps: list[int], seed: int, doubled: bool, before: int
) -> None:
    trial = Trial(database, rate=Decimal("0.0001"))
    market, start = SimulatedMarket(), NINE + timedelta(days=seed)
    end = start + timedelta(days=2)
    for coin in ("BTC", "SOL"):
        trial.lay(market.candles(coin, start, end, end))

    def place() -> None:
        for number, (coin, side) in enumerate([("BTC", "Buy"), ("SOL", "Sell"), ("BTC", "Sell")]):
            close = Decimal(repr(float(trial.candles[coin].open[8]))).quantize(Decimal("0.1"))
            away = (close * Decimal("0.006")).quantize(Decimal("0.1")) * (1 if side == "Buy" else -1)
            levels = {"price": close, "stop_loss": close - away, "take_profit": close + away}
            at = start + timedelta(hours=2, minutes=7 * number)
            trial.account.place_at(order(f"n-{number}", coin=coin, side=side, **levels), at, expires_at=end)

    def play(moments: list[datetime]) -> dict[str, list[dict[str, object]]]:
        trial.clear()
        trial.account.open(start, EQUITY)
        for number, at in enumerate([*moments, end]):
            if number == min(before, len(moments)):
                place()
            for _ in range(1 + doubled):
                trial.account.advance(at)
        return trial.stored()

    once = play([])
    assert play([start + QUARTER * step for step in steps]) == once
    assert once["paper_executions"]


def work(url: str, crash_at: str | None, way: str) -> None:
    if crash_at:
        os.environ[CRASH_AT] = crash_at
    trial = Trial(Database(url))
    trial.lay(quiet(NINE, 8, {4: (100, 111, 100, 111)}))
    if way == "place":
        trial.account.place(order())
    else:
        trial.account.advance(LATER)
    trial.database.dispose()


@pytest.mark.parametrize("point", ["paper.before_commit", "paper.after_commit"])
@pytest.mark.parametrize("way", ["place", "advance"])
def test_killed_at_its_commit_and_repeated_it_comes_to_the_same(
    point: str, way: str, trial: Trial, database_url: str
) -> None:
    if way == "advance":
        trial.account.place(order())
    assert apart(work, database_url, point, way) == -9
    assert apart(work, database_url, None, way) == 0
    if way == "place":
        trial.account.advance(LATER)
    killed = trial.stored()
    trial.clear()
    trial.account.open(NINE, EQUITY)
    trial.account.place(order())
    trial.account.advance(LATER)
    assert killed == trial.stored()
