"""Every way a file can be written gives the same levels, or a refusal that says where."""

import codecs

import pytest

from tests.levels.writing import BARS, HEADER, bar, csv, level_row, read, refusal
from xfg_pipeline.levels.issues import ExportRefused, ExportUnfinished
from xfg_pipeline.levels.rules import LevelRules

ROWS = [level_row("14/10/2025 09:25:00", onh="", onl="6700.25"), level_row("14/10/2025 09:30:00")]
TEXT = csv(ROWS)


def _levels(text: str | bytes, name: str = "ES_levels.csv") -> dict[str, str]:
    (day,) = read(text, name).days
    return {level: str(cell.price) for level, cell in day.cells.items()}


WANT = {"overnight_high": "6718.50", "overnight_low": "6605.75"}


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), "UTF-8"),
        (codecs.BOM_UTF8 + TEXT.encode(), "UTF-8 with BOM"),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), "UTF-16 LE with BOM"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "UTF-16 BE with BOM"),
        (TEXT.encode("utf-16-le"), "UTF-16 LE"),
        (TEXT.encode("utf-16-be"), "UTF-16 BE"),
        (TEXT.replace("Volume", "Volumen für alle").encode("cp1252"), "Windows-1252"),
    ],
)
def test_an_encoding_that_is_certain_is_read(content: bytes, encoding: str) -> None:
    export = read(content)
    assert export.written["encoding"] == encoding
    assert {level: str(cell.price) for level, cell in export.days[0].cells.items()} == WANT


@pytest.mark.parametrize("price", [b"6718\xa050", b"6718.50\x80", b"\x966718.50"])
def test_windows_1252_outside_of_the_header_is_refused_with_its_line(price: bytes) -> None:
    content = TEXT.encode().replace(b"6718.50", price)
    (issue,) = refusal(content).issues
    assert (issue.code, issue.line) == ("encoding", 3)
    in_header_too = content.replace(b"Volume", b"Vol\xfcmen")
    assert refusal(in_header_too).issues[0].line == 3


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04" + b"\x00" * 100,
        b"%PDF-1.7\n" + b"text\n" * 50,
        b"\x1f\x8b" + bytes(range(256)),
        bytes(range(256)) * 20,
        TEXT.encode()[:200] + b"\x00" + TEXT.encode()[200:],
        TEXT.encode().replace(b"6718.50", b"6718.50\x1b"),
        codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
        codecs.BOM_UTF16_LE + b"\x00\xd8" * 40,
    ],
)
def test_what_is_no_text_is_refused(content: bytes) -> None:
    assert refusal(content).issues[0].code in ("binary", "encoding")


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\xef\xbb\xbf", TEXT.encode("utf-16")[:-1], TEXT.encode() + b"\xc3"]
)
def test_an_empty_or_cut_file_may_still_grow(content: bytes) -> None:
    assert isinstance(refusal(content), ExportUnfinished)


@pytest.mark.parametrize(
    ("limits", "code"),
    [({"max_file_bytes": 100}, "too_large"), ({"max_rows": 1}, "too_many_rows"), ({"max_line_chars": 40}, "long_line")],
)
def test_a_file_beyond_the_limits_is_refused_before_it_is_parsed(limits: dict[str, int], code: str) -> None:
    assert refusal(TEXT, rules=LevelRules(**limits)).issues[0].code == code  # type: ignore[arg-type]


@pytest.mark.parametrize(("delimiter", "name"), [(",", ","), (";", ";"), ("\t", "tab")])
@pytest.mark.parametrize(("end", "line_end"), [("\n", "LF"), ("\r\n", "CRLF"), ("\r", "CR")])
def test_a_delimiter_is_proved_from_the_file(delimiter: str, name: str, end: str, line_end: str) -> None:
    export = read(csv(ROWS, delimiter=delimiter, end=end))
    assert (export.written["delimiter"], export.written["line_end"]) == (name, line_end)
    assert {level: str(cell.price) for level, cell in export.days[0].cells.items()} == WANT


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_decimal_comma_is_read_where_columns_are_not_separated_by_commas(delimiter: str) -> None:
    text = csv([[cell.replace(".", ",") for cell in row] for row in ROWS], delimiter=delimiter)
    export = read(text)
    assert export.written["decimal"] == ","
    assert {level: str(cell.price) for level, cell in export.days[0].cells.items()} == WANT


def test_quoted_names_and_cells_may_hold_the_delimiter() -> None:
    header = (*HEADER[:6], "Moving Average (Close, 20)", *HEADER[6:])
    rows = [(*row[:6], "1,5", *row[6:]) for row in ROWS]
    assert _levels(csv(rows, header)) == WANT


def test_the_order_of_the_rows_and_of_the_columns_does_not_matter() -> None:
    order = [6, 3, 0, 7, 1, 2, 5, 4]
    shuffled = [[row[at] for at in order] for row in reversed(ROWS)]
    assert _levels(csv(shuffled, [HEADER[at] for at in order])) == WANT


def test_date_and_time_may_stand_in_two_columns() -> None:
    rows = [(*row[0].split(), *row[1:]) for row in ROWS]
    assert _levels(csv(rows, ("Date", "Time", *HEADER[1:]))) == WANT


def test_blank_lines_count_as_lines_and_say_nothing() -> None:
    lines = TEXT.splitlines()
    (day,) = read("\n".join(["", lines[0], "", lines[1], ",,,,,,,", lines[2], "", ""])).days
    assert day.line == 6


@pytest.mark.parametrize("cut", range(1, 55))
def test_a_file_cut_anywhere_in_its_last_row_is_never_imported(cut: int) -> None:
    refused = refusal(TEXT[:-1][:-cut])
    assert isinstance(refused, ExportUnfinished)
    assert refused.issues[0].line == 3


def test_a_file_without_its_last_line_end_is_whole() -> None:
    assert _levels(TEXT.rstrip("\n")) == WANT


@pytest.mark.parametrize("row", [2, 3])
def test_a_row_with_a_field_too_few_or_too_many_is_refused_with_its_line(row: int) -> None:
    lines = TEXT.splitlines()
    for bad in (lines[row - 1].rsplit(",", 1)[0], lines[row - 1] + ",1"):
        broken = "\n".join([*lines[: row - 1], bad, *lines[row:]]) + "\n"
        (issue,) = refusal(broken).issues
        assert (issue.code, issue.line) == ("row_width", row)


def test_a_line_break_inside_quotes_is_refused() -> None:
    assert refusal(TEXT.replace("47598", '"475\n98"')).issues[0].code == "quotes"
    assert isinstance(refusal(TEXT.replace("47598", '"47598')), ExportRefused)


@pytest.mark.parametrize("text", ["Date/Time,Open,Hi", "Date/Time,MGI: ONH\n", "Date/Ti"])
def test_a_header_alone_may_still_grow(text: str) -> None:
    assert isinstance(refusal(text), ExportUnfinished)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("just words\nmore words\n", "delimiter"),
        ("Open,Close\n1,2\n", "no_time_column"),
        ("20251014 093000,6634.00,12\n20251014 093001,6634.25,3\n", "no_header"),
        ("Date/Time;Date,Time\n1;2,3\n", "delimiter"),
    ],
)
def test_what_is_no_export_says_why(text: str, code: str) -> None:
    (issue,) = refusal(text).issues
    assert (issue.code, issue.line) == (code, 1)
    assert issue.remedy


@pytest.mark.parametrize("stamp", ["20251014 09{:02d}00", "20251014 09:{:02d}:00", "14/10/2025 9:{:02d}"])
def test_bars_may_stand_without_a_header(stamp: str) -> None:
    export = read(csv([bar(stamp.format(minute)) for minute in range(30, 35)], ()), "ES.csv")
    assert export.bars is not None
    assert (export.shape, export.written["header"], export.bars.interval_minutes) == ("bars", False, 1)
    assert list(export.bars.frame["volume"]) == [10] * 5


def test_bars_may_lack_their_volume() -> None:
    rows = [bar(f"20251014 09{minute}00")[:5] for minute in (30, 35)]
    export = read(csv(rows, ()), "ES.csv")
    assert export.bars is not None
    assert export.bars.frame["volume"].isna().all()


def test_a_bar_without_a_volume_stands_beside_others_with_one() -> None:
    rows = [bar("20251014 093000", volume=""), bar("20251014 093500"), bar("20251014 094000", volume=" ")]
    export = read(csv(rows, BARS), "ES.csv")
    assert export.bars is not None
    assert str(export.bars.frame["volume"].dtype) == "Int64"
    assert export.bars.frame["volume"].isna().tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("volume", "code"),
    [
        ("1000000000000000", "absurd_volume"),
        ("1,000,000,000,000,000", "absurd_volume"),
        ("1000000B", "absurd_volume"),
        ("9" * 24, "absurd_volume"),
        ("9" * 23 + "B", "absurd_volume"),
        ("-1", "negative"),
        ("-1.5K", "negative"),
        ("NaN", "not_finite"),
        ("-Infinity", "not_finite"),
        ("9" * 25, "not_a_volume"),
    ],
)
def test_a_volume_that_cannot_be_is_refused_with_its_place_and_the_remedy(volume: str, code: str) -> None:
    rows = [bar("20251014 093000", volume="999999999999999"), bar("20251014 093500", volume=volume)]
    (issue,) = refusal(csv(rows, BARS), "ES.csv").issues
    assert (issue.code, issue.line, issue.columns, issue.values) == (code, 3, ("Volume",), (volume,))
    assert issue.remedy
    export = read(csv([rows[0], bar("20251014 093500")], BARS), "ES.csv")
    assert export.bars is not None
    assert export.bars.frame["volume"].tolist() == [10**15 - 1, 10]


def test_daily_bars_open_on_the_evening_before() -> None:
    header = (*BARS, "Range", "Spread", "Open Interest")
    rows = [
        (*bar(day, volume=volume), "1", "1", "1") for day, volume in (("14/10/2025", "126M"), ("15/10/2025", "2.83K"))
    ]
    export = read(csv(rows, header), "ES - daily.csv")
    assert export.bars is not None
    assert export.bars.interval_minutes == 24 * 60
    assert [str(time) for time in export.bars.frame["time"]] == [
        "2025-10-13 22:00:00+00:00",
        "2025-10-14 22:00:00+00:00",
    ]
    assert list(export.bars.frame["volume"]) == [126_000_000, 2_830]
    assert [str(day) for day in export.trading_dates] == ["2025-10-14", "2025-10-15"]


@pytest.mark.parametrize(
    ("rows", "code", "line"),
    [
        ([bar("20251014 093000"), ("20251014 093500", "10", "9", "8", "9", "1")], "impossible_bar", 3),
        ([bar("20251014 093000"), ("20251014 093500", "10", "11", "8", "12", "1")], "impossible_bar", 3),
        ([bar("20251014 093000"), bar("20251014 093500", "nan")], "not_finite", 3),
        ([bar("20251014 093000"), bar("20251014 093500", "")], "no_price", 3),
        ([bar("20251014 093000"), bar("20251014 093500", "0")], "no_price", 3),
        ([bar("20251014 093000"), bar("20251014 093500", "5e3")], "not_a_price", 3),
        ([bar("20251014 093000"), bar("20251014 093500", "0.000000009")], "not_a_price", 3),
        ([bar("20251014 093000"), bar("20251014 093500", volume="-1")], "negative", 3),
        ([bar("20251014 093000"), bar("20251014 093500", volume="1.5")], "not_a_volume", 3),
        ([bar("20251014 093000"), bar("20251014 093000", "7000")], "two_bars_at_once", 3),
        ([bar("20251014 093000"), bar("20251018 093500")], "time_zone", 3),
        ([bar("20251014 093000")], "no_interval", None),
    ],
)
def test_every_bar_is_judged(rows: list[tuple[str, ...]], code: str, line: int | None) -> None:
    (issue,) = refusal(csv(rows, BARS), "ES.csv").issues
    assert (issue.code, issue.line) == (code, line)


def test_a_bar_that_stands_twice_is_taken_once() -> None:
    export = read(csv([bar("20251014 093500"), bar("20251014 093000"), bar("20251014 093500")], BARS), "ES.csv")
    assert export.bars is not None
    assert len(export.bars.frame) == 2
    assert export.bars.frame["time"].is_monotonic_increasing
    assert [issue.code for issue in export.warnings] == ["repeated_bar"]


def test_a_single_bar_has_the_size_that_its_name_says() -> None:
    export = read(csv([bar("20251014 093000")], BARS), "ES - 5 min - RTH.csv")
    assert export.bars is not None
    assert export.bars.interval_minutes == 5
