"""Texts of times to moments, whole columns at once, in any way of writing that an export is known to use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from xfg_pipeline.levels.formats.cells import TimeColumn
from xfg_pipeline.levels.formats.date_order import NAMES, Reading, date_order_of
from xfg_pipeline.levels.issues import ExportRefused
from xfg_pipeline.levels.rules import DateOrder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]
    Moments = npt.NDArray[np.datetime64]
    Spans = npt.NDArray[np.timedelta64]

_CLOCK = (
    r"(?:[ T]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"(?: ?([AaPp][Mm]))?(?: ?(Z|[+-][0-9]{2}:?[0-9]{2}))?)?"
)
_COMPACT_CLOCK = r"(?:[ T]([0-9]{2}):?([0-9]{2}):?([0-9]{2})?(?:\.([0-9]{1,9}))?()(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
_FORMS = {
    "compact": re.compile(rf"^([0-9]{{4}})([0-9]{{2}})([0-9]{{2}}){_COMPACT_CLOCK}$", re.MULTILINE),
    "year_first": re.compile(rf"^([0-9]{{4}})[-/.]([0-9]{{1,2}})[-/.]([0-9]{{1,2}}){_CLOCK}$", re.MULTILINE),
    "year_last": re.compile(rf"^([0-9]{{1,2}})[-/.]([0-9]{{1,2}})[-/.]([0-9]{{4}}){_CLOCK}$", re.MULTILINE),
}
_NUMBERS = {f"{number:02d}": number for number in range(100)} | {str(number): number for number in range(100)}
_EARLIEST_YEAR, _LATEST_YEAR = 1990, 2100


@dataclass(frozen=True)
class FileTimes:
    """A column of times. `local` is the file's own clock; `utc` is there where each time has its offset."""

    local: Moments
    utc: Moments | None
    date_only: bool
    written: str


def looks_like_time(text: str) -> bool:
    """Whether a cell is written like a date or a time."""
    return _form_of(text.strip()) is not None


def read_times(column: TimeColumn, order: DateOrder, as_of: datetime) -> FileTimes:
    """The moments of a column. ExportRefused names the first impossible time, or an unknown date order."""
    import numpy as np

    texts = [text.strip() for text in column.texts]
    form = _form_of(texts[0])
    if form is None:
        raise _no_time(column, 0)
    parts = _FORMS[form].findall("\n".join(texts))
    if len(parts) != len(texts):
        row = next(row for row, text in enumerate(texts) if not _FORMS[form].fullmatch(text))
        if _form_of(texts[row]) is None:
            raise _no_time(column, row)
        raise _mixed(column, row, "is written another way than the times before it")
    first, second, third, *clock = zip(*parts, strict=True)
    time_of_day, date_only = _clock_of(column, clock)
    offsets = _offsets(column, clock[5])
    if form == "year_last":
        readings: dict[Reading, Moments] = {
            "day_first": _dates(third, second, first),
            "month_first": _dates(third, first, second),
        }
        reading = date_order_of(readings, None if date_only else time_of_day, column, order, as_of)
        local_dates, written = readings[reading], NAMES[reading]
    else:
        local_dates = _dates(first, second, third)
        written = "yyyyMMdd" if form == "compact" else "ISO"
        if form == "compact" and not date_only:
            written = "yyyyMMdd HHmmss"
    bad = np.flatnonzero(np.isnat(local_dates))
    if bad.size:
        raise _no_time(column, int(bad[0]))
    local = local_dates + time_of_day
    if offsets is None:
        return FileTimes(local, None, date_only, written)
    return FileTimes(local, local - offsets, date_only, f"{written} with offset")


def _form_of(text: str) -> str | None:
    return next((name for name, pattern in _FORMS.items() if pattern.fullmatch(text)), None)


def _no_time(column: TimeColumn, row: int) -> ExportRefused:
    return column.refused(
        row,
        "not_a_time",
        f'"{column.texts[row]}" is no date or time that can be read',
        "wanted is yyyyMMdd HHmmss, dd/mm/yyyy HH:mm:ss, mm/dd/yyyy HH:mm:ss or ISO 8601",
    )


def _mixed(column: TimeColumn, row: int, how: str) -> ExportRefused:
    return column.refused(row, "mixed_times", f'"{column.texts[row]}" {how}', "export again with one way of writing")


def _clock_of(column: TimeColumn, clock: Sequence[tuple[str, ...]]) -> tuple[Spans, bool]:
    """Time since midnight of each row, and whether there are dates only."""
    import numpy as np

    hours, minutes, seconds, fractions, halves, _ = clock
    rows = len(hours)
    without = hours.count("")
    if without == rows:
        return np.zeros(rows, "timedelta64[us]"), True
    if without:
        row = hours.index("") if hours[0] else next(row for row, hour in enumerate(hours) if hour)
        raise _mixed(
            column,
            row,
            "has no time of day like the others" if hours[0] else "has a time of day, others none",
        )
    hour, minute, second = (_ints(texts) for texts in (hours, minutes, seconds))
    hour = _of_24_hours(column, hour, halves)
    bad = np.flatnonzero((hour > 23) | (minute > 59) | (second > 59))
    if bad.size:
        raise _no_time(column, int(bad[0]))
    micros = ((hour * 60 + minute) * 60 + second) * 1_000_000
    if any(fractions):
        micros = micros + np.array([int(f"{text:0<6}"[:6]) if text else 0 for text in fractions], np.int64)
    return micros.astype("timedelta64[us]"), False


def _of_24_hours(column: TimeColumn, hour: Ints, halves: tuple[str, ...]) -> Ints:
    import numpy as np

    if not any(halves):
        return hour
    if not all(halves):
        raise _mixed(column, halves.index(""), "has no AM or PM like the others")
    bad = np.flatnonzero((hour < 1) | (hour > 12))
    if bad.size:
        raise _no_time(column, int(bad[0]))
    afternoon = np.array([half.upper() == "PM" for half in halves])
    return hour % 12 + np.where(afternoon, 12, 0)


def _offsets(column: TimeColumn, texts: tuple[str, ...]) -> Spans | None:
    import numpy as np

    kinds = set(texts)
    if kinds == {""}:
        return None
    if "" in kinds:
        row = texts.index("") if texts[0] else next(row for row, text in enumerate(texts) if text)
        raise _mixed(column, row, "has no offset like the others" if texts[0] else "has an offset, others none")
    minutes = {text: _offset_minutes(text) for text in kinds}
    for text, value in minutes.items():
        if abs(value) > 15 * 60:
            raise _no_time(column, texts.index(text))
    return np.array([minutes[text] for text in texts], "timedelta64[m]").astype("timedelta64[us]")


def _offset_minutes(text: str) -> int:
    if text == "Z":
        return 0
    size = int(text[1:3]) * 60 + int(text[-2:])
    return -size if text[0] == "-" else size


def _ints(texts: Sequence[str]) -> Ints:
    import numpy as np

    return np.fromiter((_NUMBERS[text] if text else 0 for text in texts), np.int64, len(texts))


def _dates(years: Sequence[str], months: Sequence[str], days: Sequence[str]) -> Moments:
    """Midnight of each date; NaT where there is no such date."""
    import numpy as np

    year = np.fromiter(map(int, years), np.int64, len(years))
    month, day = _ints(months), _ints(days)
    possible = (month >= 1) & (month <= 12) & (day >= 1) & (year >= _EARLIEST_YEAR) & (year <= _LATEST_YEAR)
    first = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    found = first.astype("datetime64[D]") + (day - 1)
    possible &= found.astype("datetime64[M]") == first
    return np.where(possible, found, np.datetime64("NaT", "D")).astype("datetime64[us]")
