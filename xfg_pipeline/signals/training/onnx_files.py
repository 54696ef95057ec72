"""Models as ONNX: names, versions of the format, and whether a file says what its original says."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.candles import Floats
from xfg_pipeline.signals.manifest import CLASSES
from xfg_pipeline.signals.onnx_model import INPUTS_KEY

INPUT = "features"
OUTPUT = "probabilities"
OPSET = 15
TREES_OPSET = 15
NETWORK_OPSET = 17


def sklearn_onnx(model: Any, width: int) -> Any:
    """An onnx.ModelProto of a scikit-learn classifier over float32 [None, width], probabilities as one matrix."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    return convert_sklearn(
        model,
        initial_types=[(INPUT, FloatTensorType([None, width]))],
        target_opset={"": OPSET, "ai.onnx.ml": 3},
        options={id(model): {"zipmap": False}},
    )


def without_zipmap(model: Any) -> Any:
    """The model with its dictionaries of probabilities (a ZipMap at the end) replaced by the matrix in them."""
    from onnx import TensorProto, helper

    graph = model.graph
    for node in [node for node in graph.node if node.op_type == "ZipMap"]:
        (output,) = (output for output in graph.output if output.name == node.output[0])
        graph.output.remove(output)
        graph.output.append(helper.make_tensor_value_info(node.input[0], TensorProto.FLOAT, [None, len(CLASSES)]))
        graph.node.remove(node)
    return model


def after_logarithm(model: Any, floor: float) -> Any:
    """The model with log(max(x, floor)) taken of its one input x, which keeps its name and shape."""
    from onnx import TensorProto, helper

    graph = model.graph
    taken, logarithm = graph.input[0].name, "logarithms"
    for node in graph.node:
        node.input[:] = [logarithm if name == taken else name for name in node.input]
    graph.initializer.append(helper.make_tensor("floor", TensorProto.FLOAT, [], [floor]))
    graph.node.insert(0, helper.make_node("Max", [taken, "floor"], ["held_up"]))
    graph.node.insert(1, helper.make_node("Log", ["held_up"], [logarithm]))
    return model


def finished(model: Any, inputs: Sequence[str]) -> bytes:
    """The model as bytes, with one output, float [None, 3], named OUTPUT, and the names of its inputs in order.

    The label that converters add is left out. Raises ValueError when there is not exactly one output of floats.
    """
    from onnx import TensorProto, helper

    graph = model.graph
    (found,) = (o for o in graph.output if o.type.tensor_type.elem_type == TensorProto.FLOAT)
    name = found.name
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, len(CLASSES)]))
    for node in graph.node:
        node.output[:] = [OUTPUT if output == name else output for output in node.output]
        node.input[:] = [OUTPUT if taken == name else taken for taken in node.input]
    # Converters name a graph at random: without that, equal models are equal files.
    graph.name = OUTPUT
    helper.set_model_props(model, {INPUTS_KEY: json.dumps(list(inputs))})
    content: bytes = model.SerializeToString()
    return content


def run(content: bytes, matrix: NDArray[np.float32], threads: int) -> NDArray[np.float32]:
    """Probabilities [n, 3] of a serialized model by onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (result,) = session.run([OUTPUT], {session.get_inputs()[0].name: matrix})
    return np.asarray(result)


def difference(content: bytes, matrix: NDArray[np.float32], expected: Floats, threads: int) -> float:
    """The largest difference of a probability between a file and its original over all rows, alone and together."""
    together = run(content, matrix, threads)
    alone = run(content, matrix[:1], threads)
    return float(max(np.abs(together - expected).max(), np.abs(alone - expected[:1]).max()))
