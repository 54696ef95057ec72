"""From an account's trades to the light, on Postgres: boundaries, failures, people, and what was shown stays."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from tests.account.conftest import DAY, HOUR, NOON, Office
from tests.exchange.bybit_server import BybitServer
from xfg_pipeline.resources.controlling import evaluate
from xfg_pipeline.resources.light_book import NotAcknowledged
from xfg_pipeline.resources.light_replay import UnknownThreshold, replay
from xfg_pipeline.resources.regime_keeping import keep_regime
from xfg_pipeline.resources.slot_lights import SlotLights


def trade(server: BybitServer, at: object, pnl: int, *, minutes: int = 10) -> None:
    """A trade that ends at a moment with exactly that P&L: without fees."""
    server.account.trade(
        "BTC", "LONG", at - timedelta(minutes=minutes), at, "1", 60_000, 60_000 + pnl, by="manual", fee_rate="0"
    )  # type: ignore[operator]


def twenty(server: BybitServer, wins: int, *, end: object = NOON - 2 * DAY) -> None:
    """Twenty trades of 10 up or down, none five in a row down, the losses first."""
    results = [-10] * (20 - wins) + [10] * wins
    # Losses apart from each other, so that only the share speaks.
    mixed = sorted(range(20), key=lambda number: (number % 4, number))
    for place, number in enumerate(mixed):
        trade(server, end + place * timedelta(minutes=30), results[number])  # type: ignore[operator]


def settle(office: Office) -> None:
    office.well()
    office.bring()
    office.make()


@pytest.mark.parametrize(("wins", "status"), [(14, "green"), (13, "yellow"), (12, "red")], ids=["70 %", "65 %", "60 %"])
def test_the_win_rate_decides_at_its_boundaries(office: Office, server: BybitServer, wins: int, status: str) -> None:
    twenty(server, wins)
    settle(office)
    shown = office.light()
    assert shown.lights["literal"][1].status == status
    assert (shown.decision.triggered_by, shown.decision.multiplier) == (
        (None, 1) if status == "green" else ("win_rate", Decimal("0.5") if status == "yellow" else 0)
    )


@pytest.mark.parametrize(
    ("loss", "status"),
    [(299, "green"), (300, "yellow"), (400, "yellow"), (401, "red")],
)
def test_the_days_loss_decides_at_its_boundaries(office: Office, server: BybitServer, loss: int, status: str) -> None:
    twenty(server, 16)
    # The equity at the start of the day is exactly ten thousand.
    server.account.starting = Decimal(10_000) - 120
    trade(server, NOON - HOUR, -loss)
    settle(office)
    assert office.metric("daily_pnl") == -loss
    assert office.metric("daily_pnl_share") == Decimal(-loss) / 10_000
    shown = office.light().decision
    assert shown.status == status, shown.message


def test_a_warming_up_account_is_yellow_and_says_how_far_it_is(office: Office, server: BybitServer) -> None:
    trade(server, NOON - DAY, 10)
    settle(office)
    shown = office.light().decision
    assert shown.status == "yellow"
    assert "warming up 1 of 20" in shown.message


def test_a_red_light_ends_by_acknowledgement_in_yellow_and_never_in_green(office: Office, server: BybitServer) -> None:
    twenty(server, 12)
    settle(office)
    assert office.light().decision.status == "red"
    book = office.pipeline.light_book
    office.clock.at += timedelta(minutes=1)
    office.well()
    office.read()
    acted = book.acknowledge("eve", "looked at every trade, the spell is over")
    assert acted.evaluated
    shown = book.now(office.clock.at)
    assert (shown.status, shown.decision.multiplier) == ("yellow", Decimal("0.5"))
    assert shown.decision.triggered_by == "probation"
    (row,) = office.rows("SELECT who, action, reason FROM controller_actions")
    assert row["who"] == "eve"
    office.clock.at += timedelta(hours=5)
    office.well()
    office.read()
    assert office.light().decision.status == "yellow"


def test_the_kill_switch_is_red_at_once_and_cannot_be_forgotten(office: Office, server: BybitServer) -> None:
    twenty(server, 18)
    settle(office)
    assert office.light().decision.status == "green"
    book = office.pipeline.light_book
    office.clock.at += timedelta(seconds=1)
    book.pause("eve", "news at eight")
    shown = book.now(office.clock.at)
    assert (shown.status, shown.decision.multiplier, shown.decision.triggered_by) == ("red", 0, "paused")
    office.clock.at += timedelta(hours=3)
    office.well()
    office.read()
    assert office.light().decision.status == "red"
    office.clock.at += timedelta(seconds=1)
    book.acknowledge("eve", "it is over")
    assert book.now(office.clock.at).status == "yellow"


def test_a_loss_beyond_the_days_limit_cannot_be_acknowledged(office: Office, server: BybitServer) -> None:
    twenty(server, 18)
    trade(server, NOON - HOUR, -900)
    settle(office)
    assert office.light().decision.status == "red"
    office.clock.at += timedelta(minutes=1)
    with pytest.raises(NotAcknowledged) as refused:
        office.pipeline.light_book.acknowledge("eve", "I know better")
    assert "daily_loss" in {trigger.rule for trigger in refused.value.triggers}
    assert office.rows("SELECT 1 FROM controller_actions") == []


def test_an_old_light_is_read_as_red(office: Office, server: BybitServer) -> None:
    twenty(server, 18)
    settle(office)
    assert office.light().decision.status == "green"
    book = office.pipeline.light_book
    assert book.now(office.clock.at + timedelta(minutes=20)).status == "green"
    late = book.now(office.clock.at + timedelta(minutes=20, seconds=1))
    assert (late.status, late.decision.multiplier, late.decision.triggered_by) == ("red", 0, "monitor")


def test_a_dead_daemon_is_red_and_one_that_never_reported_is_not_green(office: Office, server: BybitServer) -> None:
    twenty(server, 18)
    settle(office)
    with office.database.begin() as connection:
        connection.execute(sa.text("UPDATE dagster.daemon_heartbeats SET timestamp = timestamp - interval '1 hour'"))
    assert office.light().decision.triggered_by == "health_daemon"
    assert office.light().decision.status == "red"
    with office.database.begin() as connection:
        connection.execute(sa.text("DELETE FROM dagster.daemon_heartbeats"))
    office.clock.at += timedelta(minutes=1)
    assert office.light().decision.status == "red" or office.light().decision.triggered_by == "health_daemon"


def test_candles_that_are_old_are_red_and_a_short_baseline_is_yellow(office: Office, server: BybitServer) -> None:
    twenty(server, 18)
    settle(office)
    with office.database.begin() as connection:
        connection.execute(sa.text("UPDATE market_regime SET ratio = NULL, baseline = NULL, baseline_days = 3"))
    assert (office.light().decision.status, office.light().decision.triggered_by) == ("yellow", "volatility")
    office.clock.at += timedelta(minutes=46)
    office.read()
    assert office.light().decision.status == "red"


def test_a_backfill_leaves_what_was_shown_and_makes_the_same_again(office: Office, server: BybitServer) -> None:
    twenty(server, 12)
    settle(office)
    office.light()
    live = office.table("controller_status", "id")
    start = (NOON - 3 * DAY).replace(hour=0)
    office.backfill(start, start + 4 * DAY)
    first = office.table("controller_status", "timestamp, cause, mode")
    office.backfill(start, start + 4 * DAY)
    assert office.table("controller_status", "timestamp, cause, mode") == first
    assert [row for row in first if row["mode"] == "live"] == live
    trades = office.rows("SELECT exit_time FROM trades ORDER BY exit_time")
    before = [row for row in first if row["timestamp"] < trades[0]["exit_time"] and row["mode"] == "backfill"]
    assert {row["metrics"]["total_trades"] for row in before} == {"0"}


def test_an_evaluation_in_pieces_is_that_of_the_whole(new_office: Callable[..., Office], server: BybitServer) -> None:
    twenty(server, 12)
    whole, parts = new_office(), new_office()
    start, end = (NOON - 3 * DAY).replace(hour=0), NOON.replace(hour=0)
    for one in (whole, parts):
        one.calm(start, end)
        one.bring()
        one.make()
    evaluate(whole.pipeline, start, end, NOON)
    for day in range(3):
        evaluate(parts.pipeline, start + day * DAY, start + (day + 1) * DAY, NOON)
    key = "timestamp, cause, mode"
    assert whole.table("controller_status", key) == parts.table("controller_status", key)


def test_other_thresholds_are_compared_with_what_was_shown(office: Office, server: BybitServer) -> None:
    twenty(server, 12)
    settle(office)
    start = (NOON - 2 * DAY).replace(hour=0)
    office.calm(start, NOON)
    office.backfill(start, start + 3 * DAY)
    same = replay(office.pipeline, start.date(), NOON.date(), {})
    assert {row.shown_status for row in same.rows} >= {"yellow", "red"}
    milder = replay(office.pipeline, start.date(), NOON.date(), {"red_wr_threshold": "0.6"})
    assert milder.counts.get(("red", "yellow"), 0) > 0
    assert len(milder.rows) == len(same.rows)
    written = office.rows("SELECT count(*) AS n FROM controller_status")
    assert replay(office.pipeline, start.date(), NOON.date(), {"evidence": "gated"}).rows
    assert office.rows("SELECT count(*) AS n FROM controller_status") == written
    with pytest.raises(UnknownThreshold, match="red_wr_treshold"):
        replay(office.pipeline, start.date(), NOON.date(), {"red_wr_treshold": "0.6"})
    with pytest.raises(UnknownThreshold, match="red_wr_threshold"):
        replay(office.pipeline, start.date(), NOON.date(), {"red_wr_threshold": "banana"})


def test_a_late_trade_makes_later_snapshots_anew_and_no_sum_is_wrong(office: Office, server: BybitServer) -> None:
    twenty(server, 14)
    settle(office)
    before = office.metric("monthly_pnl")
    # The exchange tells of a trade that had closed in the middle of the others.
    trade(server, NOON - 2 * DAY + timedelta(minutes=44), -50, minutes=1)
    office.clock.at += timedelta(minutes=1)
    with office.database.begin() as connection:
        connection.execute(sa.text("UPDATE account_sync SET complete_until = complete_until - interval '3 days'"))
    office.read()
    office.make()
    assert office.metric("monthly_pnl") == before - 50
    rows = office.rows("SELECT total_trades FROM performance_snapshots ORDER BY snapshot_time DESC LIMIT 1")
    assert rows[0]["total_trades"] == 21


def test_a_pause_after_the_slot_still_holds_for_the_signals_of_its_run(office: Office, server: BybitServer) -> None:
    twenty(server, 18)
    settle(office)
    slot = NOON
    office.clock.at += timedelta(seconds=5)
    evaluate(office.pipeline, slot.replace(hour=0), slot.replace(hour=0) + DAY, slot, slot)
    office.pipeline.light_book.pause("eve", "news")
    with office.database.read() as connection:
        lights = SlotLights(connection, office.pipeline, slot.replace(hour=0), slot.replace(hour=0) + DAY)
    assert (lights.at(slot).status, lights.at(slot).multiplier) == ("red", 0)
    assert lights.at(slot + timedelta(minutes=15)).status == "red", "a slot that was not evaluated"


def test_a_backfilled_slot_without_a_fresh_candle_is_red(office: Office, server: BybitServer) -> None:
    twenty(server, 18)
    office.well()
    work = office.work()
    keep_regime(office.pipeline, work)
    (row,) = office.rows("SELECT count(*) AS n, min(slot) AS first FROM market_regime WHERE coin = 'BTC'")
    assert (row["n"], row["first"]) == (1, NOON)
    shown = {one.moment.at: one.decision for one in office.backfill(work.start, work.end)}
    before = shown[NOON - timedelta(minutes=15)]
    assert before.status == "red"
    assert "health_candles" in {trigger.rule for trigger in before.triggers}
