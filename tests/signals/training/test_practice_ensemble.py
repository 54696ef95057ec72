"""The bundled ensemble: a demonstration that belongs to the practice market as it is now, judged on months after it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import xfg_pipeline
from xfg_pipeline.exchange.simulated import SimulatedMarket
from xfg_pipeline.signals.ensemble import Ensemble, EnsembleRefused
from xfg_pipeline.signals.features import FEATURES
from xfg_pipeline.signals.training import TrainingPlan
from xfg_pipeline.signals.training.evaluation import evaluate
from xfg_pipeline.signals.training.rows import labelled_rows

FOLDER = Path(xfg_pipeline.__file__).parent / "models" / "practice"
COINS = ("BTC", "ETH", "SOL", "LTC")
"""The last one it was not trained on."""
START = datetime(2026, 2, 1, tzinfo=UTC)
DAYS = 60


@pytest.fixture(scope="module")
def practice() -> Ensemble:
    return Ensemble.load(FOLDER, market="simulated", known_features=FEATURES)


def test_it_says_that_it_is_a_demonstration_and_is_refused_on_a_real_market(practice: Ensemble) -> None:
    manifest = practice.manifest
    assert (manifest.name, manifest.demonstration, manifest.market) == ("practice-1", True, "simulated")
    with pytest.raises(EnsembleRefused, match="simulated"):
        Ensemble.load(FOLDER, market="bybit", known_features=FEATURES)


def test_it_is_what_the_command_in_the_documentation_gives(practice: Ensemble) -> None:
    manifest, plan = practice.manifest, TrainingPlan("practice-1")
    assert (manifest.name, manifest.event, manifest.features) == (plan.name, plan.event, plan.features)
    assert manifest.coins == ("ADA", "AVAX", "BTC", "DOGE", "ETH", "LINK", "SOL", "XRP")
    assert manifest.trained_from == datetime(2024, 9, 1, tzinfo=UTC)
    assert manifest.trained_to == datetime(2025, 7, 1, tzinfo=UTC)
    assert practice.names == plan.models
    assert set(COINS) & set(manifest.coins) == {"BTC", "ETH", "SOL"}


def test_it_is_small_and_its_report_is_about_these_files(practice: Ensemble) -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2_500_000
    report = json.loads((FOLDER / "report.json").read_text(encoding="utf-8"))
    assert {name: file["sha256"] for name, file in report["files"].items()} == practice.models_hashes
    assert report["held_out"]["from"] == practice.manifest.trained_to.isoformat()
    assert "says nothing about a real one" in (FOLDER / "report.html").read_text(encoding="utf-8")


def test_months_later_its_probabilities_still_hold_on_the_practice_market(practice: Ensemble) -> None:
    """Fails when the market was changed and the ensemble not trained again."""
    market, end = SimulatedMarket(), START + timedelta(days=DAYS)
    candles = {coin: market.candles(coin, START - timedelta(days=3), end, end) for coin in COINS}
    plan = TrainingPlan("judged", event=practice.manifest.event, features=practice.manifest.features)
    rows = labelled_rows(candles, plan)
    prediction = practice.predict(rows.matrix)
    everything = np.ones(len(rows), dtype=bool)
    figures = evaluate(rows, everything, everything, {}, prediction.meta)
    meta, gates = figures["meta_learner"], figures["gates"]
    assert meta["brier"] < figures["base_rates"]["brier"] - 0.02
    assert meta["ece"] < 0.05
    low, high = gates["sure"]["interval"]
    assert gates["sure"]["n"] > DAYS
    assert low - 0.05 < gates["sure"]["mean_confidence"] < high + 0.05
    assert gates["sure_with_volume"]["n"] > DAYS
