"""Whose levels a file holds."""

import pytest

from tests.levels.writing import HEADER, csv, level_row, read, refusal
from xfg_pipeline.levels.formats import symbol_of_name
from xfg_pipeline.levels.formats.symbols import minutes_in_name, says_regular_hours
from xfg_pipeline.levels.issues import ExportRefused
from xfg_pipeline.levels.rules import LevelRules

ALL = LevelRules(allowed_symbols=("ES", "NQ", "MES", "MNQ"))


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("ES_levels.csv", "ES"),
        ("es_levels.csv", "ES"),
        ("LevelsES.csv", "ES"),
        ("ESLevels.csv", "ES"),
        ("ES.csv", "ES"),
        ("ESU6 - 5 min - RTH.csv", "ES"),
        ("ESZ25.csv", "ES"),
        ("ESZ2025 5 min.csv", "ES"),
        ("EPM21 - 30 min - RTH.csv", "ES"),
        ("@ES - 1 min - ETH.csv", "ES"),
        ("ES1_5m.csv", "ES"),
        ("/ES 5 min.csv", "ES"),
        ("ES - daily study - README names.csv", "ES"),
        ("ES=F.csv", "ES"),
        ("2026-11-20 ES levels (1).csv", "ES"),
        ("NQ_futures.csv", "NQ"),
        ("NQ_prices.csv", "NQ"),
        ("NQ_values.csv", "NQ"),
        ("ENQZ5_levels.csv", "NQ"),
        ("@NQ - 1 min - ETH.csv", "NQ"),
        ("NQU6.Last.txt", "NQ"),
        ("nq levels.CSV", "NQ"),
        ("MESM6 - 15 min - ETH.csv", "MES"),
        ("MNQ_levels.csv", "MNQ"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER E}\N{FULLWIDTH LATIN CAPITAL LETTER S}_levels.csv", "ES"),
        ("C:\\exports\\NQ\\ES_levels.csv", "ES"),
    ],
)
def test_the_symbol_is_a_word_of_the_name(name: str, symbol: str) -> None:
    assert symbol_of_name(name, ALL) == symbol


@pytest.mark.parametrize(
    "name",
    [
        "RESULTS.csv",
        "prices.csv",
        "FUTURES.csv",
        "values.csv",
        "naMES.csv",
        "TESLA.csv",
        "levels.csv",
        "",
        "...",
        "ESTX.csv",
    ],
)
def test_letters_inside_a_word_are_no_symbol(name: str) -> None:
    with pytest.raises(ExportRefused) as caught:
        symbol_of_name(name, ALL)
    assert caught.value.issues[0].code == "no_symbol"
    assert "ES_levels.csv" in caught.value.issues[0].remedy


@pytest.mark.parametrize("name", ["ES and NQ.csv", "ES_NQ.csv", "MES - ES.csv"])
def test_a_name_of_two_symbols_does_not_decide(name: str) -> None:
    with pytest.raises(ExportRefused, match="holds"):
        symbol_of_name(name, ALL)


def test_a_micro_is_not_taken_for_its_big_brother() -> None:
    with pytest.raises(ExportRefused) as caught:
        symbol_of_name("MESM6 - 15 min - ETH.csv", LevelRules())
    assert caught.value.issues[0].code == "symbol_not_allowed"
    assert "ES, NQ" in caught.value.issues[0].message


def test_a_symbol_of_the_settings_is_known_in_names() -> None:
    assert symbol_of_name("RTYU6 - 5 min.csv", LevelRules(allowed_symbols=("RTY",))) == "RTY"


def _with_symbol(*symbols: str) -> str:
    rows = [(*level_row(f"14/10/2025 09:3{number}:00"), symbol) for number, symbol in enumerate(symbols)]
    return csv(rows, (*HEADER, "Symbol"))


@pytest.mark.parametrize("written", ["NQ", "@NQ", "NQZ5", "CME:NQ", "enq"])
def test_a_symbol_column_decides_where_the_name_does_not(written: str) -> None:
    assert read(_with_symbol(written, written), "levels.csv").symbol == "NQ"
    assert read(_with_symbol(written, ""), "ES and NQ.csv").symbol == "NQ"


def test_a_file_for_two_symbols_is_refused_at_the_first_row_of_the_second() -> None:
    (issue,) = refusal(_with_symbol("ES", "ES", "NQ"), "levels.csv").issues
    assert (issue.code, issue.line, issue.columns, issue.values) == ("two_symbols", 4, ("Symbol",), ("NQ",))


def test_a_symbol_column_that_contradicts_the_name_is_refused() -> None:
    (issue,) = refusal(_with_symbol("NQ", "NQ"), "ES_levels.csv").issues
    assert (issue.code, issue.line) == ("two_symbols", 2)


def test_a_symbol_column_of_unknown_words_does_not_decide() -> None:
    assert read(_with_symbol("S&P 500", "S&P 500"), "ES_levels.csv").symbol == "ES"
    (issue,) = refusal(_with_symbol("S&P 500"), "levels.csv").issues
    assert (issue.code, issue.line, issue.values) == ("no_symbol", 2, ("S&P 500",))


def test_a_symbol_column_of_a_symbol_that_is_not_allowed_is_refused() -> None:
    assert refusal(_with_symbol("MES"), "levels.csv").issues[0].code == "symbol_not_allowed"


@pytest.mark.parametrize(
    ("name", "regular", "minutes"),
    [
        ("ESU6 - 5 min - RTH.csv", True, 5),
        ("NQ - 30 min - ETH.csv", False, 30),
        ("NORTH ES 1min.csv", False, 1),
        ("ES_levels.csv", False, None),
    ],
)
def test_a_name_can_say_hours_and_bar_size(name: str, regular: bool, minutes: int | None) -> None:
    assert says_regular_hours(name) is regular
    assert minutes_in_name(name) == minutes
