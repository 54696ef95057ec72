"""A snapshot of a new trade in Postgres, behind a thousand, ten thousand and a hundred thousand trades.

Beside it stands what reading all trades into pandas costs alone, before anything is computed of them.
"""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from benchmarks.ground import fresh_database, median, seconds
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.snapshots import keep_snapshots
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage.database import Database

NOW = datetime(2025, 11, 18, 12, tzinfo=UTC)
SIZES = (1_000, 10_000, 100_000)
NEW = 30
ACCOUNT = "paper_simulated"

_CLOSINGS = """
INSERT INTO account_closings (account, order_id, coin, side, quantity, entry_price, exit_price, entry_value, exit_value,
                              pnl, exec_type, created_at, updated_at, realised_at)
SELECT :account, 'order ' || n, 'BTC', 'Sell', 1, 100, 101, 100, 101, (n * 7919) % 41 - 17, 'Trade', at, at, at
FROM (SELECT n, CAST(:now AS timestamptz) - (:count - n) * interval '15 minutes' AS at
      FROM generate_series(CAST(:first AS int), CAST(:count AS int)) AS n) AS made
"""
_TRADES = """
INSERT INTO trades (account, episode, coin, direction, entry_time, exit_time, entry_price, exit_price, quantity, pnl,
                    pnl_percent, funding, r_multiple, exit_reason, exit_evidence, signal_type, confidence,
                    ensemble_hash, order_link_id, bybit_order_id, order_ids, is_open, updated_at, recorded_at)
SELECT account, order_id, coin, 'LONG', realised_at - interval '5 minutes', realised_at, entry_price, exit_price, 1,
       pnl, pnl, 0, pnl / 20, 'TP', '{}', 'breakout', 0.8, 'one', '', order_id, ARRAY[order_id], false, updated_at,
       updated_at
FROM account_closings WHERE NOT EXISTS (SELECT FROM trades WHERE bybit_order_id = order_id)
"""


class _Now:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


def measure() -> list[str]:
    """Each size on a database of its own."""
    costs, lines = {}, []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as home, fresh_database() as database:
            costs[size], first, plain = _size(database, Path(home), size)
        lines.append(
            f"after {size:>7,} trades: {costs[size] * 1e3:,.1f} ms a new trade with its snapshot and groups; "
            f"reading all into pandas {plain * 1e3:,.1f} ms ({plain / costs[size]:.1f} ×); "
            f"the first fold over all {first:.1f} s"
        )
    return [*lines, f"ratio of the last to the first: {costs[SIZES[-1]] / costs[SIZES[0]]:.2f} (aim: about 1)"]


def _size(database: Database, home: Path, size: int) -> tuple[float, float, float]:
    clock = _Now()
    pipeline = Pipeline(Settings(xfg_home=home, _env_file=None), database, clock)
    start = NOW.replace(hour=0)

    def add(first: int, count: int) -> None:
        with database.begin() as connection:
            facts = {"account": ACCOUNT, "now": clock.at, "first": first, "count": count}
            connection.execute(sa.text(_CLOSINGS), facts)
            connection.execute(sa.text(_TRADES))

    def snapshot() -> None:
        keep_snapshots(pipeline, start, start + timedelta(days=1), clock.at, is_backfill=False)

    add(1, size)
    with database.begin() as connection:
        connection.execute(sa.text("ANALYZE"))
    once = seconds(snapshot)
    took = []
    for number in range(NEW):
        clock.at += timedelta(minutes=1)
        add(size + number + 1, size + number + 1)
        took.append(seconds(snapshot))
    with database.engine.connect() as connection:
        query = sa.text("SELECT exit_time, pnl, r_multiple, confidence FROM trades ORDER BY exit_time")
        plain = median([seconds(lambda: pd.read_sql(query, connection)) for _ in range(3)])
    return median(took), once, plain
