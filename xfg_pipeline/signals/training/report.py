"""What a training says of itself: what was done, on what, and how it did on rows that nothing was fitted on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from xfg_pipeline.signals.manifest import Manifest
from xfg_pipeline.signals.slots import moment
from xfg_pipeline.signals.training.evaluation import Figures
from xfg_pipeline.signals.training.plan import TrainingPlan
from xfg_pipeline.signals.training.rows import LabelledRows
from xfg_pipeline.signals.training.walk import OutOfFold


@dataclass(frozen=True)
class TrainingReport:
    """A written ensemble and its report (`report.json` and `report.html` hold the same figures)."""

    folder: Path
    manifest: Manifest
    figures: Figures

    def lines(self) -> list[str]:
        """A few lines for a terminal."""
        held_out, manifest = self.figures["held_out"], self.manifest
        meta, sure = held_out["meta_learner"], held_out["gates"]["sure"]
        brier, base, ece = meta["brier"], held_out["base_rates"]["brier"], meta["ece"]
        largest = max(file["difference"] for file in self.figures["files"].values())
        fitted = self.figures["rows"]["fitted"]
        came = f", {sure['came_true']:.1%} came true at a mean of {sure['mean_confidence']:.1%}" if sure["n"] else ""
        return [
            f"{manifest.name}: {len(manifest.models)} models and a meta-learner in {self.folder}",
            f"fitted: {fitted:,} rows, {manifest.trained_from:%Y-%m-%d} to {manifest.trained_to:%Y-%m-%d}",
            f"held out: {meta['n']:,} rows, Brier {brier:.4f} (base rates {base:.4f}), ECE {ece:.4f}",
            f"confidence from {held_out['gates']['confidence']:g}: {sure['n']:,} rows{came}",
            f"largest difference between an ONNX file and its original: {largest:.1e}",
        ]


def figures_of(
    plan: TrainingPlan,
    rows: LabelledRows,
    walked: OutOfFold,
    *,
    market: str,
    trained_from: datetime,
    trained_to: datetime,
    now: datetime,
    fitted: int,
    temperature: float,
    frameworks: Mapping[str, str],
    files: Mapping[str, Figures],
    held_out: Figures,
    libraries: Mapping[str, str],
) -> Figures:
    """Everything as JSON values."""
    return {
        "name": plan.name,
        "demonstration": plan.demonstration,
        "market": market,
        "coins": list(rows.coins),
        "created_at": now.isoformat(),
        "trained_from": trained_from.isoformat(),
        "trained_to": trained_to.isoformat(),
        "event": plan.event.model_dump(),
        "rows": {"all": len(rows), "fitted": fitted, "forecast_out_of_fold": int(walked.rows.sum())},
        "left_out": rows.left_out,
        "plan": _plan(plan),
        "windows": [
            {"from": moment(start).isoformat(), "to": moment(end).isoformat(), "models": models}
            for (start, end), models in zip(walked.windows, walked.chosen, strict=True)
        ],
        "models": dict(frameworks),
        "temperature": round(temperature, 6),
        "files": {name: dict(file) for name, file in files.items()},
        "held_out": held_out,
        "libraries": dict(libraries),
    }


def headline(held_out: Figures) -> Figures:
    """The few figures that stand in the manifest."""
    meta = held_out["meta_learner"]
    return {
        "held_out_from": held_out["from"],
        "held_out_to": held_out["to"],
        **{name: meta[name] for name in ("n", "brier", "log_loss", "ece", "accuracy", "direction_ece")},
        "base_rates_brier": held_out["base_rates"]["brier"],
        "sure": held_out["gates"]["sure"],
    }


def _plan(plan: TrainingPlan) -> dict[str, Any]:
    return {
        "models": list(plan.models),
        "features": list(plan.features),
        "windows": plan.folds,
        "first_fit": plan.first_fit,
        "rolling_days": None if plan.rolling is None else plan.rolling.days,
        "embargo_hours": plan.embargo.total_seconds() / 3600,
        "fit_every": plan.fit_every,
        "sizes": vars(plan.sizes),
        "seed": plan.seed,
        "threads": plan.threads,
    }
