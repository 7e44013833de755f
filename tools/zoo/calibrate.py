"""Gives the BatchNormalizations of a model with random weights the statistics of what flows through
them, so that a deep network neither dies out nor overflows."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

_DIGITS = 2  # statistics are rounded, so that another CPU's last bits give the same file


def _round(values):
    magnitude = 10.0 ** (np.floor(np.log10(np.maximum(np.abs(values), 1e-6))) - _DIGITS)
    return (np.round(values / magnitude) * magnitude).astype(np.float32)


def _normalise_by_own_statistics(node, prefix, opset):
    """The nodes that replace one BatchNormalization, and the names of its mean and variance."""
    x, scale, bias = node.input[:3]
    name = lambda part: f"{prefix}/{part}"
    axes = {"axes": [0, 2, 3], "keepdims": 1}
    eps = helper.make_tensor(name("eps"), onnx.TensorProto.FLOAT, [1], [1e-5])
    shape = helper.make_tensor(name("shape"), onnx.TensorProto.INT64, [4], [1, -1, 1, 1])
    nodes = [
        helper.make_node("ReduceMean", [x], [name("mean")], **axes),
        helper.make_node("Sub", [x, name("mean")], [name("centred")]),
        helper.make_node("Mul", [name("centred")] * 2, [name("square")]),
        helper.make_node("ReduceMean", [name("square")], [name("var")], **axes),
        helper.make_node("Add", [name("var"), name("eps")], [name("var_eps")]),
        helper.make_node("Sqrt", [name("var_eps")], [name("std")]),
        helper.make_node("Div", [name("centred"), name("std")], [name("unit")]),
        helper.make_node("Reshape", [scale, name("shape")], [name("scale")]),
        helper.make_node("Reshape", [bias, name("shape")], [name("bias")]),
        helper.make_node("Mul", [name("unit"), name("scale")], [name("scaled")]),
        helper.make_node("Add", [name("scaled"), name("bias")], [node.output[0]]),
    ]
    return nodes, [eps, shape], name("mean"), name("var")


def _drop_unused(graph):
    used = {name for node in graph.node for name in node.input}
    for field in (graph.initializer, graph.input):
        kept = [item for item in field if item.name in used]
        del field[:]
        field.extend(kept)


def calibrate_batch_norms(model, feeds):
    """Sets mean and variance of every BatchNormalization over a 4-d tensor (opset below 18) from one
    run on `feeds`. In place."""
    import onnxruntime

    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    if opset >= 18:
        raise ValueError("calibrate_batch_norms writes ReduceMean with axes as an attribute")
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.node[:]
    wanted = []
    for k, node in enumerate(model.graph.node):
        if node.op_type != "BatchNormalization":
            probe.graph.node.append(node)
            continue
        nodes, constants, mean, var = _normalise_by_own_statistics(node, f"calibrate_{k}", opset)
        probe.graph.node.extend(nodes)
        probe.graph.initializer.extend(constants)
        for value in (mean, var):
            probe.graph.output.append(
                helper.make_tensor_value_info(value, onnx.TensorProto.FLOAT, None)
            )
        wanted.append((node.input[3], node.input[4], mean, var))
    _drop_unused(probe.graph)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found = session.run([n for row in wanted for n in row[2:]], feeds)
    at = {tensor.name: tensor for tensor in model.graph.initializer}
    for (mean_name, var_name, _, _), mean, var in zip(wanted, found[0::2], found[1::2]):
        # A channel that one small map leaves nearly constant would be blown up by its variance.
        floor = 0.05 * float(var.mean()) + 1e-6
        for name, value in ((mean_name, mean), (var_name, np.maximum(var, floor))):
            at[name].CopyFrom(numpy_helper.from_array(_round(value.reshape(-1)), name))
