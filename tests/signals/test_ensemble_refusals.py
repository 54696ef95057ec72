"""An ensemble that is meant for something else is refused by name, with all that is wrong at once."""

import json
from pathlib import Path

import pytest
from onnx import helper

from tests.signals import onnx_models as made
from tests.signals.onnx_models import FEATURES, Written
from tests.signals.refusing import load, refusal, refusals
from xfg_pipeline.signals.ensemble import EnsembleRefused, meta_inputs

# What a model takes


def test_a_model_of_another_width_is_refused(tmp_path: Path) -> None:
    folder = made.ensemble().replace("xgboost", made.matrix(width=4).content()).write(tmp_path)
    assert refusal(folder) == (
        "xgboost: xgboost.onnx takes 4 inputs, but the manifest names 5 features; export it with 5"
    )


def test_a_meta_learner_over_the_features_is_refused(tmp_path: Path) -> None:
    """What the original export declares: 180 features where 15 probabilities come."""
    models = {name: made.matrix(seed=seed).content() for seed, name in enumerate(("a", "b", "c", "d", "e"))}
    folder = made.ensemble(models, meta=made.matrix(width=180).content()).write(tmp_path)
    assert refusal(folder) == (
        "meta_learner: meta_learner.onnx takes 180 inputs, but 5 models with 3 classes give 15 probabilities; "
        "export it with 15"
    )


def test_a_model_without_a_declared_width_is_refused(tmp_path: Path) -> None:
    proto = made.matrix().proto()
    proto.graph.input[0].type.tensor_type.shape.dim[1].ClearField("dim_value")
    folder = made.ensemble().replace("xgboost", proto.SerializeToString()).write(tmp_path)
    assert "does not say how many inputs it takes" in refusal(folder)


def test_a_model_over_double_precision_is_refused(tmp_path: Path) -> None:
    draft = made.Draft(input_name="single").gives(made.floats("probabilities", None, 3))
    draft.nodes.insert(0, helper.make_node("Cast", ["double"], ["single"], to=made.TensorProto.FLOAT))
    proto = draft.proto()
    proto.graph.input[0].name = "double"
    proto.graph.input[0].type.tensor_type.elem_type = made.TensorProto.DOUBLE
    folder = made.ensemble().replace("xgboost", proto.SerializeToString()).write(tmp_path)
    assert "takes tensor(double) [None, 5]; export it with one float32 input [None, 5]" in refusal(folder)


def test_a_model_with_an_input_for_each_feature_is_refused(tmp_path: Path) -> None:
    proto = made.matrix().proto()
    proto.graph.input.append(made.floats("second", None, 1))
    proto.graph.node.append(helper.make_node("Identity", ["second"], ["unused"]))
    folder = made.ensemble().replace("xgboost", proto.SerializeToString()).write(tmp_path)
    assert "takes 2 inputs; export it with one, [None, 5]" in refusal(folder)


def test_a_huge_fixed_batch_is_refused(tmp_path: Path) -> None:
    folder = made.ensemble().replace("xgboost", made.matrix(batch=100_000).content()).write(tmp_path)
    assert "has a fixed batch of 100000 rows" in refusal(folder)


def test_inputs_that_the_file_itself_names_in_another_order_are_refused(tmp_path: Path) -> None:
    swapped = [FEATURES[1], FEATURES[0], *FEATURES[2:]]
    content = made.matrix().content(**{"xfg.inputs": json.dumps(swapped)})
    problem = refusal(made.ensemble().replace("xgboost", content).write(tmp_path))
    assert "takes its inputs in another order, or others: it was trained with 'adx' where 'rsi' is given" in problem
    broken = made.matrix().content(**{"xfg.inputs": "rsi, adx"})
    assert "metadata xfg.inputs that is not JSON" in refusal(made.ensemble().replace("xgboost", broken).write(tmp_path))


def test_inputs_that_the_file_itself_names_in_this_order_are_taken(tmp_path: Path) -> None:
    written = made.ensemble()
    written.replace("xgboost", made.matrix().content(**{"xfg.inputs": json.dumps(FEATURES)}))
    takes = meta_inputs(("xgboost", "lightgbm", "catboost"), made.CLASSES)
    assert takes[:4] == ("xgboost.down", "xgboost.flat", "xgboost.up", "lightgbm.down")
    written.replace("meta_learner", made.matrix(width=9).content(**{"xfg.inputs": json.dumps(takes)}))
    assert load(written.write(tmp_path)).names == ("xgboost", "lightgbm", "catboost")


def test_a_meta_learner_fitted_on_another_order_of_models_is_refused(tmp_path: Path) -> None:
    takes = meta_inputs(("lightgbm", "xgboost", "catboost"), made.CLASSES)
    content = made.matrix(width=9).content(**{"xfg.inputs": json.dumps(takes)})
    problem = refusal(made.ensemble().replace("meta_learner", content).write(tmp_path))
    assert "trained with 'lightgbm.down' where 'xgboost.down' is given" in problem


# What the pipeline wants


def test_features_that_are_not_computed_are_all_named(tmp_path: Path) -> None:
    problems = refusals(made.ensemble().write(tmp_path), known_features=("rsi", "adx", "return_01", "atr_ratio"))
    assert len(problems) == 2
    assert "feature 'return_1' is not computed (there is 'return_01')" in problems[0]
    assert "feature 'return_4' is not computed" in problems[1]


@pytest.mark.parametrize(
    ("trained", "market", "taken"),
    [
        ("bybit", "bybit_testnet", True),
        ("bybit_testnet", "bybit_testnet", True),
        ("bybit_testnet", "bybit", False),
        ("simulated", "bybit_testnet", False),
        ("simulated", "simulated", True),
        ("bybit", "bybit", True),
        ("bybit", "replay", True),
        ("binance", "replay", True),
        ("simulated", "bybit", False),
        ("simulated", "replay", False),
        ("bybit", "simulated", False),
        ("binance", "bybit", False),
    ],
)
def test_an_ensemble_serves_the_kind_of_market_it_was_trained_on(
    trained: str, market: str, taken: bool, tmp_path: Path
) -> None:
    folder = made.ensemble(market=trained).write(tmp_path)
    if taken:
        assert load(folder, market).manifest.market == trained
    else:
        problem = refusal(folder, market)
        assert f"was trained on the market '{trained}', and the pipeline runs on '{market}'" in problem


@pytest.mark.parametrize(
    "members",
    [(), ("xgboost", "lightgbm", "catboost"), ("catboost.onnx", "xgboost.onnx", "lightgbm.onnx")],
)
def test_settings_may_name_all_models_by_name_or_file(members: tuple[str, ...], tmp_path: Path) -> None:
    folder = made.ensemble().write(tmp_path)
    for meta_learner in (None, "meta_learner", "meta_learner.onnx"):
        ensemble = load(folder, members=members, meta_learner=meta_learner)
        assert ensemble.names == ("xgboost", "lightgbm", "catboost")


def test_the_pickles_of_the_original_settings_are_refused_with_what_is_allowed(tmp_path: Path) -> None:
    folder = made.ensemble().write(tmp_path)
    members = ("xgboost_model.pkl", "lightgbm_model.pkl", "catboost_model.pkl")
    problems = refusals(folder, members=members, meta_learner="meta_learner.pkl")
    assert len(problems) == 4
    allowed = "xgboost (xgboost.onnx), lightgbm (lightgbm.onnx), catboost (catboost.onnx)"
    for name, problem in zip(members, problems, strict=False):
        assert f"`models.ensemble_models` names '{name}', a pickle, which is never loaded; allowed are" in problem
        assert allowed in problem
    assert "`models.meta_learner` names 'meta_learner.pkl', a pickle" in problems[-1]
    assert "meta_learner (meta_learner.onnx)" in problems[-1]


def test_settings_that_leave_a_model_out_are_refused(tmp_path: Path) -> None:
    problem = refusal(made.ensemble().write(tmp_path), members=("xgboost", "catboost"))
    assert "leaves out lightgbm; the meta-learner was fitted on all 3 models: name all of them, or none" in problem


def test_settings_that_name_a_model_twice_or_an_unknown_one_are_refused(tmp_path: Path) -> None:
    problems = refusals(made.ensemble().write(tmp_path), members=("xgboost", "xgboost.onnx", "tabnet"))
    assert "names 'xgboost' twice" in problems[0]
    assert "names 'tabnet', which is not in the manifest; allowed: xgboost (xgboost.onnx)" in problems[1]


# All at once


def broken_in_many_ways() -> Written:
    written = made.ensemble(market="simulated")
    written.replace("xgboost", made.matrix(width=4).content())
    written.replace("catboost", made.one_number(squashed=False).content())
    written.contents["lightgbm.onnx"] = b"other"
    del written.contents["meta_learner.onnx"]
    return written


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    folder = broken_in_many_ways().write(tmp_path)
    problems = refusals(folder, known_features=FEATURES[1:], members=("xgboost_model.pkl",))
    for start in (
        "'three small models' was trained on the market",
        "feature 'rsi' is not computed",
        "`models.ensemble_models` names 'xgboost_model.pkl'",
        "lightgbm: lightgbm.onnx is not the file",
        "meta_learner: meta_learner.onnx is missing",
        "xgboost: xgboost.onnx takes 4 inputs",
        "catboost: catboost.onnx answers one number a row",
    ):
        assert sum(problem.startswith(start) for problem in problems) == 1, start
    with pytest.raises(EnsembleRefused, match="\n- lightgbm"):
        load(folder)
