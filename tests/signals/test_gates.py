"""The gates of a candidate: exact limits, the first that stops is named, and every number is shown."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.signals.candidate_rows import BTC, MODELS, Said, candidates, feature_rows, said
from xfg_pipeline.signals.features import REASONS
from xfg_pipeline.signals.gates import NOT_KNOWN, Candidates, judge
from xfg_pipeline.signals.plans import REFUSALS
from xfg_pipeline.signals.rules import SignalRules
from xfg_pipeline.signals.stops import GATES, PASSED, shown, why

UP = (0.04, 0.12, 0.84)


def judged(prediction: Said, rules: SignalRules | None = None, **changed: object) -> Candidates:
    rows = feature_rows(len(prediction.meta), **changed)  # type: ignore[arg-type]
    return judge(rows, prediction, MODELS, BTC, rules or SignalRules())


def stopped(found: Candidates, row: int = 0) -> tuple[str, str]:
    gate = int(found.stops.gate[row])
    return ("" if gate == PASSED else GATES[gate]), found.stops.reason(row)


def test_a_candidate_that_passes_is_stopped_by_nothing() -> None:
    assert stopped(judged(said(UP))) == ("", "")


@pytest.mark.parametrize(
    ("confidence", "passes"),
    [
        (float(np.float32(0.77)), True),
        (0.7699995, True),
        (0.7699994, False),
        (float(np.nextafter(np.float32(0.77), np.float32(0))), True),
        (0.769999, False),
    ],
)
def test_the_confidence_is_compared_after_rounding_to_six_decimals(confidence: float, passes: bool) -> None:
    found = judged(said((0.1, 0.9 - confidence, confidence)))
    assert (stopped(found)[0] == "") == passes


def test_a_limit_with_more_decimals_than_six_is_never_rounded_in_favour() -> None:
    rules = SignalRules(min_confidence=Decimal("0.7700001"))
    assert stopped(judged(said((0.1, 0.13, 0.77)), rules))[0] == "confidence"
    assert stopped(judged(said((0.1, 0.129999, 0.770001)), rules))[0] == ""


@pytest.mark.parametrize(
    ("ratio", "gate"), [(2.0, ""), (1.9999996, ""), (1.9999994, "volume"), (1.31, "volume"), (0.0, "volume")]
)
def test_the_volume_is_compared_in_the_same_way(ratio: float, gate: str) -> None:
    assert stopped(judged(said(UP), volume_ratio=ratio))[0] == gate


def test_the_reason_has_the_numbers() -> None:
    rows = said((0.1, 0.188, 0.712), UP, UP, (0.21, 0.61, 0.18), (0.41, 0.18, 0.41))
    found = judged(rows, volume_ratio=[2.62, 1.318, 2.62, 2.62, 2.62], range_low=[90886.0, 90886.0, 91386.0, 1.0, 1.0])
    assert stopped(found, 0) == ("confidence", "confidence 0.71 is below 0.77")
    assert stopped(found, 1) == ("volume", "volume is 1.31 times its mean of 20 candles, below 2.00")
    assert stopped(found, 2) == ("risk_reward", "risk/reward 1.29 is below 2.00")
    assert stopped(found, 3) == ("direction", "no direction: up or down has at most 0.21, another class 0.61")
    assert stopped(found, 4) == ("direction", "no direction: up or down has at most 0.41, another class 0.41")


def test_a_value_just_below_its_limit_never_looks_like_it() -> None:
    assert shown(0.769999, 0.77) == ("0.76", "0.77")
    assert shown(0.7749, 0.775) == ("0.774", "0.775")
    assert shown(1.9999999, 2.0) == ("1.99", "2.00")


def test_down_is_a_direction_and_level_classes_are_none() -> None:
    rows = said((0.84, 0.12, 0.04), (0.45, 0.1, 0.45), (0.1, 0.45, 0.45), (0.4500002, 0.1, 0.45), (0.2, 0.35, 0.45))
    assert judged(rows).direction.tolist() == [-1, 0, 0, 0, 1]


def test_rows_without_data_say_which_is_missing() -> None:
    found = judged(said(UP, UP, UP), reason=[1, 2, 0], atr=[400.0, 400.0, np.nan])
    assert [stopped(found, row) for row in range(3)] == [
        ("data", REASONS[1]),
        ("data", REASONS[2]),
        ("data", NOT_KNOWN),
    ]
    assert found.direction.tolist() == [0, 0, 0]
    assert not found.plans.possible.any()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_broken_answer_is_stopped_and_has_no_direction(bad: float) -> None:
    found = judged(said(UP, (bad, 0.1, 0.84), broken=[True, False]))
    assert [stopped(found, row)[0] for row in range(2)] == ["model", "model"]
    assert stopped(found)[1] == "the ensemble gave no usable probabilities"
    assert found.direction.tolist() == [0, 0]


def test_the_first_gate_in_the_stated_order_is_the_reason() -> None:
    everything = {"volume_ratio": 0.5, "close": 91500.0, "adx": 5.0}
    assert stopped(judged(said(UP, broken=[True]), reason=[1], **everything))[0] == "data"
    assert stopped(judged(said(UP, broken=[True]), **everything))[0] == "model"
    assert stopped(judged(said((0.1, 0.8, 0.1)), **everything))[0] == "direction"
    assert stopped(judged(said((0.1, 0.4, 0.5)), **everything))[0] == "confidence"
    assert stopped(judged(said(UP), **everything))[0] == "volume"
    assert stopped(judged(said(UP), **{**everything, "volume_ratio": 3.0})) == ("plan", REFUSALS[3])


def test_a_passed_candidate_shows_every_gate_with_its_margin() -> None:
    readings = {one.gate: one for one in judged(said(UP)).readings(0)}
    assert list(readings) == list(GATES[:7])
    assert all(one.passed for one in readings.values())
    assert readings["confidence"].margin == Decimal("0.070000")
    assert readings["volume"].to_dict() == {
        "gate": "volume",
        "passed": True,
        "value": "2.620000",
        "comparison": "≥",
        "threshold": "2.0",
        "margin": "0.620000",
        "detail": "",
    }
    assert readings["risk_reward"].margin == Decimal("0.2857")
    assert (readings["direction"].value, readings["direction"].threshold) == (Decimal("0.840000"), Decimal("0.120000"))
    assert readings["data"].to_dict()["value"] is None


def test_a_stopped_candidate_shows_the_gates_up_to_there() -> None:
    readings = candidates(volume_ratio=1.5).readings(0)
    assert [(one.gate, one.passed) for one in readings] == [
        ("data", True),
        ("model", True),
        ("direction", True),
        ("confidence", True),
        ("volume", False),
    ]
    assert readings[-1].margin == Decimal("-0.500000")


def test_the_sentence_is_the_same_from_stored_columns() -> None:
    found = judged(said(UP, (0.1, 0.4, 0.5), (0.3, 0.4, 0.3), UP, UP), reason=[1, 0, 0, 0, 0], adx=5.0, close=91500.0)
    stops = found.stops
    for row in range(5):
        gate = GATES[stops.gate[row]]
        value, threshold = stops.value[row].item(), stops.threshold[row].item()
        stored = (None if np.isnan(value) else value, None if np.isnan(threshold) else threshold)
        detail = stops.details[stops.detail[row]] or None
        assert why(gate, *stored, detail) == stops.reason(row) != ""


def test_probabilities_of_other_slots_or_models_are_refused() -> None:
    with pytest.raises(ValueError, match="2 slots of BTC"):
        judge(feature_rows(2), said(UP), MODELS, BTC, SignalRules())
    with pytest.raises(ValueError, match="4 names for 5 models"):
        judge(feature_rows(1), said(UP), MODELS[:4], BTC, SignalRules())


@given(st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 3), min_size=1, max_size=20), st.integers(0, 10))
def test_one_row_alone_is_judged_as_among_many(rows: list[tuple[float, float, float]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = len(rows)
    changed = {"volume_ratio": rng.uniform(1, 4, size).tolist(), "close": rng.uniform(91000, 92500, size).tolist()}
    whole = judged(said(*rows), **changed)
    for row in range(size):
        alone = judged(said(rows[row]), **{name: values[row] for name, values in changed.items()})
        assert stopped(alone) == stopped(whole, row)
        assert alone.confidence[0] == whole.confidence[row]
