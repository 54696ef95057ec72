"""What was forecast against what came, as the places of dots, bars and ticks; the template only draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xfg_pipeline.desk.figures import DASH, number, share
from xfg_pipeline.resources.performance_book import Calibration
from xfg_pipeline.signals.calibration import ReliabilityBin, wilson_interval

LEFT, TOP, SIZE, BARS, TALLEST = 34, 20, 256, 348, 24


@dataclass(frozen=True)
class Dot:
    """One bin: its dot and interval in the picture, and its bar of how many."""

    x: float
    y: float
    low: float
    high: float
    bar_x: float
    bar_y: float
    bar_width: float
    bar_height: float
    n: int
    title: str


@dataclass(frozen=True)
class ReliabilityPicture:
    """A calibration to draw. `ticks`: percent, x and y."""

    dots: tuple[Dot, ...]
    ticks: tuple[tuple[int, float, float], ...]
    says: str
    caption: str


def picture_of(found: Calibration, *, came: str) -> ReliabilityPicture:
    """The picture of a calibration; `came` names what a forecast is of, such as `won`."""
    filled = [one for one in found.bins if one.n]
    least = min([one.lower for one in filled], default=0.5)
    lowest = [_interval(one)[0] for one in filled]
    floor = min(0.9, int(10 * min([least, *lowest])) / 10)
    most = max((one.n for one in filled), default=1)

    def x(value: float) -> float:
        return round(LEFT + (value - floor) / (1 - floor) * SIZE, 1)

    def y(value: float) -> float:
        return round(TOP + SIZE - (value - floor) / (1 - floor) * SIZE, 1)

    dots = tuple(_dot(one, x, y, most, came) for one in filled)
    steps = range(round(10 * floor), 11)
    ticks = tuple((10 * step, x(step / 10), y(step / 10)) for step in steps)
    scores = f"Error {share(found.ece)}, Brier score {DASH if found.brier is None else number(found.brier, 3)}."
    if found.ece is None:
        scores = f"Scores from {found.needed} on; there are {found.n:,}."
    return ReliabilityPicture(
        dots=dots,
        ticks=ticks,
        says=f"{came} against predicted in {len(dots)} bins with 95% intervals, n = {found.n:,}",
        caption=f"{scores} Bars are 95% intervals. Below the diagonal: too sure.",
    )


def _dot(one: ReliabilityBin, x: Any, y: Any, most: int, came: str) -> Dot:
    said, share_came = float(one.mean_probability or 0), float(one.share or 0)
    low, high = _interval(one)
    tall = round(TALLEST * one.n / most, 1)
    left, right = max(LEFT, x(one.lower) + 1), x(one.upper) - 1
    return Dot(
        x=x(said),
        y=y(share_came),
        low=y(low),
        high=y(high),
        bar_x=round(left, 1),
        bar_y=round(BARS - tall, 1),
        bar_width=round(right - left, 1),
        bar_height=tall,
        n=one.n,
        title=f"{one.n:,} of {share(one.mean_probability)}: {share(one.share)} {came}",
    )


def _interval(one: ReliabilityBin) -> tuple[float, float]:
    hits = round(float(one.share or 0) * one.n)
    return wilson_interval(hits, one.n) or (0.0, 1.0)
