"""Looks, runs and people side by side: what one writes while another works is in what is made next."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa

from tests.account.conftest import DAY, HOUR, NOON, Office
from tests.account.test_light_of_an_account import settle, trade, twenty
from tests.exchange.bybit_server import BybitServer
from tests.signal_rows import keep_signals, signal
from xfg_pipeline.resources import snapshots, trade_keeping
from xfg_pipeline.resources.account_sync import sync
from xfg_pipeline.resources.controlling import evaluate
from xfg_pipeline.resources.light_health import read_health
from xfg_pipeline.resources.snapshots import keep_snapshots
from xfg_pipeline.resources.trade_keeping import keep_trades
from xfg_pipeline.storage.controller import lights_of_slots
from xfg_pipeline.storage.performance import events_between
from xfg_pipeline.storage.trades import flat_before

MINUTE = timedelta(minutes=1)


def snapshot(office: Office) -> None:
    """What a run without trades does."""
    work = office.work()
    keep_snapshots(office.pipeline, work.start, work.end, office.clock.now(), is_backfill=False)


def make_and_settle(office: Office) -> None:
    """What is there is of long ago, as Postgres's own time tells it."""
    office.read()
    office.make()
    with office.database.begin() as connection:
        for kind in ("closings", "executions", "orders"):
            connection.execute(sa.text(f"UPDATE account_{kind} SET recorded_at = recorded_at - interval '1 hour'"))


@pytest.fixture
def with_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every trade had its signal: none is looked at again for that."""
    monkeypatch.setattr(trade_keeping, "REMATCHED_FOR", timedelta(0))


def test_a_loss_that_is_made_a_trade_while_snapshots_are_made_is_in_the_next_ones(
    office: Office, server: BybitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    twenty(server, 18)
    office.bring()
    trade(server, NOON - 2 * MINUTE, -500)
    office.clock.at += MINUTE
    office.read()
    other = Thread(target=keep_trades, args=(office.pipeline, office.clock.now()))

    def meanwhile(place: str) -> None:
        if place == "snapshots.before_commit" and not other.ident:
            other.start()
            # It ends here, or waits for these snapshots.
            other.join(1)

    monkeypatch.setattr(snapshots, "point", meanwhile)
    snapshot(office)
    other.join()
    office.clock.at += HOUR
    snapshot(office)
    assert office.metric("total_trades") == 21
    assert office.metric("daily_pnl") == -500
    assert office.metric("consecutive_losses") == 1
    late = office.rows(
        "SELECT total_trades FROM performance_snapshots WHERE snapshot_time >= :at", at=NOON - 2 * MINUTE
    )
    assert {row["total_trades"] for row in late} == {21}


def test_equity_that_is_told_with_a_moment_before_the_last_snapshot_counts(office: Office) -> None:
    at = office.clock.at
    office.clock.at += MINUTE
    snapshot(office)
    assert office.metric("equity") is None
    # A look that took longer than the snapshots.
    office.clock.at = at
    office.read()
    office.clock.at += HOUR
    snapshot(office)
    assert office.metric("equity") == 10_000
    assert office.metric("daily_pnl_share") == 0


def test_the_first_equity_of_a_day_is_found_however_late_the_fold_goes_on(office: Office) -> None:
    looks = [NOON - 2 * DAY, NOON - DAY - HOUR, NOON - DAY, NOON - 2 * HOUR, NOON - HOUR, NOON]
    for number, at in enumerate(looks):
        with office.database.begin() as connection:
            connection.execute(
                sa.text("INSERT INTO account_equity VALUES ('bybit', :at, :worth, :worth, NULL, NULL, 'account')"),
                {"at": at, "worth": 100 + number},
            )
    with office.database.read() as connection:
        whole = events_between(connection, "bybit", NOON - 9 * DAY, NOON)
        for after in (NOON - DAY - 2 * HOUR, NOON - DAY - MINUTE, NOON - 3 * HOUR, NOON - 90 * MINUTE, NOON):
            rest = events_between(connection, "bybit", after, NOON)
            assert rest == [event for event in whole if event.at > after]
    assert [event.at for event in whole] == [looks[0], looks[1], looks[3]]


def test_an_account_that_is_read_in_part_is_not_read(office: Office, server: BybitServer) -> None:
    trade(server, NOON - 20 * DAY, -100)
    account = office.pipeline.account
    assert account is not None
    seen: list[tuple[str, str]] = []

    def meanwhile(said: str) -> None:
        (reading,) = [one for one in read_health(office.pipeline, NOON).readings if one.part == "account"]
        seen.append((said.split(maxsplit=1)[0], reading.state))

    office.well()
    sync(account, office.database, NOON, meanwhile)
    # Closings are the last kind, in two pieces.
    assert [state for kind, state in seen if kind == "closings"] == ["failed", "unknown"]
    assert "ok" in {one.state for one in read_health(office.pipeline, NOON).readings if one.part == "account"}


def test_a_position_is_flat_by_its_closed_pnl_where_its_fill_does_not_say_that_it_closed(
    office: Office, server: BybitServer
) -> None:
    server.account.trade("BTC", "LONG", NOON - HOUR, None, "1", 60_000)
    assert office.read().problems == {}
    moment = office.clock.at = NOON + MINUTE
    server.account.fill(server.account.order("BTC", "Sell", "1", moment), "1", 60_100, moment)
    server.account.executions[-1]["closedSize"] = "0"
    assert office.read().problems == {}
    assert office.rows("SELECT 1 FROM account_positions") == []


def test_an_opening_balance_that_is_reckoned_late_is_in_the_metrics(office: Office, server: BybitServer) -> None:
    trade(server, NOON - 3 * HOUR, -100)
    office.read()
    with office.database.begin() as connection:
        connection.execute(sa.text("DELETE FROM account_equity"))
    office.make()
    assert office.metric("equity") is None
    office.clock.at += MINUTE
    office.read()
    office.make()
    office.clock.at += HOUR
    office.make()
    assert office.metric("daily_pnl_share") == Decimal("-0.01")
    assert office.metric("max_drawdown") == Decimal("0.01")


def test_a_trade_that_is_heard_of_after_the_hours_snapshot_has_its_own(office: Office, server: BybitServer) -> None:
    settle(office)
    trade(server, NOON - timedelta(seconds=10), 50)
    office.clock.at += timedelta(seconds=30)
    office.read()
    office.make()
    causes = office.rows("SELECT snapshot_time, total_trades FROM performance_snapshots WHERE cause = 'trade'")
    assert causes == [{"snapshot_time": NOON - timedelta(seconds=10), "total_trades": 1}]


def test_a_run_that_is_late_leaves_no_snapshot_behind_that_is_newer_than_its_slot(
    office: Office, server: BybitServer
) -> None:
    settle(office)
    trade(server, NOON + 2 * MINUTE, 50, minutes=1)
    office.clock.at += 3 * MINUTE
    office.read()
    office.make()
    assert office.metric("total_trades") == 1
    # It had closed before, and the run of noon's slot hears of it.
    server.account.trade("ETH", "LONG", NOON, NOON + MINUTE, "1", 3_000, 2_990, by="manual", fee_rate="0")
    office.read()
    keep_trades(office.pipeline, office.clock.now())
    work = office.work()
    keep_snapshots(office.pipeline, work.start, work.end, NOON, is_backfill=False)
    assert office.metric("total_trades") == 2
    assert office.metric("daily_pnl") == 40


def test_a_red_light_of_now_is_held_although_a_backfill_saw_no_reason(office: Office, server: BybitServer) -> None:
    twenty(server, 18)
    settle(office)
    office.calm(NOON - 2 * HOUR, NOON + 2 * HOUR)
    assert office.light().decision.status == "green"
    office.clock.at += MINUTE
    with office.database.begin() as connection:
        connection.execute(sa.text("UPDATE dagster.daemon_heartbeats SET timestamp = timestamp - interval '1 hour'"))
    assert office.light().decision.status == "red"
    office.clock.at += 15 * MINUTE
    evaluate(office.pipeline, NOON - HOUR, NOON + HOUR, office.clock.now())
    office.clock.at += timedelta(seconds=1)
    office.well()
    office.read()
    shown = office.light().decision
    assert (shown.status, shown.triggered_by) == ("red", "hold")


def test_a_slot_that_was_missed_takes_no_light_of_a_backfill(office: Office, server: BybitServer) -> None:
    twenty(server, 18)
    settle(office)
    office.calm(NOON - 2 * HOUR, NOON + 2 * HOUR)
    assert office.light().decision.status == "green"
    missed, slot = NOON + 15 * MINUTE, NOON + 30 * MINUTE
    office.clock.at = NOON + 20 * MINUTE
    evaluate(office.pipeline, NOON - HOUR, NOON + HOUR, office.clock.at)
    office.clock.at = slot + timedelta(seconds=9)
    office.well()
    office.read()
    with office.database.begin() as connection:
        connection.execute(sa.text("UPDATE dagster.daemon_heartbeats SET timestamp = timestamp - interval '1 hour'"))
    evaluate(office.pipeline, NOON - 12 * HOUR, NOON + 12 * HOUR, slot, slot)
    with office.database.read() as connection:
        lights = lights_of_slots(connection, "bybit", missed, slot + MINUTE)
    assert {at: one.status for at, one in lights.items()} == {missed: "red", slot: "red"}


@pytest.mark.usefixtures("with_signals")
@pytest.mark.parametrize("pause", [0, 30])
def test_a_position_that_was_turned_around_keeps_its_opening(
    new_office: Callable[..., Office], server: BybitServer, pause: int
) -> None:
    account, at = server.account, NOON - 3 * HOUR

    def market(side: str, quantity: str, price: int, minutes: int) -> None:
        moment = at + minutes * MINUTE
        account.fill(account.order("BTC", side, quantity, moment, link_id=f"o{minutes}"), quantity, price, moment)

    once, often = new_office(), new_office()
    for side, quantity, price, minutes in (
        ("Buy", "1", 60_000, 0),
        ("Sell", "3", 60_100, 10),
        ("Buy", "1", 60_050, 20),
        ("Buy", "1", 60_040, 30),
    ):
        market(side, quantity, price, minutes)
        often.clock.at = at + timedelta(minutes=minutes, seconds=pause)
        make_and_settle(often)
        short = often.rows("SELECT entry_time, order_link_id FROM trades WHERE direction = 'SHORT'")
        assert short in ([], [{"entry_time": at + 10 * MINUTE, "order_link_id": "o10"}])
    once.clock.at = often.clock.at
    once.read()
    once.make()
    assert len(once.table("trades", "exit_time")) == 2
    assert once.table("trades", "exit_time") == often.table("trades", "exit_time")


@pytest.mark.usefixtures("with_signals")
def test_in_hedge_mode_a_position_keeps_its_opening_though_the_other_closed_first(
    new_office: Callable[..., Office], server: BybitServer
) -> None:
    account, at = server.account, NOON - 3 * HOUR
    account.hedge_mode = True
    once, often = new_office(), new_office()
    account.trade("BTC", "SHORT", at, None, "1", 60_000, position_index=2, link_id="short")
    account.trade("BTC", "LONG", at + MINUTE, at + 10 * MINUTE, "1", 60_000, 60_100, position_index=1, link_id="long")
    make_and_settle(often)
    moment = NOON - HOUR
    order = account.order("BTC", "Buy", "1", moment, reduce_only=True, position_index=2)
    account.fill(order, "1", 59_000, moment)
    for office in (often, once):
        office.clock.at = NOON + MINUTE
        office.read()
        office.make()
    found = often.table("trades", "exit_time")
    assert [(row["direction"], row["order_link_id"], row["entry_time"]) for row in found] == [
        ("LONG", "long", at + MINUTE),
        ("SHORT", "short", at),
    ]
    assert found == once.table("trades", "exit_time")


@pytest.mark.usefixtures("with_signals")
def test_a_closing_that_is_told_after_the_next_trade_belongs_to_its_own(
    new_office: Callable[..., Office], server: BybitServer
) -> None:
    account = server.account
    once, often = new_office(), new_office()
    first = account.trade("BTC", "LONG", NOON - 3 * HOUR, NOON - 2 * HOUR, "1", 60_000, 60_500, by="manual")
    account.trade("BTC", "LONG", NOON - 100 * MINUTE, NOON - 90 * MINUTE, "1", 60_000, 59_900, by="SL")
    account.trade("BTC", "LONG", NOON - HOUR, None, "1", 60_000)
    late = account.closings.pop(first.closings[0])
    make_and_settle(often)
    # The exchange's own delay is in its record.
    late["updatedTime"] = str(int((NOON - 30 * MINUTE).timestamp() * 1000))
    account.closings[first.closings[0]] = late
    for office in (often, once):
        office.clock.at = NOON + MINUTE
        office.read()
        office.make()
    assert often.table("trades", "exit_time") == once.table("trades", "exit_time")
    assert {row["is_open"] for row in often.table("trades", "exit_time")} == {False}


def test_a_signal_that_another_one_turned_out_to_be_meant_for_is_no_longer_executed(
    office: Office, server: BybitServer
) -> None:
    slots = NOON - 30 * MINUTE, NOON - 15 * MINUTE
    zones: list[dict[str, Any]] = [
        {"entry_low": Decimal(59_900), "entry_high": Decimal(59_950)},
        {"entry_low": Decimal(60_000), "entry_high": Decimal(60_100)},
    ]
    plans = [
        signal("BTC", slot, stop_loss=Decimal(59_000), take_profit=Decimal(62_000), **zone)
        for slot, zone in zip(slots, zones, strict=True)
    ]
    server.account.trade("BTC", "LONG", NOON - 14 * MINUTE, None, "0.1", 60_050)
    keep_signals(office.database, plans[:1], "bybit")
    office.read()
    office.make()
    asked = "SELECT status, executed_at FROM signals ORDER BY slot"
    assert [row["status"] for row in office.rows(asked)] == ["executed"]
    # The run of the slot publishes its own a moment after the position was seen.
    keep_signals(office.database, plans[1:], "bybit")
    office.clock.at += 5 * MINUTE
    moment = NOON - 2 * MINUTE
    server.account.fill(server.account.order("BTC", "Sell", "0.1", moment), "0.1", 60_400, moment)
    office.read()
    office.make()
    assert office.rows(asked) == [
        {"status": "expired", "executed_at": None},
        {"status": "executed", "executed_at": NOON - 14 * MINUTE},
    ]


def test_the_last_flat_moment_is_found_at_once_among_many_trades(office: Office) -> None:
    with office.database.begin() as connection:
        connection.execute(sa.text(_MANY), {"noon": NOON})
    with office.database.begin() as connection:
        connection.execute(sa.text("ANALYZE trades"))
        connection.execute(sa.text("SET LOCAL statement_timeout = 1000"))
        assert flat_before(connection, "bybit", "BTC", NOON) == NOON - 10 * MINUTE


_MANY = """
INSERT INTO trades (account, episode, coin, direction, entry_time, exit_time, entry_price, exit_price, quantity, pnl,
    pnl_percent, funding, exit_reason, exit_evidence, order_link_id, bybit_order_id, order_ids, is_open, updated_at,
    recorded_at)
SELECT 'bybit', 'o' || n, 'BTC', 'LONG', at - interval '5 minutes', at, 100, 101, 1, 1, 1, 0, 'TP', '{}', '', 'c' || n,
       ARRAY['c' || n], false, at, at
FROM (
    SELECT n, CAST(:noon AS timestamptz) - n * interval '10 minutes' AS at FROM generate_series(1, 20000) AS n
) AS past
"""
