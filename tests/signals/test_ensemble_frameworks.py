"""Real exports of the libraries that people train with: each is read, says what its original says, and is steady."""

import functools
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tests.signals import onnx_models as made
from tests.signals.onnx_models import FEATURES
from xfg_pipeline.signals.ensemble import Ensemble, Prediction

WIDTH = len(FEATURES)
TRAINED_ON = made.rows(600, seed=11)
LABELS = np.digitize(TRAINED_ON[:, 0] + TRAINED_ON[:, 1] * TRAINED_ON[:, 2], [-0.5, 0.5])
ROWS = made.rows(200, seed=12)
OPSET = 15

Export = tuple[bytes, np.ndarray[Any, Any]]
"""A file, and what its original says of ROWS."""


def xgboost() -> Export:
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    from xgboost import XGBClassifier

    model = XGBClassifier(n_estimators=40, max_depth=3, n_jobs=1).fit(TRAINED_ON, LABELS)
    proto = convert_xgboost(model, initial_types=[("input", FloatTensorType([None, WIDTH]))], target_opset=OPSET)
    return proto.SerializeToString(), model.predict_proba(ROWS)


def lightgbm(*, zipmap: bool = True) -> Export:
    from lightgbm import LGBMClassifier
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    model = LGBMClassifier(n_estimators=40, num_leaves=7, n_jobs=1, verbose=-1).fit(TRAINED_ON, LABELS)
    proto = convert_lightgbm(
        model, initial_types=[("X", FloatTensorType([None, WIDTH]))], target_opset=OPSET, zipmap=zipmap
    )
    return proto.SerializeToString(), model.predict_proba(ROWS)


def catboost(folder: Path) -> Export:
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(iterations=100, depth=3, thread_count=1, verbose=False, allow_writing_files=False)
    model.fit(TRAINED_ON, LABELS)
    path = folder / "catboost.onnx"
    model.save_model(str(path), format="onnx")
    return path.read_bytes(), model.predict_proba(ROWS)


def sklearn(kind: str, **options: Any) -> Export:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if kind == "calibrated":
        model: Any = CalibratedClassifierCV(RandomForestClassifier(10, max_depth=4, random_state=1), cv=2)
    elif kind == "forest":
        model = RandomForestClassifier(90, max_depth=4, random_state=1)
    else:
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(TRAINED_ON, LABELS)
    proto = convert_sklearn(
        model,
        initial_types=[("float_input", FloatTensorType([None, WIDTH]))],
        options={id(model): options} if options else None,
        target_opset=OPSET,
    )
    return proto.SerializeToString(), model.predict_proba(ROWS)


@functools.cache
def tabnet_once() -> Any:
    import torch
    from pytorch_tabnet.tab_model import TabNetClassifier

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model = TabNetClassifier(n_d=4, n_a=4, n_steps=2, seed=1, verbose=0, device_name="cpu")
    model.fit(TRAINED_ON, LABELS, max_epochs=2, batch_size=200, virtual_batch_size=100, num_workers=0)
    torch.set_num_threads(threads)
    return model


def tabnet(*, fixed_batch: bool = False) -> Export:
    model = tabnet_once()
    import torch

    file = io.BytesIO()
    options: dict[str, Any] = {} if fixed_batch else {"dynamic_axes": {"input": {0: "N"}}}
    torch.onnx.export(
        model.network.eval(),
        (torch.from_numpy(ROWS[:1]),),
        file,
        input_names=["input"],
        opset_version=17,
        dynamo=False,
        **options,
    )
    return file.getvalue(), model.predict_proba(ROWS)


EXPORTS: dict[str, Callable[[Path], Export]] = {
    "xgboost": lambda _: xgboost(),
    "lightgbm": lambda _: lightgbm(),
    "lightgbm_without_zipmap": lambda _: lightgbm(zipmap=False),
    "catboost": catboost,
    "logistic": lambda _: sklearn("logistic"),
    "logistic_without_zipmap": lambda _: sklearn("logistic", zipmap=False),
    "logistic_columns": lambda _: sklearn("logistic", zipmap="columns"),
    "logistic_class_labels": lambda _: sklearn("logistic", zipmap=False, output_class_labels=True),
    "forest": lambda _: sklearn("forest"),
    "calibrated": lambda _: sklearn("calibrated"),
    "tabnet": lambda _: tabnet(),
    "tabnet_fixed_batch": lambda _: tabnet(fixed_batch=True),
}


@pytest.fixture(scope="module")
def export_of(extra: None, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Export]:
    """Trains and exports a model once."""
    kept: dict[str, Export] = {}

    def export(name: str) -> Export:
        if name not in kept:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the libraries, about themselves
                kept[name] = EXPORTS[name](tmp_path_factory.mktemp(name))
        return kept[name]

    return export


def ensemble_of(name: str, content: bytes, folder: Path, threads: int = 1) -> Ensemble:
    outputs = {name: "logits"} if name.startswith("tabnet") else {}
    written = made.ensemble({name: content}, meta=made.matrix(width=3).content(), outputs=outputs)
    return Ensemble.load(written.write(folder), market="bybit", known_features=FEATURES, threads=threads)


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_says_what_its_original_says(
    name: str, export_of: Callable[[str], Export], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    content, original = export_of(name)
    prediction = ensemble_of(name, content, tmp_path).predict(ROWS)
    assert not prediction.broken.any()
    np.testing.assert_allclose(prediction.members[0], original, atol=2e-5)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_says_of_one_row_to_the_last_bit_what_it_says_of_it_among_others(
    name: str, export_of: Callable[[str], Export], tmp_path: Path
) -> None:
    ensemble = ensemble_of(name, export_of(name)[0], tmp_path)
    together = ensemble.predict(ROWS)
    backwards = ensemble.predict(np.ascontiguousarray(ROWS[::-1]))
    assert bits(together) == bits(backwards, slice(None, None, -1))
    for row in range(len(ROWS)):
        assert bits(ensemble.predict(ROWS[row : row + 1])) == bits(together, slice(row, row + 1))


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_says_the_same_on_any_number_of_threads(
    name: str, export_of: Callable[[str], Export], tmp_path: Path
) -> None:
    content, _ = export_of(name)
    many = np.tile(ROWS, (11, 1))
    on_one = ensemble_of(name, content, tmp_path).predict(many)
    on_four = ensemble_of(name, content, tmp_path, threads=4).predict(many)
    assert bits(on_one) == bits(on_four)


@pytest.mark.parametrize("name", ["xgboost", "lightgbm_without_zipmap"])
def test_trees_are_added_up_in_one_order_on_any_number_of_cores(
    name: str, export_of: Callable[[str], Export], tmp_path: Path
) -> None:
    content, _ = export_of(name)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (one_by_one,) = session.run(["probabilities"], {session.get_inputs()[0].name: ROWS})
    answers = ensemble_of(name, content, tmp_path).predict(ROWS).members[0]
    assert answers.tobytes() == one_by_one.tobytes()


def bits(prediction: Prediction, rows: slice = slice(None)) -> tuple[bytes, bytes]:
    return prediction.meta[rows].tobytes(), np.ascontiguousarray(prediction.members[:, rows]).tobytes()
