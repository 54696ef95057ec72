"""Sample exports for practice: invented prices in the shape of real exports, so that the first start is not empty."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from xfg_pipeline.clock import Clock
from xfg_pipeline.levels.sessions import NEW_YORK, current_trading_date, previous_session

SESSIONS = 5
TICK = Decimal("0.25")
# Middle of the invented prices and size of a usual day, in points.
MARKETS = {"ES": (Decimal(6650), Decimal(60)), "NQ": (Decimal(24600), Decimal(280))}
COLUMNS = (
    "overnight_high",
    "overnight_low",
    "vwap",
    "vah",
    "val",
    "poc",
    "previous_day_high",
    "previous_day_low",
    "previous_day_close",
    "MGI Wk-Op",
    "MGI: RTHO",
    "MGI PW-VAH",
    "MGI PW-VAL",
)
NAMES = tuple(f"{symbol} - practice sample.csv" for symbol in MARKETS)
"""Files of these names are samples: no real price is ever checked against theirs."""


def place(inbox: Path, clock: Clock) -> list[Path]:
    """Put one sample export a symbol into the inbox, for the last sessions that have a 09:30 row by now."""
    now = clock.now()
    last = current_trading_date(now)
    while datetime(last.year, last.month, last.day, 9, 35, tzinfo=NEW_YORK) > now:
        last = previous_session(last)
    days = [last]
    while len(days) < SESSIONS:
        days.append(previous_session(days[-1]))
    inbox.mkdir(parents=True, exist_ok=True)
    placed = []
    for symbol, name in zip(MARKETS, NAMES, strict=True):
        # Written beside it under a name that the inbox ignores, then renamed: it appears whole.
        path, unfinished = inbox / name, inbox / f".{name}.part"
        unfinished.write_text(export(symbol, sorted(days)), encoding="utf-8")
        unfinished.rename(path)
        placed.append(path)
    return placed


def export(symbol: str, days: list[date]) -> str:
    """A chart export with study values, three bars a day around the open. The same date has always the same prices."""
    lines = ["Date/Time,Open,High,Low,Close,Volume," + ",".join(COLUMNS)]
    for day in days:
        levels = _levels(symbol, day)
        opened = levels["MGI: RTHO"]
        for minute, change in ((25, -TICK * 2), (30, TICK * 3), (35, TICK * 7)):
            close = opened + change
            high, low = max(opened, close) + TICK, min(opened, close) - TICK
            bar = (opened, high, low, close)
            prices = ",".join(f"{price:.2f}" for price in bar)
            values = ",".join(f"{levels[column]:.4f}".removesuffix("00") for column in COLUMNS)
            lines.append(f"{day} 09:{minute:02}:00,{prices},{1000 + minute},{values}")
    return "\n".join(lines) + "\n"


def _levels(symbol: str, day: date) -> dict[str, Decimal]:
    middle, size = MARKETS[symbol]
    before = _middle(middle, size, day - timedelta(days=1))
    at = _middle(middle, size, day)
    week = _middle(middle, size, day - timedelta(days=day.weekday()))
    return {
        "overnight_high": _tick(at + size * Decimal("0.55")),
        "overnight_low": _tick(at - size * Decimal("0.45")),
        "vwap": (at + size / 37).quantize(Decimal("0.0001")),
        "vah": _tick(before + size * Decimal("0.30")),
        "val": _tick(before - size * Decimal("0.35")),
        "poc": _tick(before + size * Decimal("0.05")),
        "previous_day_high": _tick(before + size * Decimal("0.60")),
        "previous_day_low": _tick(before - size * Decimal("0.65")),
        "previous_day_close": _tick(before + size * Decimal("0.10")),
        "MGI Wk-Op": _tick(week),
        "MGI: RTHO": _tick(at + size * Decimal("0.04")),
        "MGI PW-VAH": _tick(week + size * Decimal("0.8")),
        "MGI PW-VAL": _tick(week - size * Decimal("0.9")),
    }


def _middle(middle: Decimal, size: Decimal, day: date) -> Decimal:
    # A walk without memory or randomness: steps of the date's number, up to half a day's size around the middle.
    return middle + size * Decimal((day.toordinal() * 37) % 21 - 10) / 20


def _tick(price: Decimal) -> Decimal:
    return (price / TICK).to_integral_value() * TICK
