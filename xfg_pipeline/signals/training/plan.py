"""What is to be trained: the event, the splits, the size of the models. Values, no candles."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from xfg_pipeline.signals.features import FEATURES
from xfg_pipeline.signals.manifest import Event

MODELS = ("xgboost", "lightgbm", "catboost", "tabnet", "automl")
EVENT = Event(kind="first_touch", horizon_candles=16, barrier=2.0, unit="atr")


@dataclass(frozen=True)
class Sizes:
    """How much each model may learn; what it costs at every slot grows with it."""

    trees: int = 80
    leaves: int = 16
    depth: int = 4
    epochs: int = 12
    batch: int = 4096
    trials: int = 9
    """Candidates that the automatic search looks at."""
    searched: int = 30_000
    """Rows at most that it compares them on; the winner is fitted on all."""
    forest_trees: int = 24
    forest_leaves: int = 64


@dataclass(frozen=True)
class TrainingPlan:
    """One training.

    All rows whose event is settled `embargo` before `held_out_from` are fitted on; slots from there on are only
    judged. None: the last fifth of the stretch, from a UTC midnight on. Before it, `folds` windows follow one another;
    each is forecast by models fitted on what was settled `embargo` before it, over all earlier time or over `rolling`.
    The first window begins on the day when `first_fit` of the time before `held_out_from` has passed.
    """

    name: str
    demonstration: bool = False
    event: Event = EVENT
    features: tuple[str, ...] = FEATURES
    models: tuple[str, ...] = MODELS
    held_out_from: datetime | None = None
    folds: int = 4
    first_fit: float = 0.35
    rolling: timedelta | None = None
    embargo: timedelta = timedelta(days=1)
    fit_every: int = 2
    """Fit on every n-th slot: neighbouring slots share most of their event."""
    sizes: Sizes = field(default_factory=Sizes)
    seed: int = 20_250_701
    threads: int = 1
    """More is faster on an idle machine, far slower on a busy one, and may change last digits."""
    tolerance: float = 5e-4
    """Largest difference of a probability between an ONNX file and its original. Trees stay below 1e-6; of a network a
    few rows in 100,000 come near 1e-4, because float32 is what both count in."""

    def __post_init__(self) -> None:
        """Raises ValueError for a plan that nothing can be trained by."""
        if self.folds < 1 or self.fit_every < 1 or not 0 < self.first_fit < 1:
            raise ValueError("folds and fit_every are 1 or more, first_fit lies between 0 and 1")
        if not self.models or len(set(self.models)) != len(self.models):
            raise ValueError("models: at least one, none twice")

    def quick(self) -> "TrainingPlan":
        """The same at the smallest size, to see whether everything fits together. Its forecasts are poor."""
        sizes = Sizes(trees=6, leaves=6, depth=3, epochs=1, batch=1024, trials=3, forest_trees=5, forest_leaves=8)
        return replace(self, folds=1, sizes=sizes)
