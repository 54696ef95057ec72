"""What a base model is to the training, and which ones there are."""

from typing import Any, Protocol

from xfg_pipeline.signals.candles import Floats
from xfg_pipeline.signals.training.plan import Sizes, TrainingPlan
from xfg_pipeline.signals.training.refusal import TrainingRefused
from xfg_pipeline.signals.training.rows import Labels, Matrix


class BaseModel(Protocol):
    """One model over the features, fitted once. Rows come in order of time."""

    @property
    def framework(self) -> str:
        """The library, and what it chose, for the manifest."""

    def fit(self, matrix: Matrix, labels: Labels) -> None:
        """Learns from float32[n, F] and int64[n], all classes present."""

    def probabilities(self, matrix: Matrix) -> Floats:
        """float[n, 3] in the order of manifest.CLASSES, by the library itself."""

    def onnx(self) -> Any:
        """The same as an onnx.ModelProto: input float32 [None, F], one output of probabilities [None, 3]."""


def new_model(name: str, plan: TrainingPlan) -> BaseModel:
    """An unfitted model by its name in the plan. Raises TrainingRefused for a name that is not known."""
    from xfg_pipeline.signals.training import automl, boosted, tabnet

    known: dict[str, type[Any]] = {
        "xgboost": boosted.XGBoost,
        "lightgbm": boosted.LightGBM,
        "catboost": boosted.CatBoost,
        "tabnet": tabnet.TabNet,
        "automl": automl.AutoML,
    }
    if name not in known:
        raise TrainingRefused(f"{name!r} is no base model. Known are: {', '.join(known)}.")
    sizes: Sizes = plan.sizes
    model: BaseModel = known[name](sizes, plan.seed, plan.threads)
    return model
