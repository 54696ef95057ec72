"""Every exit has a reason that the exchange's own words prove, or it is unknown."""

from dataclasses import replace

import pytest

from tests.trading.account_story import Story
from xfg_pipeline.trading.account_records import Closing, Execution, OrderRecord
from xfg_pipeline.trading.exit_reasons import CREATE_TYPES, STOP_ORDER_TYPES, exit_of, exit_of_all
from xfg_pipeline.trading.trade import EXIT_REASONS


def closing_order(
    create: str = "", stop_type: str = "", kind: str = "Trade", link: str = ""
) -> tuple[Closing, list[Execution], OrderRecord]:
    story = Story()
    story.order("BTC", "Buy", ("1", "100"))
    order_id = story.order("BTC", "Sell", ("1", "101"), create=create, stop_type=stop_type, kind=kind, link=link)
    return story.closings[order_id], story.executions[1:], story.orders[1]


CASES = [
    # kind, stop order type, create type, link id -> reason, the field that proves it
    ("Trade", "TakeProfit", "CreateByTakeProfit", "", "TP", "stop_order_type"),
    ("Trade", "PartialTakeProfit", "CreateByPartialTakeProfit", "", "TP", "stop_order_type"),
    ("Trade", "StopLoss", "CreateByStopLoss", "", "SL", "stop_order_type"),
    ("Trade", "PartialStopLoss", "CreateByPartialStopLoss", "", "SL", "stop_order_type"),
    ("Trade", "UNKNOWN", "CreateByTakeProfit", "", "TP", "create_type"),
    ("Trade", "", "CreateByPartialStopLoss", "", "SL", "create_type"),
    # A target that was made through the API: the kind of stop goes before who made it.
    ("Trade", "TakeProfit", "CreateByUser", "", "TP", "stop_order_type"),
    ("Trade", "TrailingStop", "CreateByTrailingStop", "", "trailing", "stop_order_type"),
    ("Trade", "", "CreateByTrailingProfit", "", "trailing", "create_type"),
    ("Trade", "Stop", "CreateByStopOrder", "", "conditional", "stop_order_type"),
    ("Trade", "MmRateClose", "CreateByMmRateClose", "", "conditional", "stop_order_type"),
    ("Trade", "", "CreateByClosing", "", "manual", "create_type"),
    ("Trade", "", "CreateByUser", "", "manual", "create_type"),
    ("Trade", "UNKNOWN", "CreateByUser", "my-own-bot", "manual", "create_type"),
    ("Trade", "", "CreateByUser", "xft-260302-0900-BTC", "timeout", "link_id"),
    ("Trade", "", "CreateByUser", "xfc-260302-0900-BTC", "manual", "link_id"),
    # An entry in the other direction: a person placed it.
    ("Trade", "", "CreateByUser", "xfg-260302-0900-BTC", "manual", "create_type"),
    # What the exchange forces goes before everything else.
    ("BustTrade", "StopLoss", "CreateByStopLoss", "", "liquidation", "exec_type"),
    ("Trade", "", "CreateByLiq", "", "liquidation", "create_type"),
    ("Trade", "", "CreateByTakeOver_PassThrough", "", "liquidation", "create_type"),
    ("AdlTrade", "", "CreateByAdl_PassThrough", "", "ADL", "exec_type"),
    ("Trade", "", "CreateByAdl_PassThrough", "", "ADL", "create_type"),
    ("Settle", "", "CreateBySettle", "", "settlement", "exec_type"),
    ("Delivery", "", "", "", "settlement", "exec_type"),
    ("MovePosition", "", "", "", "settlement", "exec_type"),
]


@pytest.mark.parametrize(("kind", "stop_type", "create", "link", "reason", "field"), CASES)
def test_the_reason_and_the_field_that_proves_it(
    kind: str, stop_type: str, create: str, link: str, reason: str, field: str
) -> None:
    closing, fills, order = closing_order(create, stop_type, kind, link)
    found = exit_of(closing, fills, order)
    assert (found.reason, found.evidence["field"]) == (reason, field)
    assert (found.evidence["record"], found.evidence["record_id"]) == ("execution", fills[0].exec_id)
    assert found.evidence["order_id"] == closing.order_id


@pytest.mark.parametrize("word", ["takeprofit", "TakeProfit ", "CreateByTakeProfitX", "CreateByAdminClosing", ""])
def test_words_that_are_not_exactly_known_prove_nothing(word: str) -> None:
    closing, fills, order = closing_order(create=word, stop_type=word)
    found = exit_of(closing, fills, order)
    assert found.reason == "unknown"
    assert found.evidence["found"]["create_type"] == [word]
    assert found.evidence["records"] == ["closing", "execution", "order"]


def test_the_order_proves_it_where_no_execution_is_in_the_records() -> None:
    closing, _, order = closing_order("CreateByStopLoss", "StopLoss")
    found = exit_of(closing, [], order)
    assert (found.reason, found.evidence["record"], found.evidence["record_id"]) == ("SL", "order", order.order_id)


def test_the_closed_pnl_alone_proves_a_liquidation_and_nothing_else() -> None:
    closing, _, _ = closing_order("CreateByTakeProfit", "TakeProfit")
    assert exit_of(closing, [], None).reason == "unknown"
    found = exit_of(replace(closing, exec_type="BustTrade"), [], None)
    assert (found.reason, found.evidence["record"]) == ("liquidation", "closing")


def test_a_stop_in_profit_is_still_a_stop() -> None:
    story = Story()
    story.order("BTC", "Buy", ("1", "100"))
    story.order("BTC", "Sell", ("1", "120"), create="CreateByStopLoss", stop_type="StopLoss")
    assert story.only().pnl > 0
    assert story.only().exit_reason == "SL"


def test_the_evidence_does_not_depend_on_the_order_of_the_fills() -> None:
    closing, fills, order = closing_order("CreateByTakeProfit", "TakeProfit")
    later = replace(fills[0], exec_id="a", seq=fills[0].seq + 1)
    assert exit_of(closing, [later, *fills], order) == exit_of(closing, [*fills, later], order)


def test_an_exit_without_a_closing_order_cannot_be_meant() -> None:
    with pytest.raises(ValueError, match="no order has closed"):
        exit_of_all([])


def test_every_reason_can_be_stored() -> None:
    assert {*STOP_ORDER_TYPES.values(), *CREATE_TYPES.values(), "timeout", "manual", "unknown"} == set(EXIT_REASONS)
