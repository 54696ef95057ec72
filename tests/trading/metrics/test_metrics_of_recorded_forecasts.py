"""Two recorded series: paper trades that were stated far too surely, and games that were forecast well."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd

from tests.trading.metrics.event_lists import MONDAY, trade
from xfg_pipeline.trading.metrics.events import ClosedTrade
from xfg_pipeline.trading.metrics.ledger import Ledger


def test_the_recorded_paper_trades_are_badly_calibrated(shared_data: Path) -> None:
    rows = pd.read_csv(shared_data / "trades" / "btc_liquidation_paper_trades.csv", dtype={"pnl_pct": str})
    rows = rows.assign(closed_at=pd.to_datetime(rows["closed_at"], format="ISO8601"))
    ledger, longest, without_a_win = Ledger(), 0, False
    ordered = rows.reset_index(names="number").sort_values(["closed_at", "number"])
    for row in ordered.itertuples():
        at = row.closed_at.to_pydatetime()
        ledger.add(ClosedTrade(at, f"{row.number:04}", "BTC", Decimal(row.pnl_pct), None, row.signal, row.prob, "one"))
        metrics = ledger.at(at)
        longest = max(longest, int(metrics["consecutive_losses"].value or 0))
        without_a_win |= metrics["win_rate_last_20"].value == 0
    metrics = ledger.at(at)
    assert metrics["total_trades"].value == 134
    assert round(metrics["ece"].value or Decimal(0), 3) == Decimal("0.575")
    assert metrics["ece"].n == 134
    assert longest == 22
    assert without_a_win


def test_the_recorded_games_are_well_calibrated(shared_data: Path) -> None:
    rows = pd.read_csv(shared_data / "trades" / "forecasts_nba_games.csv")
    ledger = Ledger(ece_window=len(rows))
    for number, row in enumerate(rows.itertuples()):
        ledger.add(trade(bool(row.prob1_outcome), MONDAY + timedelta(minutes=number), confidence=row.prob1))
    metrics = ledger.at(MONDAY + timedelta(days=9))
    assert metrics["ece"].n == 8886
    assert round(metrics["ece"].value or Decimal(0), 3) == Decimal("0.048")
