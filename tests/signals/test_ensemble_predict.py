"""An ensemble's answers: the same alone and together, never from a broken input, model or row."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.signals import onnx_models as made
from tests.signals.onnx_models import FEATURES, Written
from xfg_pipeline.signals import ensemble as module
from xfg_pipeline.signals.ensemble import Ensemble, EnsembleBroken, Prediction

WIDTH = len(FEATURES)


def load(written: Written, folder: Path, threads: int = 2) -> Ensemble:
    return Ensemble.load(written.write(folder), market="bybit", known_features=FEATURES, threads=threads)


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Ensemble:
    return load(made.ensemble(), tmp_path_factory.mktemp("models"))


def bits(prediction: Prediction) -> tuple[bytes, bytes, bytes, bytes]:
    return (
        prediction.meta.tobytes(),
        np.ascontiguousarray(prediction.members.transpose(1, 0, 2)).tobytes(),
        prediction.disagreement.tobytes(),
        prediction.reason.tobytes(),
    )


def test_the_meta_learner_takes_the_probabilities_in_the_order_of_the_manifest(ensemble: Ensemble) -> None:
    prediction = ensemble.predict(made.rows(200))
    assert prediction.meta.shape == (200, 3)
    assert prediction.members.shape == (3, 200, 3)
    assert prediction.meta.dtype == prediction.members.dtype == prediction.disagreement.dtype == np.float32
    taken = np.concatenate(prediction.members, axis=1).astype(np.float64)
    powers = np.exp(taken @ made.weights(9, 3, 99))
    np.testing.assert_allclose(prediction.meta, powers / powers.sum(axis=1, keepdims=True), atol=1e-6)


def test_disagreement_is_the_spread_over_the_class_that_the_meta_learner_favours(ensemble: Ensemble) -> None:
    prediction = ensemble.predict(made.rows(50))
    for row in range(50):
        said = prediction.members[:, row, prediction.meta[row].argmax()]
        assert prediction.disagreement[row] == said.max() - said.min()


def test_one_model_alone_does_not_disagree(tmp_path: Path) -> None:
    prediction = load(made.ensemble({"only": made.matrix().content()}), tmp_path).predict(made.rows(20))
    assert (prediction.disagreement == 0).all()


def test_an_empty_batch_has_an_empty_answer(ensemble: Ensemble) -> None:
    prediction = ensemble.predict(np.empty((0, WIDTH), dtype=np.float32))
    assert prediction.meta.shape == (0, 3)
    assert prediction.members.shape == (3, 0, 3)
    assert prediction.broken.shape == prediction.disagreement.shape == (0,)


@pytest.mark.parametrize(
    ("features", "what"),
    [
        (made.rows(3).astype(np.float64), "features are float64"),
        (made.rows(3)[:, :4].copy(), r"shape \(3, 4\)"),
        (made.rows(3)[0], r"shape \(5,\)"),
        (made.rows(3)[None], r"shape \(1, 3, 5\)"),
        (np.asfortranarray(made.rows(3)), "not C-contiguous"),
        (made.rows(6)[::2], "not C-contiguous"),
        (made.rows(3).tolist(), "features are list"),
    ],
)
def test_another_array_is_refused(ensemble: Ensemble, features: object, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        ensemble.predict(features)  # type: ignore[arg-type]


# The same to the last bit


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 300),
    seed=st.integers(0, 2**32 - 1),
    broken=st.sets(st.integers(0, 299), max_size=20),
    data=st.data(),
)
def test_a_row_has_one_answer_whatever_is_asked_with_it(
    ensemble: Ensemble, count: int, seed: int, broken: set[int], data: st.DataObject
) -> None:
    rows = made.rows(count, seed=seed)
    rows[[row for row in broken if row < count], seed % WIDTH] = np.nan
    together = ensemble.predict(rows)
    chosen = np.array(data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=90)))
    part = ensemble.predict(np.ascontiguousarray(rows[chosen]))
    for whole, some in zip(
        (together.meta, together.members.transpose(1, 0, 2), together.disagreement, together.reason),
        (part.meta, part.members.transpose(1, 0, 2), part.disagreement, part.reason),
        strict=True,
    ):
        assert whole[chosen].tobytes() == np.ascontiguousarray(some).tobytes()


@pytest.mark.parametrize("count", [1, 63, 64, 65, module.CHUNK, module.CHUNK + 1, 3 * module.CHUNK + 7])
def test_the_answer_does_not_depend_on_the_number_of_threads(count: int, tmp_path: Path) -> None:
    rows = made.rows(count)
    answers = [bits(load(made.ensemble(), tmp_path, threads).predict(rows)) for threads in (1, 2, 5)]
    assert answers[0] == answers[1] == answers[2]


def test_a_fixed_batch_gives_one_row_and_many_the_same(tmp_path: Path) -> None:
    written = made.ensemble().replace("xgboost", made.matrix(batch=1).content())
    ensemble = load(written.replace("lightgbm", made.zipmap(batch=7).content()), tmp_path)
    rows = made.rows(100)
    together = ensemble.predict(rows)
    for row in range(100):
        alone = ensemble.predict(rows[row : row + 1])
        assert alone.meta.tobytes() == together.meta[row].tobytes()
        assert alone.members[:, 0].tobytes() == together.members[:, row].tobytes()


# What is broken


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_reaches_no_model(ensemble: Ensemble, value: float) -> None:
    rows = made.rows(70)
    clean = ensemble.predict(rows)
    rows[[0, 33, 69], 2] = value
    prediction = ensemble.predict(rows)
    assert np.flatnonzero(prediction.broken).tolist() == [0, 33, 69]
    assert {prediction.reasons[reason] for reason in prediction.reason[prediction.broken]} == {"an input is not finite"}
    for answers in (prediction.meta, prediction.members.transpose(1, 0, 2), prediction.disagreement):
        assert np.isnan(answers[prediction.broken]).all()
    whole = ~prediction.broken
    assert prediction.meta[whole].tobytes() == clean.meta[whole].tobytes()


def test_a_batch_of_broken_rows_only_has_no_answer(ensemble: Ensemble) -> None:
    prediction = ensemble.predict(np.full((5, WIDTH), np.nan, dtype=np.float32))
    assert prediction.broken.all()
    assert np.isnan(prediction.meta).all()


@pytest.mark.parametrize("name", ["xgboost", "meta_learner"])
def test_an_answer_that_is_not_finite_breaks_its_row_and_names_the_model(name: str, tmp_path: Path) -> None:
    limit = 1.0 if name == "xgboost" else 0.5
    draft = made.undefined_above(limit) if name == "xgboost" else undefined_meta(limit)
    ensemble = load(made.ensemble().replace(name, draft.content()), tmp_path)
    rows = made.rows(300)
    plain = load(made.ensemble(), tmp_path / "plain").predict(rows)
    beyond = rows[:, 0] > limit if name == "xgboost" else plain.members[0, :, 0] > limit
    prediction = ensemble.predict(rows)
    assert 0 < beyond.sum() < 300
    np.testing.assert_array_equal(prediction.broken, beyond)
    assert {prediction.reasons[reason] for reason in prediction.reason[beyond]} == {f"{name}: an answer is not finite"}
    assert np.isnan(prediction.meta[beyond]).all()
    assert np.isnan(prediction.members[:, beyond]).all()


def undefined_meta(limit: float) -> made.Draft:
    draft = made.undefined_above(limit)
    draft.width = 9
    draft.constants["weights"] = made.weights(9, 3, 99)
    return draft


def rarely(factor: float) -> made.Draft:
    """Rows with a first input above 1 are multiplied: no distribution any more."""
    draft = made.Draft(input_name="raw").gives(made.floats("answer", None, 3))
    draft.constant("limit", np.float32(1))
    draft.constant("excess", np.float32(factor - 1))
    draft.constant("first", np.array([0], dtype=np.int64))
    draft.add("Gather", ["raw", "first"], "one", axis=1).add("Greater", ["one", "limit"], "beyond")
    draft.add("Cast", ["beyond"], "flag", to=made.TensorProto.FLOAT).add("Mul", ["flag", "excess"], "more")
    draft.add("Mul", ["probabilities", "more"], "added")
    return draft.add("Add", ["probabilities", "added"], "answer")


@pytest.mark.parametrize(
    ("factor", "fault"),
    [
        (-1.0, "an answer is outside 0 to 1"),
        (50.0, "an answer is outside 0 to 1"),
        (0.998, "the probabilities do not sum to 1"),
        (0.0, "the probabilities do not sum to 1"),
    ],
)
def test_a_row_that_is_no_distribution_is_broken_and_not_softmaxed(factor: float, fault: str, tmp_path: Path) -> None:
    ensemble = load(made.ensemble().replace("xgboost", rarely(factor).content()), tmp_path)
    rows = made.rows(300)
    prediction = ensemble.predict(rows)
    np.testing.assert_array_equal(prediction.broken, rows[:, 0] > 1)
    assert f"xgboost: {fault}" in {prediction.reasons[reason] for reason in prediction.reason[prediction.broken]}
    assert np.isnan(prediction.meta[prediction.broken]).all()


def test_rounding_of_a_distribution_is_taken_and_stays_within_0_and_1(tmp_path: Path) -> None:
    draft = made.scaled(1 + 9e-7, -2e-7)
    draft.constants["weights"] = draft.constants["weights"] * 100
    prediction = load(made.ensemble().replace("xgboost", draft.content()), tmp_path).predict(made.rows(300))
    assert not prediction.broken.any()
    assert prediction.members[0].min() == 0
    assert prediction.members[0].max() == 1


def test_the_first_model_at_fault_is_named(tmp_path: Path) -> None:
    written = made.ensemble().replace("xgboost", made.undefined_above(1).content())
    ensemble = load(written.replace("lightgbm", made.undefined_above(0).content()), tmp_path)
    rows = made.rows(300)
    prediction = ensemble.predict(rows)
    named = [prediction.reasons[reason].split(":")[0] for reason in prediction.reason]
    assert named == ["xgboost" if first > 1 else "lightgbm" if first > 0 else "" for first in rows[:, 0]]


def test_a_model_that_answers_many_different_rows_alike_is_broken(tmp_path: Path) -> None:
    ensemble = load(made.ensemble().replace("lightgbm", made.clipped(50).content()), tmp_path)
    with pytest.raises(EnsembleBroken, match="lightgbm answered 300 different rows alike") as broken:
        ensemble.predict(made.rows(300))
    assert broken.value.model == "lightgbm"


def test_one_row_asked_many_times_is_no_sign_of_a_broken_model(ensemble: Ensemble) -> None:
    assert not ensemble.predict(np.repeat(made.rows(1), 1000, axis=0)).broken.any()


def test_a_few_rows_that_are_answered_alike_are_no_sign_of_a_broken_model(tmp_path: Path) -> None:
    ensemble = load(made.ensemble().replace("lightgbm", made.clipped(50).content()), tmp_path)
    assert not ensemble.predict(made.rows(module.ALIKE - 1)).broken.any()


def test_a_model_that_fails_at_a_batch_breaks_the_whole_answer(tmp_path: Path) -> None:
    """Its graph looks an input up in a table: some real input lies outside of it."""
    draft = made.Draft(input_name="raw").gives(made.floats("answer", None, 3))
    draft.constant("table", np.eye(3, dtype=np.float32))
    draft.constant("first", np.array(0, dtype=np.int64))
    draft.constant("step", np.float32(2_500_000))
    draft.add("Gather", ["raw", "first"], "one", axis=1).add("Div", ["one", "step"], "steps")
    draft.add("Cast", ["steps"], "index", to=made.TensorProto.INT64)
    draft.add("Gather", ["table", "index"], "found", axis=0).add("Add", ["found", "probabilities"], "more")
    draft.add("Softmax", ["more"], "answer", axis=1)
    ensemble = load(made.ensemble().replace("catboost", draft.content()), tmp_path)
    rows = made.rows(10)
    assert not ensemble.predict(rows).broken.any()
    rows[3, 0] = 1e8
    with pytest.raises(EnsembleBroken, match="catboost failed on a batch of 64 rows") as broken:
        ensemble.predict(rows)
    assert broken.value.model == "catboost"
