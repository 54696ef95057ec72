"""Whether levels can be true, and what the form says about typed pivots."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xfg_pipeline.levels.band import SMALLEST, UNCHECKED, is_price
from xfg_pipeline.levels.formats import ExportDay, LevelCell
from xfg_pipeline.levels.issues import Issue, Severity
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.validation import Reference, judge_day, judge_levels, judge_pivots
from xfg_pipeline.levels.vocabulary import LEVEL_TYPES, MANUAL_LEVELS

RULES = LevelRules()
REFERENCE = Reference(Decimal("6700.00"), "previous_day_close of 2025-10-13")
PIVOTS = {
    "pivot_ba_high": Decimal("25388.00"),
    "pivot_high": Decimal("25340.00"),
    "pivot": Decimal("25285.00"),
    "pivot_low": Decimal("25190.25"),
    "pivot_ba_low": Decimal("25100.00"),
}


def _day(close: str | None = "6700.00", **prices: str) -> ExportDay:
    cells = {name: LevelCell(Decimal(price), name.upper(), 3, price) for name, price in prices.items()}
    own = LevelCell(Decimal(close), "Close", 3, close) if close else None
    return ExportDay(date(2025, 10, 14), 3, None, cells, {}, own, True)


def _prices(**prices: str) -> dict[str, Decimal]:
    return {name: Decimal(price) for name, price in prices.items()}


def _codes(issues: list[Issue], severity: Severity = Severity.ERROR) -> list[str]:
    return [issue.code for issue in issues if issue.severity is severity]


@pytest.mark.parametrize("name", [name for name, level in LEVEL_TYPES.items() if level.traded])
def test_a_traded_price_off_the_tick_is_an_error_with_the_nearest_tick(name: str) -> None:
    (issue,) = judge_levels({name: Decimal("6718.60")}, "ES", RULES)
    assert (issue.code, issue.severity, issue.levels) == ("off_tick", Severity.ERROR, (name,))
    assert "6718.50" in issue.message


@pytest.mark.parametrize("name", [name for name, level in LEVEL_TYPES.items() if not level.traded])
def test_a_computed_price_may_stand_anywhere(name: str) -> None:
    assert judge_levels({name: Decimal("6718.6333")}, "ES", RULES) == []


def test_ticks_are_of_the_symbol() -> None:
    rules = LevelRules(tick_sizes={"RTY": Decimal("0.10")}, default_tick=Decimal("0.5"))
    assert judge_levels(_prices(overnight_high="2000.30"), "RTY", rules) == []
    assert _codes(judge_levels(_prices(overnight_high="2000.30"), "YM", rules)) == ["off_tick"]


@pytest.mark.parametrize(
    ("prices", "levels"),
    [
        (_prices(overnight_low="2", overnight_high="1"), ("overnight_low", "overnight_high")),
        (_prices(overnight_low="2", overnight_high="2"), ("overnight_low", "overnight_high")),
        (_prices(val="2", vah="2"), ("val", "vah")),
        (_prices(val="2", vah="3", poc="4"), ("poc", "vah")),
        (_prices(val="2", vah="3", poc="1"), ("val", "poc")),
        (_prices(previous_day_low="2", previous_day_high="1"), ("previous_day_low", "previous_day_high")),
        (_prices(mgi_ibl="2", mgi_ibh="1"), ("mgi_ibl", "mgi_ibh")),
        (_prices(mgi_pw_val="2", mgi_pw_vah="1"), ("mgi_pw_val", "mgi_pw_vah")),
        (_prices(balance_area_low="2", balance_area_high="1"), ("balance_area_low", "balance_area_high")),
        (_prices(pivot_ba_low="2", pivot="2"), ("pivot_ba_low", "pivot")),
        (_prices(pivot="2", pivot_ba_high="1"), ("pivot", "pivot_ba_high")),
        (_prices(pivot_ba_low="2", pivot_ba_high="1"), ("pivot_ba_low", "pivot_ba_high")),
    ],
)
def test_an_order_that_no_market_can_have_is_an_error(prices: dict[str, Decimal], levels: tuple[str, ...]) -> None:
    (issue,) = judge_levels(prices, "ES", RULES)
    assert (issue.code, issue.severity, issue.levels) == ("order", Severity.ERROR, levels)


@pytest.mark.parametrize(
    "prices",
    [
        _prices(val="2", vah="3", poc="3"),
        _prices(val="2", vah="3", poc="2"),
        _prices(mgi_ibl="2", mgi_ibh="2"),
        _prices(val="2", vah="3", vwap="9"),
    ],
)
def test_an_edge_is_no_fault(prices: dict[str, Decimal]) -> None:
    assert judge_levels(prices, "ES", RULES) == []


@pytest.mark.parametrize(
    "prices",
    [
        _prices(previous_day_low="2", previous_day_close="1"),
        _prices(previous_day_close="3", previous_day_high="2"),
        _prices(mgi_pw_cl="3", mgi_pw_hi="2"),
        _prices(pivot_high="1", pivot="2"),
        _prices(pivot_high="3", pivot_ba_high="2"),
        _prices(balance_area_mid="3", balance_area_high="2"),
    ],
)
def test_an_unusual_order_is_a_warning(prices: dict[str, Decimal]) -> None:
    (issue,) = judge_levels(prices, "ES", RULES)
    assert (issue.code, issue.severity) == ("unusual_order", Severity.WARNING)


def test_a_midpoint_away_from_the_middle_is_a_warning() -> None:
    assert judge_levels(_prices(mgi_ibl="10", mgi_ibm="11.125", mgi_ibh="12"), "ES", RULES) == []
    (issue,) = judge_levels(_prices(mgi_ibl="10", mgi_ibm="11.50", mgi_ibh="12"), "ES", RULES)
    assert (issue.code, issue.severity) == ("midpoint", Severity.WARNING)


@pytest.mark.parametrize(
    "price", ["NaN", "sNaN", "Infinity", "-Infinity", "0", "-0", "-1", "1E+400", "0.0000000099", "1E-400"]
)
def test_what_is_no_price_is_an_error_everywhere(price: str) -> None:
    bad = Decimal(price)
    assert _codes(judge_levels({"vah": bad}, "ES", RULES)) == ["not_a_price"]
    assert _codes(judge_pivots({"pivot": bad}, "ES", RULES, REFERENCE)) == ["not_a_price"]
    day = replace(_day(), cells={"vah": LevelCell(bad, "VAH", 7, price), "val": LevelCell(Decimal(1), "VAL", 7, "1")})
    (issue,) = [issue for issue in judge_day(day, "ES", RULES, REFERENCE) if issue.is_error]
    assert (issue.code, issue.line, issue.columns, issue.values) == ("not_a_price", 7, ("VAH",), (price,))


def test_the_smallest_price_is_the_last_decimal_that_is_kept() -> None:
    assert Decimal("0.00000001") == SMALLEST
    assert is_price(SMALLEST)
    assert not is_price(SMALLEST.next_minus())
    (issue,) = judge_levels(_prices(vah="0.000000009"), "ES", RULES)
    assert "below 0.00000001, and prices are kept to 8 decimals" in issue.message


@pytest.mark.parametrize(
    ("price", "inside"), [("8040.00", True), ("8040.01", False), ("5360.00", True), ("5359.99", False)]
)
def test_the_band_includes_both_of_its_ends(price: str, inside: bool) -> None:
    """20 % of 6,700 are 1,340 points."""
    assert _codes(judge_day(_day(vah=price), "ES", RULES, None)) == ([] if inside else ["band"])
    assert _codes(judge_day(_day(None, vah=price), "ES", RULES, REFERENCE)) == ([] if inside else ["band"])


def test_a_level_outside_of_the_band_names_its_cell_and_the_reference() -> None:
    (issue,) = [
        issue for issue in judge_day(_day(vah="24542.00", val="6690.00"), "ES", RULES, REFERENCE) if issue.is_error
    ]
    assert (issue.line, issue.columns, issue.values) == (3, ("VAH",), ("24542.00",))
    assert "Close 6700.00" in issue.message
    assert "another instrument" in issue.remedy


def test_a_close_outside_of_the_band_means_another_market() -> None:
    issues = judge_day(_day("24561.75", vah="24600.00"), "ES", RULES, REFERENCE)
    (issue,) = [issue for issue in issues if issue.is_error]
    assert issue.columns == ("Close", "VAH")
    assert "rename the file" in issue.remedy
    assert "6700.00" in issue.message


def test_without_an_outside_price_a_warning_says_so() -> None:
    assert UNCHECKED == "band_unchecked"
    assert UNCHECKED in _codes(judge_day(_day(vah="6700"), "ES", RULES, None), Severity.WARNING)
    assert UNCHECKED not in _codes(judge_day(_day(vah="6700"), "ES", RULES, REFERENCE), Severity.WARNING)


def test_missing_levels_are_warnings_that_are_equal_for_all_days() -> None:
    day = replace(_day(vah="6700"), absent={"val": "no column", "poc": "zero", "mgi_pw_val": "empty cell"})
    issues = list(judge_day(day, "ES", RULES, REFERENCE))
    assert [(issue.code, issue.levels, issue.line) for issue in issues] == [
        ("missing_level", ("val",), None),
        ("missing_level", ("poc",), 3),
        ("empty_level", ("mgi_pw_val",), 3),
    ]
    tomorrow = replace(day, trading_date=date(2025, 10, 15), line=90)
    assert judge_day(tomorrow, "ES", RULES, REFERENCE)[0] == issues[0]


def test_errors_come_first() -> None:
    day = replace(_day(vah="1", val="2"), absent={"poc": "zero"})
    severities = [issue.severity for issue in judge_day(day, "ES", LevelRules(), None)]
    assert severities == sorted(severities, key=lambda severity: severity is not Severity.ERROR)


def _beside(name: str, **typed: str) -> tuple[Severity, str] | None:
    """What stands beside a field of the form."""
    prices = {**PIVOTS, **_prices(**typed)}
    issues = judge_pivots(prices, "NQ", RULES, Reference(Decimal(25000), "Close of yesterday"))
    found = [issue for issue in issues if issue.levels == (name,)]
    return (found[0].severity, found[0].message) if found else None


@pytest.mark.parametrize(
    ("name", "price", "severity", "message"),
    [
        ("pivot_ba_high", "25285.00", "error", "Must be above pivot 25,285.00"),
        ("pivot_ba_low", "25285.25", "error", "Must be below pivot 25,285.00"),
        ("pivot_low", "25190.10", "error", "Not on the 0.25 tick: 25,190.00?"),
        ("pivot_high", "25388.25", "warning", "Above BA high: unusual"),
        ("pivot_low", "25099.75", "warning", "Below BA low: unusual"),
        ("pivot_high", "25200.00", "warning", "Below pivot: unusual"),
        ("pivot_low", "25300.00", "warning", "Above pivot: unusual"),
        ("pivot", "-1", "error", "Not a price: not above 0"),
        ("pivot", "Infinity", "error", "Not a price: not a finite number"),
        ("pivot", "1E+9", "error", "Not a price: 1,000,000,000 or more"),
        ("pivot", "0.000000009", "error", "Not a price: below 0.00000001, and prices are kept to 8 decimals"),
        ("weekly_pivot", "6700.00", "error", "More than 20 % from Close of yesterday: 25,000.00"),
    ],
)
def test_the_form_says_in_a_few_words_what_is_wrong(name: str, price: str, severity: str, message: str) -> None:
    assert _beside(name, **{name: price}) == (Severity(severity), message)


def test_right_pivots_have_nothing_beside_them() -> None:
    assert judge_pivots(PIVOTS, "NQ", RULES, Reference(Decimal(25000), "Close of yesterday")) == []


def test_without_a_pivot_the_ends_of_the_balance_area_are_compared() -> None:
    (issue,) = judge_pivots(_prices(pivot_ba_high="1", pivot_ba_low="2"), "NQ", RULES, Reference(Decimal("1.5"), "x"))[
        :1
    ]
    assert issue.levels in (("pivot_ba_high",), ("pivot_ba_low",))
    assert issue.is_error


def test_off_tick_pivots_can_be_allowed() -> None:
    rules = LevelRules(manual_on_tick=False)
    assert _codes(judge_pivots(_prices(pivot="25190.10"), "NQ", rules, None)) == []


def test_only_pivots_are_typed_in() -> None:
    assert _codes(judge_pivots(_prices(vah="25190.00"), "NQ", RULES, None)) == ["unknown_level"]


def test_pivots_without_a_reference_are_accepted_with_a_warning() -> None:
    issues = judge_pivots(PIVOTS, "NQ", RULES, None)
    assert [(issue.code, issue.severity) for issue in issues] == [(UNCHECKED, Severity.WARNING)]


@given(
    st.dictionaries(st.sampled_from([*LEVEL_TYPES]), st.decimals(allow_nan=True, allow_infinity=True), max_size=8),
    st.sampled_from([None, REFERENCE]),
)
def test_any_prices_are_judged_without_a_crash(prices: dict[str, Decimal], reference: Reference | None) -> None:
    for issue in judge_levels(prices, "ES", RULES):
        assert set(issue.levels) <= set(prices)
    typed = {name: price for name, price in prices.items() if name in MANUAL_LEVELS}
    for issue in judge_pivots(typed, "ES", RULES, reference):
        assert issue.levels or issue.code == UNCHECKED
