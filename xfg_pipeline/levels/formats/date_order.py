"""Whether 05/06/2025 is in May or in June: as it is set, or as the file proves; never as it is likely."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from xfg_pipeline.levels.formats.cells import TimeColumn
from xfg_pipeline.levels.rules import DateOrder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Dates = npt.NDArray[np.datetime64]
    Spans = npt.NDArray[np.timedelta64]

Reading = Literal["day_first", "month_first"]

NAMES: Mapping[Reading, str] = {"day_first": "day first", "month_first": "month first"}
_HOW_TO_SET = "set the date order of the source (levels.sources or levels.date_order: day_first or month_first)"


def date_order_of(
    readings: Mapping[Reading, Dates],
    time_of_day: Spans | None,
    column: TimeColumn,
    order: DateOrder,
    as_of: datetime,
) -> Reading:
    """The reading that is set, or the one that the file proves: real dates, trading days, rows in order.

    `readings`: the dates of every row each way, NaT where there is none. `time_of_day`: None for dates alone.
    ExportRefused where a set order cannot be, or where both readings can.
    """
    if order != "auto":
        bad = _first_not_a_date(readings[order])
        if bad is None:
            return order
        first = NAMES[order].split()[0]
        raise column.refused(
            bad,
            "date_order",
            f'"{column.texts[bad]}" is no date with the {first} first, as is set for this source',
            "correct the date order of the source",
        )
    failures = {name: _first_not_a_date(dates) for name, dates in readings.items()}
    left = [name for name, failure in failures.items() if failure is None]
    if not left:
        # The reading that held longest is the file's own: what broke it is the typing error.
        row = max(failure for failure in failures.values() if failure is not None)
        raise column.refused(
            row,
            "date_order",
            f'"{column.texts[row]}" fits neither day first nor month first together with the other dates',
            "export again with one date format",
        )
    for test in (_can_be_traded, _in_order):
        if len(left) > 1:
            left = [name for name in left if test(readings[name], time_of_day, as_of)] or left
    if len(left) > 1 and (readings["day_first"] != readings["month_first"]).any():
        raise column.refused(
            0,
            "date_order",
            f'"{column.texts[0]}" and every other date can be day first or month first: no part is above 12, '
            "both give trading days, and the order of the rows proves neither",
            _HOW_TO_SET,
        )
    return left[0]


def _first_not_a_date(dates: Dates) -> int | None:
    import numpy as np

    bad = np.flatnonzero(np.isnat(dates))
    return int(bad[0]) if bad.size else None


def _can_be_traded(dates: Dates, time_of_day: Spans | None, as_of: datetime) -> bool:
    """Whether no row is in the future or on a day without trading, whatever the file's clock."""
    import numpy as np

    from xfg_pipeline.levels.sessions import globex_hours, is_session

    # A day and a half: the next trading date starts at 18:00, and the file's clock may be ahead.
    if (dates > np.datetime64((as_of + timedelta(hours=36)).replace(tzinfo=None), "us")).any():
        return False
    if time_of_day is None:
        return all(is_session(day) for day in _distinct(dates))
    weekday = (dates.astype("datetime64[D]").astype(np.int64) + 3) % 7
    if ((weekday == 5) | ((weekday == 6) & (time_of_day < np.timedelta64(15, "h")))).any():
        return False
    # Daytime on a day that Globex does not know: Christmas, most Good Fridays.
    daytime = (time_of_day >= np.timedelta64(8, "h")) & (time_of_day < np.timedelta64(16, "h")) & (weekday != 6)
    return all(globex_hours(day) is not None for day in _distinct(dates[daytime]))


def _in_order(dates: Dates, time_of_day: Spans | None, _: datetime) -> bool:
    moments = dates if time_of_day is None else dates + time_of_day
    return bool((moments[1:] >= moments[:-1]).all() or (moments[1:] <= moments[:-1]).all())


def _distinct(dates: Dates) -> list[date]:
    import numpy as np

    found: list[date] = np.unique(dates.astype("datetime64[D]")).astype(object).tolist()
    return found
