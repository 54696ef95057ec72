"""Large exports are read in seconds, refused ones at once. Limits are wide: slow machines run this too."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.levels.writing import content_of, read, refusal
from xfg_pipeline.levels.rules import LevelRules


def test_a_hundred_thousand_bars_are_read_in_seconds() -> None:
    rows: list[str] = []
    moment = datetime(2025, 1, 6, tzinfo=UTC)
    while len(rows) < 100_000:
        if moment.weekday() < 4 and not 21 <= moment.hour < 23:
            price = 20_000 + len(rows) % 4_000 / 4
            rows.append(f"{moment:%Y-%m-%dT%H:%M:%SZ},{price},{price + 5},{price - 5},{price + 1},{len(rows) % 900}")
        moment += timedelta(minutes=1)
    content = "\n".join(["Date/Time,Open,High,Low,Close,Volume", *rows]).encode()
    started = time.perf_counter()
    export = read(content, "NQ - 1 min.csv")
    assert time.perf_counter() - started < 8
    assert export.bars is not None
    assert len(export.bars.frame) == 100_000


def test_a_chart_export_is_read_in_a_moment(exports: Path) -> None:
    content = content_of(exports, "NQ_levels.csv")
    read(content, "NQ_levels.csv")
    started = time.perf_counter()
    read(content, "NQ_levels.csv")
    assert time.perf_counter() - started < 0.5


def test_a_huge_file_is_refused_before_it_is_looked_at() -> None:
    content = bytes(40_000_000)
    started = time.perf_counter()
    assert refusal(content, rules=LevelRules(max_file_bytes=1_000_000)).issues[0].code == "too_large"
    assert time.perf_counter() - started < 0.5
