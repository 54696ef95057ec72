"""Out-of-fold forecasts: no model has seen the row that it speaks of, nor anything close to it."""

from dataclasses import replace

import numpy as np
import pytest

from tests.signals.training.conftest import QUICK
from xfg_pipeline.signals.training import TrainingRefused
from xfg_pipeline.signals.training.rows import LabelledRows
from xfg_pipeline.signals.training.walk import OutOfFold, fit_all, out_of_fold

PLAN = replace(QUICK, models=("xgboost", "lightgbm"), folds=2)
DAY = 86_400


def _walk(rows: LabelledRows) -> OutOfFold:
    first, last = int(rows.slots[0]), int(rows.slots[-1])
    return out_of_fold(rows, PLAN, start=first + 20 * DAY, end=last, progress=lambda _: None)


@pytest.fixture(scope="module")
def walked(extra: None, rows: LabelledRows) -> OutOfFold:
    return _walk(rows)


def test_every_row_of_a_window_has_one_distribution_from_each_model(rows: LabelledRows, walked: OutOfFold) -> None:
    first, last = int(rows.slots[0]), int(rows.slots[-1])
    inside = (rows.slots >= first + 20 * DAY) & (rows.settled <= last)
    assert np.array_equal(walked.rows, inside)
    assert walked.forecasts[:, inside].sum(axis=2) == pytest.approx(1.0, abs=1e-5)
    assert np.isnan(walked.forecasts[:, ~inside]).all()
    assert [set(window) for window in walked.chosen] == [set(PLAN.models)] * 2


def test_forecasts_of_a_window_know_nothing_from_its_embargo_on(rows: LabelledRows, walked: OutOfFold) -> None:
    for number, (start, _) in enumerate(walked.windows, 1):
        hidden = rows.settled > start - DAY
        poisoned = replace(rows, labels=np.where(hidden, (rows.labels + 1) % 3, rows.labels))
        again = _walk(poisoned)
        upto = walked.rows & (walked.window <= number)
        assert np.array_equal(again.forecasts[:, upto], walked.forecasts[:, upto])


def test_forecasts_do_depend_on_what_was_settled_before(rows: LabelledRows, walked: OutOfFold) -> None:
    seen = rows.settled <= walked.windows[0][0] - DAY
    again = _walk(replace(rows, labels=np.where(seen, (rows.labels + 1) % 3, rows.labels)))
    assert not np.array_equal(again.forecasts[:, walked.rows], walked.forecasts[:, walked.rows])


def test_a_walk_that_is_too_short_is_refused(extra: None, rows: LabelledRows) -> None:
    with pytest.raises(TrainingRefused, match="Before window 1 of 2, from 2025-01-05: down 0 times"):
        out_of_fold(rows, PLAN, start=int(rows.slots[0]) + DAY, end=int(rows.slots[-1]), progress=lambda _: None)
    with pytest.raises(TrainingRefused, match="Give a longer stretch"):
        out_of_fold(rows, PLAN, start=int(rows.slots[0]), end=int(rows.slots[0]) + 900, progress=lambda _: None)


def test_a_model_that_is_not_known_is_refused_by_name(extra: None, rows: LabelledRows) -> None:
    plan = replace(PLAN, models=("xgboost", "oracle"))
    with pytest.raises(TrainingRefused, match=r"'oracle' is no base model. Known are: xgboost, lightgbm"):
        fit_all(rows, rows.slots > 0, plan, "now", lambda _: None)


def test_only_every_nth_slot_is_fitted_on_when_the_plan_says_so(extra: None, rows: LabelledRows) -> None:
    said: list[str] = []
    plan = replace(PLAN, models=("lightgbm",), fit_every=4)
    fit_all(rows, np.ones(len(rows), dtype=bool), plan, "all", said.append)
    fitted = int(said[0].rsplit("fitted on ", 1)[1].split()[0].replace(",", ""))
    assert fitted == pytest.approx(len(rows) / 4, abs=4)


@pytest.mark.parametrize("wrong", [{"folds": 0}, {"fit_every": 0}, {"first_fit": 1.0}, {"models": ()}])
def test_a_plan_that_nothing_can_be_trained_by_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"or more|at least one"):
        replace(QUICK, **wrong)
