"""The meta-learner: what base models are worth together, and how far its probabilities hold."""

import numpy as np
import pytest

from xfg_pipeline.signals.calibration import calibration_error
from xfg_pipeline.signals.training.meta_learner import MetaLearner, concatenated
from xfg_pipeline.signals.training.onnx_files import difference, finished

SIZE = 12_000


def _truth(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.2, (SIZE, 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probabilities, (probabilities.cumsum(axis=1) < rng.random((SIZE, 1))).sum(axis=1)


def _sharpened(probabilities: np.ndarray, power: float) -> np.ndarray:
    raised = probabilities**power
    return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)


def _members(probabilities: np.ndarray, seed: int) -> np.ndarray:
    """One model twice as sure as it should be, one without a clue."""
    clueless = np.random.default_rng(seed).dirichlet([5, 5, 5], SIZE).astype(np.float32)
    return np.stack([_sharpened(probabilities, 2.0), clueless])


@pytest.fixture(scope="module")
def learned(extra: None) -> MetaLearner:
    probabilities, labels = _truth(1)
    slots = np.arange(SIZE) * 900
    meta = MetaLearner()
    meta.fit(_members(probabilities, 2), labels, slots, slots + 900 * 16, 86_400)
    return meta


def test_overconfident_members_come_out_calibrated(learned: MetaLearner) -> None:
    probabilities, labels = _truth(3)
    members = _members(probabilities, 4)
    before = calibration_error(members[0].max(axis=1).astype(float), members[0].argmax(axis=1) == labels)
    made = learned.probabilities(members)
    assert before > 0.1
    assert calibration_error(made.max(axis=1), made.argmax(axis=1) == labels) < 0.02
    assert np.abs(made - probabilities).mean() < 0.01
    assert learned.temperature == pytest.approx(1.0, abs=0.05)


def test_its_file_takes_the_members_probabilities_in_order(learned: MetaLearner) -> None:
    members = _members(_truth(5)[0], 6)
    stacked = concatenated(members)
    assert stacked[7].tolist() == [*members[0, 7], *members[1, 7]]
    content = finished(learned.onnx(), ["a", "b", "c", "d", "e", "f"])
    assert difference(content, stacked, learned.probabilities(members), 1) < 1e-5
    certain = np.array([[1.0, 0.0, 0.0, 0.0, 0.0, 1.0]], dtype=np.float32)
    assert difference(content, certain, learned.probabilities(certain.reshape(2, 1, 3)), 1) < 1e-5


def test_the_temperature_answers_for_members_that_become_less_sure_of_themselves_later(extra: None) -> None:
    """What was fitted early is too sure later: the temperature cools it, and the file is cooled with it."""
    probabilities, labels = _truth(7)
    slots = np.arange(SIZE) * 900
    noise = np.random.default_rng(8).integers(0, 3, SIZE)
    worse = (slots > np.quantile(slots, 0.4)) & (np.random.default_rng(9).random(SIZE) < 0.3)
    labels = np.where(worse, noise, labels)
    meta = MetaLearner()
    meta.fit(_members(probabilities, 10), labels, slots, slots + 900, 0)
    assert meta.temperature > 1.1
    members = _members(_truth(11)[0], 12)
    content = finished(meta.onnx(), ["a", "b", "c", "d", "e", "f"])
    assert difference(content, concatenated(members), meta.probabilities(members), 1) < 1e-5
