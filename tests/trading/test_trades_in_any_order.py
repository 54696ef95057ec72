"""Whatever order, repetition, age or lack of records: the same trades, and the exchange's P&L to the last digit."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.account_story import START, Story
from xfg_pipeline.trading.account_records import Closing, Execution, OrderRecord
from xfg_pipeline.trading.amounts import total
from xfg_pipeline.trading.trade import Trade
from xfg_pipeline.trading.trades import trades_of

Records = tuple[list[Closing], list[Execution], list[OrderRecord]]
MODEST = settings(max_examples=60, deadline=None)

prices = st.integers(900, 1100).map(lambda ticks: str(Decimal(ticks) / 10))
quantities = st.integers(1, 40).map(lambda steps: str(Decimal(steps) / 1000))
fills = st.lists(st.tuples(quantities, prices), min_size=1, max_size=3)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Orders of two coins in one-way mode or in hedge mode, with funding in between."""
    story = Story(hedge=draw(st.booleans()))
    for _ in range(draw(st.integers(1, 14))):
        coin = draw(st.sampled_from(["BTC", "ETH"]))
        side: Literal["Buy", "Sell"] = draw(st.sampled_from(["Buy", "Sell"]))
        other = "SHORT" if side == "Buy" else "LONG"
        held = next((one.held for one in story.trips if (one.coin, one.direction) == (coin, other) and one.held), None)
        if draw(st.integers(0, 5)) == 0:
            story.funding(coin, draw(prices), side)
        elif held is not None and draw(st.booleans()):
            story.order(coin, side, (str(held), draw(prices)), closes=True)
        else:
            story.order(coin, side, *draw(fills), closes=False)
    return story


def records_of(story: Story) -> Records:
    return list(story.closings.values()), story.executions, story.orders


def older(closing: Closing) -> Closing:
    """As the exchange told it while it was still growing."""
    before = closing.updated_at - timedelta(seconds=5)
    return replace(closing, quantity=closing.quantity / 2, pnl=closing.pnl - 1, updated_at=before)


def shaken(data: st.DataObject, records: Sequence[Any]) -> list[Any]:
    again = data.draw(st.lists(st.sampled_from(list(records)), max_size=5)) if records else []
    return data.draw(st.permutations([*records, *again]))


def assert_adds_up(trades: Sequence[Trade], closings: Sequence[Closing]) -> None:
    newest: dict[str, Closing] = {}
    for one in sorted(closings, key=lambda closing: closing.updated_at):
        newest[one.order_id] = one
    assert total(one.pnl for one in trades) == total(one.pnl for one in newest.values())
    assert sorted(order_id for one in trades for order_id in one.order_ids) == sorted(newest)
    assert len({one.episode for one in trades}) == len({one.bybit_order_id for one in trades}) == len(trades)
    for one in trades:
        assert one.entry_time is None or one.entry_time <= one.exit_time
        assert min(one.entry_price, one.exit_price, one.quantity) > 0
        assert one.order_ids[-1] == one.bybit_order_id


@MODEST
@given(stories())
def test_trades_are_what_really_happened(story: Story) -> None:
    told = [
        (one.coin, one.direction, one.entry_time, None if one.is_open else one.exit_time, one.quantity, one.pnl)
        for one in story.trades()
    ]
    truth = [
        (one.coin, one.direction, one.opened_at, one.closed_at, one.closed, one.pnl)
        for one in story.trips
        if one.closed
    ]
    assert sorted(told, key=repr) == sorted(truth, key=repr)
    assert_adds_up(story.trades(), list(story.closings.values()))


@MODEST
@given(stories(), st.data())
def test_order_repetition_and_older_versions_change_nothing(story: Story, data: st.DataObject) -> None:
    closings, executions, orders = records_of(story)
    stale = [older(one) for one in closings]
    found = trades_of("bybit", shaken(data, [*closings, *stale]), shaken(data, executions), shaken(data, orders))
    assert found == story.trades()


@MODEST
@given(stories(), st.data())
def test_with_any_records_missing_every_closing_stands_in_one_trade(story: Story, data: st.DataObject) -> None:
    kept: list[list[Any]] = []
    for records in records_of(story):
        mask = data.draw(st.lists(st.booleans(), min_size=len(records), max_size=len(records)))
        kept.append([one for one, keep in zip(records, mask, strict=True) if keep])
    closings, executions, orders = kept
    found = trades_of("bybit", closings, executions, orders)
    assert_adds_up(found, closings)
    assert trades_of("bybit", closings[::-1], executions[::-1], orders[::-1]) == found


names = st.sampled_from(["a", "b", "c", "d"])
moments = st.integers(0, 6).map(lambda minutes: START + timedelta(minutes=minutes))
amounts = st.integers(1, 5).map(Decimal)
sides: st.SearchStrategy[Any] = st.sampled_from(["Buy", "Sell"])
coins = st.sampled_from(["BTC", "ETH"])
any_closing = st.builds(
    Closing, names, coins, sides, amounts, amounts, amounts, amounts, amounts, st.integers(-9, 9).map(Decimal),
    st.none() | amounts, st.none() | amounts, st.none(), st.just("Trade"), moments, moments,
)  # fmt: skip


@st.composite
def any_execution(draw: st.DrawFn) -> Execution:
    quantity = draw(amounts)
    closed = draw(st.integers(0, int(quantity)).map(Decimal))
    kind = draw(st.sampled_from(["Trade", "Trade", "Funding", "BustTrade"]))
    return Execution(
        draw(st.text("xyz", min_size=1, max_size=3)), draw(names), "", draw(coins), draw(sides), kind, draw(amounts),
        quantity, quantity, Decimal(1), closed, "", "", False, draw(moments), draw(st.integers(0, 2)),
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(any_closing, max_size=5, unique_by=lambda one: one.order_id), st.lists(any_execution(), max_size=9))
def test_records_that_contradict_each_other_still_add_up(closings: list[Closing], executions: list[Execution]) -> None:
    found = trades_of("bybit", closings, executions, [])
    assert_adds_up(found, closings)
    assert trades_of("bybit", closings[::-1], executions[::-1], []) == found
