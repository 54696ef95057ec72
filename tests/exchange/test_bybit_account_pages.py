"""However Bybit cuts an account's past into pages: the same records, each once, in its newest version."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import FixedClock
from tests.exchange.bybit_server import KEY, SECRET, BybitServer, bybit_server, edited
from tests.exchange.conftest import AT_ONCE, NOON, PlayedTime
from xfg_pipeline.exchange.account import Batch
from xfg_pipeline.exchange.bybit_account import BybitAccount
from xfg_pipeline.exchange.bybit_account_pages import MOST_PAGES, SEVEN_DAYS_MS, Patience, windows
from xfg_pipeline.exchange.market import MarketMalformed
from xfg_pipeline.trading.account_records import Closing, Execution, OrderRecord

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
START = NOON - 20 * DAY
Everything = tuple[Batch[Closing], Batch[Execution], Batch[OrderRecord]]
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[BybitServer, BybitAccount]]:
    """A server whose account has a past of three weeks, and the account, for many examples."""
    played, clock = PlayedTime(), FixedClock(NOON)
    with bybit_server(lambda: clock.now().timestamp()) as server:
        books = server.account
        for number in range(12):
            at = START + number * 1.5 * DAY
            books.trade(
                "BTC" if number % 2 else "ETH",
                "LONG" if number % 3 else "SHORT",
                at,
                at + 5 * HOUR,
                "0.02",
                60_000,
                [61_000, 60_500],
                by="partial TP",
                funding=[(at + HOUR, "0.01")],
            )
        yield (
            server,
            BybitAccount(
                KEY,
                SECRET,
                base_url=server.url,
                clock=clock,
                backoff=AT_ONCE,
                monotonic=played.monotonic,
                sleep=played.sleep,
            ),
        )


def everything(account: BybitAccount) -> Everything:
    return (
        account.closings(START, NOON),
        account.executions(START, NOON),
        account.orders(START, NOON),
    )


def shuffled(rows: Rows, random: Random) -> list[Rows]:
    """Pages in any order, with rows twice and in an older version, and some pages empty."""
    pages: list[Rows] = [[] for _ in range(random.randint(1, 5))]
    for row in rows:
        for _ in range(random.choice([1, 1, 2])):
            random.choice(pages).append(row)
        if "closedPnl" in row and random.random() < 0.5:
            older = {"closedSize": "0.001", "closedPnl": "-99", "updatedTime": str(int(row["updatedTime"]) - 1)}
            random.choice(pages).append(row | older)
    for page in pages:
        random.shuffle(page)
    return pages


@given(seed=st.integers(0, 2**32))
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_order_repetition_and_split_of_pages_is_the_same_past(
    pair: tuple[BybitServer, BybitAccount], seed: int
) -> None:
    server, account = pair
    server.arranged = None
    honest = everything(account)
    assert [len(one.records) for one in honest] == [24, 48, 36]
    assert all(one.refused == () for one in honest)
    # The same rows are cut in the same way, whichever of their pages is asked for.
    server.arranged = lambda rows: shuffled(rows, Random(seed))
    assert everything(account) == honest


@given(
    start=st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC)),
    length=st.timedeltas(timedelta(0), timedelta(days=60)),
)
def test_windows_are_contiguous_and_at_most_seven_days(start: datetime, length: timedelta) -> None:
    cut = list(windows(start, start + length))
    assert all(0 < last - first <= SEVEN_DAYS_MS for first, last in cut)
    assert all(one[1] == other[0] for one, other in pairwise(cut))
    assert bool(cut) == bool(length)
    if cut:
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        assert epoch + timedelta(milliseconds=cut[0][0]) <= start
        assert epoch + timedelta(milliseconds=cut[-1][1]) >= start + length


def test_an_empty_page_with_a_cursor_is_followed(account: BybitAccount, exchange: BybitServer) -> None:
    trip = exchange.account.trade("BTC", "LONG", NOON - DAY, NOON - HOUR, "0.01", 60_000, 61_000)
    exchange.arranged = lambda rows: [[], [], rows]
    assert [one.order_id for one in account.closings(NOON - 2 * DAY, NOON).records] == list(trip.closings)
    assert exchange.count("closed-pnl") == 3


def test_pages_in_a_circle_are_malformed(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.fail_always(edited(lambda answer: answer["result"].update(nextPageCursor="after%3D9")), path="closed-pnl")
    with pytest.raises(MarketMalformed, match="points back"):
        account.closings(NOON - DAY, NOON)
    assert exchange.count("closed-pnl") == 2


def test_pages_without_an_end_are_malformed(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.arranged = lambda rows: [rows] * (MOST_PAGES + 1)
    with pytest.raises(MarketMalformed, match=f"more than {MOST_PAGES} pages"):
        account.closings(NOON - DAY, NOON)
    assert exchange.count("closed-pnl") == MOST_PAGES


@pytest.mark.parametrize("cursor", ["%41%2d", "100%", "a+b/c==", "x%2Cy%3A1~-_."])
def test_a_cursor_of_any_spelling_is_signed_as_it_is_sent(
    account: BybitAccount, exchange: BybitServer, cursor: str
) -> None:
    exchange.account.trade("BTC", "LONG", NOON - DAY, None, "0.01", 60_000)
    exchange.arranged = lambda rows: [rows]
    exchange.fail(edited(lambda answer: answer["result"].update(nextPageCursor=cursor)), path="position/list")
    assert [one.coin for one in account.positions()] == ["BTC"]
    assert exchange.count("position/list") == 2


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda answer: answer["result"].pop("list"),
        lambda answer: answer["result"].update(list={}),
        lambda answer: answer["result"].update(list=[[]]),
        lambda answer: answer["result"].update(list=None),
        lambda answer: answer["result"].update(category="inverse"),
        lambda answer: answer["result"].update(nextPageCursor=7),
        lambda answer: answer["result"].update(nextPageCursor="a&b=c"),
        lambda answer: answer.update(result=[]),
        lambda answer: answer.pop("retCode"),
        lambda answer: answer.clear(),
    ],
)
@pytest.mark.parametrize("ask", ["closings", "executions", "orders"])
def test_an_answer_of_another_structure_is_malformed_and_nothing_of_it_is_used(
    account: BybitAccount, exchange: BybitServer, spoiled: Any, ask: str
) -> None:
    exchange.account.trade("BTC", "LONG", NOON - DAY, NOON - HOUR, "0.01", 60_000, 61_000)
    exchange.fail(edited(spoiled))
    with pytest.raises(MarketMalformed):
        getattr(account, ask)(NOON - 2 * DAY, NOON)
    assert exchange.count() == 1


BROKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "an empty P&L": ("closings", {"closedPnl": ""}),
    "a P&L that is no text": ("closings", {"closedPnl": 1.5}),
    "a P&L that is no number": ("closings", {"closedPnl": "NaN"}),
    "nothing closed": ("closings", {"closedSize": "0"}),
    "a price of zero": ("closings", {"avgExitPrice": "0"}),
    "an unknown side": ("closings", {"side": "Both"}),
    "no order id": ("closings", {"orderId": ""}),
    "a time of zero": ("closings", {"updatedTime": "0"}),
    "an unknown symbol": ("closings", {"symbol": "btc usdt"}),
    "no symbol": ("closings", {"symbol": None}),
    "a fill that closes more than itself": ("executions", {"closedSize": "5"}),
    "a fill that does not say what it closed": ("executions", {"closedSize": ""}),
    "an id that no database holds": ("executions", {"execId": "\x00"}),
    "half of a character": ("executions", {"createType": "\ud800"}),
    "a fee of nothing": ("executions", {"execFee": ""}),
    "a position index beyond three": ("orders", {"positionIdx": 3}),
    "a flag in words": ("orders", {"reduceOnly": "false"}),
    "a quantity below zero": ("orders", {"qty": "-1"}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_record_that_cannot_be_meant_is_kept_aside_and_the_others_are_used(
    account: BybitAccount, exchange: BybitServer, name: str
) -> None:
    ask, change = BROKEN[name]
    for number in range(2):
        exchange.account.trade("BTC", "LONG", NOON - DAY, NOON - (1 + number) * HOUR, "0.01", 60_000, 61_000)
    honest = getattr(account, ask)(NOON - 2 * DAY, NOON)
    exchange.fail(edited(lambda answer: answer["result"]["list"][0].update(change)))
    batch = getattr(account, ask)(NOON - 2 * DAY, NOON)
    assert len(batch.records) == len(honest.records) - 1
    assert set(batch.records) < set(honest.records)
    (refused,) = batch.refused
    (field,) = change
    assert field in refused.why
    assert "\x00" not in str(refused.record)
    assert refused.record.keys() >= {"symbol", "side", "orderId"}
    repr(refused.record).encode()


def test_two_versions_of_the_same_time_are_both_refused(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.account.trade("BTC", "LONG", NOON - DAY, NOON - HOUR, "0.01", 60_000, 61_000)
    exchange.arranged = lambda rows: [rows, [{**one, "closedPnl": "77"} for one in rows]]
    batch = account.closings(NOON - 2 * DAY, NOON)
    assert batch.records == ()
    assert {one.record["closedPnl"] for one in batch.refused} == {"9.3345", "77"}
    assert all("twice" in one.why for one in batch.refused)


def test_of_two_versions_of_the_same_time_the_one_that_closed_more_is_newer(
    account: BybitAccount, exchange: BybitServer
) -> None:
    exchange.account.trade("BTC", "LONG", NOON - DAY, NOON - HOUR, "0.01", 60_000, 61_000)
    exchange.arranged = lambda rows: [[{**one, "closedSize": "0.004"} for one in rows], rows]
    (closing,) = account.closings(NOON - 2 * DAY, NOON).records
    assert closing.quantity == Decimal("0.01")


def test_a_record_of_a_flood_is_cut_before_it_is_kept(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.account.trade("BTC", "LONG", NOON - DAY, NOON - HOUR, "0.01", 60_000, 61_000)
    flood = {"closedPnl": [[["x" * 2_000, float("inf"), 10**400, {"deep": {"deeper": {}}}]]] * 50}
    exchange.fail(edited(lambda answer: answer["result"]["list"][0].update(flood)))
    (refused,) = account.closings(NOON - 2 * DAY, NOON).refused
    assert len(str(refused.record)) < 11_000


def test_each_page_adds_to_the_time_that_a_call_may_take() -> None:
    played = PlayedTime()
    patience = Patience(30, played.monotonic)
    assert patience.for_a_page().remaining() == 30
    played.sleep(10)
    assert patience.for_a_page().remaining() == 22
