"""Each base model as ONNX says what the library itself says, on rows that it has and has not seen."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest

from tests.signals.training.conftest import QUICK
from xfg_pipeline.signals.training.base_model import BaseModel, new_model
from xfg_pipeline.signals.training.boosted import with_float32_thresholds
from xfg_pipeline.signals.training.onnx_files import INPUT, OUTPUT, difference, finished, run
from xfg_pipeline.signals.training.plan import MODELS
from xfg_pipeline.signals.training.rows import LabelledRows
from xfg_pipeline.signals.training.third_party import quiet


@pytest.fixture(scope="module")
def fitted(extra: None, rows: LabelledRows, holdout: np.ndarray) -> dict[str, BaseModel]:
    made = {}
    with quiet():
        for name in MODELS:
            made[name] = new_model(name, QUICK)
            made[name].fit(rows.matrix[~holdout], rows.labels[~holdout])
    return made


def _file(model: BaseModel) -> bytes:
    with quiet():
        return finished(model.onnx(), QUICK.features)


@pytest.mark.parametrize("name", MODELS)
def test_a_file_says_what_its_original_says(
    fitted: dict[str, BaseModel], rows: LabelledRows, holdout: np.ndarray, name: str
) -> None:
    content, unseen = _file(fitted[name]), rows.matrix[holdout]
    assert difference(content, unseen, fitted[name].probabilities(unseen), 2) < 1e-4
    exact = run(content, unseen, 2)
    assert exact.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert np.ptp(exact[:, 0]) > 0.01


@pytest.mark.parametrize("name", MODELS)
def test_a_file_takes_any_number_of_rows_and_names_its_inputs(fitted: dict[str, BaseModel], name: str) -> None:
    content = _file(fitted[name])
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model)
    assert [value.name for value in model.graph.input] == [INPUT]
    assert [value.name for value in model.graph.output] == [OUTPUT]
    assert json.loads({prop.key: prop.value for prop in model.metadata_props}["xfg.inputs"]) == list(QUICK.features)
    width = len(QUICK.features)
    for count in (1, 3):
        assert run(content, np.zeros((count, width), dtype=np.float32), 1).shape == (count, 3)


def test_lightgbm_compares_in_float32_as_its_file_does(extra: None) -> None:
    """Values next to a threshold: rounding to the nearest float32 would send them the other way."""
    import lightgbm

    low = np.float32(0.1)
    high = np.nextafter(low, np.float32(1))
    values = np.repeat(np.array([low, high], dtype=np.float32), 500)[:, None]
    model = lightgbm.LGBMClassifier(n_estimators=2, num_leaves=2, min_child_samples=1, verbose=-1)
    model.fit(values, np.repeat([0, 1], 500))
    booster = with_float32_thresholds(model.booster_)
    trees = booster.dump_model()["tree_info"]
    thresholds = [tree["tree_structure"]["threshold"] for tree in trees]
    assert all(np.float32(threshold) == threshold for threshold in thresholds)
    assert np.array_equal(booster.predict(values), model.booster_.predict(values))


def test_a_file_that_is_not_its_original_is_found_out(
    fitted: dict[str, BaseModel], rows: LabelledRows, holdout: np.ndarray
) -> None:
    unseen = rows.matrix[holdout]
    assert difference(_file(fitted["xgboost"]), unseen, fitted["catboost"].probabilities(unseen), 2) > 1e-3


def test_the_search_says_what_it_chose_and_finds_it_again(
    fitted: dict[str, BaseModel], rows: LabelledRows, holdout: np.ndarray
) -> None:
    again = new_model("automl", QUICK)
    with quiet():
        again.fit(rows.matrix[~holdout], rows.labels[~holdout])
    assert again.framework == fitted["automl"].framework
    assert again.framework.startswith("flaml: ")
    assert again.probabilities(rows.matrix) == pytest.approx(fitted["automl"].probabilities(rows.matrix), abs=1e-12)


@pytest.mark.parametrize("name", ["xgboost", "tabnet"])
def test_the_same_rows_and_seed_give_the_same_file(
    fitted: dict[str, BaseModel], rows: LabelledRows, holdout: np.ndarray, name: str
) -> None:
    again, other = new_model(name, QUICK), new_model(name, replace(QUICK, seed=QUICK.seed + 1))
    with quiet():
        for model in (again, other):
            model.fit(rows.matrix[~holdout], rows.labels[~holdout])
    assert _file(again) == _file(fitted[name])
    assert _file(other) != _file(fitted[name])
