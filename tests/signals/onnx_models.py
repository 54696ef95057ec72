"""Small ONNX models of every shape that exporters make, written by hand, and models folders to put them in."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FEATURES = ("rsi", "adx", "return_1", "return_4", "atr_ratio")
WIDTH = len(FEATURES)
CLASSES = ("down", "flat", "up")
OPSETS = {"": 15, "ai.onnx.ml": 3}
IR_VERSION = 8

Node = onnx.NodeProto
Value = onnx.ValueInfoProto


def floats(name: str, *shape: int | str | None) -> Value:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def integers(name: str, *shape: int | str | None) -> Value:
    return helper.make_tensor_value_info(name, TensorProto.INT64, list(shape))


def maps(name: str, key: int = TensorProto.INT64) -> Value:
    value = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    return helper.make_value_info(name, helper.make_sequence_type_proto(helper.make_map_type_proto(key, value)))


def weights(width: int, classes: int, seed: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=(width, classes)).astype(np.float32)


@dataclass
class Draft:
    """A linear classifier: nodes up to `probabilities` [N, classes], to which a test adds outputs of its own."""

    width: int = WIDTH
    classes: int = 3
    seed: int = 0
    batch: int | str | None = None
    input_name: str = "float_input"
    nodes: list[Node] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    constants: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.constants["weights"] = weights(self.width, self.classes, self.seed)
        self.add("MatMul", [self.input_name, "weights"], "scores")
        self.add("Softmax", ["scores"], "probabilities", axis=1)

    def add(self, kind: str, inputs: list[str], *outputs: str, domain: str = "", **attributes: Any) -> "Draft":
        self.nodes.append(helper.make_node(kind, inputs, list(outputs), domain=domain, **attributes))
        return self

    def constant(self, name: str, value: Any) -> str:
        self.constants[name] = np.asarray(value)
        return name

    def gives(self, *outputs: Value) -> "Draft":
        self.outputs += outputs
        return self

    def proto(self, **metadata: str) -> onnx.ModelProto:
        constants = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        taken = floats(self.input_name, self.batch, self.width)
        graph = helper.make_graph(self.nodes, "classifier", [taken], self.outputs, constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        helper.set_model_props(model, metadata)
        return model

    def content(self, **metadata: str) -> bytes:
        return self.proto(**metadata).SerializeToString()


def matrix(**options: Any) -> Draft:
    """[N, C], as onnxmltools for xgboost and zipmap=False give it."""
    draft = Draft(**options)
    return draft.gives(floats("probabilities", draft.batch, draft.classes))


def zipmap(keys: tuple[Any, ...] = (0, 1, 2), **options: Any) -> Draft:
    """seq(map), as catboost, onnxmltools for lightgbm and skl2onnx give it by default; keys are int or str."""
    named = isinstance(keys[0], str)
    labels: dict[str, Any] = {"classlabels_strings": list(keys)} if named else {"classlabels_int64s": list(keys)}
    draft = Draft(classes=len(keys), **options)
    draft.add("ZipMap", ["probabilities"], "output_probability", domain="ai.onnx.ml", **labels)
    return draft.gives(maps("output_probability", TensorProto.STRING if named else TensorProto.INT64))


def columns(count: int = 3, **options: Any) -> Draft:
    """C outputs of [N], as skl2onnx gives them with zipmap='columns'."""
    draft = Draft(classes=count, **options)
    axes = draft.constant("axes", np.array([1], dtype=np.int64))
    draft.add("Split", ["probabilities"], *(f"part{n}" for n in range(count)), axis=1)
    for number in range(count):
        draft.add("Squeeze", [f"part{number}", axes], f"i{number}").gives(floats(f"i{number}", draft.batch))
    return draft


def logits(**options: Any) -> Draft:
    """Scores before the softmax, as torch.onnx gives them."""
    draft = Draft(**options)
    return draft.gives(floats("1026", draft.batch, draft.classes)).add("Identity", ["scores"], "1026")


def labelled(draft: Draft) -> Draft:
    """The same model with the label that classifiers put before their probabilities."""
    draft.add("ArgMax", ["probabilities"], "label", axis=1, keepdims=0)
    draft.outputs.insert(0, integers("label", None))
    return draft


def with_class_labels(draft: Draft) -> Draft:
    """The same model with a list of its classes, as output_class_labels=True adds it."""
    draft.constant("labels", np.arange(draft.classes, dtype=np.int64))
    return draft.add("Identity", ["labels"], "class_labels").gives(integers("class_labels", draft.classes))


def with_loss(draft: Draft) -> Draft:
    """The same model with a scalar of arbitrary name, as TabNet gives its sparsity loss."""
    return draft.add("ReduceMean", ["scores"], "743", keepdims=0).gives(floats("743"))


def one_number(*, squashed: bool) -> Draft:
    """[N, 1]: a regressor, or with `squashed` the P(positive) of a keras model."""
    draft = Draft(classes=1).gives(floats("variable", None, 1))
    return draft.add("Sigmoid" if squashed else "Identity", ["scores"], "variable")


def scaled(factor: float, offset: float = 0.0) -> Draft:
    """Probabilities × factor + offset: no distribution any more."""
    draft = Draft().gives(floats("wrong", None, 3))
    draft.constant("factor", np.float32(factor))
    draft.constant("offset", np.float32(offset))
    return draft.add("Mul", ["probabilities", "factor"], "larger").add("Add", ["larger", "offset"], "wrong")


def companionable() -> Draft:
    """A model in training mode: it takes the mean over the batch off before it answers."""
    draft = Draft().gives(floats("answer", None, 3))
    draft.add("ReduceMean", ["scores"], "mean", axes=[0], keepdims=1).add("Sub", ["scores", "mean"], "centred")
    return draft.add("Softmax", ["centred"], "answer", axis=1)


def stubborn() -> Draft:
    """A model that does not look at its inputs."""
    draft = Draft().gives(floats("answer", None, 3))
    draft.constant("zero", np.float32(0))
    return draft.add("Mul", ["scores", "zero"], "nothing").add("Softmax", ["nothing"], "answer", axis=1)


def clipped(limit: float) -> Draft:
    """A model that tells inputs apart only beyond `limit`: it answers ordinary rows alike."""
    draft = Draft(input_name="raw").gives(floats("answer", None, 3))
    draft.constant("limit", np.float32(limit))
    draft.add("Greater", ["raw", "limit"], "beyond").add("Cast", ["beyond"], "flags", to=TensorProto.FLOAT)
    return draft.add("MatMul", ["flags", "weights"], "few").add("Softmax", ["few"], "answer", axis=1)


def undefined_above(limit: float, seed: int = 0) -> Draft:
    """A model that answers NaN to rows whose first input is above `limit`."""
    draft = Draft(seed=seed, input_name="raw").gives(floats("answer", None, 3))
    draft.constant("limit", np.float32(limit))
    draft.constant("first", np.array([0], dtype=np.int64))
    draft.add("Gather", ["raw", "first"], "one", axis=1).add("Sub", ["limit", "one"], "room")
    draft.add("Sqrt", ["room"], "root").add("Sub", ["root", "root"], "zero")
    return draft.add("Add", ["probabilities", "zero"], "answer")


@dataclass
class Written:
    """An ensemble to be written: change it, then write it."""

    manifest: dict[str, Any]
    contents: dict[str, bytes]

    def entry(self, name: str) -> dict[str, Any]:
        entries = [*self.manifest["models"], self.manifest["meta_learner"]]
        found: dict[str, Any] = next(entry for entry in entries if entry["name"] == name)
        return found

    def replace(self, name: str, content: bytes, **entry: Any) -> "Written":
        """Another file for a model, with its true hash."""
        self.entry(name).update(sha256=hashlib.sha256(content).hexdigest(), **entry)
        self.contents[self.entry(name)["file"]] = content
        return self

    def write(self, folder: Path) -> Path:
        folder.mkdir(exist_ok=True, parents=True)
        (folder / "manifest.json").write_text(json.dumps(self.manifest, indent=1), encoding="utf-8")
        for name, content in self.contents.items():
            (folder / name).write_bytes(content)
        return folder


def ensemble(
    models: Mapping[str, bytes] | None = None,
    *,
    meta: bytes | None = None,
    features: tuple[str, ...] = FEATURES,
    market: str = "bybit",
    outputs: Mapping[str, str] | None = None,
) -> Written:
    """An ensemble of three small models, or of those given, with a meta-learner that fits them."""
    drafts: dict[str, Callable[..., Draft]] = {"xgboost": matrix, "lightgbm": zipmap, "catboost": columns}
    made = models or {name: draft(seed=seed).content() for seed, (name, draft) in enumerate(drafts.items(), 1)}
    last = meta or matrix(width=3 * len(made), seed=99).content()
    outputs = outputs or {}

    def entry(name: str, content: bytes) -> dict[str, Any]:
        return {
            "name": name,
            "file": f"{name}.onnx",
            "sha256": hashlib.sha256(content).hexdigest(),
            "framework": name,
            "output": outputs.get(name, "probabilities"),
        }

    manifest = {
        "format": 1,
        "name": "three small models",
        "demonstration": True,
        "market": market,
        "coins": ["BTC"],
        "interval_minutes": 15,
        "trained_from": datetime(2024, 1, 1, tzinfo=UTC).isoformat(),
        "trained_to": datetime(2025, 1, 1, tzinfo=UTC).isoformat(),
        "created_at": datetime(2025, 1, 2, tzinfo=UTC).isoformat(),
        "features": list(features),
        "classes": list(CLASSES),
        "event": {"kind": "first_touch", "horizon_candles": 16, "barrier": 2.0, "unit": "atr"},
        "models": [entry(name, content) for name, content in made.items()],
        "meta_learner": entry("meta_learner", last),
        "metrics": {},
    }
    contents = {f"{name}.onnx": content for name, content in made.items()} | {"meta_learner.onnx": last}
    return Written(manifest, contents)


def rows(count: int, width: int = WIDTH, seed: int = 7) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
