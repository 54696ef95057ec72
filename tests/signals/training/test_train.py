"""A whole training: from candles, invented and real, to a folder that loads and says what was learned."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.signals.training.conftest import FROM, NOW, QUICK, TO, Trained
from xfg_pipeline.signals import features
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.ensemble import Ensemble
from xfg_pipeline.signals.features import FEATURES
from xfg_pipeline.signals.manifest import Manifest
from xfg_pipeline.signals.slots import moment
from xfg_pipeline.signals.training import TrainingPlan, TrainingRefused, train
from xfg_pipeline.signals.training.plan import MODELS

FILES = {"manifest.json", "report.json", "report.html", "meta_learner.onnx", *(f"{name}.onnx" for name in MODELS)}


def test_the_folder_holds_a_complete_ensemble_that_loads(trained: Trained, invented: dict[str, Candles]) -> None:
    assert {path.name for path in trained.folder.iterdir()} == FILES
    ensemble = Ensemble.load(trained.folder, market="simulated", known_features=FEATURES)
    assert ensemble.manifest == trained.report.manifest
    made = features.compute(invented["BTC"], TO - timedelta(days=5), TO)
    prediction = ensemble.predict(made.matrix(ensemble.manifest.features))
    assert not prediction.broken.any()
    assert prediction.meta.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_the_manifest_says_what_was_learned_from_what(trained: Trained) -> None:
    manifest = Manifest.model_validate_json((trained.folder / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest.name, manifest.demonstration, manifest.market) == ("quick", True, "simulated")
    assert manifest.coins == ("BTC", "SOL")
    assert manifest.features == FEATURES
    assert manifest.event == QUICK.event
    assert tuple(entry.name for entry in manifest.models) == MODELS
    assert manifest.created_at == NOW
    assert FROM < manifest.trained_from < manifest.trained_to < TO
    assert manifest.trained_to.time() == datetime.min.time()
    assert manifest.metrics["held_out_from"] == manifest.trained_to.isoformat()
    assert manifest.models[-1].framework.startswith("flaml: ")


def test_the_report_has_the_figures_of_the_held_out_stretch(trained: Trained) -> None:
    figures = json.loads((trained.folder / "report.json").read_text(encoding="utf-8"))
    assert figures == json.loads(json.dumps(trained.report.figures))
    held_out = figures["held_out"]
    assert set(held_out["models"]) == set(MODELS)
    assert datetime.fromisoformat(held_out["from"]) >= trained.report.manifest.trained_to
    assert sum(part["n"] for part in held_out["reliability"]) == held_out["meta_learner"]["n"]
    assert sum(map(sum, held_out["confusion"])) == held_out["meta_learner"]["n"]
    assert sum(part["n"] for part in held_out["by_coin"].values()) == held_out["meta_learner"]["n"]
    assert all(file["difference"] <= 1e-4 for file in figures["files"].values())
    assert set(figures["files"]) == {*MODELS, "meta_learner"}
    assert figures["libraries"]["torch"]
    page = (trained.folder / "report.html").read_text(encoding="utf-8")
    assert "<svg " in page
    assert "says nothing about a real one" in page
    assert "<script" not in page
    assert any("ECE" in line for line in trained.report.lines())


def test_every_model_of_every_window_is_reported_on_the_way(trained: Trained) -> None:
    fitted = [line for line in trained.said if " fitted on " in line]
    assert len(fitted) == (QUICK.folds + 1) * len(MODELS) + 1
    assert fitted[0].startswith("window 1 of 1, from 2025-01-")
    assert sum(".onnx: differs" in line for line in trained.said) == len(MODELS) + 1


def test_an_existing_ensemble_is_kept_without_permission_before_anything_is_fitted(
    trained: Trained, invented: dict[str, Candles]
) -> None:
    said: list[str] = []
    with pytest.raises(TrainingRefused, match="already holds an ensemble"):
        train(invented, QUICK, out=trained.folder, market="simulated", now=NOW, progress=said.append)
    assert said == []


def test_a_file_that_differs_from_its_original_is_not_written(
    extra: None, invented: dict[str, Candles], tmp_path: Path
) -> None:
    strict = replace(QUICK, models=("xgboost",), tolerance=0.0)
    with pytest.raises(TrainingRefused, match=r"xgboost: its ONNX file differs .* Nothing was written"):
        train(invented, strict, out=tmp_path / "out", market="simulated", now=NOW)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("held_out_from", "needed"),
    [
        (FROM + timedelta(days=2), "Before 2025-01-03 00:00 UTC: down 0 times, flat 0 times, up 0 times"),
        (TO - timedelta(hours=3), "Held out from 2025-02-28 21:00 UTC"),
        (TO + timedelta(days=9), "Held out from 2025-03-10 00:00 UTC: down 0 times"),
    ],
    ids=["at the beginning", "too short to judge", "after the end"],
)
def test_a_stretch_that_cannot_be_fitted_or_judged_is_refused(
    extra: None, invented: dict[str, Candles], tmp_path: Path, held_out_from: datetime, needed: str
) -> None:
    plan = replace(QUICK, held_out_from=held_out_from)
    with pytest.raises(TrainingRefused, match=needed):
        train(invented, plan, out=tmp_path / "out", market="simulated", now=NOW)
    assert list(tmp_path.iterdir()) == []


def _recorded(shared_data: Path, coin: str, days: int) -> Candles:
    frame = pd.read_feather(shared_data / "crypto" / f"{coin}_USDT-15m.feather").iloc[: 96 * days]
    times = (frame["date"] - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(seconds=1)
    columns = [frame[name].to_numpy(dtype=np.float64) for name in ("open", "high", "low", "close", "volume")]
    return Candles(coin, times.to_numpy(dtype=np.int64), *columns)


def test_recorded_candles_of_a_real_market_go_all_the_way_through(
    extra: None, shared_data: Path, tmp_path: Path
) -> None:
    candles = {coin: _recorded(shared_data, coin, 75) for coin in ("BTC", "ETH")}
    plan = TrainingPlan("recorded").quick()
    report = train(candles, plan, out=tmp_path / "recorded", market="replay", now=NOW)
    assert report.manifest.trained_from == datetime(2024, 1, 4, tzinfo=UTC)
    ensemble = Ensemble.load(tmp_path / "recorded", market="replay", known_features=FEATURES)
    made = features.compute(candles["BTC"], datetime(2024, 3, 10, tzinfo=UTC), moment(candles["BTC"].close_time[-1]))
    prediction = ensemble.predict(made.matrix(ensemble.manifest.features))
    assert not prediction.broken.any()
    held_out = report.figures["held_out"]
    assert held_out["meta_learner"]["n"] > 2000
    assert held_out["meta_learner"]["brier"] < held_out["base_rates"]["brier"] + 0.02
    assert held_out["meta_learner"]["ece"] < 0.1
    assert "demonstration" not in (tmp_path / "recorded" / "report.html").read_text(encoding="utf-8")
