"""Large exports are read whole, and what is too large is refused unread. How fast: `make bench`."""

from datetime import UTC, datetime, timedelta

from tests.levels.writing import read, refusal
from xfg_pipeline.levels.rules import LevelRules


def test_a_hundred_thousand_bars_are_read_whole() -> None:
    rows: list[str] = []
    moment = datetime(2025, 1, 6, tzinfo=UTC)
    while len(rows) < 100_000:
        if moment.weekday() < 4 and not 21 <= moment.hour < 23:
            price = 20_000 + len(rows) % 4_000 / 4
            rows.append(f"{moment:%Y-%m-%dT%H:%M:%SZ},{price},{price + 5},{price - 5},{price + 1},{len(rows) % 900}")
        moment += timedelta(minutes=1)
    content = "\n".join(["Date/Time,Open,High,Low,Close,Volume", *rows]).encode()
    export = read(content, "NQ - 1 min.csv")
    assert export.bars is not None
    assert len(export.bars.frame) == 100_000


def test_a_huge_file_is_refused_before_it_is_looked_at() -> None:
    content = bytes(40_000_000)
    assert refusal(content, rules=LevelRules(max_file_bytes=1_000_000)).issues[0].code == "too_large"
