"""Where an ONNX classifier answers with its class probabilities: found by type and shape, never by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float32]

_FORMS = "one [N, {0}] output of floats, one list of class maps, or {0} outputs of [N]"


class OutputUnusable(Exception):
    """No class probabilities can be read from a model's answer. The message says what there is instead."""


@dataclass(frozen=True)
class ProbabilityOutput:
    """How the probabilities of `classes` classes are read from the values of the outputs `names`.

    `keys` are the keys of class maps in class order (`seq(map)`, what ZipMap makes); None for floats.
    """

    names: tuple[str, ...]
    classes: int
    keys: tuple[Any, ...] | None = None

    def read(self, values: Sequence[Any], rows: int) -> Probabilities:
        """The answer as float32[rows, classes]. Raises OutputUnusable when it no longer has its shape."""
        if self.keys is not None:
            return self._from_maps(values[0], rows, self.keys)
        answer = np.stack(values, axis=1) if len(self.names) > 1 else np.asarray(values[0])
        if answer.shape != (rows, self.classes):
            raise OutputUnusable(f"answered {list(answer.shape)} to a batch of {rows} rows")
        with np.errstate(over="ignore"):
            return answer.astype(np.float32, copy=False)

    def _from_maps(self, answer: Sequence[Mapping[Any, float]], rows: int, keys: tuple[Any, ...]) -> Probabilities:
        if len(answer) != rows or any(len(row) != len(keys) for row in answer):
            raise OutputUnusable(f"answered {len(answer)} class maps to a batch of {rows} rows, or other classes")
        try:
            flat = np.fromiter((row[key] for row in answer for key in keys), np.float32, rows * len(keys))
        except KeyError as error:
            raise OutputUnusable(f"answered without class {error}") from error
        return flat.reshape(rows, len(keys))


def find_probabilities(outputs: Mapping[str, Any], rows: int, classes: Sequence[str]) -> ProbabilityOutput:
    """Finds them in the answer to a batch of `rows` rows; labels, scalars and class lists are passed over.

    `outputs` are all outputs by name, as onnxruntime returned them. Raises OutputUnusable when no output, or more than
    one, can hold the probabilities of exactly these classes.
    """
    maps = [name for name, value in outputs.items() if _is_maps(value)]
    tables = {name: value for name, value in outputs.items() if _is_float(value, 2) and len(value) == rows}
    columns = [name for name, value in outputs.items() if _is_float(value, 1) and len(value) == rows]
    found = [*maps, *(name for name, value in tables.items() if value.shape[1] == len(classes))]
    if len(found) > 1:
        raise OutputUnusable(
            f"has more than one output that could hold the probabilities ({', '.join(found)}); export it with one"
        )
    if maps:
        return ProbabilityOutput((maps[0],), len(classes), _keys_of(outputs[maps[0]], classes))
    if found:
        return ProbabilityOutput((found[0],), len(classes))
    if len(columns) == len(classes):
        return ProbabilityOutput(tuple(columns), len(classes))
    raise OutputUnusable(_what_there_is(tables, columns, classes))


def softmax(logits: Probabilities) -> Probabilities:
    """Probabilities of logits [N, C], row by row, in double precision; a row that is not finite becomes NaN."""
    with np.errstate(invalid="ignore", over="ignore"):
        powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
        shares: Probabilities = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def _is_maps(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _is_float(value: Any, dimensions: int) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim == dimensions


def _keys_of(maps: Sequence[Mapping[Any, float]], classes: Sequence[str]) -> tuple[Any, ...]:
    """The keys in class order: 0, 1, 2, …, or the names of the classes themselves."""
    there = {key for row in maps for key in row}
    for keys in (tuple(range(len(classes))), tuple(classes)):
        if there == set(keys):
            return keys
    listed = ", ".join(str(key) for key in sorted(there, key=str))
    wanted = ", ".join(f"{number} ({name})" for number, name in enumerate(classes))
    raise OutputUnusable(f"has the {len(there)} classes {listed}; train it with the labels {wanted}")


def _what_there_is(tables: Mapping[str, Any], columns: Sequence[str], classes: Sequence[str]) -> str:
    wanted = f"wanted are the probabilities of {len(classes)} classes ({', '.join(classes)}): "
    wanted += _FORMS.format(len(classes))
    if not tables and len(columns) != 1:
        return f"has no output of probabilities ({len(columns)} outputs of [N]); {wanted}"
    shapes = {name: value.shape[1] for name, value in tables.items()} or {columns[0]: 1}
    if set(shapes.values()) == {1}:
        names = ", ".join(shapes)
        return f"answers one number a row ({names}): a regressor, or the probability of one class alone; {wanted}"
    listed = ", ".join(f"{name} has {width}" for name, width in shapes.items())
    return f"has another number of classes ({listed}); {wanted}"
