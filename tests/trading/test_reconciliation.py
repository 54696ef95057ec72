"""Our P&L of a day against the exchange's: what differs is named."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from tests.trading.account_story import START, Story
from xfg_pipeline.trading.account_records import Closing
from xfg_pipeline.trading.reconciliation import NAMED, reconcile

DAY = START.date()
D = Decimal


def closings(count: int = 3) -> list[Closing]:
    story = Story()
    for _ in range(count):
        story.order("BTC", "Buy", ("1", "100"))
        story.order("BTC", "Sell", ("1", "101"))
    return list(story.closings.values())


def test_the_same_closings_agree() -> None:
    both = closings()
    found = reconcile(DAY, both, both[::-1])
    assert (found.difference, found.agrees, found.detail) == (0, True, "all 3 closings agree")
    assert found.our_pnl == found.exchange_pnl == sum(one.pnl for one in both)
    assert (found.our_closings, found.exchange_closings) == (3, 3)


def test_what_differs_is_named_with_both_numbers() -> None:
    theirs = closings()
    first, second, third = theirs
    extra = replace(first, order_id="extra", pnl=D("-2.5"))
    ours = [replace(first, pnl=first.pnl - 1), second, extra]
    found = reconcile(DAY, ours, theirs)
    assert found.difference == D(-1) + D("-2.5") - third.pnl
    assert found.differing == ("extra", first.order_id, third.order_id)
    assert found.detail == (
        "3 closings differ: extra is not at the exchange, ours is -2.5; "
        f"{first.order_id} is {first.pnl - 1:f} in ours, {first.pnl:f} at the exchange; "
        f"{third.order_id} is not in ours, the exchange has {third.pnl:f}"
    )


def test_differences_that_cancel_out_are_still_differences() -> None:
    first, second, third = theirs = closings()
    ours = [replace(first, pnl=first.pnl + 1), replace(second, pnl=second.pnl - 1), third]
    found = reconcile(DAY, ours, theirs)
    assert (found.difference, found.agrees) == (0, False)


def test_a_long_list_is_cut_and_says_so() -> None:
    found = reconcile(DAY, [], closings(NAMED + 2))
    assert found.detail.endswith("; and 2 more")
    assert len(found.differing) == NAMED + 2


def test_other_days_do_not_count_and_the_newest_version_does() -> None:
    first, second, third = closings()
    older = replace(first, pnl=D(7), updated_at=first.updated_at - timedelta(seconds=9))
    tomorrow = replace(third, updated_at=third.updated_at + timedelta(days=1))
    found = reconcile(DAY, [first, older, second, tomorrow], [second, first, second])
    assert (found.agrees, found.our_closings) == (True, 2)
    assert reconcile(date(2026, 1, 1), [first], []).detail == "all 0 closings agree"


def test_a_closing_that_stands_in_no_trade_is_not_ours() -> None:
    story = Story()
    for price in ("101", "102"):
        story.order("BTC", "Buy", ("1", "100"))
        story.order("BTC", "Sell", ("1", price))
    told = list(story.closings.values())
    assert reconcile(DAY, told, told, story.trades()).agrees
    lost = reconcile(DAY, told, told, story.trades()[1:])
    assert (lost.differing, lost.our_pnl) == (("order-001",), told[1].pnl)
