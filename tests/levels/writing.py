"""Small exports written by the tests themselves, in any dialect."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from xfg_pipeline.levels.formats import Export, read_export
from xfg_pipeline.levels.issues import ExportRefused
from xfg_pipeline.levels.rules import LevelRules

AS_OF = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
HEADER = ("Date/Time", "Open", "High", "Low", "Close", "Volume", "MGI: ONH", "MGI: ONL")
BARS = ("Date/Time", "Open", "High", "Low", "Close", "Volume")


def csv(rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER, *, delimiter: str = ",", end: str = "\n") -> str:
    """A text of rows; cells that hold the delimiter are quoted."""

    def cell(text: str) -> str:
        return f'"{text}"' if delimiter in text else text

    lines = [delimiter.join(map(cell, row)) for row in ([header] if header else []) + list(rows)]
    return end.join(lines) + end


def level_row(time: str, onh: str = "6718.50", onl: str = "6605.75", close: str = "6621.50") -> tuple[str, ...]:
    """A bar with two levels under `HEADER`."""
    return (time, "6634.00", "6636.50", "6621.25", close, "47598", onh, onl)


def bar(time: str, price: str = "6634.00", volume: str = "10") -> tuple[str, ...]:
    """A bar of one price under `BARS`."""
    return (time, price, price, price, price, volume)


def read(
    text: str | bytes, name: str = "ES_levels.csv", rules: LevelRules | None = None, as_of: datetime = AS_OF
) -> Export:
    """Read a text as if it had been dropped in the inbox."""
    content = text.encode() if isinstance(text, str) else text
    return read_export(content, name, rules or LevelRules(), as_of)


def refusal(
    text: str | bytes, name: str = "ES_levels.csv", rules: LevelRules | None = None, as_of: datetime = AS_OF
) -> ExportRefused:
    """The refusal of a text; an import is a failure."""
    try:
        export = read(text, name, rules, as_of)
    except ExportRefused as refused:
        return refused
    raise AssertionError(f"imported as {export.shape} with {export.trading_dates}")


def content_of(folder: Path, name: str) -> bytes:
    """The bytes of a sample."""
    return (folder / name).read_bytes()
