"""Days of the light as one picture: each day's width is shared by its colours, the height of each is its multiplier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xfg_pipeline.desk.formats import middle_date
from xfg_pipeline.resources.shown_light import DayOfLight
from xfg_pipeline.trading.light.facts import Status

DAY, GAP, HEIGHT = 8.6, 1.4, 40
_TALL: dict[Status, int] = {"green": HEIGHT, "yellow": HEIGHT // 2, "red": 5}


@dataclass(frozen=True)
class Bar:
    """A part of a day: SVG attributes, and what a pointer is told."""

    colour: str
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Strip:
    """The picture, its sentence, and its ends."""

    width: float
    bases: tuple[float, ...]
    bars: tuple[Bar, ...]
    says: str
    first: str


def strip_of(days: Sequence[DayOfLight]) -> Strip:
    """A picture of these days, oldest first."""
    bars: list[Bar] = []
    for place, day in enumerate(days):
        x, total = place * (DAY + GAP), sum(day.counts.values())
        for colour, tall in _TALL.items():
            n = day.counts.get(colour, 0)
            if n:
                width = DAY * n / total
                title = f"{middle_date(day.day)}: {_share(n, total)} {colour}"
                bars.append(Bar(colour, round(x, 2), HEIGHT - tall, round(width, 2), tall, title))
                x += width
    return Strip(
        width=round(len(days) * (DAY + GAP) - GAP, 1),
        bases=tuple(round(place * (DAY + GAP), 1) for place in range(len(days))),
        bars=tuple(bars),
        says=_says(days),
        first=middle_date(days[0].day) if days else "",
    )


def _says(days: Sequence[DayOfLight]) -> str:
    worst = [day.worst for day in days]
    parts = [
        f"{worst.count('green')} green throughout",
        f"{worst.count('yellow')} with yellow",
        f"{worst.count('red')} with red",
    ]
    empty = worst.count(None)
    return " · ".join([*parts, *([f"{empty} unknown"] if empty else [])])


def _share(n: int, total: int) -> str:
    return f"{max(1, round(100 * n / total))}%"
