"""Small exports made by the tests themselves."""

from collections.abc import Mapping
from datetime import date

README_LEVELS = {
    "overnight_high": "6718.50",
    "overnight_low": "6605.75",
    "vwap": "6626.4167",
    "vah": "6703.75",
    "val": "6678.75",
    "poc": "6693.75",
    "previous_day_high": "6711.50",
    "previous_day_low": "6661.75",
    "previous_day_close": "6694.50",
}
PIVOTS = {
    "pivot_ba_high": 6800.0,
    "pivot_high": 6750.25,
    "pivot": 6700.0,
    "pivot_low": 6650.5,
    "pivot_ba_low": 6600.0,
}


def chart(
    days: date | list[date],
    close: str = "6621.50",
    levels: Mapping[str, str] | None = None,
    at: str = "09:30:00",
) -> bytes:
    """A chart export with one row at 09:30 a day, ISO dates, README names."""
    named = README_LEVELS | dict(levels or {})
    lines = ["Date/Time,Open,High,Low,Close,Volume," + ",".join(named)]
    for day in days if isinstance(days, list) else [days]:
        lines.append(f"{day} {at},{close},{close},{close},{close},100," + ",".join(named.values()))
    return ("\n".join(lines) + "\n").encode()
