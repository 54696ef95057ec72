"""What candles do to a paper order: fills, stops, targets, time, funding; the same in one go and candle by candle."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.paper_bars import MINUTE, NINE, QUARTER, QUIET, Prices, candles, order, quiet, short
from xfg_pipeline.exchange.market import MarketMalformed, MarketUnavailable
from xfg_pipeline.exchange.paper_books import ClosingAsked, PaperOrder
from xfg_pipeline.exchange.paper_fills import Followed, FundingRate, follow
from xfg_pipeline.exchange.paper_records import asked_order, new_order
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.outcomes import FinerCandles
from xfg_pipeline.signals.slots import moment, seconds
from xfg_pipeline.trading.account_records import NewOrder

ACCOUNT = "paper_simulated"
DAY = timedelta(days=1)


def none_kept(start: datetime, end: datetime) -> Candles | None:
    return None


def no_rate(at: datetime) -> Decimal | None:
    return None


def dear(at: datetime) -> Decimal | None:
    return Decimal("0.0003")


def placed(wanted: NewOrder, at: datetime = NINE, lives: timedelta = DAY) -> PaperOrder:
    candle = moment(seconds(at) // 900 * 900)
    return PaperOrder(new_order(ACCOUNT, wanted, at), at + lives, candle)


def run(
    wanted: NewOrder | PaperOrder,
    market: Candles,
    finer: FinerCandles = none_kept,
    rates: FundingRate = no_rate,
    **when: object,
) -> Followed:
    start = wanted if isinstance(wanted, PaperOrder) else placed(wanted, **when)  # type: ignore[arg-type]
    return follow(ACCOUNT, start, market, finer=finer, rates=rates)


def minutes(rows: dict[int, Prices]) -> FinerCandles:
    """Minutes at 100, but for those by their number after nine."""

    def read(start: datetime, end: datetime) -> Candles:
        first = (start - NINE) // MINUTE
        return candles(start, [rows.get(first + number, QUIET) for number in range(15)], 60)

    return read


def test_a_limit_above_the_market_is_filled_at_the_open_and_pays_as_a_taker() -> None:
    found = run(order(), quiet(NINE, 1))
    (opened,) = found.executions
    assert (opened.price, opened.at, opened.is_maker, opened.fee) == (100, NINE, False, Decimal("0.11"))
    assert (opened.quantity, opened.closed_quantity, opened.kind, opened.value) == (2, 0, "Trade", 200)
    assert found.order.order.status == "Filled"
    assert found.order.is_working


def test_a_limit_that_rests_is_filled_at_itself_and_pays_as_a_maker() -> None:
    found = run(order(price=Decimal("99.0")), quiet(NINE, 3, {2: (100, 100, 99, 99.5)}))
    (opened,) = found.executions
    assert (opened.price, opened.is_maker, opened.fee) == (99, True, Decimal("0.0396"))
    assert opened.at == NINE + 3 * QUARTER


def test_a_limit_that_the_market_opens_beyond_is_filled_at_the_open() -> None:
    assert run(order(price=Decimal("99.0")), quiet(NINE, 2, {1: (98, 98.5, 97, 98)})).executions[0].price == 98
    (opened,) = run(short(price=Decimal("101.0")), quiet(NINE, 2, {1: (102, 103, 102, 103)})).executions
    assert (opened.price, opened.is_maker) == (102, True), "it had rested for a candle"


def test_a_limit_that_is_never_reached_is_cancelled_when_its_time_is_over() -> None:
    found = run(order(price=Decimal("99.0")), quiet(NINE, 2), lives=timedelta(minutes=30))
    assert found.order.order.status == "Cancelled"
    assert found.order.order.cancel_type == "CancelByUser"
    assert found.order.ended_at == found.order.order.updated_at == NINE + 2 * QUARTER
    assert not found.executions


def test_a_price_that_comes_after_the_time_is_over_fills_nothing() -> None:
    late = quiet(NINE, 4, {2: (100, 100, 98, 99)})
    assert not run(order(price=Decimal("99.0")), late, lives=timedelta(minutes=30)).executions
    assert run(order(price=Decimal("99.0")), late, lives=timedelta(minutes=45)).executions


def test_of_the_candle_in_which_its_time_ends_only_the_minutes_before_count() -> None:
    dip = quiet(NINE, 3, {2: (100, 100, 98, 99)})
    within = {"at": NINE, "lives": timedelta(minutes=40)}
    before, after = minutes({39: (100, 100, 98, 99)}), minutes({40: (100, 100, 98, 99)})
    assert not run(order(price=Decimal("99.0")), dip, **within).executions
    assert run(order(price=Decimal("99.0")), dip, before, **within).executions
    found = run(order(price=Decimal("99.0")), dip, after, **within)
    assert not found.executions
    assert found.order.ended_at == NINE + timedelta(minutes=40)


def test_what_was_traded_before_the_order_does_not_fill_it() -> None:
    at = NINE + 4 * MINUTE
    dip = quiet(NINE, 1, {0: (100, 100.1, 98, 100)})
    early, later = minutes({3: (100, 100, 98, 100)}), minutes({4: (100, 100, 98, 100)})
    assert not run(order(price=Decimal("99.0")), dip, at=at).executions, "the candle alone cannot tell"
    assert not run(order(price=Decimal("99.0")), dip, early, at=at).executions
    (opened,) = run(order(price=Decimal("99.0")), dip, later, at=at).executions
    assert (opened.price, opened.at, opened.is_maker) == (99, NINE + 5 * MINUTE, True)


def test_an_order_within_a_minute_waits_for_the_next_one() -> None:
    (opened,) = run(order(), quiet(NINE, 1), minutes({}), at=NINE + timedelta(seconds=90)).executions
    assert (opened.at, opened.is_maker) == (NINE + 2 * MINUTE, False)


def test_a_market_order_is_filled_at_the_next_price() -> None:
    (opened,) = run(order(price=None), quiet(NINE, 2), at=NINE + 7 * MINUTE).executions
    assert (opened.price, opened.at, opened.is_maker) == (100, NINE + QUARTER, False)


@pytest.mark.parametrize(
    ("wanted", "last", "price", "word", "pnl"),
    [
        (order(), (100, 110, 100, 109), "110.0", "TakeProfit", "19.769"),
        (order(), (100, 100, 95, 96), "95.0", "StopLoss", "-10.2145"),
        (order(), (93, 94, 92, 94), "93", "StopLoss", "-14.2123"),
        (order(), (112, 113, 111, 113), "110.0", "TakeProfit", "19.769"),
        (short(), (100, 100, 90, 91), "90.0", "TakeProfit", "19.791"),
        (short(), (100, 105, 100, 104), "105.0", "StopLoss", "-10.2255"),
        (short(), (107, 108, 106, 107), "107", "StopLoss", "-14.2277"),
        (short(), (88, 89, 87, 88), "90.0", "TakeProfit", "19.791"),
    ],
)
def test_a_position_ends_at_its_target_or_at_its_stop_or_the_open_beyond_it(
    wanted: NewOrder, last: Prices, price: str, word: str, pnl: str
) -> None:
    found = run(wanted, quiet(NINE, 3, {2: last}))
    (closing,) = found.closings
    assert (closing.exit_price, closing.entry_price, closing.pnl) == (Decimal(price), 100, Decimal(pnl))
    assert closing.direction == ("LONG" if wanted.side == "Buy" else "SHORT")
    closed, other = found.children
    assert (closed.status, closed.stop_order_type, closed.create_type) == ("Filled", word, f"CreateBy{word}")
    assert (closed.reduce_only, closed.close_on_trigger, closed.parent_link_id) == (True, True, wanted.link_id)
    assert (other.status, other.cancel_type) == ("Deactivated", "CancelByTpSlTsClear")
    assert closed.order_id == closing.order_id == found.executions[-1].order_id != other.order_id
    assert found.executions[-1].closed_quantity == 2
    assert found.order.ended_at == closing.updated_at


def test_of_stop_and_target_in_one_candle_the_minutes_tell_and_without_them_it_was_the_stop() -> None:
    both = quiet(NINE, 2, {1: (100, 111, 94, 100)})
    won_first = minutes({18: (100, 111, 100, 100), 23: (100, 100, 94, 95)})
    together = minutes({18: (100, 111, 94, 100)})
    assert run(order(), both).closings[0].exit_price == 95
    assert run(order(), both, together).closings[0].exit_price == 95
    (closing,) = run(order(), both, won_first).closings
    assert (closing.exit_price, closing.updated_at) == (110, NINE + QUARTER + 4 * MINUTE)


@pytest.mark.parametrize("error", [MarketUnavailable("away"), MarketMalformed("odd")])
def test_minutes_that_cannot_be_read_leave_the_candle_to_speak_alone(error: Exception) -> None:
    def broken(start: datetime, end: datetime) -> Candles | None:
        raise error

    assert run(order(), quiet(NINE, 2, {1: (100, 111, 94, 100)}), broken).closings[0].exit_price == 95


def test_minutes_with_a_gap_are_not_used() -> None:
    def some(start: datetime, end: datetime) -> Candles:
        return candles(start, [QUIET] * 14, 60)

    (closing,) = run(order(), quiet(NINE, 2, {1: (100, 111, 99, 100)}), some).closings
    assert closing.updated_at == NINE + 2 * QUARTER


def test_in_the_bar_of_the_fill_a_stop_counts_and_a_target_only_when_it_was_filled_at_the_open() -> None:
    resting = order(price=Decimal("99.0"))
    assert not run(resting, quiet(NINE, 1, {0: (105, 111, 98, 100)})).closings
    assert run(resting, quiet(NINE, 1, {0: (105, 111, 94, 100)})).closings[0].exit_price == 95
    (closing,) = run(order(), quiet(NINE, 1, {0: (100, 111, 98, 100)})).closings
    assert closing.exit_price == 110
    # The market opened beyond the stop: in and out at the same price.
    (closing,) = run(order(), quiet(NINE, 1, {0: (94, 96, 93, 95)})).closings
    assert (closing.entry_price, closing.exit_price) == (94, 94)


def test_after_a_day_the_position_is_closed_at_market_under_our_own_name() -> None:
    found = run(order(), quiet(NINE, 96, {95: (100, 101, 100, 101)}))
    (closing,) = found.closings
    assert (closing.exit_price, closing.updated_at) == (101, NINE + DAY)
    closed, *others = found.children
    assert (closed.link_id, closed.create_type, closed.order_type) == ("xft-250301-0900-BTC", "CreateByUser", "Market")
    assert [one.status for one in others] == ["Deactivated", "Deactivated"]
    assert found.executions[-1].link_id == "xft-250301-0900-BTC"


def test_a_day_whose_last_candle_is_missing_ends_at_the_first_price_after_it() -> None:
    whole = quiet(NINE, 100, {97: (101, 101, 101, 101)})
    (closing,) = run(order(), whole.at(np.r_[0:95, 97:100])).closings
    assert (closing.exit_price, closing.updated_at) == (101, NINE + 97 * QUARTER)


def test_an_order_to_close_takes_the_next_price_and_the_target_no_longer_counts() -> None:
    held = run(order(), quiet(NINE, 1)).order
    asked = ClosingAsked("xfc-1", NINE + 20 * MINUTE)
    asking = PaperOrder(**{**vars(held), "asked": asked})
    later = quiet(NINE, 3, {1: (100, 111, 100, 100), 2: (102, 111, 102, 105)})
    won_late = minutes({25: (101, 111, 101, 105)})
    found = run(asking, later, won_late)
    (closing,) = found.closings
    assert (closing.exit_price, closing.updated_at) == (100, NINE + 20 * MINUTE)
    assert found.children[0].link_id == "xfc-1"
    assert run(asking, quiet(NINE, 2), minutes({})).closings[0].updated_at == NINE + 20 * MINUTE
    found = run(asking, later)
    assert (found.closings[0].exit_price, found.closings[0].updated_at) == (110, NINE + 2 * QUARTER)
    assert found.children[-1].status == "Cancelled"
    assert found.children[-1].order_id == asked_order(ACCOUNT, asking, asked).order_id


def test_funding_is_settled_at_its_times_while_the_position_is_open() -> None:
    rates = {16: Decimal("0.0001"), 0: Decimal("-0.0002")}
    long = run(order(), quiet(NINE, 100), rates=lambda at: rates.get(at.hour))
    paid = [(one.at.hour, one.fee) for one in long.executions if one.kind == "Funding"]
    assert paid == [(16, Decimal("0.02")), (0, Decimal("-0.04"))], "at 08 no rate was known"
    received = [one.fee for one in run(short(), quiet(NINE, 100), rates=lambda at: rates.get(at.hour)).executions]
    assert received[1:3] == [Decimal("-0.02"), Decimal("0.04")]
    assert sum(one.quantity for one in long.executions if one.kind == "Funding") == 4


def test_a_position_opened_at_the_settlement_or_closed_before_it_pays_nothing() -> None:
    four = NINE.replace(hour=16)
    market = quiet(four, 2)
    assert len(run(order(), market, rates=dear, at=four).executions) == 1
    # Filled inside the candle that closes at the settlement: stamped with it, and not held before.
    dip = quiet(four - QUARTER, 2, {0: (100, 100, 99, 100)})
    assert len(run(order(price=Decimal("99.0")), dip, rates=dear, at=four - QUARTER).executions) == 1
    ended = quiet(four - QUARTER, 2, {0: (100, 111, 100, 111)})
    found = run(order(), ended, rates=dear, at=four - QUARTER)
    assert [one.kind for one in found.executions] == ["Trade", "Trade"]


def test_an_order_waits_for_a_rate_that_will_be_known_and_not_for_one_that_makes_no_sense() -> None:
    def away(at: datetime) -> Decimal | None:
        raise MarketUnavailable("away")

    def odd(at: datetime) -> Decimal | None:
        raise MarketMalformed("odd")

    market = quiet(NINE, 40, {35: (100, 111, 100, 111)})
    waiting = run(order(), market, rates=away)
    assert waiting.order.followed_to == NINE.replace(hour=16)
    assert not waiting.closings
    assert run(waiting.order, market, rates=odd).closings


levels = st.integers(min_value=900, max_value=1120)


@st.composite
def walks(draw: st.DrawFn) -> list[Prices]:
    rows = []
    for _ in range(draw(st.integers(1, 30))):
        a, b, c, d = (draw(levels) / 10 for _ in range(4))
        rows.append((a, max(a, b, c, d), min(a, b, c, d), d))
    return rows


@settings(max_examples=60, deadline=None)
@given(
    rows=walks(),
    is_long=st.booleans(),
    limit=st.one_of(st.none(), st.integers(960, 1040)),
    steps=st.lists(st.integers(0, 30), max_size=6),
    offset=st.integers(0, 1700),
    with_minutes=st.booleans(),
)
def test_candles_at_once_and_candles_one_by_one_come_to_the_same(
    rows: list[Prices], is_long: bool, limit: int | None, steps: list[int], offset: int, with_minutes: bool
) -> None:
    start = NINE.replace(hour=14)
    market = candles(start, rows)

    def inside(begin: datetime, end: datetime) -> Candles | None:
        if not with_minutes:
            return None
        at = (seconds(begin) - seconds(start)) // 900
        open_, high, low, close = rows[at]
        way = [open_, high, low, close] if at % 2 else [open_, low, high, close]
        legs = [(a, max(a, b), min(a, b), b) for a, b in pairwise(way)]
        return candles(begin, [leg for leg in legs for _ in range(5)], 60)

    wanted = (order if is_long else short)(price=None if limit is None else Decimal(limit) / 10)
    begin = placed(wanted, start + timedelta(seconds=offset), timedelta(hours=3))
    whole = run(begin, market, inside, dear)
    now, parts = begin, Followed(begin)
    for count in [*sorted(steps), len(rows)]:
        part = run(now, market.at(slice(0, count)), inside, dear)
        for name in ("children", "executions", "closings"):
            getattr(parts, name).extend(getattr(part, name))
        now = part.order
    parts.order = now
    assert parts == whole
    for closing in whole.closings:
        entry = next(one for one in whole.executions if one.closed_quantity == 0)
        gained = (closing.exit_price - entry.price) * 2 * (1 if is_long else -1)
        assert closing.pnl == gained - entry.fee - whole.executions[-1].fee
        assert entry.at <= closing.updated_at <= whole.order.followed_to
        assert [one.seq for one in whole.executions] == sorted(one.seq for one in whole.executions)
