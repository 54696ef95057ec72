"""Which column is what, which row speaks for a date, and what its cells say."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tests.levels.writing import HEADER, csv, level_row, read, refusal
from xfg_pipeline.levels.rules import LevelRules

WIDE = ("Date", "Overnight High", "Overnight Low")


def test_the_first_row_at_or_after_half_past_nine_speaks_for_the_date() -> None:
    rows = [level_row(f"14/10/2025 {time}", onh=onh) for time, onh in
            (("10:00:00", "6720.00"), ("09:29:59", "x"), ("09:30:01", "6719.25"), ("18:00:00", "?"))]  # fmt: skip
    export = read(csv(rows))
    assert export.trading_dates == (date(2025, 10, 14),)
    (day,) = export.days
    assert (day.line, day.cells["overnight_high"].price) == (4, Decimal("6719.25"))
    assert day.row_time is not None
    assert day.row_time.isoformat() == "2025-10-14T09:30:01-04:00"
    assert [issue.values for issue in export.warnings] == [("2025-10-15",)]


def test_a_file_of_the_early_morning_has_no_final_levels() -> None:
    (issue,) = refusal(csv([level_row("14/10/2025 09:29:59")])).issues
    assert (issue.code, issue.line) == ("no_row", 2)
    assert "after 09:30" in issue.remedy


@pytest.mark.parametrize(("day", "opens"), [("2026-03-09", "13:30"), ("2026-03-06", "14:30"), ("2026-11-02", "14:30")])
def test_half_past_nine_is_new_york_time_on_both_sides_of_a_clock_change(day: str, opens: str) -> None:
    rows = [level_row(f"{day}T{opens[:2]}:29:00Z", onh="?"), level_row(f"{day}T{opens}:00Z")]
    (found,) = read(csv(rows)).days
    assert found.line == 3
    assert found.row_time is not None
    assert (found.row_time.hour, found.row_time.minute) == (9, 30)


@pytest.mark.parametrize(
    ("text", "why"), [("", "empty cell"), ("  ", "empty cell"), ("0", "zero"), ("0.00", "zero"), ("-0", "zero")]
)
def test_an_empty_cell_or_a_zero_is_no_level_yet(text: str, why: str) -> None:
    (day,) = read(csv([level_row("14/10/2025 09:30:00", onh=text)])).days
    assert day.absent["overnight_high"] == why
    assert "overnight_high" not in day.cells


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("NaN", "not_finite"),
        ("-inf", "not_finite"),
        ("Infinity", "not_finite"),
        ("∞", "not_finite"),
        ("1e999", "not_a_price"),
        ("5e3", "not_a_price"),
        ("-6718.50", "negative"),
        ("\N{MINUS SIGN}6718.50", "negative"),
        ("5,8x5", "not_a_price"),
        ("n/a", "not_a_price"),
        ("$6718.50", "not_a_price"),
        ("(6718.50)", "not_a_price"),
        ("6718.", "not_a_price"),
        (".5", "not_a_price"),
        ("6.718.50", "not_a_price"),
        ("6718.50.", "not_a_price"),
        ("=1+1", "not_a_price"),
        ("٦٧١٨", "not_a_price"),
        ("9" * 13, "not_a_price"),
        ("1000000000", "not_a_price"),
        ("0.0000000099", "not_a_price"),
    ],
)
def test_any_other_text_refuses_the_file(text: str, code: str) -> None:
    (issue,) = refusal(csv([level_row("14/10/2025 09:30:00", onh=text)])).issues
    assert (issue.code, issue.line, issue.columns, issue.values) == (code, 2, ("MGI: ONH",), (text,))
    assert text in issue.sentence("ES_levels.csv")


def test_a_refusal_lists_all_bad_cells() -> None:
    issues = refusal(csv([level_row("14/10/2025 09:30:00", onh="NaN", onl="-1", close="?")])).issues
    assert {issue.columns for issue in issues} == {("MGI: ONH",), ("MGI: ONL",), ("Close",)}


def test_cells_of_other_rows_may_hold_anything() -> None:
    rows = [level_row("14/10/2025 09:25:00", "NaN", "junk", "-"), level_row("14/10/2025 09:30:00")]
    assert len(read(csv(rows)).days[0].cells) == 2


@pytest.mark.parametrize(("twin", "values"), [("MGI: PDH", True), ("Close", False), ("Volume", None)])
def test_a_header_that_stands_twice(twin: str, values: bool | None) -> None:
    """Equal columns collapse, different ones refuse, and what means nothing here may differ."""
    header = (*HEADER, twin, twin)
    same = csv([(*level_row("14/10/2025 09:30:00"), "6711.50", "6711.50")], header)
    different = csv([(*level_row("14/10/2025 09:30:00"), "6711.50", "6661.75")], header)
    if values is None:
        assert read(different).warnings == ()
        return
    (issue,) = refusal(different).issues
    assert (issue.code, issue.line, issue.columns) == ("duplicate_header", 1, (twin,))
    if values:
        (warned,) = read(same).warnings
        assert warned.code == "duplicate_header"


def test_two_columns_that_mean_one_level_must_agree_in_the_used_row() -> None:
    header = (*HEADER, "overnight_high")
    early = (*level_row("14/10/2025 09:25:00"), "1")
    assert len(read(csv([early, (*level_row("14/10/2025 09:30:00"), "6718.5")], header)).days[0].cells) == 2
    (issue,) = refusal(csv([early, (*level_row("14/10/2025 09:30:00"), "6719.5")], header)).issues
    assert (issue.code, issue.line) == ("two_prices", 3)
    assert (issue.columns, issue.values) == (("MGI: ONH", "overnight_high"), ("6718.50", "6719.5"))


def test_an_empty_column_gives_way_to_a_full_one_of_the_same_level() -> None:
    text = csv([(*level_row("14/10/2025 09:30:00", onh=""), "6718.5")], (*HEADER, "overnight_high"))
    (day,) = read(text).days
    assert day.cells["overnight_high"].column == "overnight_high"
    assert "overnight_high" not in day.absent


def test_two_rows_of_one_time_must_agree() -> None:
    row = level_row("14/10/2025 09:30:00")
    assert read(csv([row, row])).days[0].line == 2
    (issue,) = refusal(csv([row, level_row("14/10/2025 09:30:00", onh="6719.50")])).issues
    assert (issue.code, issue.line) == ("two_rows_at_once", 3)


def test_a_wide_row_speaks_for_its_date() -> None:
    export = read(csv([("2025-10-15", "2.25", "1.25"), ("2025-10-14", "4.25", "3.25")], WIDE))
    assert (export.shape, export.time_zone, export.written["dates"]) == ("wide", None, "ISO")
    assert [(str(day.trading_date), day.line, day.row_time) for day in export.days] == [
        ("2025-10-14", 3, None),
        ("2025-10-15", 2, None),
    ]


def test_midnight_on_every_row_is_a_date() -> None:
    assert read(csv([("14/10/2025 00:00:00", "2.25", "1.25")], WIDE)).shape == "wide"


def test_the_next_trading_date_may_be_prepared_in_the_evening_and_no_later_one() -> None:
    evening = datetime(2025, 10, 14, 22, 30, tzinfo=UTC)
    text = csv([("2025-10-15", "2.25", "1.25")], WIDE)
    assert read(text, as_of=evening).trading_dates == (date(2025, 10, 15),)
    afternoon = evening.replace(hour=21)
    (issue,) = refusal(text, as_of=afternoon).issues
    assert (issue.code, issue.line, issue.values) == ("in_the_future", 2, ("2025-10-15",))


def test_a_row_of_the_future_is_a_wrong_clock_or_date_order() -> None:
    text = csv([level_row("14/10/2025 09:30:00"), level_row("14/10/2025 15:30:00")])
    (issue,) = refusal(text, as_of=datetime(2025, 10, 14, 13, 35, tzinfo=UTC)).issues
    assert (issue.code, issue.line) == ("in_the_future", 3)
    assert read(text, as_of=datetime(2025, 10, 14, 19, 20, tzinfo=UTC)).rows == 2


@pytest.mark.parametrize("day", ["2025-10-18", "2025-10-19"])
def test_a_weekend_is_no_trading_date(day: str) -> None:
    assert refusal(csv([(day, "2.25", "1.25")], WIDE)).issues[0].code == "weekend"


def test_a_weekday_holiday_is_kept_with_a_warning() -> None:
    export = read(csv([("2025-01-20", "2.25", "1.25")], WIDE))
    assert not export.days[0].is_session
    assert [(issue.code, issue.line) for issue in export.warnings] == [("holiday", 2)]


def test_a_date_before_the_calendar_is_refused() -> None:
    assert refusal(csv([("2009-12-31", "2.25", "1.25")], WIDE)).issues[0].code == "outside_calendar"


LONG = ("date", "level", "price")


def test_a_row_a_level_is_read_under_any_name() -> None:
    rows = [("14/10/2025", "MGI: ONH", "6718.50"), ("14/10/2025", "overnight_low", "6605.75"),
            ("14/10/2025", "mgi_pm_val", ""), ("14/10/2025", "VAH", "0"), ("14/10/2025", "EAD", "junk")]  # fmt: skip
    export = read(csv(rows, LONG))
    (day,) = export.days
    assert export.shape == "long"
    assert {level: cell.line for level, cell in day.cells.items()} == {"overnight_high": 2, "overnight_low": 3}
    assert (day.absent["mgi_pm_val"], day.absent["vah"], day.absent["poc"]) == ("empty cell", "zero", "no column")
    assert export.unknown_columns == ("EAD",)


def test_a_level_that_stands_twice_must_agree() -> None:
    rows = [("14/10/2025", "vah", "6718.50"), ("14/10/2025", "VAH", "6718.5")]
    assert len(read(csv(rows, LONG)).days[0].cells) == 1
    (issue,) = refusal(csv([*rows, ("14/10/2025", "vah", "6719.00")], LONG)).issues
    assert (issue.code, issue.line, issue.values) == ("two_prices", 4, ("6718.50", "6719.00"))


def _long(*rows: str) -> str:
    """Rows of `time level price`, the time of day with the date's day before it: `14T09:30 vah 6703.75`."""
    cells = [row.split(" ") for row in rows]
    return csv([(f"2025-10-{time.replace('T', ' ')}:00", level, price) for time, level, price in cells], LONG)


def test_of_a_row_a_level_with_times_the_first_at_or_after_half_past_nine_counts() -> None:
    export = read(
        _long(
            "14T10:00 overnight_high 6720.00",
            "14T09:29 overnight_high junk",
            "14T09:30 overnight_high 6719.25",
            "14T09:29 vah 6700.00",
            "14T15:55 vah NaN",
            "14T09:35 VAH 6703.75",
            "14T10:05 poc 0",
            "14T10:10 poc 6693.75",
            "14T09:25 val 6678.75",
            "14T18:00 overnight_low ?",
        )
    )
    (day,) = export.days
    assert (export.shape, export.time_zone, day.line, day.row_time) == ("long", "America/New_York", None, None)
    assert {level: (cell.line, cell.text) for level, cell in day.cells.items()} == {
        "overnight_high": (4, "6719.25"),
        "vah": (7, "6703.75"),
    }
    assert (day.absent["poc"], day.absent["val"]) == ("zero", "no column")
    (issue,) = export.warnings
    assert (issue.code, issue.line, issue.values) == ("dates_without_row", 11, ("2025-10-15",))


def test_levels_of_the_early_morning_are_not_final() -> None:
    export = read(_long("14T08:00 vah 6700.00", "14T09:29 vah 6701.00", "15T09:30 vah 6703.75", "16T16:59 poc 2.5"))
    assert [str(day) for day in export.trading_dates] == ["2025-10-15", "2025-10-16"]
    (issue,) = export.warnings
    assert (issue.code, issue.line, issue.values) == ("dates_without_row", 2, ("2025-10-14",))
    assert issue.message.startswith("2025-10-14 has 2 rows and none at or after 09:30")
    (issue,) = refusal(_long("14T10:00 EAD 1", "14T09:29 vah 6700.00", "15T08:00 vah 6700.00")).issues
    assert (issue.code, issue.line, issue.columns) == ("no_row", 3, ("date",))


def test_half_past_nine_of_a_row_a_level_is_new_york_time() -> None:
    rows = [("14/10/2025 15:25:00", "vah", "1.25"), ("14/10/2025 15:30:00", "vah", "2.25")]
    export = read(csv(rows, LONG), rules=LevelRules(time_zone="Europe/Berlin"))
    assert [cell.line for day in export.days for cell in day.cells.values()] == [3]
    offsets = [("2025-10-14T13:29:59Z", "vah", "1.25"), ("2025-10-14T09:30:00-04:00", "vah", "2.25")]
    assert [cell.line for day in read(csv(offsets, LONG)).days for cell in day.cells.values()] == [3]
    split = [("14/10/2025", "09:29", "vah", "1.25"), ("14/10/2025", "09:31", "vah", "2.25")]
    export = read(csv(split, ("Date", "Time", "level", "price")))
    assert [cell.line for day in export.days for cell in day.cells.values()] == [3]


def test_two_rows_a_level_of_one_time_must_agree_and_those_of_two_times_need_not() -> None:
    text = _long("14T09:30 vah 6718.50", "14T09:30 VAH 6718.5", "14T09:35 vah 6719.00")
    assert [cell.line for cell in read(text).days[0].cells.values()] == [2]
    (issue,) = refusal(_long("14T09:30 vah 6718.50", "14T09:30 VAH 6719.00")).issues
    assert (issue.code, issue.line, issue.values) == ("two_prices", 3, ("6718.50", "6719.00"))


def test_midnight_on_every_row_of_a_level_is_a_date() -> None:
    (day,) = (export := read(_long("14T00:00 vah 6718.50"))).days
    assert (export.time_zone, len(day.cells)) == (None, 1)


def test_a_symbol_column_of_a_long_file_decides() -> None:
    text = csv([("14/10/2025", "vah", "6718.50", "NQ")], (*LONG, "symbol"))
    assert read(text, "levels.csv").symbol == "NQ"


def test_pivots_never_come_from_a_file() -> None:
    (day,) = (export := read(csv([("14/10/2025", "vah", "2.5"), ("14/10/2025", "pivot", "1.5")], LONG))).days
    assert "pivot" not in day.cells
    assert [issue.code for issue in export.warnings] == ["manual_level_in_file"]
    wide = read(csv([("2025-10-14", "2.25", "1.25", "1.5")], (*WIDE, "Pivot")))
    assert wide.unknown_columns == ("Pivot",)
    assert [issue.code for issue in wide.warnings] == ["manual_level_in_file"]


def test_a_long_file_without_a_known_level_is_refused() -> None:
    (issue,) = refusal(csv([("14/10/2025", "gamma flip", "2.5")], LONG)).issues
    assert (issue.code, issue.line, issue.values) == ("no_level", 2, ("gamma flip",))


def test_aliases_of_the_settings_name_new_columns() -> None:
    rules = LevelRules(aliases={"Gamma Flip": "gamma_flip", "My High": "MGI: ONH", "MGI: ONL": "ignore"})
    header = (*HEADER[:6], "My High", "MGI: ONL", "gamma  FLIP")
    (day,) = (export := read(csv([(*level_row("14/10/2025 09:30:00"), "6700.1")], header), rules=rules)).days
    assert set(day.cells) == {"overnight_high", "gamma_flip"}
    assert export.unknown_columns == ("MGI: ONL",)
    assert day.absent["overnight_low"] == "no column"
