"""A trade finds its signal by name, or by being near it; a signal takes one trade."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.plans import SLOT, plan, short_plan, trade
from xfg_pipeline.trading.matching import GRACE, Entered, Match, SignalPlan, match
from xfg_pipeline.trading.slippage import slippage
from xfg_pipeline.trading.usage import usage_of

LINK = plan().order_link_id


def test_the_link_id_matches_whatever_the_time_and_the_price() -> None:
    found = match([trade(500, minutes=900, order_link_id=LINK)], [plan(7), plan(8, minutes=15)])
    assert found == {"e": Match(7, "link")}


def test_the_link_id_matches_where_the_entry_is_not_in_the_records() -> None:
    assert match([trade(minutes=None, order_link_id=LINK)], [plan(7)]) == {"e": Match(7, "link")}


def test_a_link_id_of_another_coin_or_direction_is_no_match() -> None:
    assert match([trade(order_link_id=LINK, direction="SHORT"), trade(episode="f", coin="ETH")], [plan()]) == {}


@pytest.mark.parametrize(
    ("entry", "minutes", "matched"),
    [
        ("101", 0, True),
        ("101", -0.01, False),
        ("101", 30 + GRACE.total_seconds() / 60, True),
        ("101", 30.01 + GRACE.total_seconds() / 60, False),
        ("100", 5, True),
        ("107", 5, True),
        ("107.01", 5, False),
        ("95", 5, True),
        ("94.99", 5, False),
    ],
)
def test_without_a_name_time_and_price_decide(entry: str, minutes: float, matched: bool) -> None:
    assert (match([trade(entry, minutes)], [plan()]) == {"e": Match(1, "zone")}) is matched


def test_an_entry_that_is_not_in_the_records_has_no_zone() -> None:
    assert match([trade(minutes=None)], [plan()]) == {}


def test_other_coins_and_directions_are_not_near() -> None:
    assert match([trade(coin="ETH"), trade(episode="f", direction="SHORT")], [plan()]) == {}


def test_the_nearest_price_wins_and_then_the_nearest_time() -> None:
    above = plan(1, entry_low=Decimal(102), entry_high=Decimal(104))
    early, late = plan(2), plan(3, minutes=15)
    assert match([trade(101, minutes=16)], [above, early, late]) == {"e": Match(3, "zone")}
    assert match([trade(101, minutes=16)], [above, early]) == {"e": Match(2, "zone")}
    assert match([trade(101, minutes=16)], [above]) == {"e": Match(1, "zone")}


def test_a_signal_takes_one_trade_and_the_next_signal_the_next() -> None:
    trades = [trade(101, minutes=6, episode="b"), trade(101, minutes=5, episode="a"), trade(episode="c", minutes=7)]
    assert match(trades, [plan(1)]) == {"a": Match(1, "zone")}
    two = match(trades, [plan(1), plan(2, minutes=6)])
    assert two == {"a": Match(1, "zone"), "b": Match(2, "zone")}


def test_a_second_position_of_one_order_is_not_given_to_another_signal() -> None:
    named = [trade(episode="b", minutes=9, order_link_id=LINK), trade(episode="a", minutes=5, order_link_id=LINK)]
    assert match(named, [plan(1), plan(2, minutes=5)]) == {"a": Match(1, "link")}


def test_a_name_goes_before_a_place() -> None:
    near, named = trade(101, minutes=1, episode="near"), trade(104, minutes=20, episode="named", order_link_id=LINK)
    assert match([near, named], [plan(1)]) == {"named": Match(1, "link")}


some_plans = st.lists(
    st.builds(plan, number=st.integers(1, 9), minutes=st.sampled_from([0, 15, 30])),
    max_size=4,
    unique_by=lambda one: one.id,
)
some_trades = st.lists(
    st.builds(
        trade,
        entry=st.integers(90, 112),
        minutes=st.none() | st.integers(-5, 80),
        episode=st.sampled_from("abcdef"),
        order_link_id=st.sampled_from(["", "", LINK, "hand-1"]),
    ),
    max_size=5,
    unique_by=lambda one: one.episode,
)


@settings(max_examples=80, deadline=None)
@given(some_trades, some_plans)
def test_the_order_of_trades_and_signals_changes_nothing(trades: list[Entered], plans: list[SignalPlan]) -> None:
    found = match(trades, plans)
    assert match(trades[::-1], plans[::-1]) == found
    assert len({one.signal_id for one in found.values()}) == len(found)


def test_slippage_is_the_way_beyond_the_zone_and_worse_is_above_zero() -> None:
    long, short = plan(), short_plan()
    assert [slippage(long, trade(entry)) for entry in ("102.5", "102", "101", "99")] == [Decimal("0.5"), 0, 0, -1]
    assert [slippage(short, trade(entry)) for entry in ("99", "100", "101", "102.5")] == [1, 0, 0, Decimal("-0.5")]


@pytest.mark.parametrize(
    ("minutes", "usage"), [(0, "taken"), (29.99, "taken"), (30, "late"), (900, "late"), (None, "taken")]
)
def test_a_signal_that_was_entered_was_taken_or_late(minutes: float | None, usage: str) -> None:
    assert usage_of(plan(), trade(minutes=minutes), SLOT) == usage


def test_a_signal_without_a_match_is_open_until_nothing_can_match_it() -> None:
    last = plan().expires_at + GRACE
    assert usage_of(plan(), None, last) == "open"
    assert usage_of(plan(), None, last + timedelta(seconds=1)) == "skipped"
    assert usage_of(replace(plan(), position_size=Decimal(0)), None, last + timedelta(days=1)) == "skipped"
