"""A small ensemble that believes in breakouts: five linear models and a meta-learner, made in a moment.

It has learned nothing. It makes confident predictions, so that what follows from them can be tested.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from tests.signals.onnx_models import Draft, floats
from xfg_pipeline.signals.manifest import CLASSES

INPUTS = ("break_volume", "climax", "return_1", "volume_ratio_20", "range_high_20", "range_low_20")
MEMBERS = ("xgboost", "lightgbm", "catboost", "tabnet", "automl")


def write_sharp_ensemble(folder: Path, *, market: str = "simulated", sharpness: float = 2.5) -> Path:
    """Write it with its manifest; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number, name in enumerate(MEMBERS):
        weights = np.zeros((len(INPUTS), len(CLASSES)), dtype=np.float32)
        weights[0] = np.array([-1, 0, 1]) * sharpness * (1 + number / 10)
        weights[2] = np.array([-1, 0, 1]) * 0.3
        entries.append(_save(folder, name, weights))
    stacked = np.tile(np.eye(len(CLASSES), dtype=np.float32) * 2, (len(MEMBERS), 1))
    meta = _save(folder, "meta_learner", stacked)
    manifest = {
        "format": 1,
        "name": "sharp",
        "demonstration": True,
        "market": market,
        "coins": ["BTC"],
        "interval_minutes": 15,
        "trained_from": "2020-01-01T00:00:00Z",
        "trained_to": "2020-02-01T00:00:00Z",
        "created_at": "2020-02-01T00:00:00Z",
        "features": list(INPUTS),
        "classes": list(CLASSES),
        "event": {"kind": "first_touch", "horizon_candles": 16, "barrier": 2.0, "unit": "atr"},
        "models": entries,
        "meta_learner": meta,
        "metrics": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def _save(folder: Path, name: str, weights: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> dict[str, str]:
    draft = Draft(width=weights.shape[0], classes=weights.shape[1])
    draft.constants["weights"] = weights
    content = draft.gives(floats("probabilities", None, weights.shape[1])).proto().SerializeToString()
    (folder / f"{name}.onnx").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return {"name": name, "file": f"{name}.onnx", "sha256": digest, "framework": "by hand"}
