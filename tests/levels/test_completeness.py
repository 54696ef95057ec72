"""One light a symbol and day."""

from datetime import date
from decimal import Decimal

import pytest

from xfg_pipeline.levels.completeness import completeness
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.vocabulary import PIVOTS, REQUIRED_SETS

TUESDAY = date(2025, 10, 14)
MONDAY = date(2025, 10, 13)
AFTER_A_HOLIDAY = date(2026, 1, 20)
PRICES = {
    "overnight_high": "6718.50", "overnight_low": "6605.75", "vwap": "6626.4167", "vah": "6703.75", "val": "6678.75",
    "poc": "6693.75", "previous_day_high": "6711.50", "previous_day_low": "6661.75", "previous_day_close": "6694.50",
    "pivot_ba_high": "6809.25", "pivot_high": "6750.00", "pivot": "6700.00", "pivot_low": "6650.00",
    "pivot_ba_low": "6600.00",
}  # fmt: skip
WHOLE = {name: Decimal(price) for name, price in PRICES.items()}


def test_nothing_missing_and_nothing_failed_is_complete() -> None:
    found = completeness("ES", TUESDAY, WHOLE, LevelRules())
    assert (found.status, found.overall_complete, found.csv_complete, found.manual_complete) == (
        "complete",
        *[True] * 3,
    )
    assert (found.missing_csv, found.missing_manual, found.total_levels) == ((), (), 14)


@pytest.mark.parametrize(
    ("day", "due"),
    [
        (MONDAY, True),
        (TUESDAY, False),
        (AFTER_A_HOLIDAY, True),
        (date(2026, 1, 19), False),
        (date(2025, 10, 12), False),
    ],
)
def test_the_weekly_pivot_is_due_on_the_first_session_of_the_week(day: date, due: bool) -> None:
    found = completeness("ES", day, WHOLE, LevelRules())
    assert found.missing_manual == (("weekly_pivot",) if due else ())
    assert found.status == ("partial" if due else "complete")
    assert ("weekly_pivot" in found.required_manual) is due


@pytest.mark.parametrize("name", [*REQUIRED_SETS["readme"], *PIVOTS])
def test_one_missing_level_is_partial_and_named(name: str) -> None:
    found = completeness("ES", TUESDAY, {other: price for other, price in WHOLE.items() if other != name}, LevelRules())
    assert found.status == "partial"
    assert (*found.missing_csv, *found.missing_manual) == (name,)
    assert found.csv_complete is (name in PIVOTS)
    assert found.manual_complete is (name not in PIVOTS)


def test_a_day_without_levels_is_incomplete() -> None:
    found = completeness("ES", TUESDAY, {}, LevelRules())
    assert (found.status, found.total_levels) == ("incomplete", 0)
    assert found.missing_csv == REQUIRED_SETS["readme"]
    assert found.missing_manual == PIVOTS


def test_a_day_of_levels_that_nobody_requires_is_partial() -> None:
    """As the sample ES_required_columns_missing.csv has it."""
    assert completeness("ES", TUESDAY, {"mgi_rtho": Decimal("6634.00")}, LevelRules()).status == "partial"


WEEKLY = {"weekly_pivot": Decimal("6700.00")}


def test_the_weekly_pivot_of_another_day_alone_leaves_a_day_incomplete() -> None:
    found = completeness("ES", TUESDAY, WEEKLY, LevelRules())
    assert (found.status, found.total_levels, found.missing_manual) == ("incomplete", 1, PIVOTS)
    holiday = date(2026, 1, 19)
    assert completeness("ES", holiday, WEEKLY, LevelRules()).status == "incomplete"


def test_the_weekly_pivot_alone_makes_the_day_partial_that_requires_it() -> None:
    assert completeness("ES", MONDAY, WEEKLY, LevelRules()).status == "partial"
    assert completeness("ES", AFTER_A_HOLIDAY, WEEKLY, LevelRules()).status == "partial"


@pytest.mark.parametrize("name", ["vah", "pivot", "mgi_rtho"])
def test_one_level_beside_the_weekly_pivot_makes_a_day_partial(name: str) -> None:
    assert completeness("ES", TUESDAY, {**WEEKLY, name: Decimal("6700.00")}, LevelRules()).status == "partial"


def test_a_missing_critical_level_is_incomplete() -> None:
    rules = LevelRules(critical=("MGI: ONH",))
    assert completeness("ES", TUESDAY, WHOLE, rules).status == "complete"
    without = {name: price for name, price in WHOLE.items() if name != "overnight_high"}
    assert completeness("ES", TUESDAY, without, rules).status == "incomplete"


def test_levels_that_cannot_be_are_incomplete_and_not_overall_complete() -> None:
    found = completeness("ES", TUESDAY, {**WHOLE, "val": Decimal("6703.75")}, LevelRules())
    assert (found.status, found.overall_complete, found.csv_complete) == ("incomplete", False, True)
    assert [issue.code for issue in found.failed] == ["order"]


def test_unusual_orders_leave_a_day_complete() -> None:
    assert completeness("ES", TUESDAY, {**WHOLE, "pivot_high": Decimal("6900.00")}, LevelRules()).status == "complete"


def test_the_required_set_is_a_setting() -> None:
    assert completeness("ES", TUESDAY, WHOLE, LevelRules(required="mgi")).missing_csv == REQUIRED_SETS["mgi"][2:]
    rules = LevelRules(required=("MGI: ONH", "mgi_onl", "pivot", "vah"))
    assert completeness("ES", TUESDAY, WHOLE, rules).required_csv == ("overnight_high", "overnight_low", "vah")


def test_the_answer_of_the_api_has_its_keys() -> None:
    assert completeness("ES", TUESDAY, {**WHOLE, "poc": Decimal(1)}, LevelRules()).to_dict() == {
        "symbol": "ES",
        "trading_date": "2025-10-14",
        "csv_complete": True,
        "manual_complete": True,
        "overall_complete": False,
        "missing_csv": [],
        "missing_manual": [],
        "total_levels": 14,
        "status": "incomplete",
        "failed": [
            {
                "severity": "error",
                "code": "order",
                "message": "VAL 6678.75 is above POC 1",
                "remedy": "check the study's settings and the two columns' aliases, then export again",
                "levels": ["val", "poc"],
                "line": None,
                "columns": [],
                "values": [],
            }
        ],
        "required_csv": list(REQUIRED_SETS["readme"]),
        "required_manual": list(PIVOTS),
    }
