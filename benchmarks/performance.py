"""Trades folded into snapshots: what one costs after a thousand, ten thousand and a hundred thousand before it.

Beside it stands the plain way, a recomputation of the same metrics from all trades so far in pandas, for each
snapshot; it is measured on a few snapshots of each size.
"""

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd

from benchmarks.ground import median, seconds
from xfg_pipeline.signals.calibration import brier_score, calibration_error, log_loss
from xfg_pipeline.trading.metrics.events import ClosedTrade, EquityKnown, Realised
from xfg_pipeline.trading.metrics.ledger import Ledger

START = datetime(2020, 1, 1, tzinfo=UTC)
TRADES = 100_000
SIZES = (1_000, 10_000, 100_000)
AROUND = 500
"""A cost is the median of so many trades up to each size."""
EQUITY = Decimal(100_000)


def measure() -> list[str]:
    """All trades through one ledger, with a snapshot after each."""
    ledger = Ledger()
    ledger.add(EquityKnown(START, "start", EQUITY))
    trades, took = list(_trades()), list[float]()
    for trade in trades:
        took.append(seconds(lambda trade=trade: _snapshot(ledger, trade)))
    folded = sum(took)
    lines = [
        f"{TRADES:,} trades, each folded and read as a snapshot: {folded:.1f} s, {TRADES / folded:,.0f} a second",
        f"    state to go on from: {len(str(ledger.state())):,} characters",
    ]
    table = pd.DataFrame(
        {
            "at": [trade.at for trade in trades],
            "pnl": [float(trade.pnl) for trade in trades],
            "r": [float(trade.r_multiple or 0) for trade in trades],
            "confidence": [trade.confidence for trade in trades],
        }
    )
    costs = {}
    for size in SIZES:
        costs[size] = median(took[size - AROUND : size])
        rows = table[:size]
        plain = median([seconds(lambda rows=rows: _recomputed(rows)) for _ in range(5)])
        lines.append(
            f"    after {size:>7,}: {costs[size] * 1e6:,.0f} µs a trade; pandas over all of them {plain * 1e6:,.0f} µs "
            f"({plain / costs[size]:.0f} ×)"
        )
    lines.append(f"    ratio of the last to the first: {costs[SIZES[-1]] / costs[SIZES[0]]:.2f} (aim: about 1)")
    _agree(ledger, table)
    return lines


def _trades() -> Iterator[ClosedTrade]:
    chance, at = random.Random(4), START
    for number in range(TRADES):
        at += timedelta(minutes=chance.randint(30, 400))
        stated = 0.77 + 0.18 * chance.random()
        pnl = Decimal(chance.randint(100, 3000) if chance.random() < stated - 0.2 else -chance.randint(100, 3000)) / 100
        kind = chance.choice(["breakout", "reversal", "trend"])
        coin = chance.choice(["BTC", "ETH", "SOL"])
        yield ClosedTrade(at, f"{number:06}", coin, pnl, pnl / 20, kind, stated, "one")


def _snapshot(ledger: Ledger, trade: ClosedTrade) -> None:
    ledger.add(Realised(trade.at, trade.id, trade.pnl))
    ledger.add(trade)
    ledger.at(trade.at)


def _recomputed(rows: pd.DataFrame) -> dict[str, Any]:
    """The metrics of all rows, as one would write them at first."""
    now = rows["at"].iloc[-1]
    wins = rows["pnl"] > 0
    equity = float(EQUITY) + rows["pnl"].cumsum()
    daily = rows.set_index("at")["pnl"].resample("1D").sum()
    returns = (daily / (float(EQUITY) + daily.cumsum().shift(fill_value=0.0)))[:-1]
    last = rows[-200:]
    stated, came = last["confidence"].to_numpy(), (last["pnl"] > 0).to_numpy()
    return {
        "win_rate_last_20": wins[-20:].mean(),
        "daily_pnl": daily.iloc[-1],
        "weekly_pnl": daily[daily.index > now.normalize() - pd.Timedelta(days=now.weekday() + 1)].sum(),
        "monthly_pnl": daily[daily.index >= now.normalize().replace(day=1)].sum(),
        "pnl_24h": rows.loc[rows["at"] > now - pd.Timedelta(hours=24), "pnl"].sum(),
        "sharpe_ratio": returns.mean() / returns.std() * math.sqrt(365),
        "max_drawdown": (1 - equity / equity.cummax().clip(lower=float(EQUITY))).max(),
        "ece": calibration_error(stated, came),
        "brier": brier_score(stated, came),
        "log_loss": log_loss(stated, came),
        "profit_factor": rows.loc[wins, "pnl"].sum() / -rows.loc[rows["pnl"] < 0, "pnl"].sum(),
        "expectancy_r": rows["r"].mean(),
        "consecutive_losses": int((~wins).iloc[::-1].cumprod().sum()),
    }


def _agree(ledger: Ledger, table: pd.DataFrame) -> None:
    """Two ways that are compared must come to the same."""
    metrics = ledger.at(table["at"].iloc[-1].to_pydatetime())
    for name, value in _recomputed(table).items():
        ours = metrics[name].value
        if ours is None or not math.isclose(float(ours), value, rel_tol=1e-6, abs_tol=1e-6):
            raise RuntimeError(f"{name}: folded {ours}, recomputed {value}")
