"""Ground for the training's tests: the extra, invented candles, and one ensemble trained at the smallest size."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from xfg_pipeline.exchange.simulated import SimulatedMarket
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.training import TrainingPlan, TrainingReport, train
from xfg_pipeline.signals.training.rows import LabelledRows, labelled_rows

NOW = datetime(2025, 7, 1, 12, 0, tzinfo=UTC)
FROM, TO = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC)
QUICK = TrainingPlan("quick", demonstration=True).quick()


@pytest.fixture(scope="session")
def invented() -> dict[str, Candles]:
    """Two months of two coins of the practice market."""
    market = SimulatedMarket()
    return {coin: market.candles(coin, FROM, TO, TO) for coin in ("BTC", "SOL")}


@pytest.fixture(scope="session")
def rows(invented: dict[str, Candles]) -> LabelledRows:
    """What is learned from them."""
    return labelled_rows(invented, QUICK)


@pytest.fixture(scope="session")
def holdout(rows: LabelledRows) -> np.ndarray:
    """The features of the later half, as bool[n]."""
    return rows.slots >= np.median(rows.slots)


@dataclass(frozen=True)
class Trained:
    """An ensemble in a folder, its report, and what was said on the way."""

    folder: Path
    report: TrainingReport
    said: list[str]


@pytest.fixture(scope="session")
def trained(extra: None, invented: dict[str, Candles], tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A whole training at the smallest size."""
    folder = tmp_path_factory.mktemp("models") / "quick"
    said: list[str] = []
    report = train(invented, QUICK, out=folder, market="simulated", now=NOW, progress=said.append)
    return Trained(folder, report, said)
