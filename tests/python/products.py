"""The multiply-adds of a model, from its graph alone: what no compiler, chip or program had a hand in."""

import math

import numpy as np
import onnx
import onnxruntime
from models import case_inputs


def of_node(node, shapes):
    """As the field counts: a window has all its taps at every place, those on the zeros beside an image too."""
    (x, w), y = (shapes.get(i) for i in node.input[:2]), shapes.get(node.output[0])
    if node.op_type == "Conv":
        return math.prod(y) * math.prod(w[1:])
    if node.op_type == "ConvTranspose":
        return math.prod(x) * math.prod(w[1:])
    if node.op_type == "MatMul":
        return math.prod(y) * x[-1]
    rows = node.op_type == "Gemm" and any(a.name == "transA" and a.i for a in node.attribute)
    return math.prod(y) * x[0 if rows else 1]


PRODUCTS = ("Conv", "ConvTranspose", "MatMul", "Gemm")
OTHERS = ("Einsum", "LSTM", "GRU", "RNN", "ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul")


def shapes_of(made, fed):
    """Of all tensors that inference of shapes finds, and of those that products have when ONNX Runtime runs the model."""
    for value in made.graph.input:
        sizes = fed[value.name].shape if value.name in fed else ()
        for dim, size in zip(value.type.tensor_type.shape.dim, sizes):
            dim.dim_value = size
    made = onnx.shape_inference.infer_shapes(made, data_prop=True)
    shapes = {i.name: tuple(i.dims) for i in made.graph.initializer}
    for value in (*made.graph.input, *made.graph.value_info, *made.graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(d.HasField("dim_value") for d in dims):
            shapes[value.name] = tuple(d.dim_value for d in dims)
    asked = {name for node in made.graph.node if node.op_type in PRODUCTS for name in (*node.input[:2], node.output[0])}
    open_ones = sorted(asked - set(shapes))
    if open_ones and fed:
        made.graph.output.extend(onnx.ValueInfoProto(name=name) for name in open_ones)
        session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
        shapes |= {name: value.shape for name, value in zip(open_ones, session.run(open_ones, fed))}
    return shapes


def of_graph(path, counts=lambda node: True):
    """Of one run of the model with its own inputs, of these nodes, products of weights with weights left out. None: this
    cannot tell (sizes that depend on data, subgraphs, operators beyond those above that multiply)."""
    made = onnx.load(str(path))
    for node in made.graph.node:
        subgraph = any(a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for a in node.attribute)
        if subgraph or node.op_type in OTHERS:
            return None
    shapes = shapes_of(made, {n: np.load(file) for n, _, file in (w.partition("=") for w in case_inputs(path)[1::2])})
    constant = {i.name for i in made.graph.initializer} | {""}
    total = 0
    for node in made.graph.node:
        if node.op_type == "Constant" or all(i in constant for i in node.input):
            constant.update(node.output)
            continue
        if node.op_type in PRODUCTS and counts(node):
            if any(i not in shapes for i in (*node.input[:2], node.output[0])):
                return None
            total += of_node(node, shapes)
    return total
