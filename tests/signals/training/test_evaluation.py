"""The figures of a report, counted by hand on a few rows."""

from dataclasses import replace

import numpy as np
import pytest

from xfg_pipeline.signals.training.diagram import reliability_diagram
from xfg_pipeline.signals.training.evaluation import direction_forecast, evaluate, scores
from xfg_pipeline.signals.training.rows import LabelledRows

FORECAST = np.array(
    [
        [0.8, 0.1, 0.1],
        [0.8, 0.1, 0.1],
        [0.1, 0.1, 0.8],
        [0.2, 0.6, 0.2],
        [0.1, 0.2, 0.7],
    ]
)
CAME = np.array([0, 2, 2, 1, 2])
JAN, FEB = 1_738_281_600, 1_738_368_000
"""2025-01-31 and 2025-02-01, 00:00 UTC."""


@pytest.fixture
def few() -> LabelledRows:
    slots = np.array([JAN - 86_400, JAN, JAN, JAN + 900, FEB, FEB])
    return LabelledRows(
        ("BTC", "ETH"),
        np.array([0, 0, 1, 0, 0, 1], dtype=np.int16),
        slots,
        slots + 900,
        np.zeros((6, 2), dtype=np.float32),
        np.array([1, *CAME]),
        np.array([0.0, 2.0, 3.0, 1.9, 5.0, 5.0]),
        {},
    )


def test_a_signal_would_take_the_likelier_direction_and_its_probability() -> None:
    confidence, directed = direction_forecast(FORECAST)
    assert confidence.tolist() == [0.8, 0.8, 0.8, 0.2, 0.7]
    assert directed.tolist() == [0, 0, 2, 2, 2]


def test_scores_are_those_of_the_definitions() -> None:
    made = scores(FORECAST, CAME)
    squares = [0.04 + 0.01 + 0.01, 0.64 + 0.01 + 0.81, 0.06, 0.16 + 0.04 + 0.04, 0.01 + 0.04 + 0.09]
    assert made["n"] == 5
    assert made["brier"] == pytest.approx(sum(squares) / 5)
    assert made["log_loss"] == pytest.approx(-np.log([0.8, 0.1, 0.8, 0.6, 0.7]).mean())
    assert made["accuracy"] == 0.8
    assert made["ece"] == pytest.approx((abs(2 - 2.4) + abs(1 - 0.6) + abs(1 - 0.7)) / 5)
    assert made["direction_ece"] == pytest.approx((abs(2 - 2.4) + abs(0 - 0.2) + abs(1 - 0.7)) / 5)
    assert made["direction_brier"] == pytest.approx((0.04 + 0.64 + 0.04 + 0.04 + 0.09) / 5)
    assert scores(FORECAST[:0], CAME[:0]) == {"n": 0}


def test_the_report_counts_by_coin_month_and_gate(few: LabelledRows) -> None:
    held_out = np.arange(6) > 0
    figures = evaluate(few, held_out, ~held_out, {"one": FORECAST}, FORECAST)
    assert figures["classes"] == {"down": 1, "flat": 1, "up": 3}
    assert {coin: part["n"] for coin, part in figures["by_coin"].items()} == {"BTC": 3, "ETH": 2}
    assert {month: part["n"] for month, part in figures["by_month"].items()} == {"2025-01": 3, "2025-02": 2}
    assert figures["confusion"] == [[1, 0, 0], [0, 1, 0], [1, 0, 2]]
    assert figures["base_rates"]["brier"] == pytest.approx((2 * 4 + 0) / 5)
    sure, with_volume = figures["gates"]["sure"], figures["gates"]["sure_with_volume"]
    assert (sure["n"], sure["came_true"], sure["a_day"]) == (3, 0.666667, 1.5)
    assert (with_volume["n"], with_volume["came_true"], with_volume["mean_confidence"]) == (2, 0.5, 0.8)
    assert [part["n"] for part in figures["reliability"]] == [0, 1, 0, 0, 0, 0, 1, 3, 0, 0]
    assert figures["models"]["one"] == figures["meta_learner"]


def test_a_gate_that_nothing_passes_has_no_shares(few: LabelledRows) -> None:
    unsure = np.full((5, 3), 1 / 3)
    few = replace(few, volume_ratio=np.zeros(6))
    gates = evaluate(few, np.arange(6) > 0, np.arange(6) < 1, {}, unsure)["gates"]
    assert gates["sure"] == {"n": 0, "a_day": 0.0, "mean_confidence": None, "came_true": None, "interval": None}


def test_the_diagram_has_a_point_for_each_bin_with_forecasts(few: LabelledRows) -> None:
    bins = evaluate(few, np.arange(6) > 0, np.arange(6) < 1, {}, FORECAST)["reliability"]
    picture = reliability_diagram(bins, "Reliability")
    assert picture.startswith("<svg ")
    assert picture.count("<circle") == 3
    assert "3 forecasts of 80.0% on average: 66.7% came true" in picture
    assert reliability_diagram([], "None").count("<circle") == 0
