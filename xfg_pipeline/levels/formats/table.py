"""Text to rows and columns: the delimiter proved from the file, each row with its line and full width."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from xfg_pipeline.levels.formats.columns import is_time_header
from xfg_pipeline.levels.formats.times import looks_like_time
from xfg_pipeline.levels.issues import ExportRefused, refused, unfinished

DELIMITERS = {",": ",", ";": ";", "\t": "tab"}
BAR_HEADER = ("Time", "Open", "High", "Low", "Close", "Volume")
"""What the columns of bars without a header are: `yyyyMMdd HHmmss,O,H,L,C,V`."""


@dataclass(frozen=True)
class Table:
    """A file as text: `columns[i]` are the cells under `header[i]`, `lines[n]` the line (from 1) of row n."""

    header: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    lines: Sequence[int]
    delimiter: str
    has_header: bool
    line_end: str
    ends_with_newline: bool

    def __len__(self) -> int:
        return len(self.lines)


def read_table(text: str) -> Table:
    """Rows of a delimited text. ExportRefused names line and column; a cut last row is ExportUnfinished."""
    delimiter, has_header = _prove_delimiter(text)
    rows, lines = _rows(text, delimiter)
    header = tuple(name.strip() for name in rows[0])
    if has_header:
        rows, lines = rows[1:], lines[1:]
    else:
        header = BAR_HEADER[: len(header)]
    if not rows:
        raise unfinished("no_rows", "the file has a header and no rows", "export again", line=1)
    ends_with_newline = text.endswith(("\n", "\r"))
    _check_widths(rows, lines, header, ends_with_newline)
    return Table(
        header,
        _columns(rows, len(header)),
        lines,
        delimiter,
        has_header,
        _line_end(text),
        ends_with_newline,
    )


def _prove_delimiter(text: str) -> tuple[str, bool]:
    """The one delimiter under which the first row is a header with a time column, or a bar without one."""
    first = next(line for line in io.StringIO(text, newline=None) if line.strip())
    fitting: list[tuple[str, bool]] = []
    widest: list[str] = []
    for delimiter in DELIMITERS:
        try:
            cells = [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter, strict=True))]
        except (csv.Error, StopIteration):
            continue
        if len(cells) < 2:
            continue
        widest = max(widest, cells, key=len)
        if any(is_time_header(cell) for cell in cells):
            fitting.append((delimiter, True))
        elif looks_like_time(cells[0]) and len(cells) in (5, 6):
            fitting.append((delimiter, False))
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise refused(
            "delimiter",
            "more than one delimiter fits the first line",
            "export with one of comma, semicolon or tab",
            line=1,
        )
    if not text.rstrip(" ").endswith(("\n", "\r")) and len(text.splitlines()) <= 1:
        raise unfinished("cut", "the file holds one unfinished line", "export again", line=1)
    if not widest:
        raise refused(
            "delimiter",
            "no comma, semicolon or tab separates the columns of the first line",
            "export as CSV",
            line=1,
        )
    if looks_like_time(widest[0]):
        raise refused(
            "no_header",
            f"the file has no header and {len(widest)} columns: only bars (time, open, high, low, close, "
            "volume) are known without one",
            "export with a header",
            line=1,
            values=tuple(widest[:8]),
        )
    raise refused(
        "no_time_column",
        "no column of the header is a time or a date",
        'name the column "Date/Time" or "Date"',
        line=1,
        columns=tuple(widest),
    )


def _rows(text: str, delimiter: str) -> tuple[list[list[str]], Sequence[int]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = list(reader)
    except csv.Error as broken:
        raise _bad_quotes(reader.line_num, broken) from broken
    if reader.line_num != len(rows):
        raise refused(
            "quotes", "a line break stands inside quotes", "export again", line=_first_broken(text, delimiter)
        )
    if all(any(row) for row in rows):
        return rows, range(1, len(rows) + 1)
    kept = [(row, line) for line, row in enumerate(rows, start=1) if any(cell.strip() for cell in row)]
    return [row for row, _ in kept], [line for _, line in kept]


def _bad_quotes(line: int, broken: csv.Error) -> ExportRefused:
    if "unexpected end of data" in str(broken):
        return unfinished("cut", "the file ends inside quotes", "export again", line=line)
    return refused("quotes", f"line {line} cannot be split: {broken}", "export again", line=line)


def _first_broken(text: str, delimiter: str) -> int:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    return next(number for number, _ in enumerate(reader, start=1) if reader.line_num != number)


def _check_widths(
    rows: list[list[str]], lines: Sequence[int], header: tuple[str, ...], ends_with_newline: bool
) -> None:
    width = len(header)
    if set(map(len, rows)) == {width}:
        return
    at = next(number for number, row in enumerate(rows) if len(row) != width)
    row, line = rows[at], lines[at]
    if at == len(rows) - 1 and len(row) < width and not ends_with_newline:
        raise unfinished(
            "cut",
            f'the last row has {len(row)} of {width} fields and ends in "{row[-1]}"',
            "export again; a file that is still growing waits",
            line=line,
            columns=(header[len(row) - 1],),
            values=(row[-1],),
        )
    raise refused(
        "row_width",
        f"the row has {len(row)} fields, the header {width}",
        "export again; a name or number that holds the delimiter must be quoted",
        line=line,
        columns=(header[min(len(row), width) - 1],),
        values=(row[min(len(row), width) - 1],),
    )


def _columns(rows: list[list[str]], width: int) -> tuple[tuple[str, ...], ...]:
    # Column by column: zip(*rows) opens an iterator a row, and takes five times as long for a year of minutes.
    return tuple(tuple(map(itemgetter(at), rows)) for at in range(width))


def _line_end(text: str) -> str:
    crlf, lf, cr = text.count("\r\n"), text.count("\n"), text.count("\r")
    if crlf == lf == cr:
        return "CRLF" if crlf else "none"
    if cr == 0:
        return "LF"
    return "CR" if lf == 0 else "mixed"
