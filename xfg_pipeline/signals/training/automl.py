"""Base model found by FLAML: which family of trees, and with which settings, of those that become ONNX exactly."""

from typing import Any

import numpy as np

from xfg_pipeline.signals.candles import Floats
from xfg_pipeline.signals.training.boosted import lightgbm_onnx, with_float32_thresholds
from xfg_pipeline.signals.training.onnx_files import sklearn_onnx
from xfg_pipeline.signals.training.plan import Sizes
from xfg_pipeline.signals.training.rows import Labels, Matrix

FAMILIES = {"rf": "random forest", "extra_tree": "extra trees", "lgbm": "lightgbm"}
JUDGED_ON = 0.2
"""Share of the rows, the latest ones, that candidates are compared on."""
DISTANCE = 0.02
"""Share of the rows before those that are left out: their events reach into them."""


class AutoML:
    """Searches by a fixed number of candidates, never by time, then fits the winner on all rows."""

    def __init__(self, sizes: Sizes, seed: int, threads: int) -> None:
        self._sizes, self._seed, self._threads = sizes, seed, threads
        self._family = ""
        self._width = 0
        self._model: Any = None

    @property
    def framework(self) -> str:
        """The library, and the family that it chose."""
        return f"flaml: {FAMILIES[self._family]}"

    def fit(self, matrix: Matrix, labels: Labels) -> None:
        """Searches and learns."""
        import flaml
        from sklearn.base import clone

        thinned = slice(None, None, -(-len(labels) // self._sizes.searched))
        seen, came = matrix[thinned], labels[thinned]
        judged = int(len(came) * (1 - JUDGED_ON))
        fitted = int(len(came) * (1 - JUDGED_ON - DISTANCE))
        search = flaml.AutoML()
        search.fit(
            X_train=seen[:fitted],
            y_train=came[:fitted],
            X_val=seen[judged:],
            y_val=came[judged:],
            task="classification",
            metric="log_loss",
            estimator_list=list(FAMILIES),
            custom_hp=self._bounds(),
            eval_method="holdout",
            max_iter=self._sizes.trials,
            time_budget=-1,
            # In turn: the default prefers families by the time that they took.
            learner_selector="roundrobin",
            sample=False,
            retrain_full=False,
            early_stop=False,
            ensemble=False,
            seed=self._seed,
            n_jobs=self._threads,
            verbose=0,
            log_file_name="",
        )
        self._family = search.best_estimator
        self._width = matrix.shape[1]
        self._model = clone(search.model.estimator).fit(matrix, labels)
        if self._family == "lgbm":
            self._model = with_float32_thresholds(self._model.booster_)

    def probabilities(self, matrix: Matrix) -> Floats:
        """float64[n, 3]."""
        if self._family == "lgbm":
            return np.asarray(self._model.predict(matrix))
        return np.asarray(self._model.predict_proba(matrix))

    def onnx(self) -> Any:
        """By skl2onnx, or onnxmltools for LightGBM."""
        if self._family == "lgbm":
            return lightgbm_onnx(self._model)
        return sklearn_onnx(self._model, self._width)

    def _bounds(self) -> dict[str, dict[str, Any]]:
        """Small models only: the search would otherwise end at forests of hundreds of megabytes."""
        from flaml import tune

        trees, leaves = self._sizes.forest_trees, self._sizes.forest_leaves
        forest = {
            "n_estimators": {"domain": trees},
            "max_leaves": {"domain": tune.lograndint(max(4, leaves // 4), leaves + 1), "init_value": leaves // 2},
            "max_features": {"domain": tune.uniform(0.1, 0.8), "init_value": 0.3},
        }
        boosted = {
            "n_estimators": {"domain": tune.randint(max(4, self._sizes.trees // 4), self._sizes.trees + 1)},
            "num_leaves": {"domain": tune.randint(4, self._sizes.leaves + 1), "init_value": self._sizes.leaves // 2},
        }
        boosted["n_estimators"]["init_value"] = max(4, self._sizes.trees // 2)
        return {"rf": forest, "extra_tree": forest, "lgbm": boosted}
