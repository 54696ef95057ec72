"""Positions become trades: joined from flat to flat, with the exchange's P&L, whatever the records lack."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from tests.trading.account_story import START, Story, stop_hit, target_hit
from xfg_pipeline.trading.trades import entries_of, trades_of

D = Decimal


def test_a_position_that_was_opened_and_closed_is_a_trade() -> None:
    story = Story()
    story.order("BTC", "Buy", ("0.5", "100"), link="xfg-260302-0900-BTC", stop="95", target="110")
    story.order("BTC", "Sell", ("0.5", "110"), **target_hit())
    trade = story.only()
    assert (trade.coin, trade.direction, trade.quantity) == ("BTC", "LONG", D("0.5"))
    assert (trade.entry_price, trade.exit_price) == (100, 110)
    assert trade.entry_time == START + timedelta(seconds=61)
    assert trade.exit_time == START + timedelta(seconds=121)
    assert (trade.fees, trade.pnl) == (D("0.05775"), D("4.94225"))
    assert (trade.stop_loss, trade.take_profit, trade.leverage) == (95, 110, 5)
    assert (trade.episode, trade.bybit_order_id, trade.order_ids) == ("exec-000", "order-001", ("order-001",))
    assert (trade.order_link_id, trade.exit_reason, trade.is_open) == ("xfg-260302-0900-BTC", "TP", False)


def test_partial_closes_are_one_trade_and_the_last_order_gives_the_reason() -> None:
    story = Story()
    story.order("ETH", "Sell", ("1", "50"), ("1", "51"))
    story.order("ETH", "Buy", ("0.5", "45"), **target_hit())
    story.order("ETH", "Buy", ("0.9", "54"), ("0.6", "55"), **stop_hit())
    trade = story.only()
    assert (trade.direction, trade.quantity, trade.entry_price) == ("SHORT", 2, D("50.5"))
    assert trade.exit_price == (D("0.5") * 45 + D("0.9") * 54 + D("0.6") * 55) / 2
    assert trade.order_ids == ("order-001", "order-002")
    assert trade.pnl == sum(one.pnl for one in story.closings.values())
    assert trade.exit_reason == "SL"
    assert [one["reason"] for one in trade.exit_evidence["orders"]] == ["TP", "SL"]


def test_a_partly_closed_position_is_open_with_what_was_realised() -> None:
    story = Story()
    story.order("BTC", "Buy", ("2", "100"))
    story.order("BTC", "Sell", ("0.5", "110"), **target_hit())
    trade = story.only()
    assert trade.is_open
    assert (trade.quantity, trade.pnl) == (D("0.5"), story.closings["order-001"].pnl)


def test_an_open_position_is_an_entry_and_no_trade() -> None:
    story = Story()
    story.order("BTC", "Buy", ("1", "100"), ("1", "101"), link="xfg-260302-0900-BTC", stop="95")
    records = (story.closings.values(), story.executions, story.orders)
    assert story.trades() == ()
    (entry,) = entries_of("bybit", *records)
    assert (entry.entry_price, entry.quantity, entry.stop_loss) == (D("100.5"), 2, 95)
    assert (entry.order_link_id, entry.episode) == ("xfg-260302-0900-BTC", "exec-000")
    story.order("BTC", "Sell", ("1", "101"))
    assert entries_of("bybit", story.closings.values(), story.executions, story.orders) == ()


def test_a_flip_ends_one_trade_and_begins_another() -> None:
    story = Story()
    story.order("BTC", "Buy", ("1", "100"))
    story.order("BTC", "Sell", ("3", "104"))
    story.order("BTC", "Buy", ("2", "103"))
    first, second = story.trades()
    assert (first.direction, first.quantity, first.pnl) == ("LONG", 1, story.closings["order-001"].pnl)
    assert (second.direction, second.quantity, second.entry_price) == ("SHORT", 2, 104)
    assert (second.entry_time, second.episode) == (first.exit_time, "exec-001")


def test_longs_and_shorts_of_hedge_mode_are_trades_of_their_own() -> None:
    story = Story(hedge=True)
    story.order("BTC", "Buy", ("1", "100"))
    story.order("BTC", "Sell", ("2", "105"))
    story.order("BTC", "Sell", ("1", "110"), closes=True)
    story.order("BTC", "Buy", ("2", "100"), closes=True)
    long, short = story.trades()
    assert (long.direction, long.quantity, long.entry_price) == ("LONG", 1, 100)
    assert (short.direction, short.quantity, short.entry_price) == ("SHORT", 2, 105)


def test_coins_do_not_touch_each_other() -> None:
    story = Story()
    story.order("BTC", "Buy", ("1", "100"))
    story.order("ETH", "Sell", ("1", "10"))
    story.order("BTC", "Sell", ("1", "101"))
    story.order("ETH", "Buy", ("1", "9"))
    assert [(one.coin, one.direction) for one in story.trades()] == [("BTC", "LONG"), ("ETH", "SHORT")]


def test_funding_while_the_position_was_open_is_kept_apart_from_its_pnl() -> None:
    story = Story()
    story.funding("BTC", "9")
    story.order("BTC", "Buy", ("1", "100"))
    story.funding("BTC", "0.02")
    story.funding("ETH", "7")
    story.funding("BTC", "-0.05", side="Sell")
    story.order("BTC", "Sell", ("1", "101"))
    story.funding("BTC", "9")
    trade = story.only()
    assert trade.funding == D("0.03")
    assert trade.pnl == story.closings["order-001"].pnl


def test_funding_in_hedge_mode_goes_to_the_side_that_it_names() -> None:
    story = Story(hedge=True)
    story.order("BTC", "Buy", ("1", "100"))
    story.order("BTC", "Sell", ("1", "100"))
    story.funding("BTC", "0.02", side="Buy")
    story.funding("BTC", "-0.03", side="Sell")
    story.order("BTC", "Sell", ("1", "101"), closes=True)
    story.order("BTC", "Buy", ("1", "101"), closes=True)
    assert [one.funding for one in story.trades()] == [D("-0.02"), D("0.03")]


def test_who_closes_at_the_moment_of_funding_still_has_it() -> None:
    story = Story()
    story.order("BTC", "Buy", ("1", "100"))
    story.order("BTC", "Sell", ("1", "101"))
    story.at -= timedelta(seconds=1)
    story.funding("BTC", "0.02")
    assert story.executions[-1].at == story.executions[-2].at
    assert story.only().funding == D("-0.02")


def test_a_closing_whose_opening_lies_before_the_records_is_a_trade_without_entry_time() -> None:
    story = Story()
    story.order("BTC", "Buy", ("2", "100"))
    story.order("BTC", "Sell", ("1", "110"), **target_hit())
    story.order("BTC", "Sell", ("1", "112"), **target_hit())
    found = trades_of("bybit", story.closings.values(), story.executions[1:], story.orders)
    assert [(one.entry_time, one.entry_price, one.exit_price) for one in found] == [(None, 100, 110), (None, 100, 112)]
    assert [one.episode for one in found] == ["order-001", "order-002"]
    assert [one.exit_reason for one in found] == ["TP", "TP"]
    assert not any(one.is_open for one in found)
    assert sum(one.pnl for one in found) == sum(one.pnl for one in story.closings.values())


def test_closed_pnl_alone_is_a_trade_of_which_the_rest_is_unknown() -> None:
    story = Story()
    story.order("BTC", "Buy", ("2", "100"))
    story.order("BTC", "Sell", ("2", "110"), **target_hit())
    (trade,) = trades_of("bybit", story.closings.values(), [], [])
    assert (trade.exit_reason, trade.stop_loss, trade.order_link_id) == ("unknown", None, "")
    assert trade.exit_evidence == {
        "order_id": "order-001", "found": {"exec_type": ["Trade"]}, "records": ["closing"],
    }  # fmt: skip
    assert (trade.exit_time, trade.quantity, trade.entry_price) == (story.at, 2, 100)


def test_a_position_of_which_some_was_opened_before_the_records_has_no_entry_time() -> None:
    story = Story()
    story.order("BTC", "Buy", ("1", "100"))
    story.order("BTC", "Buy", ("1", "102"))
    story.order("BTC", "Sell", ("2", "110"))
    (trade,) = trades_of("bybit", story.closings.values(), story.executions[1:], story.orders)
    assert (trade.entry_time, trade.entry_price, trade.quantity, trade.is_open) == (None, 101, 2, False)


def test_a_close_without_its_closed_pnl_keeps_the_trade_open_and_does_not_count() -> None:
    story = Story()
    story.order("BTC", "Buy", ("2", "100"))
    story.order("BTC", "Sell", ("1", "110"))
    story.order("BTC", "Sell", ("1", "120"))
    (trade,) = trades_of("bybit", [story.closings["order-001"]], story.executions, story.orders)
    assert (trade.pnl, trade.quantity) == (story.closings["order-001"].pnl, 1)
    assert (trade.is_open, trade.order_ids, trade.exit_price) == (True, ("order-001",), 110)
    assert not story.only().is_open


def test_a_closing_that_still_grows_keeps_the_trade_open() -> None:
    story = Story()
    story.order("BTC", "Buy", ("2", "100"))
    story.order("BTC", "Sell", ("1", "110"))
    early = story.closings["order-001"]
    story.order("BTC", "Sell", ("1", "120"), order_id="order-001")
    (trade,) = trades_of("bybit", [early], story.executions, story.orders)
    assert (trade.is_open, trade.pnl, trade.quantity, trade.exit_price) == (True, early.pnl, 1, 110)


def test_an_execution_that_is_missing_does_not_leave_the_position_open() -> None:
    story = Story()
    story.order("BTC", "Buy", ("2", "100"))
    story.order("BTC", "Sell", ("1", "110"), ("1", "112"), **target_hit())
    story.order("BTC", "Buy", ("1", "105"))
    story.order("BTC", "Sell", ("1", "106"))
    executions = [one for one in story.executions if one.exec_id != "exec-002"]
    first, second = trades_of("bybit", story.closings.values(), executions, story.orders)
    assert (first.quantity, first.exit_price, first.is_open, first.exit_reason) == (2, 111, False, "TP")
    assert (second.quantity, second.entry_price) == (1, 105)
    assert (first.episode, first.entry_time) == (story.trades()[0].episode, story.trades()[0].entry_time)


def test_executions_that_say_nothing_of_closing_close_when_the_exchange_has_closed_pnl_for_them() -> None:
    story = Story()
    story.order("BTC", "Buy", ("2", "100"))
    story.order("BTC", "Sell", ("2", "80"), kind="BustTrade", create="CreateByLiq")
    story.executions[1] = replace(story.executions[1], closed_quantity=D(0))
    trade = story.only()
    assert (trade.exit_reason, trade.is_open, trade.entry_price) == ("liquidation", False, 100)
    assert entries_of("bybit", story.closings.values(), story.executions, story.orders) == ()


def test_an_order_that_closed_twice_joins_both_positions() -> None:
    story = Story()
    story.order("BTC", "Buy", ("1", "100"))
    story.order("BTC", "Sell", ("1", "110"), order_id="resting")
    story.order("BTC", "Buy", ("1", "105"))
    story.order("BTC", "Sell", ("1", "110"), order_id="resting")
    trade = story.only()
    assert (trade.episode, trade.quantity, trade.entry_price) == ("exec-000", 2, D("102.5"))
    assert trade.pnl == story.closings["resting"].pnl
    assert trade.entry_time == story.executions[0].at


def test_fees_come_from_the_fills_where_the_closed_pnl_does_not_tell_them() -> None:
    story = Story()
    story.order("BTC", "Buy", ("1", "100"))
    story.order("BTC", "Sell", ("3", "104"))
    silent = [replace(one, open_fee=None) for one in story.closings.values()]
    (trade,) = trades_of("bybit", silent, story.executions, story.orders)
    assert trade.fees == D("0.055") + D("0.0572")
    (trade,) = trades_of("bybit", silent, story.executions[1:], story.orders)
    assert trade.fees is None


def test_moves_of_one_moment_are_told_apart_by_what_is_held() -> None:
    story = Story()
    story.order("BTC", "Buy", ("1", "100"))
    story.order("BTC", "Sell", ("1", "110"))
    story.order("BTC", "Buy", ("1", "110"))
    story.order("BTC", "Sell", ("1", "111"))
    at = story.executions[1].at
    # Closed, opened again and closed at once: neither time nor sequence says what came first.
    story.executions[1:] = [replace(one, at=at, seq=0) for one in story.executions[1:]]
    assert [(one.entry_price, one.exit_price) for one in story.trades()] == [(100, 110), (110, 111)]
    assert [one.entry_time for one in story.trades()] == [story.executions[0].at, at]
    assert entries_of("bybit", story.closings.values(), story.executions, story.orders) == ()


def test_a_target_tells_the_link_id_of_the_order_that_it_was_attached_to() -> None:
    story = Story()
    story.order("BTC", "Buy", ("1", "100"), link="xfg-260302-0900-BTC")
    story.order("BTC", "Sell", ("1", "110"), **target_hit(parent="xfg-260302-0900-BTC"))
    (trade,) = trades_of("bybit", story.closings.values(), story.executions[1:], story.orders[1:])
    assert (trade.order_link_id, trade.entry_time) == ("xfg-260302-0900-BTC", None)


def test_an_order_record_that_comes_later_makes_the_trade_newer() -> None:
    story = Story()
    opened = story.order("BTC", "Buy", ("1", "100"), stop="90")
    story.order("BTC", "Sell", ("1", "110"))
    late = story.at + timedelta(hours=1)
    story.orders = [replace(one, updated_at=late) if one.order_id == opened else one for one in story.orders]
    assert story.only().updated_at == late
