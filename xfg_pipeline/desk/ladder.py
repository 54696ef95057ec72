"""The ladder: a rail in true price scale, joined by ties to table rows of even height. Geometry only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

ROW, TIGHT_ROW = 32, 24
# More rows than this are set closer together.
ROOMY = 20


@dataclass(frozen=True)
class Rung:
    """One row: a level, or the last price."""

    name: str
    label: str
    price: Decimal
    kind: str
    """`typed`, `imported`, `calculated` or `last`."""
    touches: int = 0
    note: str = ""


@dataclass(frozen=True)
class Tie:
    """The line from a price on the rail to its row, in pixels from above."""

    on_rail: float
    at_row: float
    kind: str


@dataclass(frozen=True)
class Span:
    """A range on the rail, in pixels."""

    top: float
    height: float


@dataclass(frozen=True)
class Ladder:
    """Rows from high to low and the picture beside them."""

    rungs: tuple[Rung, ...]
    ties: tuple[Tie, ...]
    height: int
    is_tight: bool
    rail: Span
    value_area: Span | None
    overnight: Span | None


def draw(rungs: list[Rung]) -> Ladder:
    """The ladder of these rows, in any order. Equal prices keep the order of their labels."""
    ordered = tuple(sorted(rungs, key=lambda rung: (-rung.price, rung.label)))
    row = ROW if len(ordered) <= ROOMY else TIGHT_ROW
    height = row * len(ordered)
    top, bottom = row / 2, height - row / 2
    prices = {rung.name: rung.price for rung in ordered}
    high = max(prices.values(), default=Decimal(0))
    reach = high - min(prices.values(), default=Decimal(0))

    def place(price: Decimal) -> float:
        if not reach:
            return (top + bottom) / 2
        return round(top + float((high - price) / reach) * (bottom - top), 1)

    def span(upper: str, lower: str) -> Span | None:
        if upper not in prices or lower not in prices or prices[upper] < prices[lower]:
            return None
        return Span(place(prices[upper]), round(max(place(prices[lower]) - place(prices[upper]), 1.0), 1))

    ties = tuple(Tie(place(rung.price), i * row + row / 2, rung.kind) for i, rung in enumerate(ordered))
    return Ladder(
        ordered,
        ties,
        height,
        row != ROW,
        Span(top, max(bottom - top, 0)),
        span("vah", "val"),
        span("overnight_high", "overnight_low"),
    )


@dataclass(frozen=True)
class Segment:
    """One of the required levels in the strip above the ladder, 8 wide."""

    x: int
    there: bool


def segments(imported: Mapping[str, bool], typed: Mapping[str, bool]) -> tuple[tuple[Segment, ...], int]:
    """The strip, imported ones first with a gap before the typed ones, and its width."""
    parts = [Segment(10 * i, there) for i, there in enumerate(imported.values())]
    start = 10 * len(imported) + (4 if imported and typed else 0)
    parts += [Segment(start + 10 * i, there) for i, there in enumerate(typed.values())]
    return tuple(parts), (parts[-1].x + 8 if parts else 8)
