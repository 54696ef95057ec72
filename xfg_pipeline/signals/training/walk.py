"""Base models through time: forecasts that no model made for a row it was fitted on, then the models that are kept."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.manifest import CLASSES
from xfg_pipeline.signals.slots import SLOT_SECONDS, moment
from xfg_pipeline.signals.training.base_model import BaseModel, new_model
from xfg_pipeline.signals.training.plan import TrainingPlan
from xfg_pipeline.signals.training.refusal import TrainingRefused
from xfg_pipeline.signals.training.rows import LabelledRows, require_classes
from xfg_pipeline.signals.training.splits import Mask, walk_forward
from xfg_pipeline.signals.training.third_party import quiet

Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Forecasts of the base models for the rows of all windows."""

    forecasts: NDArray[np.float32]
    """[M, n, 3] in the order of the plan, NaN for rows of no window."""
    window: NDArray[np.int16]
    """The window of each row, 0 for none."""
    windows: tuple[tuple[int, int], ...]
    """Start and end of each window in seconds."""
    chosen: tuple[dict[str, str], ...]
    """By window, what each model says it is."""

    @property
    def rows(self) -> Mask:
        """Rows that have forecasts."""
        there: Mask = self.window > 0
        return there


def out_of_fold(rows: LabelledRows, plan: TrainingPlan, *, start: int, end: int, progress: Progress) -> OutOfFold:
    """Fits every model anew before each window between two moments (seconds), and has it forecast the window.

    Raises TrainingRefused when a window or what was before it lacks a class.
    """
    forecasts = np.full((len(plan.models), len(rows), len(CLASSES)), np.nan, dtype=np.float32)
    window = np.zeros(len(rows), dtype=np.int16)
    chosen = []
    rolling = None if plan.rolling is None else int(plan.rolling.total_seconds())
    try:
        steps = list(
            walk_forward(
                rows.slots,
                rows.settled,
                start=start,
                end=end,
                folds=plan.folds,
                embargo=int(plan.embargo.total_seconds()),
                rolling=rolling,
            )
        )
    except ValueError as problem:
        raise TrainingRefused(f"The candles are too few for the plan: {problem}. Give a longer stretch.") from None
    for step in steps:
        said = f"window {step.number} of {plan.folds}, from {moment(step.start):%Y-%m-%d}"
        require_classes(rows.labels, step.fit, f"Before {said}")
        require_classes(rows.labels, step.forecast, f"In {said}")
        models = fit_all(rows, step.fit, plan, said, progress)
        for number, model in enumerate(models.values()):
            with quiet():
                forecasts[number, step.forecast] = model.probabilities(rows.matrix[step.forecast])
        window[step.forecast] = step.number
        chosen.append({name: model.framework for name, model in models.items()})
    return OutOfFold(forecasts, window, tuple((step.start, step.end) for step in steps), tuple(chosen))


def thinned(rows: LabelledRows, fit: Mask, plan: TrainingPlan) -> Mask:
    """Those of some rows that are fitted on: every n-th slot of the grid, the same for all coins. bool[n]."""
    kept: Mask = fit & (rows.slots // SLOT_SECONDS % plan.fit_every == 0)
    return kept


def fit_all(rows: LabelledRows, fit: Mask, plan: TrainingPlan, said: str, progress: Progress) -> dict[str, BaseModel]:
    """Each model of the plan, fitted on the thinned of some rows."""
    chosen = thinned(rows, fit, plan)
    models = {}
    for name in plan.models:
        with quiet():
            model = new_model(name, plan)
            model.fit(rows.matrix[chosen], rows.labels[chosen])
        progress(f"{said}: {model.framework} fitted on {int(chosen.sum()):,} rows")
        models[name] = model
    return models
