"""What a person reads: tables on a terminal, plain columns in a pipe, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any


def print_json(value: Any) -> None:
    """Indented; numbers stay numbers, times are ISO 8601."""
    print(json.dumps(value, indent=2, default=_plain))


def print_table(headers: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Columns as wide as they must be; a row whose first cell is DOWN stands out on a terminal."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table(*headers, box=None, show_header=any(headers))
        for row in rows:
            table.add_row(*(escape(cell) for cell in row), style="bold red" if row[0] == "DOWN" else None)
        Console().print(table)
        return
    widths = [max(len(row[column]) for row in (headers, *rows)) for column in range(len(headers))]
    for row in (headers, *rows) if any(headers) and headers[0] else rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
