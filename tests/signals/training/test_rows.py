"""From candles to rows: the features of a slot beside what came true after it, and what is refused."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.signals.training.conftest import QUICK
from xfg_pipeline.signals import features
from xfg_pipeline.signals.candles import Candles, no_candles
from xfg_pipeline.signals.events import realised, rows_of
from xfg_pipeline.signals.slots import moment
from xfg_pipeline.signals.training import TrainingRefused
from xfg_pipeline.signals.training.rows import LabelledRows, labelled_rows, require_classes


def test_a_row_has_the_features_of_its_slot_and_the_class_that_came_true(
    rows: LabelledRows, invented: dict[str, Candles]
) -> None:
    for row in (0, 1234, len(rows) - 1):
        coin, slot = rows.coins[rows.coin[row]], moment(rows.slots[row])
        known_then = invented[coin].closed_by(slot)
        alone = features.compute(known_then, slot, slot + timedelta(minutes=15))
        assert np.array_equal(rows.matrix[row], alone.matrix(features.FEATURES)[0])
        assert rows.volume_ratio[row] == alone.measures["volume_ratio"][0]
        by_then = invented[coin].closed_by(moment(rows.settled[row]))
        came = realised(QUICK.event, by_then, alone.measures["atr"], rows_of(by_then, alone.slots))
        assert rows.labels[row] == came[0]


def test_rows_are_in_order_of_time_and_end_where_the_outcome_is_not_known(
    rows: LabelledRows, invented: dict[str, Candles]
) -> None:
    assert (np.diff(rows.slots) >= 0).all()
    assert set(np.unique(rows.labels)) == {0, 1, 2}
    assert (rows.settled - rows.slots == 16 * 900).all()
    for coin, candles in invented.items():
        left_out = rows.left_out[coin]
        of_coin = int((rows.coin == rows.coins.index(coin)).sum())
        assert of_coin + sum(left_out.values()) == len(candles) - 287
        assert 0 < left_out["outcome not known"] <= 16


def _without(candles: Candles, first: int, last: int) -> Candles:
    kept = np.ones(len(candles), dtype=bool)
    kept[first:last] = False
    return candles.at(kept)


def test_too_many_gaps_are_refused_with_the_first_of_them(invented: dict[str, Candles]) -> None:
    broken = invented["BTC"]
    for day in range(10, 55, 4):
        broken = _without(broken, 96 * day, 96 * day + 1)
    with pytest.raises(TrainingRefused, match=r"BTC: \d+ of \d+ slots have no features; \d+ gaps, the first from 2025"):
        labelled_rows({"BTC": broken}, QUICK)


def test_one_gap_only_costs_the_days_around_it(invented: dict[str, Candles]) -> None:
    made = labelled_rows({"BTC": _without(invented["BTC"], 96 * 20 + 50, 96 * 20 + 51)}, QUICK)
    assert 3 * 96 < made.left_out["BTC"]["without features"] <= 4 * 96
    assert len(made) > 5000


@pytest.mark.parametrize(
    ("shape", "needed"),
    [
        (lambda candles: candles.at(slice(0, 96 * 16)), "BTC: 1536 candles, at least 17 days are needed"),
        (lambda _: no_candles("BTC"), "BTC: 0 candles, at least 17 days are needed"),
        (
            lambda candles: replace(candles, open_time=candles.open_time // 15, interval_seconds=60),
            "BTC: candles of 60 s, 900 s",
        ),
    ],
    ids=["two weeks", "none", "one-minute candles"],
)
def test_candles_that_teach_nothing_are_refused(invented: dict[str, Candles], shape: object, needed: str) -> None:
    with pytest.raises(TrainingRefused, match=needed):
        labelled_rows({"BTC": shape(invented["BTC"])}, QUICK)


def test_a_feature_that_is_not_known_is_refused_by_name(invented: dict[str, Candles]) -> None:
    plan = replace(QUICK, features=("rsi_14", "moon_phase"))
    with pytest.raises(TrainingRefused, match=r"moon_phase.*Known are: .*rsi_14"):
        labelled_rows(invented, plan)


def test_no_coin_is_refused() -> None:
    with pytest.raises(TrainingRefused, match="name at least one"):
        labelled_rows({}, QUICK)


def test_a_missing_class_is_refused_with_what_was_found() -> None:
    labels = np.repeat([0, 2], 500)
    with pytest.raises(TrainingRefused, match=r"Before May: flat 0 times among 1000 rows, 50 of each"):
        require_classes(labels, np.ones(1000, dtype=bool), "Before May")
