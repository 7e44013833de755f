"""The multiply-adds of a model, from its graph alone: what no compiler, chip or program had a hand in."""

import math

import numpy as np
import onnx
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


def of_graph(path, counts=lambda node: True):
    """Of one run of the model with its own inputs, of these nodes, products of weights with weights left out. None: this
    cannot tell (sizes that depend on data, subgraphs, operators beyond those above that multiply)."""
    made = onnx.load(str(path))
    fed = {name: np.load(file, mmap_mode="r").shape for name, _, file in (w.partition("=") for w in case_inputs(path)[1::2])}
    for value in made.graph.input:
        for dim, size in zip(value.type.tensor_type.shape.dim, fed.get(value.name, ())):
            dim.dim_value = size
    made = onnx.shape_inference.infer_shapes(made, data_prop=True)
    graph = made.graph
    shapes = {i.name: tuple(i.dims) for i in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(d.HasField("dim_value") for d in dims):
            shapes[value.name] = tuple(d.dim_value for d in dims)
    constant = {i.name for i in graph.initializer} | {""}
    total = 0
    for node in graph.node:
        if any(a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for a in node.attribute):
            return None
        if node.op_type in OTHERS:
            return None
        if node.op_type == "Constant" or all(i in constant for i in node.input):
            constant.update(node.output)
            continue
        if node.op_type in PRODUCTS and counts(node):
            if any(i and i not in shapes for i in (*node.input[:2], node.output[0])):
                return None
            total += of_node(node, shapes)
    return total
