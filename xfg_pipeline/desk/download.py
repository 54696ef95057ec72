"""Rows as CSV that a spreadsheet shows and does not run."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

# A cell of text that begins with one of these is a formula to a spreadsheet.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
LEVEL_COLUMNS = (
    "symbol",
    "trading_date",
    "level_type",
    "price",
    "source",
    "timeframe",
    "priority",
    "touches",
    "description",
    "is_validated",
    "validation_errors",
    "imported_by",
    "created_at",
    "updated_at",
)
SIGNAL_COLUMNS = (
    "id",
    "market",
    "coin",
    "slot",
    "mode",
    "status",
    "direction",
    "signal_type",
    "tier",
    "confidence",
    "disagreement",
    "volume_ratio",
    "entry_low",
    "entry_high",
    "stop_loss",
    "take_profit",
    "risk_reward",
    "position_size",
    "position_multiplier",
    "risk_amount",
    "equity",
    "expires_at",
    "executed_at",
    "order_link_id",
    "outcome",
    "resolved_at",
    "r_multiple",
    "event",
    "reasoning",
    "created_at",
)
TRADE_COLUMNS = (
    "id",
    "account",
    "coin",
    "direction",
    "entry_time",
    "exit_time",
    "entry_price",
    "exit_price",
    "quantity",
    "pnl",
    "pnl_percent",
    "fees",
    "funding",
    "leverage",
    "stop_loss",
    "take_profit",
    "risk",
    "r_multiple",
    "mae",
    "mfe",
    "slippage",
    "exit_reason",
    "exit_evidence",
    "signal_id",
    "matched_by",
    "signal_type",
    "confidence",
    "bybit_order_id",
    "order_link_id",
    "is_open",
)


def cell(value: Any) -> str:
    """The text of one cell; text that a spreadsheet would calculate gets a leading apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """A header line and one line a row, in the order that the rows come in."""
    out = io.StringIO()
    write = csv.writer(out)
    write.writerow(columns)
    for row in rows:
        write.writerow([cell(row.get(column)) for column in columns])
    return out.getvalue()
