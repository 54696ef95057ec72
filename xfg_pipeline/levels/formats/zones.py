"""Which clock a file's times are of: New York, unless its own bars contradict it and fit one other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xfg_pipeline.levels.formats.cells import TimeColumn
from xfg_pipeline.levels.formats.times import FileTimes
from xfg_pipeline.levels.issues import Issue, warning

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from xfg_pipeline.levels.formats.times import Moments

HOME = "America/New_York"
IN_EACH_TIME = "in each time"
CANDIDATES = (
    HOME,
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "UTC",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "Asia/Jerusalem",
    "Europe/Moscow",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Sydney",
)
"""Of zones with equal clocks (Rome and Berlin, Helsinki and Athens) one stands for all."""

STRAY_SHARE = 0.01
"""A wrong clock puts over 4 % of the bars of a whole day into the closed hours; less is a stray print."""

_REMEDY = "set the time zone of the source (levels.sources or levels.time_zone), for example Europe/Berlin"
_HALT_SINCE = "2013-01-01"
"""Before December 2012 Globex traded to 17:30: older bars say nothing about a clock."""


@dataclass(frozen=True)
class Clock:
    """Moments in UTC and by New York's clock (both without zone), the zone's name, and what was found out."""

    utc: Moments
    new_york: Moments
    zone: str
    warnings: tuple[Issue, ...]


@dataclass(frozen=True)
class _Fit:
    zone: str
    utc: Moments
    new_york: Moments
    closed: npt.NDArray[np.bool_]
    starts_at_open: bool
    days: int

    @property
    def share(self) -> float:
        return float(self.closed.mean())

    def count(self) -> str:
        return f"{int(self.closed.sum())} of {len(self.closed)} rows"


def read_clock(times: FileTimes, column: TimeColumn, setting: str, *, regular_only: bool) -> Clock:
    """Moments of a column. `setting`: "auto" or a zone; an offset in the times decides before either.

    `regular_only`: the file's name says RTH, so its days start at 09:30 New York time and hold nothing
    outside 09:30 to 17:00. ExportRefused where a set zone contradicts the trading hours, or where none or
    several zones fit.
    """
    if times.utc is not None:
        return Clock(times.utc, _new_york(times.utc), IN_EACH_TIME, ())
    if setting != "auto":
        return _set_zone(_fit(times.local, setting, regular_only), times, column, regular_only)
    home = _fit(times.local, HOME, regular_only)
    # One day alone may start late because the export does; several days start at the open.
    if home.share <= STRAY_SHARE and (home.starts_at_open or home.days == 1):
        return _clock_of(home, _stray(home, column))
    fits = [home, *(_fit(times.local, zone, regular_only) for zone in CANDIDATES[1:])]
    found = _agreeing(fits)
    if found is home or (not found and home.share <= STRAY_SHARE):
        return _clock_of(home, _stray(home, column))
    row = int(home.closed.argmax()) if home.closed.any() else 0
    if found is None:
        several = sum(not fit.closed.any() for fit in fits) > 1
        raise column.refused(
            row,
            "time_zone",
            f'the times are not of New York: "{column.texts[row]}" would be in closed hours, and '
            + ("several time zones fit" if several else "no other known time zone fits"),
            _REMEDY,
        )
    return _clock_of(
        found,
        [
            *_stray(found, column),
            warning(
                "time_zone_found",
                f"the file's clock is read as {found.zone}: "
                + (
                    f"by New York's, {home.count()} would stand in closed hours"
                    if home.closed.any()
                    else "by New York's, its days would not start at 09:30"
                ),
                "if that is wrong, set the time zone of the source",
                line=column.lines[row],
                columns=(column.header,),
                values=(column.texts[row],),
            ),
        ],
    )


def _set_zone(fit: _Fit, times: FileTimes, column: TimeColumn, regular_only: bool) -> Clock:
    if fit.share > STRAY_SHARE:
        row = int(fit.closed.argmax())
        other = _agreeing([_fit(times.local, zone, regular_only) for zone in CANDIDATES])
        raise column.refused(
            row,
            "time_zone",
            f"the time zone is set to {fit.zone}, but by that clock {fit.count()} stand in closed hours, "
            f'the first at "{column.texts[row]}"',
            f"set the time zone of the source to {other.zone}, which fits" if other else _REMEDY,
        )
    return _clock_of(fit, _stray(fit, column))


def _clock_of(fit: _Fit, warnings: list[Issue]) -> Clock:
    return Clock(fit.utc, fit.new_york, fit.zone, tuple(warnings))


def _stray(fit: _Fit, column: TimeColumn) -> list[Issue]:
    row = int(fit.closed.argmax())
    late = [
        warning(
            "late_start",
            f"the name says RTH, but by the clock of {fit.zone} its days do not start at 09:30 New York time",
            _REMEDY,
            line=column.lines[0],
            columns=(column.header,),
            values=(column.texts[0],),
        )
    ]
    if not fit.closed.any():
        return [] if fit.starts_at_open else late
    return [
        warning(
            "bar_in_closed_hours",
            f'{fit.count()} stand in closed hours by the clock of {fit.zone}, the first at "{column.texts[row]}"',
            line=column.lines[row],
            columns=(column.header,),
            values=(column.texts[row],),
        )
    ]


def _agreeing(fits: list[_Fit]) -> _Fit | None:
    """The one clock that the bars fit, or None. Zones that give the same moments for this file are one."""
    for wanted in (
        [fit for fit in fits if not fit.closed.any() and fit.starts_at_open],
        [fit for fit in fits if not fit.closed.any()],
        [fit for fit in fits if fit.share <= STRAY_SHARE],
    ):
        if wanted:
            alike = all((fit.utc == wanted[0].utc).all() for fit in wanted)
            return wanted[0] if alike else None
    return None


def _fit(local: Moments, zone: str, regular_only: bool) -> _Fit:
    import numpy as np
    import pandas as pd

    # A repeated hour is read as its first; a skipped one cannot be, and tells Athens from Jerusalem.
    first = np.ones(len(local), bool)
    index = pd.DatetimeIndex(local).tz_localize(zone, ambiguous=first, nonexistent="NaT")
    skipped = index.isna()
    if skipped.any():
        index = pd.DatetimeIndex(local).tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    utc = index.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]")
    new_york = _new_york(utc)
    days = new_york.astype("datetime64[D]")
    clock = (new_york - days).astype("timedelta64[m]").astype(np.int64)
    weekday = (days.astype(np.int64) + 3) % 7
    closed = skipped | ((clock // 60 == 17) & (new_york >= np.datetime64(_HALT_SINCE)))
    closed |= (weekday == 5) | ((weekday == 6) & (clock < 18 * 60)) | ((weekday == 4) & (clock >= 18 * 60))
    starts_at_open, distinct = True, np.unique(days).size
    if regular_only:
        closed |= (clock < 9 * 60 + 30) | (clock >= 17 * 60)
        _, day_of = np.unique(days, return_inverse=True)
        starts = np.full(day_of.max() + 1, 24 * 60)
        np.minimum.at(starts, day_of, clock)
        starts_at_open = bool((starts == 9 * 60 + 30).mean() >= 0.5)
    return _Fit(zone, utc, new_york, closed, starts_at_open, distinct)


def _new_york(utc: Moments) -> Moments:
    import pandas as pd

    index = pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert(HOME).tz_localize(None)
    return index.to_numpy().astype("datetime64[us]")
