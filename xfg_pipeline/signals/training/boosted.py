"""Base models of boosted trees: XGBoost, LightGBM, CatBoost."""

import re
from typing import Any

import numpy as np

from xfg_pipeline.signals.candles import Floats
from xfg_pipeline.signals.training.onnx_files import INPUT, OPSET, TREES_OPSET, without_zipmap
from xfg_pipeline.signals.training.plan import Sizes
from xfg_pipeline.signals.training.rows import Labels, Matrix


class XGBoost:
    """Histogram trees. Compares in float32 itself, so its ONNX file takes the same turns."""

    def __init__(self, sizes: Sizes, seed: int, threads: int) -> None:
        import xgboost

        self._width = 0
        self._model = xgboost.XGBClassifier(
            n_estimators=sizes.trees,
            max_depth=sizes.depth,
            learning_rate=0.1,
            min_child_weight=20,
            subsample=0.8,
            colsample_bytree=0.6,
            tree_method="hist",
            random_state=seed,
            n_jobs=threads,
        )

    @property
    def framework(self) -> str:
        """The library."""
        return "xgboost"

    def fit(self, matrix: Matrix, labels: Labels) -> None:
        """Learns."""
        self._width = matrix.shape[1]
        self._model.fit(matrix, labels)

    def probabilities(self, matrix: Matrix) -> Floats:
        """float32[n, 3]."""
        return np.asarray(self._model.predict_proba(matrix))

    def onnx(self) -> Any:
        """By onnxmltools."""
        from onnxmltools import convert_xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType

        return convert_xgboost(
            self._model, initial_types=[(INPUT, FloatTensorType([None, self._width]))], target_opset=TREES_OPSET
        )


class LightGBM:
    """Leaf-wise trees, with thresholds that a float32 comparison takes the same way."""

    def __init__(self, sizes: Sizes, seed: int, threads: int) -> None:
        import lightgbm

        self._booster: Any = None
        self._model = lightgbm.LGBMClassifier(
            n_estimators=sizes.trees,
            num_leaves=sizes.leaves,
            learning_rate=0.1,
            min_child_samples=50,
            subsample=0.8,
            subsample_freq=1,
            colsample_bytree=0.6,
            random_state=seed,
            n_jobs=threads,
            deterministic=True,
            force_row_wise=True,
            verbose=-1,
        )

    @property
    def framework(self) -> str:
        """The library."""
        return "lightgbm"

    def fit(self, matrix: Matrix, labels: Labels) -> None:
        """Learns."""
        self._model.fit(matrix, labels)
        self._booster = with_float32_thresholds(self._model.booster_)

    def probabilities(self, matrix: Matrix) -> Floats:
        """float64[n, 3]."""
        return np.asarray(self._booster.predict(matrix))

    def onnx(self) -> Any:
        """By onnxmltools."""
        return lightgbm_onnx(self._booster)


class CatBoost:
    """Symmetric trees; its own export, without the dictionaries that it wraps probabilities in."""

    def __init__(self, sizes: Sizes, seed: int, threads: int) -> None:
        import catboost

        self._model = catboost.CatBoostClassifier(
            iterations=sizes.trees,
            depth=sizes.depth + 1,
            learning_rate=0.15,
            loss_function="MultiClass",
            random_seed=seed,
            thread_count=threads,
            allow_writing_files=False,
            verbose=False,
        )

    @property
    def framework(self) -> str:
        """The library."""
        return "catboost"

    def fit(self, matrix: Matrix, labels: Labels) -> None:
        """Learns."""
        self._model.fit(matrix, labels)

    def probabilities(self, matrix: Matrix) -> Floats:
        """float64[n, 3]."""
        return np.asarray(self._model.predict_proba(matrix))

    def onnx(self) -> Any:
        """By catboost itself, which writes files only."""
        import tempfile
        from pathlib import Path

        import onnx

        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "catboost.onnx"
            self._model.save_model(str(file), format="onnx")
            return without_zipmap(onnx.load(str(file)))


def with_float32_thresholds(booster: Any) -> Any:
    """The same LightGBM booster with every threshold rounded down to a float32.

    ONNX compares in float32 and onnxmltools rounds to the nearest, which sends values between the two the other way.
    For an x that is a float32, x <= t holds exactly when x <= the largest float32 that is not above t.
    """
    import lightgbm

    def rounded(line: re.Match[str]) -> str:
        return "threshold=" + " ".join(repr(_float32_below(float(text))) for text in line[1].split())

    text = re.sub(r"^threshold=(.*)$", rounded, booster.model_to_string(), flags=re.MULTILINE)
    # The sizes are only an index for reading in parallel, and no longer true.
    return lightgbm.Booster(model_str=re.sub(r"^tree_sizes=.*\n", "", text, flags=re.MULTILINE))


def lightgbm_onnx(booster: Any) -> Any:
    """A LightGBM booster by onnxmltools."""
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    kind = FloatTensorType([None, booster.num_feature()])
    return convert_lightgbm(booster, initial_types=[(INPUT, kind)], target_opset=OPSET, zipmap=False)


def _float32_below(value: float) -> float:
    nearest = np.float32(value)
    return float(np.nextafter(nearest, np.float32(-np.inf)) if float(nearest) > value else nearest)
