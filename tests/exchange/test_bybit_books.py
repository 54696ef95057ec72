"""The local account keeps its books as Bybit does: every number of a record follows from the fills."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.exchange.bybit_books import WAYS, AccountBooks

AT = datetime(2025, 3, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_round_trip_has_its_order_its_executions_and_one_closing() -> None:
    books = AccountBooks()
    trip = books.trade("BTC", "LONG", AT, AT + HOUR, "0.01", 60_000, 61_000, link_id="xfg-250301-0900-BTC", fills=3)
    closing = books.closings[trip.closings[0]]
    # 10 gross, 0.055 % of 600 to open and of 610 to close.
    assert trip.pnl == Decimal(closing["closedPnl"]) == Decimal(10) - Decimal("0.33") - Decimal("0.3355")
    assert closing["side"] == "Sell"
    assert [one["closedSize"] for one in books.executions] == ["0", "0", "0", "0.01"]
    assert sum(Decimal(one["execQty"]) for one in books.executions[:3]) == Decimal("0.01")
    assert books.orders[trip.closings[0]]["parentOrderLinkId"] == "xfg-250301-0900-BTC"
    assert books.positions() == []
    assert Decimal(books.wallet()["totalEquity"]) == 10_000 + trip.pnl


def test_every_way_to_close_is_marked_as_bybit_marks_it() -> None:
    books = AccountBooks()
    for by, way in WAYS.items():
        trip = books.trade("ETH", "SHORT", AT, AT + HOUR, 1, 3_000, 2_900, by=by)
        assert books.closings[trip.closings[0]]["execType"] == way.kind
        assert books.orders[trip.closings[0]]["createType"] == way.create_type
        assert books.executions[-1]["stopOrderType"] == (way.stop_order_type or "UNKNOWN")


def test_a_trip_in_parts_with_funding_leaves_what_is_not_closed_open() -> None:
    books = AccountBooks()
    trip = books.trade("BTC", "LONG", AT, None, "0.02", 60_000, [61_000], funding=[(AT, "0.12")])
    assert len(trip.closings) == 1
    (position,) = books.positions()
    assert (position["side"], position["size"], position["avgPrice"]) == ("Buy", "0.01", "60000")
    assert [one["execFee"] for one in books.executions if one["execType"] == "Funding"] == ["0.12"]
    books.marks["BTCUSDT"] = Decimal(59_000)
    assert books.positions()[0]["unrealisedPnl"] == "-10"


def test_an_order_beyond_the_position_closes_it_and_opens_the_other_way() -> None:
    books = AccountBooks()
    books.trade("BTC", "LONG", AT, None, "0.01", 60_000)
    turn = books.order("BTC", "Sell", "0.03", AT + HOUR)
    books.fill(turn, "0.03", 61_000, AT + HOUR)
    assert books.executions[-1]["closedSize"] == "0.01"
    assert books.closings[turn]["closedSize"] == "0.01"
    (position,) = books.positions()
    assert (position["side"], position["size"]) == ("Sell", "0.02")


def test_two_sides_of_a_coin_stand_beside_each_other_in_hedge_mode() -> None:
    books = AccountBooks(hedge_mode=True)
    books.trade("BTC", "LONG", AT, None, "0.01", 60_000, position_index=1)
    books.trade("BTC", "SHORT", AT, None, "0.02", 60_000, position_index=2)
    assert {(one["side"], one["size"]) for one in books.positions()} == {("Buy", "0.01"), ("Sell", "0.02")}
    assert all(one["closedSize"] == "0" for one in books.executions)


def test_a_closing_grows_while_its_order_fills() -> None:
    books = AccountBooks()
    books.trade("BTC", "LONG", AT, None, "0.02", 60_000)
    close = books.order("BTC", "Sell", "0.02", AT + HOUR)
    books.fill(close, "0.005", 61_000, AT + HOUR)
    first = dict(books.closings[close])
    books.fill(close, "0.015", 61_000, AT + 2 * HOUR)
    second = books.closings[close]
    assert (first["fillCount"], second["fillCount"]) == ("1", "2")
    assert int(second["updatedTime"]) > int(first["updatedTime"])
    assert Decimal(second["closedPnl"]) > Decimal(first["closedPnl"])
