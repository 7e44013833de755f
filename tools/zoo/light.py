"""The nine light models that the onnx package ships. Their weights are ConstantOfShape nodes and the
outputs nearly constant; here every such node becomes an initializer of seeded random numbers."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from zoo import calibrate, store

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


def _uses(graph):
    """value name -> [(node, position)]"""
    uses = {}
    for node in graph.node:
        for k, name in enumerate(node.input):
            uses.setdefault(name, []).append((node, k))
    return uses


def _values_for(rng, shape, node, position):
    """Random numbers fit for what `node` does with its operand number `position`."""
    normal = lambda scale: (rng.standard_normal(shape) * scale).astype(np.float32)
    if node.op_type == "BatchNormalization":
        return {1: rng.uniform(0.8, 1.2, shape), 4: np.ones(shape)}.get(position, normal(0.1))
    if node.op_type in ("Conv", "ConvTranspose") and position == 1:
        return normal((2.0 / np.prod(shape[1:])) ** 0.5)
    if node.op_type == "Gemm" and position == 1:
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        return normal((2.0 / shape[1 if transposed else 0]) ** 0.5)
    if node.op_type == "Mul":
        return rng.uniform(0.8, 1.2, shape)
    return normal(0.1)


def _replace_constants(model, rng):
    graph = model.graph
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    uses = _uses(graph)
    kept = []
    for node in graph.node:
        if node.op_type != "ConstantOfShape" or node.input[0] not in initializers:
            kept.append(node)
            continue
        shape = [int(d) for d in numpy_helper.to_array(initializers[node.input[0]])]
        user, position = uses[node.output[0]][0]
        while user.op_type in ("Reshape", "Unsqueeze", "Transpose"):  # a weight in another shape
            user, position = uses[user.output[0]][0]
        values = np.asarray(_values_for(rng, shape, user, position), np.float32)
        graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
    del graph.node[:]
    graph.node.extend(kept)
    used = {name for node in graph.node for name in node.input}
    unused = {tensor.name for tensor in graph.initializer} - used
    for field in (graph.initializer, graph.input):
        remaining = [item for item in field if item.name not in unused]
        del field[:]
        field.extend(remaining)


def _temper_logits(model, feeds, spread=2.0):
    """Scales the last weights so that the closing Softmax is neither flat nor a single one."""
    import onnxruntime

    graph = model.graph
    maker = {output: node for node in graph.node for output in node.output}
    softmax = [node for node in graph.node if node.op_type == "Softmax"]
    if not softmax:
        return
    logits = softmax[-1].input[0]
    layer = maker[logits]
    while layer.op_type not in ("Conv", "Gemm"):
        layer = maker[layer.input[0]]
    name = layer.input[1]
    while name in maker:  # reshaped first
        name = maker[name].input[0]
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.append(onnx.helper.make_empty_tensor_value_info(logits))
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    factor = np.float32(spread / float(session.run([logits], feeds)[0].std()))
    for weight in graph.initializer:
        if weight.name == name:
            values = numpy_helper.to_array(weight) * np.float32(f"{factor:.2g}")
            weight.CopyFrom(numpy_helper.from_array(values, weight.name))


def _builder(name):
    def build(folder):
        rng = store.rng_for(f"light_{name}")
        model = onnx.load(str(FOLDER / f"light_{name}.onnx"))
        _replace_constants(model, rng)
        weights = {tensor.name for tensor in model.graph.initializer}
        (data,) = [value for value in model.graph.input if value.name not in weights]
        shape = [d.dim_value for d in data.type.tensor_type.shape.dim]
        feeds = {data.name: rng.standard_normal(shape).astype(np.float32)}
        calibrate.calibrate_batch_norms(model, feeds)
        _temper_logits(model, feeds)
        model.ir_version = max(model.ir_version, 4)  # an initializer need not be an input any more
        store.save_model(model, folder)
        return feeds

    return build


NAMES = (
    "bvlc_alexnet",
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
    "vgg19",
    "zfnet512",
)
MODELS = {f"light_{name}": _builder(name) for name in NAMES}
