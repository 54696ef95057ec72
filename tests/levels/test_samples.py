"""Every sample export against its expected answer: one reading for everyone."""

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.levels.writing import AS_OF, content_of
from xfg_pipeline.levels.completeness import completeness
from xfg_pipeline.levels.formats import Export, read_export
from xfg_pipeline.levels.issues import ExportRefused, ExportUnfinished, Issue
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.validation import Reference, judge_day
from xfg_pipeline.levels.vocabulary import AliasTable, normalise_header

LEVEL_FILES = (
    "ES_levels.csv",
    "NQ_levels.csv",
    "ES - daily study - README names.csv",
    "ESZ5 - 5 min - RTH.csv",
    "@NQ - levels.csv",
    "ENQZ5_levels.csv",
    "NQ_wide.csv",
    "ES_long.csv",
    "bad/ES_required_columns_missing.csv",
)
BAR_FILES = ("ESZ5 - 5 min - ETH.csv", "NQZ5 - 5 min - RTH.csv")
REFUSED_ON_READING = (
    "bad/ES_nan.csv",
    "bad/ES_inf.csv",
    "bad/NQ_negative.csv",
    "bad/ES_duplicate_header.csv",
    "bad/ES_date_order_unknown.csv",
    "bad/NQ_date_order_one_day.csv",
    "bad/RESULTS.csv",
    "bad/NQ_truncated.csv",
    "bad/ES_no_level_column.csv",
)
REFUSED_ON_JUDGING = (
    "bad/ES_val_above_vah.csv",
    "bad/NQ_onl_above_onh.csv",
    "bad/ES_levels_of_the_other_market.csv",
    "bad/ES_all_of_the_other_market.csv",
)
OUTSIDE = {
    "ES": Reference(Decimal("6694.50"), "previous_day_close of 2025-10-13"),
    "NQ": Reference(Decimal("24920.50"), "previous_day_close of 2025-10-13"),
}
SETS = ("readme", "mgi")


@pytest.fixture(scope="module")
def expected(exports: Path) -> dict[str, Any]:
    found = json.loads((exports / "expected.json").read_text())
    return {**found["good"], **found["bad"]}


def _read(exports: Path, name: str, **settings: Any) -> Export:
    return read_export(content_of(exports, name), Path(name).name, LevelRules(**settings), AS_OF)


def _faults(exports: Path, name: str, reference: Reference | None = None) -> list[Issue]:
    export = _read(exports, name)
    issues = [issue for day in export.days for issue in judge_day(day, export.symbol, LevelRules(), reference)]
    return [issue for issue in issues if issue.is_error]


def test_every_sample_is_tested(expected: dict[str, Any]) -> None:
    assert set(expected) == {*LEVEL_FILES, *BAR_FILES, *REFUSED_ON_READING, *REFUSED_ON_JUDGING}


@pytest.mark.parametrize("name", [*LEVEL_FILES, *BAR_FILES])
def test_a_good_file_is_read_as_it_is_written(exports: Path, expected: dict[str, Any], name: str) -> None:
    export, want = _read(exports, name), expected[name]
    assert export.symbol == want["symbol"]
    assert export.rows == want["rows"]
    assert export.time_zone == want["time_zone"]
    assert {key: export.written[key] for key in want["written"]} == want["written"]
    assert [str(day) for day in export.trading_dates] == want["trading_dates"]
    shape = "bars" if want["holds"] == "bars" else {"NQ_wide.csv": "wide", "ES_long.csv": "long"}.get(name, "chart")
    assert export.shape == shape


@pytest.mark.parametrize("name", LEVEL_FILES)
def test_each_date_has_the_levels_of_its_own_row(exports: Path, expected: dict[str, Any], name: str) -> None:
    aliases = AliasTable.from_settings({})
    export = _read(exports, name)
    for day in export.days:
        want = expected[name]["dates"][str(day.trading_date)]
        prices = {level: cell.price for level, cell in day.cells.items()}
        assert prices == {level: Decimal(str(price)) for level, price in want["levels"]["api"].items()}
        for vocabulary in ("readme", "mgi"):
            for own_name, price in want["levels"][vocabulary].items():
                assert prices[aliases.level_of(own_name) or ""] == Decimal(str(price))
        if "line" in want["row"]:
            assert day.line == want["row"]["line"]
            assert {cell.line for cell in day.cells.values()} == {day.line}
        else:
            first, last = want["row"]["lines"]
            assert {cell.line for cell in day.cells.values()} == set(range(first, last + 1))
        at = want["row"]["new_york"]
        assert day.row_time == (datetime.fromisoformat(at) if at else None)
        assert day.is_session


@pytest.mark.parametrize("name", LEVEL_FILES)
@pytest.mark.parametrize("required", SETS)
def test_each_missing_required_level_is_one_warning(
    exports: Path, expected: dict[str, Any], name: str, required: str
) -> None:
    aliases, rules = AliasTable.from_settings({}), LevelRules(required=required)
    export = _read(exports, name, required=required)
    for day in export.days:
        want = expected[name]["dates"][str(day.trading_date)]
        absent = {aliases.level_of(warning["level"]): warning["why"] for warning in want["warnings"][required]}
        in_force = rules.required_csv()
        assert {level: why for level, why in day.absent.items() if level in in_force} == absent
        issues = judge_day(day, export.symbol, rules, OUTSIDE[export.symbol])
        assert {issue.code for issue in issues} <= {"missing_level", "empty_level"}
        assert not any(issue.is_error for issue in issues)
        assert [issue.levels for issue in issues if issue.code == "missing_level"] == [(level,) for level in absent]
        assert {issue.levels[0] for issue in issues} == set(day.absent)
        missing = {aliases.level_of(level) for level in want["missing_required"][required]}
        prices = {level: cell.price for level, cell in day.cells.items()}
        assert set(completeness(export.symbol, day.trading_date, prices, rules).missing_csv) == missing


@pytest.mark.parametrize("name", LEVEL_FILES)
def test_columns_that_are_no_levels_are_named(exports: Path, expected: dict[str, Any], name: str) -> None:
    of_bars = {"Open", "High", "Low", "Close", "Volume", "Range"}
    want = [header for header in expected[name]["not_levels"] if header not in of_bars]
    assert list(_read(exports, name).unknown_columns) == want


def test_a_date_without_a_row_at_half_past_nine_is_warned_of(exports: Path, expected: dict[str, Any]) -> None:
    (want,) = expected["NQ_levels.csv"]["dates_without_row"]
    (issue,) = _read(exports, "NQ_levels.csv").warnings
    assert issue.code == "dates_without_row"
    assert issue.values == (want["date"],)
    assert f"{want['rows']} rows" in issue.message
    assert issue.line == 830


@pytest.mark.parametrize("name", BAR_FILES)
def test_bars_have_their_times_prices_and_volumes(exports: Path, expected: dict[str, Any], name: str) -> None:
    export, want = _read(exports, name), expected[name]
    assert export.bars is not None
    assert not export.days
    assert export.bars.interval_minutes == want["interval_minutes"]
    frame = export.bars.frame
    dates = (frame["time"].dt.tz_convert("America/New_York").dt.tz_localize(None) + _six_hours()).dt.date
    for day, answer in want["dates"].items():
        bars = frame[dates == date.fromisoformat(day)]
        assert len(bars) == answer["bars"]
        for at, stamp in ((0, answer["first_utc"]), (-1, answer["last_utc"])):
            assert bars["time"].iloc[at].to_pydatetime() == datetime.fromisoformat(stamp)
        for at, bar in ((0, answer["first"]), (-1, answer["last"])):
            row = bars.iloc[at]
            assert [row["open"], row["high"], row["low"], row["close"]] == [Decimal(str(price)) for price in bar[:4]]
            assert row["volume"] == bar[4]
        assert max(bars["high"]) == Decimal(str(answer["high"]))
        assert min(bars["low"]) == Decimal(str(answer["low"]))
        assert int(bars["volume"].sum()) == answer["volume"]


def test_a_clock_other_than_new_york_is_said(exports: Path) -> None:
    (issue,) = _read(exports, "ESZ5 - 5 min - ETH.csv").warnings
    assert issue.code == "time_zone_found"
    assert "America/Chicago" in issue.message


@pytest.mark.parametrize("name", REFUSED_ON_READING)
def test_a_bad_file_is_refused_where_its_fault_stands(exports: Path, expected: dict[str, Any], name: str) -> None:
    want = expected[name]
    with pytest.raises(ExportRefused) as caught:
        _read(exports, name)
    (issue,) = caught.value.issues
    assert isinstance(caught.value, ExportUnfinished) == want.get("may_wait", False)
    assert issue.line == want["line"]
    assert list(issue.columns) == want["columns"]
    assert list(issue.values) == want["values"]
    assert issue.remedy
    report = caught.value.report(Path(name).name)
    for text in (Path(name).name, *want["columns"], *want["values"], "Remedy: "):
        assert text in report
    if want["line"]:
        assert f"Line: {want['line']}" in report


@pytest.mark.parametrize("name", REFUSED_ON_JUDGING)
def test_levels_that_cannot_be_are_refused(exports: Path, expected: dict[str, Any], name: str) -> None:
    want = expected[name]
    reference = OUTSIDE["ES"] if "needs" in want else None
    (issue,) = _faults(exports, name, reference)
    assert issue.line == want["line"]
    assert list(issue.columns) == want["columns"]
    assert list(issue.values) == want["values"]
    assert issue.remedy
    if "reference" in want:
        assert want["reference"]["value"] in issue.message


def test_a_whole_file_of_another_market_is_only_seen_from_outside(exports: Path) -> None:
    export = _read(exports, "bad/ES_all_of_the_other_market.csv")
    issues = judge_day(export.days[0], "ES", LevelRules(), None)
    assert not any(issue.is_error for issue in issues)
    assert "band_unchecked" in [issue.code for issue in issues]


@pytest.mark.parametrize("order", ["day_first", "month_first"])
@pytest.mark.parametrize("name", ["bad/ES_date_order_unknown.csv", "bad/NQ_date_order_one_day.csv"])
def test_a_date_order_that_is_set_decides(exports: Path, name: str, order: str) -> None:
    lines = (exports / name).read_text().splitlines()[1:]
    parts = [line.split()[0].split("/") for line in lines]
    days = {date(int(c), int(b), int(a)) if order == "day_first" else date(int(c), int(a), int(b)) for a, b, c in parts}
    export = _read(exports, name, date_order=order)
    assert export.trading_dates == tuple(sorted(days))
    assert export.written["dates"] == order.replace("_", " ")


def test_no_good_sample_has_an_error_or_an_unusual_order(exports: Path) -> None:
    for name in LEVEL_FILES:
        export = _read(exports, name)
        for day in export.days:
            codes = {issue.code for issue in judge_day(day, export.symbol, LevelRules(), OUTSIDE[export.symbol])}
            assert codes <= {"missing_level", "empty_level"}


def test_values_of_one_day_agree_between_the_samples(exports: Path) -> None:
    seen: dict[tuple[str, date, str], Decimal] = {}
    for name in LEVEL_FILES:
        export = _read(exports, name)
        for day in export.days:
            for level, cell in day.cells.items():
                assert seen.setdefault((export.symbol, day.trading_date, level), cell.price) == cell.price


def test_the_vocabularies_of_the_samples_are_all_known(expected: dict[str, Any]) -> None:
    aliases = AliasTable.from_settings({})
    names = {
        level
        for name in LEVEL_FILES
        for day in expected[name]["dates"].values()
        for vocabulary in day["levels"].values()
        for level in vocabulary
    }
    assert len(names) > 40
    assert all(aliases.level_of(name) and normalise_header(name) == name for name in names)


def _six_hours() -> Any:
    import pandas as pd

    return pd.Timedelta(hours=6)
