"""Recorded candles of a real market, all the way: trained on a stretch, decided and followed on a later one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.slots.conftest import Trial
from xfg_pipeline.exchange.replay import ReplayMarket
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.signals.ensemble import EnsembleRefused
from xfg_pipeline.signals.training import TrainingPlan, train
from xfg_pipeline.storage.database import Database

COINS = ("ETH", "SOL")
LEARNED = datetime(2024, 1, 4, tzinfo=UTC), datetime(2024, 3, 15, tzinfo=UTC)
JUNE = datetime(2024, 6, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def learned(extra: None, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble of the smallest size, from ten weeks of two recorded coins."""
    market = ReplayMarket(shared_data / "crypto")
    candles = {coin: market.candles(coin, *LEARNED, LEARNED[1]) for coin in COINS}
    folder = tmp_path_factory.mktemp("recorded") / "ensemble"
    train(candles, TrainingPlan("recorded", demonstration=False).quick(), out=folder, market="replay", now=LEARNED[1])
    return folder


@pytest.fixture
def recorded(new_database: Callable[[], str], tmp_path: Path, shared_data: Path, learned: Path) -> Callable[..., Trial]:
    def make(models: Path = learned) -> Trial:
        trial = Trial(Database(new_database()), tmp_path, models)
        settings = trial.settings.model_copy(
            update={
                "market": trial.settings.market.model_copy(
                    update={
                        "provider": "replay",
                        "coins": COINS,
                        "replay": trial.settings.market.replay.model_copy(update={"folder": shared_data / "crypto"}),
                    }
                ),
                # So weak a model is seldom sure; what follows from a signal is to be seen all the same.
                "trading": trial.settings.trading.model_copy(update={"min_confidence": Decimal("0.4")}),
            }
        )
        trial.pipeline = Pipeline(settings, trial.database, trial.clock)
        return trial

    return make


def test_recorded_candles_become_predictions_signals_and_outcomes(recorded: Callable[..., Trial]) -> None:
    trial = recorded()
    trial.backfill(JUNE, JUNE + timedelta(days=3), now=JUNE + timedelta(days=5))
    counted = trial.all("SELECT count(*) AS n, count(DISTINCT coin) AS coins FROM predictions WHERE market = 'replay'")
    assert counted == [{"n": 2 * 3 * 96, "coins": 2}]
    assert trial.all("SELECT 1 FROM signal_candidates WHERE gate IN ('data', 'model')") == []
    signals = trial.all("SELECT * FROM signals")
    assert signals
    assert {one["market"] for one in signals} == {"replay"}
    became = trial.all("SELECT outcome, count(*) AS n FROM signal_outcomes WHERE outcome IS NOT NULL GROUP BY outcome")
    assert {one["outcome"] for one in became} >= {"target", "stop"}
    trial.database.dispose()


def test_the_practice_ensemble_is_refused_on_a_real_market_by_name(recorded: Callable[..., Trial]) -> None:
    from xfg_pipeline.resources.pipeline import PRACTICE_ENSEMBLE

    trial = recorded(PRACTICE_ENSEMBLE)
    with pytest.raises(EnsembleRefused, match=r"practice-1.*simulated"):
        trial.backfill(JUNE, JUNE + timedelta(days=1))
    assert trial.all("SELECT 1 FROM predictions") == []
    trial.database.dispose()
