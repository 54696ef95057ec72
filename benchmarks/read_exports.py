"""Reading exports beside pandas' own reader, which proves nothing about dates, clocks or prices."""

import io
from datetime import UTC, datetime, timedelta

from benchmarks.ground import median, seconds
from xfg_pipeline.inbox.examples import export
from xfg_pipeline.levels.formats import read_export
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.sessions import sessions

ROUNDS = 5
BARS = 100_000
NOW = datetime(2025, 12, 31, tzinfo=UTC)


def measure() -> list[str]:
    """A year of 1-minute bars' worth of rows, and a year of levels."""
    bars = _bars()
    levels = export("ES", sessions(NOW.date() - timedelta(days=364), NOW.date() - timedelta(days=1))).encode()
    return [*_compared("bars", bars, "NQ - 1 min.csv"), *_compared("levels", levels, "ES_levels.csv")]


def _compared(what: str, content: bytes, name: str) -> list[str]:
    import pandas as pd

    rows = content.count(b"\n") - 1
    rules = LevelRules()
    read_export(content, name, rules, NOW)
    own = median([seconds(lambda: read_export(content, name, rules, NOW)) for _ in range(ROUNDS)])
    bare = median([seconds(lambda: pd.read_csv(io.BytesIO(content), parse_dates=[0])) for _ in range(ROUNDS)])
    return [
        f"{what}: {rows:,} rows, {rows / own:,.0f} rows/s; pandas.read_csv alone {rows / bare:,.0f} rows/s",
        f"{what}: ratio {bare / own:.2f} (median of {ROUNDS})",
    ]


def _bars() -> bytes:
    lines = ["Date/Time,Open,High,Low,Close,Volume"]
    moment = datetime(2025, 1, 6, tzinfo=UTC)
    while len(lines) <= BARS:
        # Outside the exchange's halt and its weekend, in either half of the year.
        if moment.weekday() < 4 and not 21 <= moment.hour < 23:
            price = 20_000 + len(lines) % 4_000 / 4
            lines.append(f"{moment:%Y-%m-%dT%H:%M:%SZ},{price},{price + 5},{price - 5},{price + 1},{len(lines) % 900}")
        moment += timedelta(minutes=1)
    return ("\n".join(lines) + "\n").encode()
