"""Reading an account's records from Bybit: windows of seven days, each with all its pages, each record once."""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic

from requests import Request

from xfg_pipeline.exchange.account import Batch, Record, Refused
from xfg_pipeline.exchange.bybit_account_rows import RowsPage
from xfg_pipeline.exchange.bybit_records import read
from xfg_pipeline.exchange.bybit_session import BybitSession
from xfg_pipeline.exchange.market import MarketMalformed
from xfg_pipeline.exchange.pace import Deadline

SEVEN_DAYS_MS = 7 * 86_400_000
# 25,000 orders in seven days, or twice as many executions: no person trades that.
MOST_PAGES = 500
# What each page beyond the first adds to the time that a call may take: the account's pace is slow.
SECONDS_A_PAGE = 2.0
# The longest refused record that is kept whole, and the longest text in it.
LONGEST_RECORD = 10_000
LONGEST_TEXT = 500

Row = dict[str, Any]


class Patience:
    """How long a call of any number of pages may take: `seconds`, and 2 s more for each page beyond the first."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._until = monotonic() + seconds - SECONDS_A_PAGE

    def for_a_page(self) -> Deadline:
        """The deadline of the next page."""
        self._until += SECONDS_A_PAGE
        return Deadline(self._until - self._monotonic(), self._monotonic)


@dataclass(frozen=True)
class Kind(Generic[Record]):
    """One kind of record: pybit's method, its page, what a row says, its name, when it was, and which is newer."""

    what: str
    call: str
    limit: int
    told: Callable[[Row], Record | None]
    name: Callable[[Record], str]
    span: Callable[[Record], tuple[datetime, datetime]]
    version: Callable[[Record], Any]


def read_batch(
    session: BybitSession, kind: Kind[Record], start: datetime, end: datetime, patience: Patience
) -> Batch[Record]:
    """All records of start <= time < end, each once in its newest version; what cannot be meant is `refused`.

    Of two that differ and neither of which is newer, both are refused. Raises MarketUnavailable, and MarketMalformed
    for an answer whose structure is wrong or whose pages do not end.
    """
    rows = [
        row
        for first, last in windows(start, end)
        for row in read_rows(session, kind.call, kind.what, patience, limit=kind.limit, startTime=first, endTime=last)
    ]
    refused: dict[str, Refused] = {}
    found: dict[str, dict[Record, Row]] = {}

    def refuse(row: Row, why: str) -> None:
        kept = keepable(row)
        refused.setdefault(json.dumps([kept, why], sort_keys=True), Refused(kept, why))

    for row in rows:
        try:
            record = kind.told(row)
        except MarketMalformed as bad:
            refuse(row, str(bad))
            continue
        if record is not None:
            earliest, latest = kind.span(record)
            # Bounds may include the end, and may be of either of a record's times: what lies outside is another's.
            if earliest < end and latest >= start:
                found.setdefault(kind.name(record), {}).setdefault(record, row)
    records = []
    for name in sorted(found):
        versions = found[name]
        newest = max(kind.version(record) for record in versions)
        last = [record for record in versions if kind.version(record) == newest]
        if len(last) == 1:
            records.append(last[0])
            continue
        for record in last:
            refuse(versions[record], f"Bybit's {kind.what}: {name} is there twice at the same time, and not the same")
    return Batch(tuple(records), tuple(refused[digest] for digest in sorted(refused)))


def windows(start: datetime, end: datetime) -> Iterator[tuple[int, int]]:
    """Contiguous stretches of at most seven days in milliseconds, both ends included; none where nothing is between."""
    first, last = math.floor(_milliseconds(start)), math.ceil(_milliseconds(end))
    for begin in range(first, last, SEVEN_DAYS_MS):
        yield begin, min(begin + SEVEN_DAYS_MS, last)


def read_rows(
    session: BybitSession, call: str, what: str, patience: Patience, *, limit: int, **query: str | int
) -> Iterator[Row]:
    """The rows of all pages. Raises MarketUnavailable, and MarketMalformed for pages that do not end."""
    cursor = ""
    seen = {cursor}
    for _ in range(MOST_PAGES):
        onward = {"cursor": cursor} if cursor else {}
        answer = session.get(call, patience.for_a_page(), category="linear", limit=limit, **query, **onward)
        page = read(RowsPage, answer.result, f"Bybit's {what}")
        yield from page.rows
        cursor = _as_sent(page.next_page_cursor)
        if not cursor:
            return
        if cursor in seen:
            raise MarketMalformed(f"Bybit's {what}: a page points back to one that was read before")
        seen.add(cursor)
    raise MarketMalformed(f"Bybit's {what}: more than {MOST_PAGES} pages of {limit}")


def keepable(row: Row) -> Row:
    """A record of a stranger so that any database can hold it as JSON."""
    kept = _keepable(row, 4)
    assert isinstance(kept, dict)
    text = json.dumps(kept)
    return kept if len(text) <= LONGEST_RECORD else {"cut": text[:LONGEST_RECORD]}


def _keepable(value: object, depth: int) -> object:
    if isinstance(value, str):
        return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in value[:LONGEST_TEXT])
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if abs(value) < 1e20 else str(value)[:LONGEST_TEXT]
    if depth == 0:
        return "..."
    if isinstance(value, dict):
        return {str(_keepable(str(name), 1)): _keepable(inner, depth - 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_keepable(inner, depth - 1) for inner in value]
    raise TypeError(f"JSON has no {type(value).__name__}")


def _as_sent(cursor: str) -> str:
    """The cursor as requests writes it into an address: pybit signs what it is given, Bybit judges what is sent."""
    url = Request("GET", f"http://bybit/?{cursor}").prepare().url or ""
    return url.partition("?")[2]


def _milliseconds(at: datetime) -> float:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1)
