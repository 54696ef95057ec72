"""When a trading day starts, ends, and what it is called. Exchange calendars live here and nowhere else.

A trading day is an NYSE session; Globex decides when prices can exist at all. All rules are in New York time.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import pandas as pd

NEW_YORK = ZoneInfo("America/New_York")
FIRST_DAY = date(2010, 1, 1)
LAST_DAY = date(2040, 12, 31)
REGULAR_OPEN = time(9, 30)
GLOBEX_OPEN = time(18, 0)
ROLLOVER = timedelta(hours=6)
"""From 18:00 New York time on a price belongs to the next date: date of (New York time + 6 h)."""

_GLOBEX_CLOSES = {
    # National day of mourning: trading stopped with the overnight; pandas_market_calendars 5.5 says 17:00.
    date(2025, 1, 9): time(9, 30),
}


class OutsideCalendar(ValueError):
    """A date that the trading calendar does not cover, or that is no session where one is needed."""


@dataclass(frozen=True)
class _Calendar:
    sessions: tuple[date, ...]
    position: dict[date, int]
    regular: dict[date, tuple[datetime, datetime]]
    globex: dict[date, tuple[datetime, datetime]]


@cache
def _calendar() -> _Calendar:
    import pandas_market_calendars

    first, last = FIRST_DAY - timedelta(days=31), LAST_DAY + timedelta(days=31)
    with warnings.catch_warnings():
        # pandas_market_calendars 5.5 uses names that pandas 4 will drop; nothing a trader could act on.
        warnings.simplefilter("ignore")
        regular = _hours(pandas_market_calendars.get_calendar("NYSE").schedule(first, last))
        globex = _hours(pandas_market_calendars.get_calendar("CME Globex Equity").schedule(first, last))
    for day in [day for day in globex if _is_good_friday_without_payrolls(day, regular)]:
        del globex[day]
    for day, closes in _GLOBEX_CLOSES.items():
        globex[day] = (globex[day][0], datetime.combine(day, closes, NEW_YORK))
    days = tuple(regular)
    return _Calendar(days, {day: number for number, day in enumerate(days)}, regular, globex)


def _hours(schedule: pd.DataFrame) -> dict[date, tuple[datetime, datetime]]:
    opens, closes = (
        [moment.astimezone(NEW_YORK) for moment in schedule[name].dt.to_pydatetime()]
        for name in ("market_open", "market_close")
    )
    days = [day.date() for day in schedule.index]
    return dict(zip(days, zip(opens, closes, strict=True), strict=True))


def _is_good_friday_without_payrolls(day: date, regular: dict[date, tuple[datetime, datetime]]) -> bool:
    """Globex opens to 09:15 on a Good Friday only when the payrolls come out, on the first Friday of a month.

    Bars show 2021-04-02 and 2023-04-07 open, 2022, 2024 and 2025 closed; the calendar opens all from 2023.
    """
    return day.weekday() == 4 and day.month in (3, 4) and day not in regular and day.day > 7


def is_session(day: date) -> bool:
    """Whether NYSE trades on that date; False outside 2010 to 2040."""
    return FIRST_DAY <= day <= LAST_DAY and day in _calendar().position


def sessions(start: date, end: date) -> list[date]:
    """NYSE sessions from `start` to `end`, both included."""
    return [day for day in _calendar().sessions if start <= day <= end]


def previous_session(day: date) -> date:
    """The last session before `day`."""
    return _step(day, -1)


def next_session(day: date) -> date:
    """The first session after `day`."""
    return _step(day, 1)


def _step(day: date, direction: int) -> date:
    _check_covered(day)
    position = _calendar().position
    day += timedelta(days=direction)
    while day not in position:
        day += timedelta(days=direction)
    return day


def _check_covered(day: date) -> None:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise OutsideCalendar(f"{day} is outside the trading calendar ({FIRST_DAY} to {LAST_DAY})")


def first_session_of_week(day: date) -> date:
    """The first NYSE session of the ISO week (Monday to Sunday) that `day` stands in."""
    _check_covered(day)
    monday = max(day - timedelta(days=day.weekday()), FIRST_DAY)
    return monday if is_session(monday) else next_session(monday)


def is_first_session_of_week(day: date) -> bool:
    """Whether the weekly pivot is due on that date: a Monday, or the first session after a Monday holiday."""
    return is_session(day) and first_session_of_week(day) == day


def holidays(start: date, end: date) -> list[date]:
    """Weekdays from `start` to `end` that are no NYSE session: what a calendar of weekdays leaves out."""
    first, last = max(start, FIRST_DAY), min(end, LAST_DAY)
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    position = _calendar().position
    return [day for day in days if day.weekday() < 5 and day not in position]


def regular_hours(day: date) -> tuple[datetime, datetime]:
    """Open and close of the NYSE session (13:00 on a half day), New York time; OutsideCalendar if none."""
    if not is_session(day):
        raise OutsideCalendar(f"{day} is no NYSE session")
    return _calendar().regular[day]


def globex_hours(day: date) -> tuple[datetime, datetime] | None:
    """Open (18:00 of the evening before) and close of Globex for a trading date; None if it is closed."""
    return _calendar().globex.get(day)


def globex_closed(moment: datetime) -> bool:
    """Whether no bar of ES or NQ can start then: the daily halt, weekends, holidays and early closes."""
    hours = globex_hours(trading_date_of(moment))
    return hours is None or not hours[0] <= moment < hours[1]


def trading_date_of(moment: datetime) -> date:
    """The date that a price belongs to: New York time plus six hours. A weekend means: nothing trades."""
    # Wall-clock arithmetic on purpose: the rollover is at 18:00 by the clock, also when the clocks change.
    return (_new_york(moment).replace(tzinfo=None) + ROLLOVER).date()


def current_trading_date(now: datetime) -> date:
    """The session prepared or traded now: rolls over at 18:00 New York time, skips days without one."""
    day = trading_date_of(now)
    return day if is_session(day) else next_session(day)


def overnight(day: date) -> tuple[datetime, datetime]:
    """The overnight before a trading date: 18:00 of the evening before to 09:30, New York time."""
    evening = datetime.combine(day - timedelta(days=1), GLOBEX_OPEN, NEW_YORK)
    return evening, datetime.combine(day, REGULAR_OPEN, NEW_YORK)


def _new_york(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC).astimezone(NEW_YORK)
