"""Whatever is dropped in the inbox: an import or a refusal, never a crash and never another value."""

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.levels.writing import AS_OF, csv, level_row
from xfg_pipeline.levels.formats import Export, read_export
from xfg_pipeline.levels.formats.symbols import symbol_of_name
from xfg_pipeline.levels.issues import ExportRefused
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.sessions import is_session
from xfg_pipeline.levels.validation import judge_day

RULES = LevelRules(max_file_bytes=1_000_000)
SAMPLES = (
    "ES_long.csv",
    "NQ_wide.csv",
    "ENQZ5_levels.csv",
    "bad/ES_val_above_vah.csv",
    "bad/ES_date_order_unknown.csv",
    "bad/NQ_truncated.csv",
)
HEADERS = (
    "Date/Time",
    "Date",
    "Time",
    "Open",
    "High",
    "Low",
    "Close",
    "Volume",
    "MGI: ONH",
    "level",
    "price",
    "symbol",
)
CELLS = ("ES", "VAH", "14/10/2025 09:30:00", "2025-10-14", "20251014 093000", "6718.50", "0", "NaN", "-1")
WORDS = st.sampled_from([*HEADERS, *CELLS, '"', "'", "\x00", "\ufeff"])
SEPARATORS = st.sampled_from([",", ";", "\t", "\n", "\r\n", "\r", " "])
TEXTS = st.lists(WORDS | SEPARATORS | st.text(max_size=5), max_size=60).map("".join)


def _is_whole_or_refused(content: bytes, name: str = "ES.csv") -> Export | None:
    refusal = None
    try:
        export = read_export(content, name, RULES, AS_OF)
    except ExportRefused as refused:
        refusal = refused
    if refusal:
        assert all(issue.is_error and issue.message for issue in refusal.issues)
        assert refusal.report(name).encode()
        return None
    assert export.days or export.bars
    for day in export.days:
        for cell in day.cells.values():
            assert cell.price.is_finite()
            assert cell.price > 0
        judge_day(day, export.symbol, RULES, None)
    return export


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    _is_whole_or_refused(content)


@given(TEXTS, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
@settings(max_examples=400)
def test_any_text_like_an_export_is_read_or_refused(text: str, encoding: str) -> None:
    _is_whole_or_refused(text.encode(encoding, "ignore"))


@given(st.text(max_size=80))
def test_any_file_name_has_a_symbol_or_is_refused(name: str) -> None:
    try:
        symbol = symbol_of_name(name, RULES)
    except ExportRefused:
        return
    assert symbol in RULES.allowed_symbols


@pytest.mark.parametrize("name", SAMPLES)
def test_a_damaged_sample_is_read_or_refused(exports: Path, name: str) -> None:
    content = (exports / name).read_bytes()
    chance = random.Random(name)
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(damaged))
            damage = chance.choice(["flip", "drop", "insert", "cut", "repeat"])
            if damage == "flip":
                damaged[at] ^= 1 << chance.randrange(8)
            elif damage == "drop":
                del damaged[at : at + chance.randint(1, 20)]
            elif damage == "insert":
                damaged[at:at] = chance.choice([b",", b"\n", b'"', b"\x00", b"\xff", b"NaN", b";", b"-", b"."])
            elif damage == "cut":
                del damaged[at + 1 :]
            else:
                damaged[at:at] = damaged[at : at + chance.randint(1, 200)]
            if not damaged:
                break
        _is_whole_or_refused(bytes(damaged), Path(name).name)


@pytest.mark.parametrize("name", ["bad/ES_val_above_vah.csv", "NQ_wide.csv", "ES_long.csv"])
def test_a_sample_cut_at_any_byte_gives_the_same_values_or_none(exports: Path, name: str) -> None:
    """A cut between whole rows cannot be seen here, nor one in a third decimal: there stability of the file decides."""
    content = (exports / name).read_bytes()
    whole = _is_whole_or_refused(content, Path(name).name)
    assert whole is not None
    values = {(day.trading_date, level): cell.price for day in whole.days for level, cell in day.cells.items()}
    for length in range(len(content)):
        part = _is_whole_or_refused(content[:length], Path(name).name)
        for day in part.days if part else ():
            for level, cell in day.cells.items():
                assert abs(values[day.trading_date, level] - cell.price) < Decimal("0.01"), content[:length][-40:]


SESSIONS = st.dates(date(2015, 1, 2), date(2026, 10, 30)).filter(is_session)
QUARTERS = st.integers(4 * 1000, 4 * 90_000).map(lambda quarters: Decimal(quarters) / 4)
STAMPS = {
    "%Y%m%d %H%M%S": "auto",
    "%Y-%m-%d %H:%M:%S": "auto",
    "%d/%m/%Y %H:%M:%S": "day_first",
    "%m/%d/%Y %H:%M:%S": "month_first",
    "%m/%d/%Y %I:%M %p": "month_first",
    "%Y-%m-%dT%H:%M:%S%z": "auto",
}


@given(
    days=st.dictionaries(SESSIONS, st.tuples(QUARTERS, QUARTERS), min_size=1, max_size=5),
    delimiter=st.sampled_from([",", ";", "\t"]),
    comma=st.booleans(),
    grouped=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    stamp=st.sampled_from([*STAMPS]),
    zone=st.sampled_from(["America/New_York", "America/Chicago", "Europe/Berlin"]),
    newest_first=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_an_export_in_any_dialect_gives_the_same_levels(
    days: dict[date, tuple[Decimal, Decimal]],
    delimiter: str,
    comma: bool,
    grouped: bool,
    end: str,
    encoding: str,
    stamp: str,
    zone: str,
    newest_first: bool,
) -> None:
    decimal = "," if comma and delimiter != "," else "."

    def written(price: Decimal) -> str:
        text = f"{price:,.2f}" if grouped else f"{price:.2f}"
        return text.replace(",", " ").replace(".", decimal)

    rows: list[Sequence[str]] = []
    for day, prices in sorted(days.items(), reverse=newest_first):
        at = datetime(day.year, day.month, day.day, 9, 30, tzinfo=ZoneInfo("America/New_York"))
        for moment in (at + timedelta(minutes=5), at) if newest_first else (at, at + timedelta(minutes=5)):
            high, low = map(written, prices)
            bar = level_row(moment.astimezone(ZoneInfo(zone)).strftime(stamp), high, low)
            rows.append([bar[0], *(cell.replace(".", decimal) for cell in bar[1:6]), *bar[6:]])
    rules = LevelRules(date_order=STAMPS[stamp], time_zone=zone)  # type: ignore[arg-type]
    text = csv(rows, delimiter=delimiter, end=end)
    export = read_export(text.encode(encoding), "ES.csv", rules, AS_OF)
    assert {
        day.trading_date: (day.cells["overnight_high"].price, day.cells["overnight_low"].price) for day in export.days
    } == days
    assert all(day.row_time and (day.row_time.hour, day.row_time.minute) == (9, 30) for day in export.days)
    assert export.written["decimal"] == decimal
