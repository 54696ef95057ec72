"""What was read from the crypto market: candles, instruments, positioning.

Prices are doubles here: they hold the exchange's decimal strings exactly, and features are computed from them.
"""

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, Index, Table

from xfg_pipeline.storage.tables.common import TIME, coin, finite, market, metadata, on_the_grid, price

candles = Table(
    "candles",
    metadata,
    Column("market", sa.Text, primary_key=True),
    Column("coin", sa.Text, primary_key=True),
    Column("open_time", TIME, primary_key=True),
    Column("open", sa.Double, nullable=False),
    Column("high", sa.Double, nullable=False),
    Column("low", sa.Double, nullable=False),
    Column("close", sa.Double, nullable=False),
    Column("volume", sa.Double, nullable=False),
    Column("revisions", sa.Integer, nullable=False, server_default="0"),
    Column("recorded_at", TIME, nullable=False),
    market(),
    coin(),
    on_the_grid("open_time"),
    finite("low", "> 0"),
    finite("high"),
    finite("volume", ">= 0"),
    CheckConstraint("low <= open AND low <= close AND high >= open AND high >= close", name="candle_is_possible"),
    Index(None, "market", "open_time"),
)

instruments = Table(
    "instruments",
    metadata,
    Column("market", sa.Text, primary_key=True),
    Column("coin", sa.Text, primary_key=True),
    Column("symbol", sa.Text, nullable=False),
    Column("tick_size", sa.Numeric, nullable=False),
    Column("qty_step", sa.Numeric, nullable=False),
    Column("min_qty", sa.Numeric, nullable=False),
    Column("max_qty", sa.Numeric, nullable=False),
    Column("min_notional", sa.Numeric, nullable=False),
    Column("max_leverage", sa.Numeric, nullable=False),
    Column("recorded_at", TIME, nullable=False),
    market(),
    coin(),
    price("tick_size"),
    price("qty_step"),
    price("max_qty"),
    CheckConstraint("min_qty >= 0 AND min_notional >= 0 AND min_qty <= max_qty", name="minima_are_possible"),
)

positioning = Table(
    "positioning",
    metadata,
    Column("market", sa.Text, primary_key=True),
    Column("coin", sa.Text, primary_key=True),
    Column("time", TIME, primary_key=True),
    Column("funding_rate", sa.Double),
    Column("open_interest", sa.Double),
    Column("long_short_ratio", sa.Double),
    market(),
    coin(),
    finite("funding_rate"),
    finite("open_interest", ">= 0"),
    finite("long_short_ratio", ">= 0"),
)
