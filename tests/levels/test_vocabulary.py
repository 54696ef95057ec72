"""Names of levels, settings about them, and how faults are said."""

import json
import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xfg_pipeline.levels.issues import ExportRefused, ExportUnfinished, Issue, Severity, refused, unfinished
from xfg_pipeline.levels.rules import LevelRules, SourceRule
from xfg_pipeline.levels.vocabulary import (
    LEVEL_TYPES,
    MANUAL_LEVELS,
    PIVOTS,
    PRECEDENCE,
    REQUIRED_SETS,
    AliasTable,
    Priority,
    Source,
    Timeframe,
    label_of,
    normalise_header,
)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("MGI: ONH", "mgi_onh"),
        ("  mgi :  onh ", "mgi_onh"),
        ("MGI PM-VAH", "mgi_pm_vah"),
        ("MGI Wk-Op", "mgi_wk_op"),
        ("MGI: IB+50%", "mgi_ib_plus_50"),
        ("MGI: IB-150%", "mgi_ib_minus_150"),
        ("MGI: IB \N{MINUS SIGN}150 %", "mgi_ib_minus_150"),
        ("MGI: PRTH Close", "mgi_prth_close"),
        ("Balance Area High", "balance_area_high"),
        ("Overnight-High", "overnight_high"),
        ("previous_day_close", "previous_day_close"),
        ("", ""),
        (" : ", ""),
    ],
)
def test_a_header_is_known_by_its_words(header: str, name: str) -> None:
    assert normalise_header(header) == name


@given(st.text(max_size=40))
def test_a_normalised_header_stays_as_it_is(text: str) -> None:
    once = normalise_header(text)
    assert normalise_header(once) == once


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("MGI: ONH", "overnight_high"),
        ("mgi_onl", "overnight_low"),
        ("MGI: VWAP RTH", "vwap"),
        ("MGI: PRTH Close", "previous_day_close"),
        ("MGI: PDH", "previous_day_high"),
        ("Previous Day Low", "previous_day_low"),
        ("MGI PW-VAH", "mgi_pw_vah"),
        ("pivot", "pivot"),
        ("MGI mVWAP", None),
        ("MGI: HGAP", None),
        ("Open", None),
        ("", None),
    ],
)
def test_every_vocabulary_means_one_level(name: str, level: str | None) -> None:
    assert AliasTable.from_settings({}).level_of(name) == level


def test_each_level_has_its_place() -> None:
    assert len(LEVEL_TYPES) == 45
    assert {level.name for level in LEVEL_TYPES.values()} == set(LEVEL_TYPES)
    assert len({level.label for level in LEVEL_TYPES.values()}) == len(LEVEL_TYPES)
    assert {level.priority for level in LEVEL_TYPES.values()} == set(Priority)
    assert {level.timeframe for level in LEVEL_TYPES.values()} == set(Timeframe)
    assert set(MANUAL_LEVELS) <= set(LEVEL_TYPES)
    assert MANUAL_LEVELS[:5] == PIVOTS
    assert all(set(names) <= set(LEVEL_TYPES) for names in REQUIRED_SETS.values())
    assert PRECEDENCE == (Source.MANUAL, Source.CSV, Source.CALCULATED)
    assert LEVEL_TYPES["mgi_pw_vah"].timeframe is Timeframe.WEEKLY


def test_every_level_has_a_label() -> None:
    assert label_of("mgi_pw_vah") == "Prev. week VAH"
    assert label_of("gamma_flip") == "Gamma flip"


def test_aliases_add_and_take_out_names() -> None:
    table = AliasTable.from_settings({"Gamma Flip!": "gamma_flip", "PD High": "MGI: PDH", "vwap": "", "POC": "ignore"})
    assert table.level_of("GAMMA FLIP!") == "gamma_flip"
    assert table.level_of("gamma_flip") == "gamma_flip"
    assert table.level_of("pd high") == "previous_day_high"
    assert table.level_of("VWAP") is None
    assert table.level_of("MGI: VWAP RTH") == "vwap"
    assert table.level_of("poc") is None


@pytest.mark.parametrize(
    ("aliases", "message"),
    [
        ({"x": "9 lives"}, "gives no level name"),
        ({"x": "pivot"}, "typed in"),
        ({"%%": "vah"}, "no letter"),
        ({"x": "größe"}, "gives no"),
    ],
)
def test_an_alias_that_cannot_be_is_refused(aliases: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LevelRules(aliases=aliases)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"price_band": Decimal(0)}, "price_band"),
        ({"price_band": Decimal("NaN")}, "price_band"),
        ({"default_tick": Decimal(0)}, "default_tick"),
        ({"tick_sizes": {"ES": Decimal("-0.25")}}, "ES"),
        ({"required": "all"}, "readme, mgi"),
        ({"required": ("gamma",)}, "gamma"),
        ({"critical": ("gamma",)}, "gamma"),
        ({"date_order": "dmy"}, "day_first"),
        ({"time_zone": "Mars/Olympus"}, "America/New_York"),
        ({"time_zone": "../etc"}, "time_zone"),
        ({"time_zone": ""}, "time_zone"),
        ({"allowed_symbols": ()}, "allowed_symbols"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LevelRules(**settings)  # type: ignore[arg-type]


def test_a_source_rule_is_checked_too() -> None:
    with pytest.raises(ValueError, match="date_order"):
        SourceRule("*", date_order="dmy")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="time_zone"):
        SourceRule("*", time_zone="Mars/Olympus")


def test_rules_travel_between_processes() -> None:
    rules = LevelRules(aliases={"Gamma": "gamma_flip"})
    assert rules.alias_table().level_of("gamma") == "gamma_flip"
    assert pickle.loads(pickle.dumps(rules)) == rules


def test_an_issue_says_file_place_reason_and_remedy_in_one_line() -> None:
    issue = Issue(
        Severity.ERROR, "not_a_price", '"5,8x5" is not a price', "correct the cell", (), 14, ("MGI: ONH",), ("5,8x5",)
    )
    assert issue.sentence("ES_levels.csv") == (
        'ES_levels.csv line 14, column "MGI: ONH": "5,8x5" is not a price. Correct the cell.'
    )


def test_an_issue_survives_json() -> None:
    issue = Issue(Severity.WARNING, "code", "message", "remedy", ("vah",), 3, ("VAH",), ("1",))
    assert Issue.from_dict(json.loads(json.dumps(issue.to_dict()))) == issue


def test_what_a_file_holds_is_made_safe_to_show() -> None:
    issue = Issue(Severity.ERROR, "code", "message", columns=("a\x00b\n\u202ec",), values=("x" * 500,))
    assert issue.columns == ("a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}c",)
    assert len(issue.values[0]) == 200


def test_a_refusal_needs_a_reason_and_travels_between_processes() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ExportRefused(())
    for made, kind in ((refused("a", "b", line=1), ExportRefused), (unfinished("a", "b"), ExportUnfinished)):
        copied = pickle.loads(pickle.dumps(made))
        assert type(copied) is kind
        assert copied.issues == made.issues


def test_a_report_can_be_read_by_a_person() -> None:
    report = refused(
        "not_finite", '"NaN" is not a finite number', "correct the cell or export again",
        line=3, columns=("MGI: ONH",), values=("NaN",),
    ).report("ES_nan.csv")  # fmt: skip
    assert report == (
        "ES_nan.csv was not imported: 1 fault.\n\n"
        '1. "NaN" is not a finite number.\n'
        "   File: ES_nan.csv\n   Line: 3\n   Column: MGI: ONH\n   Value: NaN\n"
        "   Remedy: Correct the cell or export again.\n\n"
        "Nothing of this file was stored.\n"
    )
