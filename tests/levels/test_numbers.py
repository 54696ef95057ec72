"""One clear number dialect a file: any text is a Decimal or refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xfg_pipeline.levels.band import is_price
from xfg_pipeline.levels.formats.cells import Cell
from xfg_pipeline.levels.formats.numbers import Dialect, prove_dialect
from xfg_pipeline.levels.issues import ExportRefused

PRICES = st.decimals(min_value="0.0001", max_value="999999", places=4)


def _prove(delimiter: str, *texts: str) -> Dialect:
    return prove_dialect([Cell(text, row + 2, "Close") for row, text in enumerate(texts)], delimiter)


@pytest.mark.parametrize(
    ("delimiter", "texts", "decimal", "values"),
    [
        (",", ["6718.50", "6718"], ".", ["6718.50", "6718"]),
        (",", ["5,825.75"], ".", ["5825.75"]),
        (",", ["6,718"], ".", ["6718"]),
        (",", ["6.718"], ".", ["6.718"]),
        (";", ["6718,50", "6718"], ",", ["6718.50", "6718"]),
        (";", ["5.825,75", "6.718"], ",", ["5825.75", "6718"]),
        (";", ["5,825.75", "6,718"], ".", ["5825.75", "6718"]),
        (";", ["1.234.567"], ",", ["1234567"]),
        ("\t", ["5 825,75"], ",", ["5825.75"]),
        ("\t", ["5\N{NO-BREAK SPACE}825.75"], ".", ["5825.75"]),
        ("\t", ["5\N{NARROW NO-BREAK SPACE}825,75"], ",", ["5825.75"]),
        (";", ["5'825.75"], ".", ["5825.75"]),
        (";", ["24889,125", "6.718"], ",", ["24889.125", "6718"]),
        (";", ["6718", "25000"], ".", ["6718", "25000"]),
        (";", ["", "x", "NaN", "6718,5"], ",", ["", "", "", "6718.5"]),
    ],
)
def test_a_dialect_is_proved_by_the_numbers(delimiter: str, texts: list[str], decimal: str, values: list[str]) -> None:
    dialect = _prove(delimiter, *texts)
    assert dialect.decimal == decimal
    assert [dialect.number(text) for text in texts] == [Decimal(value) if value else None for value in values]


@pytest.mark.parametrize(
    ("delimiter", "texts", "code", "line"),
    [
        (";", ["6718,50", "6718.50"], "two_dialects", 2),
        (";", ["6.718"], "unclear_number", 2),
        (";", ["100", "6,718", "6,719"], "unclear_number", 3),
        (",", ["6718,50"], "decimal_comma", 2),
        (",", ["5.825,75"], "decimal_comma", 2),
    ],
)
def test_what_is_not_clear_is_refused(delimiter: str, texts: list[str], code: str, line: int) -> None:
    with pytest.raises(ExportRefused) as caught:
        _prove(delimiter, *texts)
    (issue,) = caught.value.issues
    assert (issue.code, issue.line, issue.columns) == (code, line, ("Close",))


@pytest.mark.parametrize(
    ("text", "volume"),
    [
        ("19.49K", 19490),
        ("126M", 126_000_000),
        ("1.5b", 1_500_000_000),
        ("2.83 k", 2830),
        ("", None),
        ("1,234", 1234),
        ("0", 0),
    ],
)
def test_volumes_may_be_in_thousands_and_millions(text: str, volume: int | None) -> None:
    assert Dialect(".").volume(Cell(text, 2, "Volume")) == volume


@pytest.mark.parametrize("text", ["1.5", "-3", "K", "1e6", "2.8345K", "nan", "1T"])
def test_a_volume_is_a_whole_number(text: str) -> None:
    with pytest.raises(ExportRefused):
        Dialect(".").volume(Cell(text, 2, "Volume"))


@given(PRICES, st.sampled_from([".", ","]), st.sampled_from(["", "'", " ", "other"]))
def test_a_price_comes_back_from_any_dialect(price: Decimal, decimal: str, group: str) -> None:
    group = ("," if decimal == "." else ".") if group == "other" else group
    text = f"{price:,f}".replace(",", "G").replace(".", decimal).replace("G", group)
    assert Dialect(decimal).price(Cell(text, 2, "Close")) == price
    assert _prove(";", text).price(Cell(text, 2, "Close")) == price


@given(
    st.text(max_size=30) | st.from_regex(r"[-+]?[0-9.,' ]{1,12}[KMe]?[0-9]?", fullmatch=True),
    st.sampled_from([".", ","]),
)
def test_any_text_is_a_positive_price_or_nothing_or_refused(text: str, decimal: str) -> None:
    cell = Cell(text, 2, "Close")
    try:
        price = Dialect(decimal).price(cell)
    except ExportRefused:
        return
    assert price is None or is_price(price)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0.0000000099", "below 0.00000001, and prices are kept to 8 decimals"),
        ("1000000000", "1,000,000,000 or more"),
    ],
)
def test_a_price_of_a_size_that_cannot_be_kept_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ExportRefused) as caught:
        Dialect(".").price(Cell(text, 2, "Close"))
    (issue,) = caught.value.issues
    assert (issue.code, issue.line, issue.columns, issue.values) == ("not_a_price", 2, ("Close",), (text,))
    assert issue.message == f'"{text}" is not a price: {why}'
    assert issue.remedy


@pytest.mark.parametrize("text", ["0.00000001", "999999999.99999999"])
def test_the_smallest_and_the_largest_price_are_read(text: str) -> None:
    assert Dialect(".").price(Cell(text, 2, "Close")) == Decimal(text)


@given(st.from_regex(r"[-+]?[0-9.,' ]{1,24}[KMBe]?", fullmatch=True))
def test_any_text_is_a_volume_that_can_be_or_nothing_or_refused(text: str) -> None:
    try:
        volume = Dialect(".").volume(Cell(text, 2, "Volume"))
    except ExportRefused:
        return
    assert volume is None or 0 <= volume < 10**15


@given(st.lists(st.text(alphabet="0123456789.,' -", max_size=12), max_size=6), st.sampled_from([",", ";", "\t"]))
def test_a_proof_never_fails_but_by_refusing(texts: list[str], delimiter: str) -> None:
    try:
        dialect = _prove(delimiter, *texts)
    except ExportRefused:
        return
    assert dialect.decimal in ".,"
    assert delimiter != "," or dialect.decimal == "."
