"""Every shape in which exporters give class probabilities is read alike, and what cannot be read is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.signals import onnx_models as made
from tests.signals.onnx_models import FEATURES, Draft
from xfg_pipeline.signals.ensemble import Ensemble, EnsembleRefused

ROWS = made.rows(150)


def load(folder: Path) -> Ensemble:
    return Ensemble.load(folder, market="bybit", known_features=FEATURES)


def load_one(folder: Path, content: bytes, **entry: Any) -> Ensemble:
    """An ensemble whose first model is the given one."""
    return load(made.ensemble().replace("xgboost", content, **entry).write(folder))


def refusal(folder: Path, content: bytes, **entry: Any) -> str:
    with pytest.raises(EnsembleRefused) as refused:
        load_one(folder, content, **entry)
    (problem,) = refused.value.problems
    assert problem.startswith("xgboost: xgboost.onnx ")
    return problem


def expected(seed: int = 0) -> np.ndarray[Any, Any]:
    """What the linear classifier says of ROWS, by numpy."""
    powers = np.exp(ROWS.astype(np.float64) @ made.weights(len(FEATURES), 3, seed))
    shares: np.ndarray[Any, Any] = powers / powers.sum(axis=1, keepdims=True)
    return shares


SHAPES: dict[str, Callable[[], Draft]] = {
    "matrix": made.matrix,
    "class maps": made.zipmap,
    "class maps by name": lambda: made.zipmap(("down", "flat", "up")),
    "columns": made.columns,
    "matrix and label": lambda: made.labelled(made.matrix()),
    "class maps and label": lambda: made.labelled(made.zipmap()),
    "columns and label": lambda: made.labelled(made.columns()),
    "matrix and class list": lambda: made.with_class_labels(made.labelled(made.matrix())),
    "matrix and scalar loss": lambda: made.with_loss(made.matrix()),
    "columns and scalar loss": lambda: made.with_loss(made.columns()),
    "another input name": lambda: made.matrix(input_name="input.1"),
    "named batch": lambda: made.matrix(batch="N"),
    "batch of one": lambda: made.matrix(batch=1),
    "batch of one, class maps": lambda: made.zipmap(batch=1),
    "batch of one, columns": lambda: made.columns(batch=1),
    "batch of one, scalar loss": lambda: made.with_loss(made.matrix(batch=1)),
    "batch of seven": lambda: made.matrix(batch=7),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_probabilities_are_found_by_type_whatever_the_exporter(shape: str, tmp_path: Path) -> None:
    prediction = load_one(tmp_path, SHAPES[shape]().content()).predict(ROWS)
    assert prediction.members[0].dtype == np.float32
    np.testing.assert_allclose(prediction.members[0], expected(), atol=1e-6)


@pytest.mark.parametrize("draft", [made.logits, lambda: made.with_loss(made.logits()), lambda: made.logits(batch=1)])
def test_logits_become_probabilities_where_they_are_declared(draft: Callable[[], Draft], tmp_path: Path) -> None:
    prediction = load_one(tmp_path, draft().content(), output="logits").predict(ROWS)
    np.testing.assert_allclose(prediction.members[0], expected(), atol=1e-6)


def test_large_logits_do_not_overflow(tmp_path: Path) -> None:
    draft = made.logits()
    draft.constants["weights"] = draft.constants["weights"] * 1e4
    prediction = load_one(tmp_path, draft.content(), output="logits").predict(ROWS)
    assert not prediction.broken.any()
    np.testing.assert_array_equal(prediction.members[0].argmax(axis=1), expected().argmax(axis=1))


def test_class_maps_are_ordered_by_class_and_not_as_they_come(tmp_path: Path) -> None:
    ordered = load_one(tmp_path / "a", made.zipmap().content()).predict(ROWS)
    shuffled = load_one(tmp_path / "b", made.zipmap((2, 0, 1)).content()).predict(ROWS)
    np.testing.assert_array_equal(shuffled.members[0], ordered.members[0][:, [1, 2, 0]])


def test_class_maps_by_name_are_ordered_as_the_manifest_says(tmp_path: Path) -> None:
    ordered = load_one(tmp_path / "a", made.zipmap().content()).predict(ROWS)
    named = load_one(tmp_path / "b", made.zipmap(("up", "down", "flat")).content()).predict(ROWS)
    np.testing.assert_array_equal(named.members[0], ordered.members[0][:, [1, 2, 0]])


@pytest.mark.parametrize("keys", [(-1, 0, 1), (1, 2, 3), ("Down", "Flat", "Up"), (0, 1), (0, 1, 2, 3)])
def test_other_class_keys_are_refused_with_the_labels_that_are_wanted(keys: tuple[Any, ...], tmp_path: Path) -> None:
    problem = refusal(tmp_path, made.zipmap(keys).content())
    assert f"has the {len(keys)} classes {keys[0]}, {keys[1]}" in problem
    assert "train it with the labels 0 (down), 1 (flat), 2 (up)" in problem


@pytest.mark.parametrize("classes", [2, 4])
def test_another_number_of_classes_is_refused(classes: int, tmp_path: Path) -> None:
    problem = refusal(tmp_path, made.labelled(made.matrix(classes=classes)).content())
    assert f"another number of classes (probabilities has {classes})" in problem
    assert "3 classes (down, flat, up)" in problem
    assert f"({classes} outputs of [N])" in refusal(tmp_path, made.columns(classes).content())


def test_a_regressor_is_refused(tmp_path: Path) -> None:
    problem = refusal(tmp_path, made.one_number(squashed=False).content())
    assert "answers one number a row (variable): a regressor, or the probability of one class alone" in problem


def test_the_probability_of_one_class_is_refused_declared_or_not(tmp_path: Path) -> None:
    content = made.one_number(squashed=True).content()
    assert "the probability of one class alone" in refusal(tmp_path, content)
    problem = refusal(tmp_path, content, output="positive")
    assert "is declared `positive`, the probability of one of two classes; train it on all of down, flat, up" in problem


def test_a_model_that_gives_only_labels_is_refused(tmp_path: Path) -> None:
    draft = Draft()
    assert "has no output of probabilities" in refusal(tmp_path, made.labelled(draft).content())


@pytest.mark.parametrize("second", [made.logits, made.zipmap])
def test_two_outputs_that_could_be_the_probabilities_are_refused_by_name(
    second: Callable[[], Draft], tmp_path: Path
) -> None:
    draft = second().gives(made.floats("probabilities", None, 3))
    problem = refusal(tmp_path, draft.content())
    assert "more than one output" in problem
    assert all(output.name in problem for output in draft.outputs)


def test_scores_that_are_declared_probabilities_are_refused_and_not_softmaxed(tmp_path: Path) -> None:
    problem = refusal(tmp_path, made.logits().content())
    assert "is declared `probabilities`, but its rows are none" in problem
    assert "declare `logits`" in problem


def test_probabilities_that_are_declared_logits_are_refused(tmp_path: Path) -> None:
    """A second softmax would flatten them without a trace."""
    assert "is declared `logits`, but answers with probabilities" in refusal(
        tmp_path, made.matrix().content(), output="logits"
    )
    assert "declare `probabilities`" in refusal(tmp_path, made.matrix(batch=1).content(), output="logits")


def test_a_model_whose_answer_depends_on_its_company_is_refused(tmp_path: Path) -> None:
    problem = refusal(tmp_path, made.companionable().content())
    assert "answers a row differently when other rows are asked with it" in problem
    assert "evaluation mode" in problem


def test_a_model_that_draws_lots_is_refused(tmp_path: Path) -> None:
    draft = Draft().gives(made.floats("answer", None, 3))
    draft.add("RandomNormalLike", ["scores"], "noise").add("Add", ["scores", "noise"], "noisy")
    draft.add("Softmax", ["noisy"], "answer", axis=1)
    assert "or at each call" in refusal(tmp_path, draft.content())


def test_a_model_that_answers_the_same_whatever_it_is_asked_is_refused(tmp_path: Path) -> None:
    assert "answers the same whatever it is asked" in refusal(tmp_path, made.stubborn().content())


def test_a_model_that_never_answers_a_number_is_refused(tmp_path: Path) -> None:
    draft = made.scaled(float("nan"))
    assert "gave no finite answer" in refusal(tmp_path, draft.content())


def test_a_model_that_takes_a_logarithm_is_taken(tmp_path: Path) -> None:
    """It cannot answer to negative inputs; that breaks rows, not the model."""
    draft = Draft(input_name="raw").gives(made.floats("answer", None, 3))
    draft.add("Log", ["raw"], "logarithm").add("MatMul", ["logarithm", "weights"], "sums")
    draft.add("Softmax", ["sums"], "answer", axis=1)
    ensemble = load_one(tmp_path, draft.content())
    assert ensemble.predict(ROWS).broken.any()
    assert not ensemble.predict(np.abs(ROWS)).broken.any()


def test_a_batch_that_was_written_into_the_graph_is_refused_with_the_way_out(tmp_path: Path) -> None:
    draft = Draft().gives(made.floats("answer", None, 3))
    draft.constant("shape", np.array([4, 3], dtype=np.int64))
    draft.add("Reshape", ["probabilities", "shape"], "answer")
    problem = refusal(tmp_path, draft.content())
    assert "failed on a batch of 64 rows" in problem
    assert "dynamic_axes" in problem
