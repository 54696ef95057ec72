"""A models folder is read once and whole: what is missing, corrupt or not what the manifest says is named."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from onnx import numpy_helper

from tests.signals import onnx_models as made
from tests.signals.onnx_models import FEATURES
from tests.signals.refusing import load, refusal, refusals


def test_a_complete_ensemble_is_loaded(tmp_path: Path) -> None:
    ensemble = load(made.ensemble().write(tmp_path))
    assert ensemble.names == ("xgboost", "lightgbm", "catboost")
    assert list(ensemble.models_hashes) == ["xgboost", "lightgbm", "catboost", "meta_learner"]
    for name, digest in ensemble.models_hashes.items():
        assert digest == hashlib.sha256((tmp_path / f"{name}.onnx").read_bytes()).hexdigest()


def test_the_hash_is_over_the_manifest_and_every_file(tmp_path: Path) -> None:
    first = load(made.ensemble().write(tmp_path / "a")).hash
    assert load(made.ensemble().write(tmp_path / "b")).hash == first
    renamed = made.ensemble()
    renamed.manifest["name"] = "another name"
    assert load(renamed.write(tmp_path / "c")).hash != first
    other = made.ensemble().replace("catboost", made.columns(seed=42).content())
    assert load(other.write(tmp_path / "d")).hash != first


def test_the_description_is_json_and_tells_what_made_an_answer(tmp_path: Path) -> None:
    ensemble = load(made.ensemble().write(tmp_path))
    described = json.loads(json.dumps(ensemble.describe()))
    assert described["hash"] == ensemble.hash
    assert described["features"] == list(FEATURES)
    assert [model["sha256"] for model in described["models"]] == list(ensemble.models_hashes.values())[:3]
    assert described["event"]["horizon_candles"] == 16


# The folder and its manifest


def test_a_missing_folder_is_refused_with_the_setting_that_names_it(tmp_path: Path) -> None:
    assert "`models.path`" in refusal(tmp_path / "nothing")


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    assert "manifest.json is missing" in refusal(tmp_path)
    assert "`xfg train`" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"{", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1, 2]", "valid dictionary"),
        (b'{"format": 1, "format": 1}', "format: there twice in one object"),
        (b'{"metrics": {"brier": NaN}}', "NaN is not JSON"),
        (b'{"metrics": {"brier": -Infinity}}', "-Infinity is not JSON"),
    ],
)
def test_a_manifest_that_is_no_manifest_is_refused(content: bytes, what: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    assert what in refusal(tmp_path)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    folder = made.ensemble().write(tmp_path)
    path = folder / "manifest.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load(folder).names == ("xgboost", "lightgbm", "catboost")


def test_every_bad_field_is_named_with_its_remedy(tmp_path: Path) -> None:
    written = made.ensemble()
    del written.manifest["event"]
    written.manifest["colour"] = "red"
    written.manifest["interval_minutes"] = 5
    written.manifest["trained_to"] = "2025-01-01"
    written.manifest["models"][1]["sha256"] = "abc"
    written.manifest["models"][2]["file"] = "../catboost.onnx"
    problems = "\n".join(refusals(written.write(tmp_path)))
    assert "manifest.json, event: is missing; add it" in problems
    assert "manifest.json, colour: is not a field of a manifest; remove it" in problems
    assert "manifest.json, interval_minutes: Input should be 15, and is 5" in problems
    assert "manifest.json, trained_to: " in problems
    assert "manifest.json, models.1.sha256: " in problems
    assert "manifest.json, models.2.file: is a file name beside the manifest, without a folder; correct it" in problems


def test_other_classes_than_the_three_are_refused(tmp_path: Path) -> None:
    written = made.ensemble()
    written.manifest["classes"] = ["up", "flat", "down"]
    assert "only down, flat, up are known, in this order" in refusal(written.write(tmp_path))


def test_a_meta_learner_named_as_a_base_model_is_refused(tmp_path: Path) -> None:
    written = made.ensemble()
    written.manifest["meta_learner"]["name"] = "xgboost"
    assert "both named 'xgboost'" in refusal(written.write(tmp_path))


# The files


def spoiled(spoil: Callable[[Path], object], folder: Path, name: str = "lightgbm.onnx") -> str:
    path = made.ensemble().write(folder) / name
    spoil(path)
    return refusal(folder)


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "catboost", "meta_learner"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    problem = spoiled(Path.unlink, tmp_path, f"{name}.onnx")
    assert problem == f"{name}: {name}.onnx is missing; copy it from where the ensemble was trained"


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    assert "lightgbm: lightgbm.onnx is empty (0 bytes)" in spoiled(lambda path: path.write_bytes(b""), tmp_path)


def test_a_truncated_file_is_named_with_both_hashes(tmp_path: Path) -> None:
    problem = spoiled(lambda path: path.write_bytes(path.read_bytes()[:-5]), tmp_path)
    found = hashlib.sha256((tmp_path / "lightgbm.onnx").read_bytes()).hexdigest()
    assert problem.startswith("lightgbm: lightgbm.onnx is not the file that the manifest describes")
    assert found in problem
    assert made.ensemble().entry("lightgbm")["sha256"] in problem


def test_a_replaced_file_is_named_although_it_would_run(tmp_path: Path) -> None:
    other = made.zipmap(seed=77).content()
    assert "is not the file that the manifest describes" in spoiled(lambda path: path.write_bytes(other), tmp_path)


def test_a_folder_where_a_file_should_be_is_named(tmp_path: Path) -> None:
    def folder_instead(path: Path) -> None:
        path.unlink()
        path.mkdir()

    assert "lightgbm.onnx is not a file" in spoiled(folder_instead, tmp_path)


@pytest.mark.parametrize("content", [b"version https://git-lfs.github.com/spec/v1\n", b"<html></html>", bytes(500)])
def test_a_file_that_is_no_onnx_is_refused_even_if_the_manifest_has_its_hash(content: bytes, tmp_path: Path) -> None:
    folder = made.ensemble().replace("catboost", content).write(tmp_path)
    assert "catboost: catboost.onnx is not an ONNX model that onnxruntime" in refusal(folder)


def test_half_a_model_is_refused_even_if_the_manifest_has_its_hash(tmp_path: Path) -> None:
    half = made.columns().content()
    folder = made.ensemble().replace("catboost", half[: len(half) // 2]).write(tmp_path)
    assert "is not an ONNX model that onnxruntime" in refusal(folder)


@pytest.mark.parametrize("domain", ["", "ai.onnx.ml"])
def test_an_opset_from_the_future_is_refused_with_the_newest_that_is_read(domain: str, tmp_path: Path) -> None:
    proto = made.zipmap().proto()
    next(opset for opset in proto.opset_import if opset.domain == domain).version = 99
    problem = refusal(made.ensemble().replace("lightgbm", proto.SerializeToString()).write(tmp_path))
    assert "lightgbm: lightgbm.onnx is written in opset 99 of ai.onnx" in problem
    assert "target_opset" in problem


def test_a_format_from_the_future_is_refused(tmp_path: Path) -> None:
    proto = made.matrix().proto()
    proto.ir_version = 99
    problem = refusal(made.ensemble().replace("xgboost", proto.SerializeToString()).write(tmp_path))
    assert "xgboost: xgboost.onnx is written in ONNX format (IR) version 99" in problem


def test_weights_outside_the_hashed_file_are_refused_even_when_they_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proto = made.matrix().proto()
    tensor = proto.graph.initializer[0]
    (tmp_path / "weights.bin").write_bytes(numpy_helper.to_array(tensor).tobytes())
    tensor.ClearField("raw_data")
    tensor.data_location = tensor.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    monkeypatch.chdir(tmp_path)
    problem = refusal(made.ensemble().replace("xgboost", proto.SerializeToString()).write(tmp_path))
    assert "xgboost: xgboost.onnx keeps weights in another file, which its hash does not cover" in problem


def test_a_file_is_judged_and_opened_from_one_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is replaced after its hash was taken cannot slip in."""
    folder = made.ensemble().write(tmp_path)
    opened: list[str] = []

    def open_then_replace(path: Path, _mode: str) -> io.BytesIO:
        opened.append(path.name)
        with open(path, "rb") as file:  # noqa: PTH123
            content = file.read()
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(b"replaced meanwhile")
        return io.BytesIO(content)

    monkeypatch.setattr(Path, "open", open_then_replace)
    ensemble = load(folder)
    assert opened == ["manifest.json", "xgboost.onnx", "lightgbm.onnx", "catboost.onnx", "meta_learner.onnx"]
    assert not ensemble.predict(made.rows(3)).broken.any()
