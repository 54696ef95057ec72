"""One ONNX classifier on bytes that were verified before: tried before it is trusted, run in blocks of one size.

onnxruntime takes other kernels for other batch sizes, and with several threads adds trees up in another order. A block
of fixed size on one thread makes a row's answer the same to the last bit whatever else is asked with it.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from xfg_pipeline.signals.onnx_outputs import (
    OutputUnusable,
    Probabilities,
    ProbabilityOutput,
    find_probabilities,
    softmax,
)

Rows = NDArray[np.float32]
OutputKind = Literal["probabilities", "logits", "positive"]

BLOCK = 64
"""Rows of one call of onnxruntime, unless the model itself declares another batch."""
LARGEST_BLOCK = 4096
INPUTS_KEY = "xfg.inputs"
"""Key of the ONNX metadata in which an exporter may keep the names of the inputs, in order, as a JSON list."""
OUTSIDE = 1e-6
"""A probability may lie this far outside 0 to 1."""
OFF_ONE = 1e-3
"""The probabilities of a row may sum to 1 give or take this."""
FAULTS = ("an answer is not finite", "an answer is outside 0 to 1", "the probabilities do not sum to 1")

# Weights kept in a second file would not be covered by the model's hash: they are looked for where nothing can be.
_NOWHERE = "/dev/null/outside"
# The errors of onnxruntime share no base.
_ERRORS: tuple[type[Exception], ...] = (
    *(
        error
        for error in vars(runtime).values()
        if isinstance(error, type) and issubclass(error, Exception) and error is not Exception
    ),
    RuntimeError,
    ValueError,
    TypeError,
)
_FAILURES: tuple[type[Exception], ...] = (*_ERRORS, OutputUnusable)


class ModelUnusable(Exception):
    """A model that cannot be used, or that failed at a batch. The message says what to do, without the model's name."""


class OnnxModel:
    """A classifier of `classes` over the float32 `inputs`, in order."""

    def __init__(
        self,
        content: bytes,
        *,
        output: OutputKind,
        classes: Sequence[str],
        inputs: Sequence[str],
        given: str,
        trial: Rows,
    ) -> None:
        """Opens `content` and tries it on `trial` (float32[n, inputs], many different rows).

        `given` says where the inputs come from ("the manifest names 40 features"). Raises ModelUnusable when it is not
        a model that onnxruntime runs, does not take these inputs, does not answer with these classes in the declared
        kind, answers a row differently in different company, or all rows alike.
        """
        if output == "positive":
            raise ModelUnusable(
                "is declared `positive`, the probability of one of two classes; "
                f"train it on all of {', '.join(classes)}, and declare `probabilities` or `logits`"
            )
        self._logits = output == "logits"
        self._session = _open(content)
        self._input, self._block = _input_of(self._session, len(inputs), given)
        _agree_on_inputs(self._session, inputs)
        self._output = self._find(trial, classes)
        self._try(trial)

    def probabilities(self, rows: Rows) -> Probabilities:
        """float32[N, classes] of finite float32[N, inputs]; what the model answers, softmaxed where it gives logits.

        Raises ModelUnusable when the model fails or no longer answers in its shape.
        """
        return self._blocks(rows, softmaxed=self._logits)

    def _blocks(self, rows: Rows, *, softmaxed: bool) -> Probabilities:
        answers = np.empty((len(rows), self._output.classes), dtype=np.float32)
        for start in range(0, len(rows), self._block):
            part = rows[start : start + self._block]
            answer = self._answer(self._padded(part))
            answers[start : start + len(part)] = (softmax(answer) if softmaxed else answer)[: len(part)]
        return answers

    def _answer(self, block: Rows) -> Probabilities:
        try:
            return self._output.read(self._session.run(self._output.names, {self._input: block}), self._block)
        except _FAILURES as error:
            raise ModelUnusable(f"failed on a batch of {self._block} rows: {_shortened(str(error))}") from error

    def _padded(self, part: Rows) -> Rows:
        missing = self._block - len(part)
        return np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part

    def _find(self, trial: Rows, classes: Sequence[str]) -> ProbabilityOutput:
        names = [output.name for output in self._session.get_outputs()]
        try:
            values = self._session.run(names, {self._input: self._padded(trial[: self._block])})
            return find_probabilities(dict(zip(names, values, strict=True)), self._block, classes)
        except OutputUnusable as error:
            raise ModelUnusable(str(error)) from error
        except _ERRORS as error:
            raise ModelUnusable(
                f"failed on a batch of {self._block} rows: {_shortened(str(error))}. "
                "Export it with a free first dimension (dynamic_axes), or with a fixed batch of 1"
            ) from error

    def _try(self, trial: Rows) -> None:
        answers = self.probabilities(trial)
        backwards = self.probabilities(np.ascontiguousarray(trial[::-1]))[::-1]
        first, last = self.probabilities(trial[:1]), self.probabilities(trial[-1:])
        if not (_same(answers, backwards) and _same(answers[:1], first) and _same(answers[-1:], last)):
            raise ModelUnusable(
                "answers a row differently when other rows are asked with it, or at each call; export it in evaluation "
                "mode (batch statistics and dropout off)"
            )
        faults = faults_of(answers)
        finite = answers[faults != 1]
        if len(finite) == 0:
            raise ModelUnusable("gave no finite answer to any of the trial rows; export it again from a fitted model")
        if np.count_nonzero(faults > 1) * 2 > len(finite):
            shown = ", ".join(f"{value:.4g}" for value in finite[0])
            raise ModelUnusable(
                f"is declared `probabilities`, but its rows are none ({shown}); declare `logits` if they are scores "
                "before the softmax, otherwise export it again"
            )
        if self._logits and not faults_of(self._blocks(trial, softmaxed=False)).any():
            raise ModelUnusable("is declared `logits`, but answers with probabilities; declare `probabilities`")
        if (finite == finite[0]).all():
            raise ModelUnusable("answers the same whatever it is asked; train it again")


def faults_of(answers: Probabilities) -> NDArray[np.int8]:
    """int8[N] for [N, C]: 0 where a row is a probability distribution, otherwise 1 + its fault's index in FAULTS."""
    with np.errstate(invalid="ignore", over="ignore"):
        not_finite = ~np.isfinite(answers).all(axis=1)
        outside = ((answers < -OUTSIDE) | (answers > 1 + OUTSIDE)).any(axis=1)
        off_one = np.abs(answers.sum(axis=1, dtype=np.float64) - 1) > OFF_ONE
    return np.select([not_finite, outside, off_one], [1, 2, 3], 0).astype(np.int8)


def _open(content: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # what is an error is raised as well
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", _NOWHERE)
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except _ERRORS as error:
        raise ModelUnusable(_why_not_opened(str(error))) from error


def _why_not_opened(message: str) -> str:
    version = onnxruntime.__version__
    if found := re.search(r"Opset (\d+) is under development.*?domain (\S+) is till opset (\d+)", message, re.DOTALL):
        opset, domain, newest = found.groups()
        return (
            f"is written in opset {opset} of {domain}, onnxruntime {version} reads up to {newest}; "
            f"export it with target_opset {newest} or lower"
        )
    if found := re.search(r"model IR version: (\d+), max supported IR version: (\d+)", message):
        written, newest = found.groups()
        return (
            f"is written in ONNX format (IR) version {written}, onnxruntime {version} reads up to {newest}; "
            "export it with an older onnx, or set the model's ir_version"
        )
    if "xternal data" in message:
        return (
            "keeps weights in another file, which its hash does not cover; export it as one file (external_data=False)"
        )
    return f"is not an ONNX model that onnxruntime {version} opens ({_shortened(message)}); copy or export it again"


def _input_of(session: Any, width: int, given: str) -> tuple[str, int]:
    """Name of the only input, and rows of a call."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise ModelUnusable(f"takes {len(inputs)} inputs; export it with one, [None, {width}]")
    (taken,) = inputs
    shape = taken.shape
    if taken.type != "tensor(float)" or len(shape) != 2:
        raise ModelUnusable(f"takes {taken.type} {shape}; export it with one float32 input [None, {width}]")
    rows, columns = shape
    if not isinstance(columns, int):
        raise ModelUnusable(f"does not say how many inputs it takes; export it with one float32 input [None, {width}]")
    if columns != width:
        raise ModelUnusable(f"takes {columns} inputs, but {given}; export it with {width}")
    if not isinstance(rows, int):
        return taken.name, BLOCK
    if not 1 <= rows <= LARGEST_BLOCK:
        raise ModelUnusable(f"has a fixed batch of {rows} rows; export it with a free first dimension (dynamic_axes)")
    return taken.name, rows


def _agree_on_inputs(session: Any, inputs: Sequence[str]) -> None:
    kept = session.get_modelmeta().custom_metadata_map.get(INPUTS_KEY)
    if kept is None:
        return
    try:
        names = json.loads(kept)
    except ValueError as error:
        raise ModelUnusable(f"has metadata {INPUTS_KEY} that is not JSON") from error
    if names != list(inputs):
        pairs = zip(inputs, names if isinstance(names, list) else [], strict=False)
        first = next(
            (f": it was trained with {own!r} where {given!r} is given" for given, own in pairs if own != given), ""
        )
        raise ModelUnusable(f"takes its inputs in another order, or others{first}; put its own order into the manifest")


def _same(one: Probabilities, other: Probabilities) -> bool:
    return np.array_equal(one, other, equal_nan=True)


def _shortened(message: str) -> str:
    """The message of onnxruntime without its code, source file and signature."""
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", message)
    text = " ".join(text.rsplit("Status Message: ", 1)[-1].split())
    text = re.sub(r"^/\S+:\d+ .*?\)(?: const)?(?: \[with .*?\])? ", "", text)
    return text[:200].rstrip(" .")
