"""What the exchange says of an account, in Postgres: whole, once, in its newest version, or known not to be."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.account.conftest import DAY, HOUR, NOON, Office
from tests.exchange.bybit_server import BybitServer, code, cut, edited, status

ACCOUNT_TABLES = {
    "account_closings": "order_id",
    "account_executions": "exec_id",
    "account_orders": "order_id",
    "trades": "exit_time, bybit_order_id",
    "performance_snapshots": "snapshot_time, cause",
    "signal_type_performance": "snapshot_time, signal_type, period",
    "coin_performance": "snapshot_time, coin, period",
}


def told(office: Office) -> dict[str, list[dict[str, Any]]]:
    return {name: office.table(name, order) for name, order in ACCOUNT_TABLES.items()}


def metrics_of(office: Office) -> list[dict[str, Any]]:
    """Backfilled snapshots, but for what depends on when the account was asked what it is worth."""
    equity = ("share", "sharpe", "drawdown", "equity", "reasons", "samples")
    return [
        {name: value for name, value in row.items() if not any(word in name for word in equity)}
        for row in told(office)["performance_snapshots"]
        if row["mode"] == "backfill" and row["snapshot_time"] >= NOON.replace(hour=0) - 4 * DAY
    ]


def a_month(server: BybitServer, end: datetime = NOON) -> Decimal:
    """Round trips of every kind over a month; the exchange's own sum of their P&L."""
    account, pnl = server.account, Decimal(0)
    ways = ["TP", "SL", "trailing", "manual", "timeout", "liquidation", "ADL", "conditional", "own close"]
    for number, way in enumerate(ways):
        at = end - timedelta(days=27) + number * 2 * DAY
        exit_price = 61_000 if number % 3 else 59_500
        made = account.trade(
            "BTC", "LONG", at, at + 5 * HOUR, "0.01", 60_000, exit_price, by=way, link_id=f"xfg-{number}"
        )
        pnl += made.pnl
    at = end - 3 * DAY
    pnl += account.trade(
        "ETH", "SHORT", at, at + DAY, "1.2", 3_000, [2_950, 3_020, 2_900], by=["TP", "manual", "SL"]
    ).pnl
    pnl += account.trade(
        "ETH", "LONG", at + 2 * DAY, at + 3 * DAY - HOUR, "2", 3_000, 3_010, funding=[(at + 2 * DAY + 8 * HOUR, "0.4")]
    ).pnl
    account.trade("BTC", "LONG", end - HOUR, None, "0.01", 60_000)
    return pnl


def test_the_first_look_takes_the_whole_history_and_its_sum_is_the_exchanges(
    new_office: Callable[..., Office], server: BybitServer
) -> None:
    office = new_office(whole=True)
    old = server.account.trade("BTC", "SHORT", NOON - 700 * DAY, NOON - 699 * DAY, "0.5", 40_000, 39_000)
    pnl = a_month(server)
    report = office.read()
    assert report.problems == {}
    office.make()
    trades = office.table("trades", "exit_time")
    assert len(trades) == 12
    assert sum(row["pnl"] for row in trades) == pnl + old.pnl
    assert [row["exit_reason"] for row in trades if row["order_link_id"]] == [
        "TP", "SL", "trailing", "manual", "timeout", "liquidation", "ADL", "conditional", "manual",
    ]  # fmt: skip
    assert office.metric("total_trades") == 12
    (state,) = office.rows("SELECT * FROM account_sync WHERE kind = 'state'")
    assert state["facts"]["key"]["permissions"]
    assert state["problem"] is None
    (held,) = office.rows("SELECT coin, side, quantity FROM account_positions")
    assert (held["coin"], held["side"]) == ("BTC", "Buy")


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(looks=st.lists(st.tuples(st.integers(0, 28), st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=3))
def test_however_often_and_with_whatever_failures_it_is_read_the_tables_are_the_same(
    looks: list[tuple[int, int, int]], new_office: Callable[..., Office], server: BybitServer
) -> None:
    a_month(server)
    one, many = new_office(), new_office()
    one.read()
    one.make()
    for days, fails, kept in sorted(looks):
        many.clock.at = NOON - timedelta(days=28) + days * DAY
        server.fail(*[(status(502), code(10006), cut)[number % 3] for number in range(fails)])
        many.read()
        if kept:
            many.make()
    server.fail()
    many.clock.at = NOON
    many.read()
    many.make()
    mine, theirs = told(one), told(many)
    # Snapshots of the hours that one of them was not there for are a backfill's.
    for name in ("account_closings", "account_executions", "account_orders", "trades"):
        assert mine[name] == theirs[name], name
    for office in (one, many):
        office.backfill(NOON.replace(hour=0) - 4 * DAY, NOON.replace(hour=0) + DAY)
    assert metrics_of(one) == metrics_of(many)
    server.account.__init__()  # type: ignore[misc]


@pytest.mark.parametrize("fault", [status(502), code(10016), cut, edited(lambda body: body.update(result={}))])
def test_an_answer_that_fails_is_a_problem_and_never_an_empty_account(
    office: Office, server: BybitServer, fault: Any
) -> None:
    a_month(server)
    office.read()
    office.make()
    before = told(office)
    server.fail_always(fault)
    office.clock.at += timedelta(seconds=30)
    report = office.read()
    assert set(report.problems) == {"closings", "executions", "orders", "state"}
    office.make()
    assert told(office)["trades"] == before["trades"]
    assert office.rows("SELECT coin FROM account_positions")
    office.well()
    shown = office.light()
    assert (shown.decision.status, shown.decision.multiplier) == ("red", 0)
    assert "health_account" in {trigger.rule for trigger in shown.decision.triggers}
    server.fail_always(None)
    assert office.read().problems == {}
    office.well()
    assert "health_account" not in {trigger.rule for trigger in office.light().decision.triggers}


def test_a_key_that_is_refused_is_asked_once_and_is_red_by_name(office: Office, server: BybitServer) -> None:
    server.fail_always(code(10003))
    before = server.count()
    report = office.read()
    assert server.count() - before == 1
    assert set(report.problems) == {"closings", "executions", "orders", "state"}
    office.well()
    shown = office.light().decision
    assert shown.status == "red"
    assert any("key is refused" in trigger.message for trigger in shown.triggers)
    assert not any(
        secret in str(office.rows("SELECT * FROM account_sync")) for secret in ("the-key-of", "the-secret-of")
    )


def test_a_record_that_cannot_be_meant_is_kept_aside_and_nothing_after_it_is_passed_over(
    office: Office, server: BybitServer
) -> None:
    a_month(server)

    def spoil(body: dict[str, Any]) -> None:
        for one in body["result"]["list"][:1]:
            one["closedPnl"] = ""

    server.fail_always(edited(spoil), path="/v5/position/closed-pnl")
    report = office.read()
    assert "closings" in report.problems
    assert report.refused >= 1
    assert office.rows("SELECT why FROM account_refusals WHERE kind = 'closings'")
    (state,) = office.rows("SELECT * FROM account_sync WHERE kind = 'closings'")
    assert (state["problem_kind"], state["succeeded_at"] is None or state["complete_until"] < NOON) == (
        "incomplete",
        True,
    )
    office.well()
    assert office.light().decision.status == "red"
    server.fail_always(None, path="/v5/position/closed-pnl")
    assert office.read().problems == {}
    office.make()
    assert sum(row["pnl"] for row in office.table("trades", "exit_time")) == sum(
        Decimal(one["closedPnl"]) for one in server.account.closings.values()
    )


def test_a_position_that_vanishes_without_a_fill_is_unknown_and_not_flat(office: Office, server: BybitServer) -> None:
    # A close of two days ago, read in the same look, says nothing of what is open now.
    server.account.trade("BTC", "LONG", NOON - 3 * DAY, NOON - 2 * DAY, "0.01", 60_000, 60_500)
    server.account.trade("BTC", "LONG", NOON - HOUR, None, "0.01", 60_000)
    office.read()
    server.fail_always(edited(lambda body: body["result"].update(list=[])), path="/v5/position/list")
    office.clock.at += timedelta(seconds=30)
    assert "no fill" in office.read().problems["state"]
    assert office.rows("SELECT 1 FROM account_positions")
    assert office.rows("SELECT 1 FROM account_positions")
    # What the account says for an hour is so, whatever its records leave out.
    office.clock.at += HOUR
    assert office.read().problems == {}
    assert office.rows("SELECT 1 FROM account_positions") == []


def test_of_an_hour_of_equity_the_first_and_the_newest_are_kept(office: Office) -> None:
    for _ in range(6):
        office.read()
        office.clock.at += timedelta(minutes=15)
    kept = [row["at"] for row in office.rows("SELECT at FROM account_equity ORDER BY at")]
    assert kept == [NOON, NOON + 3 * HOUR / 4, NOON + HOUR, NOON + 5 * HOUR / 4]


def test_a_position_that_is_closed_is_flat_at_the_next_look(office: Office, server: BybitServer) -> None:
    opened = server.account.trade("BTC", "LONG", NOON - HOUR, None, "0.01", 60_000)
    office.read()
    office.clock.at += timedelta(minutes=5)
    order = server.account.order("BTC", "Sell", "0.01", office.clock.at, order_type="Market", reduce_only=True)
    server.account.fill(order, "0.01", 60_500, office.clock.at)
    office.clock.at += timedelta(seconds=30)
    assert office.read().problems == {}
    assert office.rows("SELECT 1 FROM account_positions") == []
    office.make()
    (trade,) = office.table("trades", "exit_time")
    assert trade["exit_evidence"]
    assert opened.opening


def test_a_closing_that_grows_later_is_taken_in_its_newest_version(office: Office, server: BybitServer) -> None:
    account = server.account
    opened = account.order("BTC", "Buy", "0.02", NOON - 2 * HOUR, price=60_000)
    account.fill(opened, "0.02", 60_000, NOON - 2 * HOUR)
    closing = account.order("BTC", "Sell", "0.02", NOON - HOUR, price=61_000, reduce_only=True)
    account.fill(closing, "0.01", 61_000, NOON - HOUR)
    office.read()
    office.make()
    (partial,) = office.table("trades", "exit_time")
    assert partial["is_open"]
    assert office.metric("total_trades") == 0
    assert office.metric("daily_pnl") == partial["pnl"]
    account.fill(closing, "0.01", 61_000, NOON - HOUR / 2)
    office.clock.at += timedelta(seconds=30)
    office.read()
    office.make()
    (whole,) = office.table("trades", "exit_time")
    assert not whole["is_open"]
    assert whole["pnl"] == Decimal(account.closings[closing]["closedPnl"]) > partial["pnl"]
    assert office.metric("total_trades") == 1


def test_a_day_that_differs_from_the_exchange_is_told_with_its_order(office: Office, server: BybitServer) -> None:
    a_month(server)
    office.bring()
    assert {row["difference"] for row in office.rows("SELECT difference FROM reconciliations")} == {0}
    order_id = next(iter(server.account.closings))
    day = datetime.fromtimestamp(int(server.account.closings[order_id]["updatedTime"]) / 1000, NOON.tzinfo)
    server.account.closings[order_id]["closedPnl"] = "123.5"
    office.clock.at += DAY
    office.backfill(day.replace(hour=0, minute=0), day.replace(hour=0, minute=0) + DAY)
    (row,) = office.rows("SELECT * FROM reconciliations WHERE difference <> 0")
    assert row["day"] == day.date()
    assert order_id in row["detail"]
