"""Loads ensembles that ought to be refused, and gives what was said."""

from pathlib import Path
from typing import Any

import pytest

from tests.signals.onnx_models import FEATURES
from xfg_pipeline.signals.ensemble import Ensemble, EnsembleRefused


def load(folder: Path, market: str = "bybit", **options: Any) -> Ensemble:
    return Ensemble.load(folder, market=market, **({"known_features": FEATURES} | options))


def refusals(folder: Path, market: str = "bybit", **options: Any) -> tuple[str, ...]:
    with pytest.raises(EnsembleRefused) as refused:
        load(folder, market, **options)
    assert str(folder) in str(refused.value)
    assert all(problem in str(refused.value) for problem in refused.value.problems)
    return refused.value.problems


def refusal(folder: Path, market: str = "bybit", **options: Any) -> str:
    (problem,) = refusals(folder, market, **options)
    return problem
