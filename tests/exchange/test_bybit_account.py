"""The Bybit account, read honestly: its past in whole, its present, its key and its clock."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.conftest import FixedClock
from tests.exchange.bybit_server import BybitServer, too_often
from tests.exchange.conftest import NOON, OpenAccount, PlayedTime
from xfg_pipeline.exchange.account import Account, Batch
from xfg_pipeline.exchange.bybit_account import BybitAccount
from xfg_pipeline.trading.account_records import Closing, KeyFacts, Position

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LINK_ID = "xfg-250228-0900-BTC"


def test_a_round_trip_arrives_with_all_that_bybit_says_of_it(account: BybitAccount, exchange: BybitServer) -> None:
    opened = NOON - DAY
    trip = exchange.account.trade(
        "BTC",
        "LONG",
        opened,
        NOON - HOUR,
        "0.01",
        60_000,
        61_000,
        link_id=LINK_ID,
        take_profit=61_000,
        stop_loss=59_000,
        funding=[(NOON - 12 * HOUR, "0.05")],
    )
    (closing,) = account.closings(opened, NOON).records
    assert closing == Closing(
        order_id=trip.closings[0],
        coin="BTC",
        side="Sell",
        quantity=Decimal("0.01"),
        entry_price=Decimal(60_000),
        exit_price=Decimal(61_000),
        entry_value=Decimal(600),
        exit_value=Decimal(610),
        pnl=Decimal("9.3345"),
        open_fee=Decimal("0.33"),
        close_fee=Decimal("0.3355"),
        leverage=Decimal(10),
        exec_type="Trade",
        created_at=NOON - HOUR,
        updated_at=NOON - HOUR,
    )
    fills = sorted(account.executions(opened, NOON).records, key=lambda one: one.at)
    assert [(one.kind, one.side, one.quantity, one.closed_quantity) for one in fills] == [
        ("Trade", "Buy", Decimal("0.01"), Decimal(0)),
        ("Funding", "Buy", Decimal("0.01"), Decimal(0)),
        ("Trade", "Sell", Decimal("0.01"), Decimal("0.01")),
    ]
    assert [one.fee for one in fills] == [Decimal("0.33"), Decimal("0.05"), Decimal("0.3355")]
    assert (fills[0].link_id, fills[2].create_type, fills[2].stop_order_type) == (
        LINK_ID,
        "CreateByTakeProfit",
        "TakeProfit",
    )
    first, last = sorted(account.orders(opened, NOON).records, key=lambda one: one.updated_at)
    assert (last.created_at, last.updated_at) == (opened, NOON - HOUR), "a target waits from the opening on"
    assert (first.take_profit, first.stop_loss, first.price) == (Decimal(61_000), Decimal(59_000), Decimal(60_000))
    assert (last.price, last.parent_link_id, last.reduce_only, last.average_price) == (
        None,
        LINK_ID,
        True,
        Decimal(61_000),
    ), "a price of 0 is none"


def test_two_years_are_read_in_windows_of_seven_days_that_miss_nothing(
    account: BybitAccount, exchange: BybitServer
) -> None:
    start = NOON - 700 * DAY
    for week in range(0, 700, 7):
        # On the seams between windows, and beside them.
        for beside in (timedelta(0), timedelta(milliseconds=1), 3 * DAY):
            at = start + week * DAY + beside
            exchange.account.trade("ETH", "SHORT", at - HOUR, at, 1, 3_000, 2_990)
    batch = account.closings(start, NOON)
    assert batch.refused == ()
    assert {one.order_id for one in batch.records} == set(exchange.account.closings)
    assert sum(one.pnl for one in batch.records) == sum(
        Decimal(one["closedPnl"]) for one in exchange.account.closings.values()
    )
    assert len(batch.records) == 300
    asked = [one.query for one in exchange.asked]
    assert all(int(one["endTime"]) - int(one["startTime"]) <= 7 * 86_400_000 for one in asked)


def test_pages_are_read_to_the_end_of_their_cursors(account: BybitAccount, exchange: BybitServer) -> None:
    for number in range(260):
        at = NOON - DAY + timedelta(seconds=number)
        exchange.account.trade("BTC", "LONG", at, at + HOUR, "0.01", 60_000, 61_000)
    assert len(account.closings(NOON - 2 * DAY, NOON).records) == 260
    assert len(account.executions(NOON - 2 * DAY, NOON).records) == 520
    assert len(account.orders(NOON - 2 * DAY, NOON).records) == 520
    assert [exchange.count(path) for path in ("closed-pnl", "execution/list", "order/history")] == [3, 6, 11]


def test_what_happened_at_the_end_belongs_to_the_next_stretch(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.account.trade("BTC", "LONG", NOON - 2 * HOUR, NOON - HOUR, "0.01", 60_000, 61_000)
    before = account.executions(NOON - 3 * HOUR, NOON - HOUR).records
    after = account.executions(NOON - HOUR, NOON).records
    assert [one.at for one in before] == [NOON - 2 * HOUR]
    assert [one.at for one in after] == [NOON - HOUR]


def test_a_closing_that_grows_is_found_by_either_of_its_times(account: BybitAccount, exchange: BybitServer) -> None:
    books = exchange.account
    books.trade("BTC", "LONG", NOON - 2 * DAY, None, "0.02", 60_000)
    close = books.order("BTC", "Sell", "0.02", NOON - DAY)
    books.fill(close, "0.01", 61_000, NOON - DAY)
    (first,) = account.closings(NOON - 2 * DAY, NOON).records
    books.fill(close, "0.01", 61_500, NOON - HOUR)
    (second,) = account.closings(NOON - 2 * HOUR, NOON).records
    assert (first.quantity, second.quantity) == (Decimal("0.01"), Decimal("0.02"))
    assert second.created_at == first.created_at < second.updated_at


def test_nothing_between_is_nothing_asked(account: BybitAccount, exchange: BybitServer) -> None:
    assert account.closings(NOON, NOON) == Batch(())
    assert account.closings(NOON, NOON - HOUR) == Batch(())
    assert exchange.count() == 0


def test_what_bybit_no_longer_keeps_is_not_asked_for(account: BybitAccount, exchange: BybitServer) -> None:
    account.closings(NOON - 3 * 365 * DAY, NOON - 725 * DAY)
    (asked,) = [one.query for one in exchange.asked]
    assert int(asked["startTime"]) == int((NOON - account.keeps + timedelta(minutes=5)).timestamp() * 1000)


def test_other_contracts_are_none_of_this_account_s_business(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.account.trade("BTC", "LONG", NOON - DAY, NOON - HOUR, "0.01", 60_000, 61_000)
    exchange.account.trade("ETH", "LONG", NOON - DAY, None, 1, 3_000)
    names = iter(("BTCPERP", "BTCUSDT-26DEC25", "BTC-28MAR25"))
    for row in exchange.account.executions:
        row["symbol"] = next(names)
    assert account.executions(NOON - 2 * DAY, NOON) == Batch(())


def test_open_positions_are_told_and_flat_ones_are_not(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.account.trade("BTC", "LONG", NOON - DAY, NOON - HOUR, "0.01", 60_000, 61_000)
    exchange.account.trade("ETH", "SHORT", NOON - DAY, None, 2, 3_000)
    exchange.account.marks["ETHUSDT"] = Decimal(2_950)
    assert account.positions() == (
        Position(
            coin="ETH",
            side="Sell",
            position_index=0,
            quantity=Decimal(2),
            entry_price=Decimal(3_000),
            mark_price=Decimal(2_950),
            liquidation_price=None,
            leverage=Decimal(10),
            take_profit=None,
            stop_loss=None,
            unrealised_pnl=Decimal(100),
            updated_at=NOON - DAY,
        ),
    )


def test_equity_is_with_open_positions_and_the_wallet_without(account: BybitAccount, exchange: BybitServer) -> None:
    exchange.account.trade("ETH", "SHORT", NOON - DAY, None, 2, 3_000, fee_rate=0)
    exchange.account.marks["ETHUSDT"] = Decimal(3_050)
    worth = account.equity()
    assert (worth.equity, worth.wallet_balance, worth.unrealised) == (Decimal(9_900), Decimal(10_000), Decimal(-100))


def test_the_key_tells_what_it_may_and_until_when(account: BybitAccount, exchange: BybitServer) -> None:
    assert account.key() == KeyFacts(
        read_only=True,
        permissions=("ContractTrade:Order", "ContractTrade:Position"),
        addresses=("*",),
        expires_at=datetime(2027, 2, 18, tzinfo=UTC),
    )
    for never in ("", "1970-01-01T00:00:00Z", None):
        exchange.account.key |= {"ips": ["203.0.113.7"], "expiredAt": never, "readOnly": 0}
        assert account.key() == KeyFacts(
            False, ("ContractTrade:Order", "ContractTrade:Position"), ("203.0.113.7",), None
        )


def test_the_clock_of_bybit_is_compared_with_ours(account: BybitAccount, noon: FixedClock) -> None:
    assert account.clock_skew(noon.now()) == timedelta(0)
    assert account.clock_skew(noon.now() + timedelta(seconds=3)) == timedelta(seconds=-3)


def test_waiting_for_a_turn_is_not_taken_for_a_clock_that_is_off(
    open_account: OpenAccount, exchange: BybitServer, noon: FixedClock, played: PlayedTime
) -> None:
    account = open_account()
    # Bybit's time goes on while we wait.
    exchange.now = lambda: NOON.timestamp() + sum(played.slept)
    for _ in range(10):
        account.equity()
    exchange.fail(too_often(3_000))
    assert abs(account.clock_skew(noon.now())) < timedelta(milliseconds=1)
    assert sum(played.slept) >= 3


@pytest.mark.parametrize(
    ("testnet", "demo", "name", "host", "days"),
    [
        (False, False, "bybit", "https://api.bybit.com", 730),
        (True, False, "bybit_testnet", "https://api-testnet.bybit.com", 730),
        (False, True, "bybit_demo", "https://api-demo.bybit.com", 7),
        (True, True, "bybit_demo", "https://api-demo.bybit.com", 7),
    ],
)
def test_each_account_has_its_name_its_host_and_its_memory(
    open_account: OpenAccount, testnet: bool, demo: bool, name: str, host: str, days: int
) -> None:
    opened: Account = open_account(testnet=testnet, demo=demo, base_url=None)
    assert isinstance(opened, BybitAccount)
    assert (opened.name, opened.keeps) == (name, timedelta(days=days))
    assert opened._session._http.endpoint == opened._orders._writing._http.endpoint == host


def test_an_account_keeps_within_the_limits_of_bybit(
    exchange: BybitServer, noon: FixedClock, open_account: OpenAccount
) -> None:
    exchange.limited = True
    hasty = open_account(monotonic=time.monotonic, sleep=time.sleep)
    for _ in range(13):
        hasty.equity()
    assert exchange.count("wallet-balance") == 13, "none was refused and asked again"


@pytest.mark.parametrize("key", ["", "with space", "new\nline", "kéy", "x" * 201])
def test_what_cannot_be_a_key_is_refused_without_being_repeated(open_account: OpenAccount, key: str) -> None:
    for given in ({"api_key": key}, {"api_secret": key}):
        with pytest.raises(ValueError, match=r"bybit\.api_key") as refused:
            open_account(**given)
        assert not key or key not in str(refused.value)
