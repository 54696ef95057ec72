"""The meta-learner: what the base models' probabilities are worth together, calibrated by one temperature."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.candles import Floats, Times
from xfg_pipeline.signals.training.onnx_files import after_logarithm, sklearn_onnx
from xfg_pipeline.signals.training.rows import Labels
from xfg_pipeline.signals.training.splits import before

FLOOR = 1e-4
"""Surer than this no base model is taken to be."""
STRENGTHS = (1.0, 0.01, 0.001)
"""Inverse strengths of the penalty on coefficients. Rows share their events, so they tell less than they count."""
TEMPERATURES = np.exp(np.linspace(np.log(0.5), np.log(2.0), 141))
"""0.5 to 2 in steps of one percent."""


class MetaLearner:
    """Multinomial logistic regression on the logarithms of the concatenated class probabilities, in model order.

    That is a logarithmic opinion pool (Genest & Zidek 1986): a model that is sure stays sure in it. It only ever sees
    forecasts for rows that the base models were not fitted on. `temperature` divides its logits (Guo et al. 2017). It
    and `strength`, of the penalty, are those under which forecasts for later rows, which the regression itself had not
    seen, would have been the likeliest. The temperature is folded into the coefficients, so that it is exact in ONNX.
    """

    def __init__(self) -> None:
        self.temperature = 1.0
        self.strength = STRENGTHS[0]
        self._model: Any = None

    def fit(self, forecasts: NDArray[np.float32], labels: Labels, slots: Times, settled: Times, embargo: int) -> None:
        """Learns from [M, n, 3] and int64[n], ordered by slot; the times are int64[n] in seconds."""
        stacked = _logarithms(forecasts)
        self.strength, self.temperature = _likeliest(stacked, labels, slots, settled, embargo)
        self._model = _regression(stacked, labels, self.strength)
        self._model.coef_ /= self.temperature
        self._model.intercept_ /= self.temperature

    def probabilities(self, forecasts: NDArray[np.float32]) -> Floats:
        """float64[n, 3] from [M, n, 3]."""
        return np.asarray(self._model.predict_proba(_logarithms(forecasts)))

    def onnx(self) -> Any:
        """By skl2onnx; input are the probabilities, float32 [None, M * 3]."""
        return after_logarithm(sklearn_onnx(self._model, self._model.coef_.shape[1]), FLOOR)


def concatenated(forecasts: NDArray[np.float32]) -> NDArray[np.float32]:
    """[M, n, C] to [n, M * C]: row by row the first model's classes, then the second's."""
    return np.ascontiguousarray(forecasts.transpose(1, 0, 2).reshape(forecasts.shape[1], -1), dtype=np.float32)


def _logarithms(forecasts: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.log(np.maximum(concatenated(forecasts), np.float32(FLOOR))), dtype=np.float32)


def _regression(stacked: NDArray[np.float32], labels: Labels, strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, solver="newton-cholesky").fit(stacked, labels)


def _likeliest(
    stacked: NDArray[np.float32], labels: Labels, slots: Times, settled: Times, embargo: int
) -> tuple[float, float]:
    """Strength and temperature with the least log loss over three steps of time, each forecast from what was before."""
    edges = np.quantile(slots, [0.4, 0.6, 0.8, 1.0]).astype(np.int64)
    steps = [(before(settled, first, embargo), (slots >= first) & (slots <= last)) for first, last in pairwise(edges)]
    steps = [(fit, judged) for fit, judged in steps if np.unique(labels[fit]).size == np.unique(labels).size]
    if not steps:
        return STRENGTHS[0], 1.0
    came = np.concatenate([labels[judged] for _, judged in steps])
    losses: dict[tuple[float, float], float] = {}
    for strength in STRENGTHS:
        made = [
            _regression(stacked[fit], labels[fit], strength).decision_function(stacked[judged]) for fit, judged in steps
        ]
        logits = np.concatenate(made)
        losses |= {(strength, heat): _loss(logits / heat, came) for heat in TEMPERATURES.tolist()}
    return min(losses, key=lambda pair: losses[pair])


def _loss(logits: Floats, labels: Labels) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float((log_sum - shifted[np.arange(labels.size), labels]).mean())
