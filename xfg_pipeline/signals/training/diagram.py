"""The reliability diagram as SVG: what was forecast against what came true, and how often."""

from collections.abc import Sequence
from html import escape
from typing import Any

SIZE = 320
MARGIN = 44
COUNTS = 56


def reliability_diagram(bins: Sequence[dict[str, Any]], title: str) -> str:
    """An SVG picture of calibration.ReliabilityBin values as dictionaries. Bins without a forecast are left out."""
    filled = [part for part in bins if part["n"]]
    most = max((part["n"] for part in filled), default=1)
    left, top, bottom = MARGIN, 12, 12 + SIZE
    width, height = SIZE + 2 * MARGIN, SIZE + COUNTS + 64

    def x(value: float) -> float:
        return round(left + value * SIZE, 1)

    def y(value: float) -> float:
        return round(bottom - value * SIZE, 1)

    marks = [f'<line x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}" stroke="#999" stroke-dasharray="4 4"/>']
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        marks.append(f'<text x="{x(tick)}" y="{bottom + COUNTS + 30}" text-anchor="middle">{tick:.2f}</text>')
        marks.append(f'<text x="{left - 6}" y="{y(tick) + 4}" text-anchor="end">{tick:.2f}</text>')
    baseline = bottom + COUNTS + 12
    for part in filled:
        tall = round(COUNTS * part["n"] / most, 1)
        start, end = x(part["lower"]) + 1, x(part["upper"]) - 1
        marks.append(
            f'<rect x="{start}" y="{round(baseline - tall, 1)}" width="{round(end - start, 1)}" height="{tall}" '
            f'fill="#c9d6e8"><title>{part["n"]} forecasts</title></rect>'
        )
    points = " ".join(f"{x(part['mean_probability'])},{y(part['share'])}" for part in filled)
    marks.append(f'<polyline points="{points}" fill="none" stroke="#1f5fa8" stroke-width="2"/>')
    for part in filled:
        said = f"{part['n']} forecasts of {part['mean_probability']:.1%} on average: {part['share']:.1%} came true"
        marks.append(
            f'<circle cx="{x(part["mean_probability"])}" cy="{y(part["share"])}" r="4" fill="#1f5fa8">'
            f"<title>{said}</title></circle>"
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape(title)}" font-family="sans-serif" font-size="11">'
        f'<rect x="{left}" y="{top}" width="{SIZE}" height="{SIZE}" fill="none" stroke="#bbb"/>'
        f"{''.join(marks)}"
        f'<text x="{left + SIZE / 2}" y="{height - 2}" text-anchor="middle">forecast probability; bars: how many</text>'
        f'<text transform="translate(11 {top + SIZE / 2}) rotate(-90)" text-anchor="middle">came true</text>'
        "</svg>"
    )
