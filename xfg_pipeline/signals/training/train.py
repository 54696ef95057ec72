"""From candles to an ensemble in a folder: the whole training, step by step."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.candles import Candles, Floats
from xfg_pipeline.signals.ensemble import Ensemble, EnsembleRefused, meta_inputs
from xfg_pipeline.signals.features import FEATURES
from xfg_pipeline.signals.manifest import CLASSES, Manifest, ModelEntry
from xfg_pipeline.signals.slots import DAY_SECONDS, moment, seconds
from xfg_pipeline.signals.training.evaluation import Figures, evaluate
from xfg_pipeline.signals.training.folder import require_free, write_folder
from xfg_pipeline.signals.training.meta_learner import MetaLearner, concatenated
from xfg_pipeline.signals.training.onnx_files import difference, finished
from xfg_pipeline.signals.training.plan import TrainingPlan
from xfg_pipeline.signals.training.refusal import TrainingRefused
from xfg_pipeline.signals.training.report import TrainingReport, figures_of, headline
from xfg_pipeline.signals.training.report_page import report_page
from xfg_pipeline.signals.training.rows import LabelledRows, Matrix, labelled_rows, require_classes
from xfg_pipeline.signals.training.splits import Mask, before
from xfg_pipeline.signals.training.third_party import quiet, require_packages, versions
from xfg_pipeline.signals.training.walk import Progress, fit_all, out_of_fold, thinned

META = "meta_learner"


@dataclass(frozen=True, eq=False)
class _Stretch:
    """What is fitted on and what is held out. `start` of the first window, `held_out_from`: seconds since 1970."""

    fitted: Mask
    held_out: Mask
    start: int
    held_out_from: int


@dataclass(frozen=True, eq=False)
class _Original:
    """A fitted model, and what it says of the held-out rows."""

    onnx: Callable[[], Any]
    inputs: Sequence[str]
    matrix: Matrix
    expected: Floats


def train(
    candles_by_coin: Mapping[str, Candles],
    plan: TrainingPlan,
    *,
    out: Path,
    market: str,
    now: datetime,
    progress: Progress = lambda _: None,
    replace: bool = False,
) -> TrainingReport:
    """Trains an ensemble on closed 15-minute candles and writes it to the folder `out`: whole, or not at all.

    `market` is the name of the market that the candles are from; `now` stands in the manifest. A folder that is there
    is only replaced with `replace`. `progress` takes one line a fitted model and step. Raises TrainingRefused, before
    anything is written, for what cannot be learned from, and when a file does not say what its original says.
    """
    require_packages()
    require_free(out, replace=replace)
    rows = labelled_rows(candles_by_coin, plan)
    progress(f"{len(rows):,} rows of {len(rows.coins)} coins")
    stretch = _stretch(rows, plan)
    embargo = int(plan.embargo.total_seconds())
    walked = out_of_fold(rows, plan, start=stretch.start, end=stretch.held_out_from - embargo, progress=progress)
    models = fit_all(rows, stretch.fitted, plan, "all windows", progress)
    seen = walked.rows
    meta = MetaLearner()
    with quiet():
        meta.fit(walked.forecasts[:, seen], rows.labels[seen], rows.slots[seen], rows.settled[seen], embargo)
        matrix = rows.matrix[stretch.held_out]
        forecasts = {name: model.probabilities(matrix) for name, model in models.items()}
        stacked = np.stack([np.asarray(made, dtype=np.float32) for made in forecasts.values()])
        combined = meta.probabilities(stacked)
    progress(f"{META} fitted on {int(seen.sum()):,} out-of-fold forecasts, temperature {meta.temperature:.2f}")

    originals = {
        **{name: _Original(model.onnx, plan.features, matrix, forecasts[name]) for name, model in models.items()},
        META: _Original(meta.onnx, meta_inputs(models, CLASSES), concatenated(stacked), combined),
    }
    contents, files = {}, {}
    for name, original in originals.items():
        contents[name], files[name] = _file(name, original, plan)
        progress(f"{files[name]['file']}: differs from its original by {files[name]['difference']:.1e} at most")

    held_out = evaluate(rows, stretch.held_out, stretch.fitted, forecasts, combined)
    frameworks = {name: model.framework for name, model in models.items()}
    trained_from, trained_to = moment(int(rows.slots[stretch.fitted].min())), moment(stretch.held_out_from)
    figures = figures_of(
        plan,
        rows,
        walked,
        market=market,
        trained_from=trained_from,
        trained_to=trained_to,
        now=now,
        fitted=int(thinned(rows, stretch.fitted, plan).sum()),
        temperature=meta.temperature,
        frameworks=frameworks,
        files=files,
        held_out=held_out,
        libraries=versions(),
    )
    entries = [
        ModelEntry(name=name, file=file["file"], sha256=file["sha256"], framework=frameworks.get(name, "scikit-learn"))
        for name, file in files.items()
    ]
    manifest = Manifest(
        format=1,
        name=plan.name,
        demonstration=plan.demonstration,
        market=market,
        coins=rows.coins,
        interval_minutes=15,
        trained_from=trained_from,
        trained_to=trained_to,
        created_at=now,
        features=plan.features,
        classes=CLASSES,
        event=plan.event,
        models=tuple(entries[:-1]),
        meta_learner=entries[-1],
        metrics=headline(held_out),
    )
    written = {
        "manifest.json": _json(manifest.model_dump(mode="json")),
        "report.json": _json(figures),
        "report.html": report_page(figures).encode(),
        **{files[name]["file"]: content for name, content in contents.items()},
    }
    write_folder(
        out, written, replace=replace, check=lambda folder: _loads_the_same(folder, market, matrix, combined, plan)
    )
    return TrainingReport(out, manifest, figures)


def _stretch(rows: LabelledRows, plan: TrainingPlan) -> _Stretch:
    first, last = int(rows.slots[0]), int(rows.slots[-1])
    if plan.held_out_from is None:
        held_out_from = (first + (last - first) * 4 // 5) // DAY_SECONDS * DAY_SECONDS
    else:
        held_out_from = seconds(plan.held_out_from)
    fitted = before(rows.settled, held_out_from, int(plan.embargo.total_seconds()))
    held_out = rows.slots >= held_out_from
    since = f"{moment(held_out_from):%Y-%m-%d %H:%M} UTC"
    require_classes(rows.labels, fitted, f"Before {since}")
    require_classes(rows.labels, held_out, f"Held out from {since}")
    start = first + int((held_out_from - first) * plan.first_fit)
    return _Stretch(fitted, held_out, start // DAY_SECONDS * DAY_SECONDS, held_out_from)


def _file(name: str, original: _Original, plan: TrainingPlan) -> tuple[bytes, Figures]:
    """A model as ONNX bytes, and what is known of the file. Raises TrainingRefused when it is not its original."""
    with quiet():
        content = finished(original.onnx(), original.inputs)
    largest = difference(content, original.matrix, original.expected, plan.threads)
    if not largest <= plan.tolerance:
        raise TrainingRefused(
            f"{name}: its ONNX file differs from the original by {largest:.2g}, {plan.tolerance:g} is allowed. "
            "Nothing was written. Compare the installed versions with requirements-train.lock."
        )
    return content, {
        "file": f"{name}.onnx",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "difference": largest,
    }


def _loads_the_same(
    folder: Path, market: str, matrix: NDArray[np.float32], expected: Floats, plan: TrainingPlan
) -> None:
    try:
        ensemble = Ensemble.load(folder, market=market, known_features=FEATURES)
    except EnsembleRefused as refused:
        raise TrainingRefused(f"The written ensemble cannot be loaded: {refused}") from refused
    largest = float(np.abs(ensemble.predict(matrix).meta - expected).max())
    if not largest <= plan.tolerance:
        raise TrainingRefused(
            f"The loaded ensemble differs from the trained one by {largest:.2g}. Nothing was written."
        )


def _json(values: Any) -> bytes:
    return (json.dumps(values, indent=2, allow_nan=False) + "\n").encode()
