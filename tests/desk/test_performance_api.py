"""Trades, metrics and calibration by the API, and by the book behind it."""

from datetime import date, timedelta
from decimal import Decimal

import httpx
import numpy as np
import pytest

from tests.desk.conftest import Desk
from tests.signal_rows import SLOT as SIGNAL_SLOT
from tests.signal_rows import keep_outcome, keep_prediction, keep_signals, signal
from tests.trading_rows import (
    HASH,
    NOW,
    SLOT,
    group,
    keep_account,
    keep_groups,
    keep_snapshots,
    keep_trades,
    snapshot,
    trade,
)
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.signals.calibration import brier_score, calibration_error
from xfg_pipeline.storage.database import Database

DAY = timedelta(days=1)


@pytest.fixture
def traded(database: Database) -> Database:
    """Four trades: two of today, one partly closed, one of another account."""
    keep_signals(database, [signal(status="executed", executed_at=NOW - timedelta(hours=1))])
    with database.read() as connection:
        (id_,) = connection.exec_driver_sql("SELECT id FROM signals").one()
    keep_trades(
        database,
        trade(1, signal_id=id_, matched_by="link", signal_type="breakout", confidence=0.84, ensemble_hash=HASH),
        trade(2, coin="ETH", direction="SHORT", pnl=Decimal("-150.12"), exit_reason="SL", exit_time=NOW - DAY),
        trade(3, is_open=True, exit_time=NOW - timedelta(minutes=5), pnl=Decimal(10), fees=None),
        trade(4, account="paper_replay"),
        trade(5, exit_time=NOW - 40 * DAY, entry_time=None),
    )
    return database


def test_trades_of_the_last_days_come_with_their_sums(traded: Database, api: httpx.Client) -> None:
    told = api.get("/api/v2/trades").json()
    assert [row["bybit_order_id"] for row in told["trades"]] == ["close-3", "close-1", "close-2"]
    assert (told["total"], told["from"], told["to"]) == (3, "2025-09-17", "2025-10-16")
    assert told["sums"] == {"n": 3, "closed": 2, "wins": 1, "pnl": 184.42, "fees": 50.92, "funding": -3.6}
    assert told["account"] == "paper_simulated"
    (row,) = (one for one in told["trades"] if one["bybit_order_id"] == "close-1")
    assert (row["pnl"], row["r_multiple"], row["exit_reason"], row["matched_by"]) == (324.54, 2.360291, "TP", "link")
    assert row["exit_evidence"] == {"order": {"orderId": "close-1", "stopOrderType": "TakeProfit"}}


def test_each_signal_says_what_was_made_of_it(traded: Database, api: httpx.Client) -> None:
    (used,) = api.get("/api/v2/performance/signals").json()["signals"]
    trades = api.get("/api/v2/trades").json()["trades"]
    assert used["usage"] in ("taken", "late")
    assert used["trade_id"] in {row["id"] for row in trades}
    assert api.get("/api/v2/performance/signals?from=2025-10-10&to=2025-10-01").status_code == 422


def test_trades_are_chosen_by_what_they_are(traded: Database, api: httpx.Client) -> None:
    wanted = {
        "coin=eth": ["close-2"],
        "direction=SHORT": ["close-2"],
        "exit_reason=SL": ["close-2"],
        "signal_type=breakout": ["close-1"],
        "matched=true": ["close-1"],
        "matched=false&from=2025-10-16": ["close-3"],
        "from=2025-09-01&to=2025-09-30": ["close-5"],
        "limit=1&offset=1": ["close-1"],
    }
    for query, orders in wanted.items():
        found = [row["bybit_order_id"] for row in api.get(f"/api/v2/trades?{query}").json()["trades"]]
        assert found == orders, query


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("exit_reason=luck", "exit_reason"),
        ("signal_type=hunch", "signal_type"),
        ("direction=UP", "direction"),
        ("matched=perhaps", "matched"),
        ("from=2025-10-16&to=2025-10-15", "to"),
        ("from=2020-01-01&to=2025-10-15", "from"),
        ("limit=0", "limit"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(still_desk: Desk, query: str, field: str) -> None:
    answer = still_desk.program().get(f"/api/v2/trades?{query}")
    assert answer.status_code == 422
    assert field in answer.json()["error"]["fields"]


def test_trades_are_downloaded_as_csv_that_a_spreadsheet_does_not_run(traded: Database, api: httpx.Client) -> None:
    answer = api.get("/api/v2/trades.csv?coin=ETH")
    assert 'filename="paper_simulated_trades_2025-09-17_2025-10-16.csv"' in answer.headers["Content-Disposition"]
    header, line = answer.text.splitlines()
    assert header.startswith("id,account,coin,direction,entry_time")
    assert ",-150.12," in line


def test_before_anything_is_known_nothing_is_made_up(api: httpx.Client) -> None:
    told = api.get("/api/v2/performance").json()
    assert (told["snapshot"], told["signal_types"], told["coins"], told["reconciliations"]) == (None, [], [], [])
    assert told["account_state"] == {"equity": None, "positions": [], "key": None, "sync": [], "refused_records": 0}
    assert [(one["usage"], one["n"], one["mean_r"]) for one in told["usage"]] == [
        (word, 0, None) for word in ("taken", "late", "skipped", "open", "paused")
    ]
    for one in (api.get("/api/v2/calibration").json()["trades"], api.get("/api/v2/calibration").json()["events"]):
        assert (one["n"], one["ece"], one["bins"], one["interval"]) == (0, None, [], None)


def test_performance_is_of_the_newest_snapshot(api: httpx.Client, database: Database) -> None:
    keep_snapshots(database, snapshot(SLOT, mode="backfill", ece=None), snapshot(SLOT), snapshot(SLOT - DAY))
    keep_snapshots(database, snapshot(NOW + DAY))
    keep_groups(database, group("BTC", 75, 53, "-2642.10"), group("BTC", 20, 14, "12", "last_20"))
    keep_groups(database, group("ETH", 5, 5, "100", snapshot_time=SLOT - DAY), group("breakout", 46, 35, "193"))
    keep_account(database, read_only=True, permissions=["Positions"], addresses=[], expires_at="2025-11-01T00:00:00Z")
    told = api.get("/api/v2/performance").json()
    assert told["snapshot"]["snapshot_time"] == SLOT.isoformat()
    assert (told["snapshot"]["mode"], told["snapshot"]["ece"]) == ("live", 0.052)
    assert told["snapshot"]["reasons"] == {"sharpe_ratio": "12 of 30 days"}
    assert [(row["coin"], row["period"]) for row in told["coins"]] == [("BTC", "last_20"), ("BTC", "month")]
    assert [row["signal_type"] for row in told["signal_types"]] == ["breakout"]
    assert [row["difference"] for row in told["reconciliations"]] == [0, 12.5]
    state = told["account_state"]
    assert (state["equity"]["equity"], state["positions"][0]["coin"]) == (39671.25, "ETH")
    assert state["key"]["permissions"] == ["Positions"]
    history = api.get("/api/v2/performance/history").json()
    assert (history["total"], history["history"][0]["snapshot_time"]) == (3, SLOT.isoformat())
    assert api.get("/api/v2/performance/history?to=2025-10-15").json()["total"] == 1


def test_calibration_of_trades_is_of_the_newest_ensemble_and_the_last_closed_ones(
    pipeline: Pipeline, database: Database
) -> None:
    rng = np.random.default_rng(7)
    stated, won = rng.uniform(0.77, 0.95, 80), rng.random(80) < 0.7
    keep_trades(
        database,
        *(
            trade(
                n,
                exit_time=NOW - timedelta(minutes=200 - n),
                entry_time=None,
                confidence=float(p),
                ensemble_hash=HASH,
                pnl=Decimal(1 if y else -1),
            )
            for n, (p, y) in enumerate(zip(stated, won, strict=True))
        ),
        trade(900, confidence=0.99, ensemble_hash="old", exit_time=NOW - DAY, entry_time=None),
        trade(901, confidence=0.99, ensemble_hash=HASH, is_open=True),
        trade(902, confidence=0.99, ensemble_hash=HASH, exit_time=NOW + DAY),
    )
    found = pipeline.performance_book.calibration_of_trades(NOW)
    assert (found.n, found.ensemble, found.came) == (80, HASH, int(won.sum()))
    assert (found.ece, found.brier) == (calibration_error(stated, won), brier_score(stated, won))
    told = found.to_dict()
    assert sum(one["n"] for one in told["bins"]) == 80
    assert all(one["interval"][0] <= one["share"] <= one["interval"][1] for one in told["bins"])


def test_calibration_of_events_is_of_predictions_and_not_of_trades(pipeline: Pipeline, database: Database) -> None:
    at = SIGNAL_SLOT - timedelta(hours=9)
    keep_prediction(database, "BTC", at)
    keep_prediction(database, "ETH", SIGNAL_SLOT)
    keep_outcome(database, "BTC", at, "stop", -1.0)
    keep_outcome(database, "ETH", SIGNAL_SLOT, "target", 2.0)
    found = pipeline.performance_book.calibration_of_events(NOW)
    assert (found.n, found.came, found.ece) == (1, 1, None)
    (only,) = (one for one in found.bins if one.n)
    assert (only.mean_probability, only.share) == (pytest.approx(0.84), 1.0)


def test_each_signal_was_taken_late_skipped_paused_or_is_open(pipeline: Pipeline, database: Database) -> None:
    night = SIGNAL_SLOT - timedelta(hours=9)
    late = night + timedelta(minutes=40)
    keep_signals(database, [signal("BTC", night), signal("ETH", night), signal("SOL", night)])
    none = {"position_multiplier": Decimal(0), "position_size": Decimal(0), "risk_amount": Decimal(0)}
    keep_signals(database, [signal("XRP", night, status="paused", **none), signal("DOGE", SIGNAL_SLOT)])
    keep_signals(database, [signal("ADA", night, status="executed", executed_at=night + timedelta(minutes=2))])
    keep_outcome(database, "SOL", night, "stop", -1.0)
    with database.read() as connection:
        ids = {row.coin: row.id for row in connection.exec_driver_sql("SELECT coin, id FROM signals")}
    keep_trades(
        database,
        trade(1, signal_id=ids["BTC"], matched_by="zone", entry_time=night + timedelta(minutes=3)),
        trade(2, coin="ETH", signal_id=ids["ETH"], matched_by="zone", entry_time=late, r_multiple=Decimal("-1.1")),
    )
    found = {one.usage: one for one in pipeline.performance_book.usage(NOW)}
    assert {word: one.n for word, one in found.items()} == {"taken": 2, "late": 1, "skipped": 1, "open": 1, "paused": 1}
    assert (found["taken"].mean_r, found["taken"].r_n) == (Decimal("2.360291"), 1)
    assert (found["late"].mean_r, found["skipped"].mean_r) == (Decimal("-1.1"), Decimal(-1))
    assert (found["paused"].mean_r, found["open"].mean_r) == (None, None)


def test_wanted_days_are_whole_utc_days(pipeline: Pipeline) -> None:
    wanted = pipeline.performance_book.wanted(date(2025, 10, 15), date(2025, 10, 16))
    assert (wanted.end - wanted.start, wanted.start.isoformat()) == (2 * DAY, "2025-10-15T00:00:00+00:00")
