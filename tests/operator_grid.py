"""Operators over their parameter grids, seeded, against ONNX Runtime: the neighbours of the odd files.

A case is a small graph. Cases of one operator set are merged into models of some dozens of nodes, so that
a thousand of them cost a few compilations. ONNX Runtime judges without its optimiser, which folds and
removes what is in question here; where it has no answer of its own, numpy judges."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import smeaton
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from compare import difference

PER_MODEL = 48


class Case(NamedTuple):
    nodes: list
    feeds: dict  # given while the model runs
    constants: dict  # initializers
    outputs: list
    opset: int
    expected: list = None  # None: ONNX Runtime says
    may_overflow: bool = False  # on the way to a result

    def text(self):
        nodes = "; ".join(
            f"{n.op_type}({', '.join(n.input)}) "
            + " ".join(f"{a.name}={helper.get_attribute_value(a)}" for a in n.attribute)
            for n in self.nodes
        )
        values = {
            name: f"{v.dtype}{list(v.shape)}" + (f" {v.tolist()}" if v.size < 9 else "")
            for name, v in {**self.feeds, **self.constants}.items()
        }
        return f"opset {self.opset}: {nodes}; {values}"


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, **attributes)


def floats(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def split(rng, **values):
    """Some values as feeds, the others as constants: both roads, compiled and folded."""
    fed = {name for name in values if rng.random() < 0.6}
    return (
        {name: v for name, v in values.items() if name in fed},
        {name: v for name, v in values.items() if name not in fed},
    )


def resize_nearest(rng):
    opset = int(rng.choice([11, 13, 18, 19]))
    coordinates = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]
    coordinates += {11: ["tf_half_pixel_for_nn"], 19: ["half_pixel_symmetric"]}.get(opset, [])
    size = int(rng.integers(1, rng.choice([8, 40, 120])))
    x = np.arange(size, dtype=np.float32).reshape(1, 1, 1, size)
    attributes = {
        "mode": "nearest",
        "coordinate_transformation_mode": str(rng.choice(coordinates)),
        "nearest_mode": str(rng.choice(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])),
    }
    roi = np.zeros(0, np.float32)
    if rng.random() < 0.5:
        scale = np.float32(rng.integers(1, 20)) / np.float32(rng.integers(1, 20))
        if np.floor(np.float32(size) * scale) < 1:
            return None
        constants = {"roi": roi, "s": np.array([1, 1, 1, scale], np.float32)}
        nodes = [node("Resize", ["x", "roi", "s"], ["y"], **attributes)]
    else:
        constants = {"roi": roi, "z": np.array([1, 1, 1, rng.integers(1, 3 * size + 1)])}
        if opset < 13:
            constants["s"] = np.zeros(0, np.float32)
        nodes = [node("Resize", ["x", "roi", "s" if opset < 13 else "", "z"], ["y"], **attributes)]
    return Case(nodes, {"x": x}, constants, ["y"], opset)


INTEGERS = ["uint64", "uint64", "uint64", "int64", "uint32", "int32", "uint8", "int8"]


def integers(rng, dtype, count):
    info = np.iinfo(dtype)
    edges = [info.min, info.max, info.max // 2, info.max // 2 + 1, 0, 1, 2, 3, 7, info.max - 5]
    values = [int(rng.choice(np.array(edges, dtype=object))) for _ in range(count)]
    return np.array(values, dtype=dtype)


def truncated(a, b):
    """Division towards zero, which ONNX has for integers."""
    quotient = [abs(int(p)) // abs(int(q)) * (1 if (p < 0) == (q < 0) else -1) for p, q in zip(a, b)]
    return np.array([int(q) & ((1 << 64) - 1) for q in quotient], np.uint64).astype(a.dtype)


def integer_arithmetic(rng):
    dtype = str(rng.choice(INTEGERS))
    a, b = integers(rng, dtype, 3), integers(rng, dtype, 3)
    op = str(
        rng.choice(
            ["Div", "Mod", "Max", "Min", "Abs", "Sign", "ReduceMax", "ReduceMin", "Add", "Sub", "Mul"]
            + ["Less", "Greater", "Equal", "LessOrEqual", "GreaterOrEqual", "Cast", "Where", "ReduceSum"]
        )
    )
    if op in ("Div", "Mod"):
        b[b == 0] = 5
        if np.iinfo(dtype).min < 0:
            b[b == -1] = 3
    one = {"Abs": np.abs, "Sign": np.sign, "ReduceMax": np.max, "ReduceMin": np.min, "ReduceSum": np.sum}
    two = {
        "Div": truncated,
        "Mod": np.mod,
        "Max": np.maximum,
        "Min": np.minimum,
        "Add": np.add,
        "Sub": np.subtract,
        "Mul": np.multiply,
        "Less": np.less,
        "Greater": np.greater,
        "Equal": np.equal,
        "LessOrEqual": np.less_equal,
        "GreaterOrEqual": np.greater_equal,
    }
    with np.errstate(over="ignore"):
        if op == "Cast":
            to = str(rng.choice(["float32", "float64", "int32", "uint64", "bool"]))
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(to))
            feeds, constants = split(rng, a=a)
            return Case([node("Cast", ["a"], ["y"], to=kind)], feeds, constants, ["y"], 13, [a.astype(to)])
        if op == "Where":
            feeds, constants = split(rng, a=a, b=b, c=np.array([True, False, True]))
            expected = np.where([True, False, True], a, b)
            return Case([node("Where", ["c", "a", "b"], ["y"])], feeds, constants, ["y"], 13, [expected])
        if op in one:
            feeds, constants = split(rng, a=a)
            attributes = {"keepdims": 0} if op.startswith("Reduce") else {}
            expected = np.asarray(one[op](a)).astype(dtype)
            return Case([node(op, ["a"], ["y"], **attributes)], feeds, constants, ["y"], 13, [expected])
        feeds, constants = split(rng, a=a, b=b)
        return Case([node(op, ["a", "b"], ["y"])], feeds, constants, ["y"], 13, [two[op](a, b)])


def batch_norm(rng):
    opset = int(rng.choice([7, 8, 9, 13, 14, 15]))
    channels = int(rng.integers(1, 5))
    shape = [int(rng.integers(1, 4)), channels] + [int(n) for n in rng.integers(1, 5, rng.integers(0, 3))]
    parameters = {k: floats(rng, channels) for k in "sbm"}
    parameters["v"] = np.abs(floats(rng, channels)) + np.float32(0.1)
    attributes = {"epsilon": float(rng.choice([1e-5, 1e-3])), "momentum": float(rng.choice([0.9, 0.5]))}
    outputs = ["y"]
    if rng.random() < 0.7:
        outputs += ["om", "ov"] if opset >= 14 else ["om", "ov", "sm", "sv"]
        if opset >= 14:
            attributes["training_mode"] = 1
    nodes = [node("BatchNormalization", ["x", "s", "b", "m", "v"], outputs, **attributes)]
    wanted = ["y"] if rng.random() < 0.5 else outputs
    if len(outputs) > 1 and np.prod(shape) == channels:
        return None  # the variance of one element
    fed, constants = ({}, parameters) if rng.random() < 0.6 else (parameters, {})
    return Case(nodes, {"x": floats(rng, *shape), **fed}, constants, wanted, opset)


def affine_chain(rng):
    """A Conv, ConvTranspose, Gemm or BatchNormalization and a factor or summand, in both orders; of
    numbers whose products leave single precision."""
    c, m = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    size = lambda: np.float32(10.0 ** int(rng.choice([-30, -20, -8, 0, 0, 0, 8, 20, 25])))
    w_size, k_size = size(), size()
    before = bool(rng.random() < 0.4)
    width = c if before else m
    per_channel = rng.random() < 0.5
    kind = str(rng.choice(["Conv", "ConvTranspose", "Gemm", "BatchNormalization"]))
    if kind == "BatchNormalization":
        m = c
        width = c
    flat = kind == "Gemm"
    k = (np.abs(floats(rng, width if per_channel else 1)) + np.float32(0.5)) * k_size
    if not flat and per_channel:
        k = k.reshape(-1, 1, 1)
    op = str(rng.choice(["Mul", "Div", "Add", "Sub"]))
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        effect = {"Mul": k_size, "Div": np.float32(1) / k_size}.get(op, np.float32(1))
        exponents = [np.log10(float(w_size)), np.log10(float(effect))]
    # Activations that bring the true result back to about one.
    x_size = np.float32(10.0 ** np.clip(-sum(exponents), -30, 30))
    x = floats(rng, *((3, c) if flat else (1, c, 3, 3))) * x_size
    constants = {"k": k.astype(np.float32)}
    if kind == "BatchNormalization":
        constants.update(s=floats(rng, c) * w_size, b=floats(rng, c), m=np.zeros(c, np.float32))
        constants["v"] = np.ones(c, np.float32)
        body = lambda i, o: node(kind, [i, "s", "b", "m", "v"], [o])
    else:
        shape = {"Conv": (m, c, 1, 1), "ConvTranspose": (c, m, 1, 1), "Gemm": (c, m)}[kind]
        constants["w"] = floats(rng, *shape) * w_size
        inputs = ["w"]
        if rng.random() < 0.5:
            constants["bias"] = floats(rng, m)
            inputs.append("bias")
        body = lambda i, o: node(kind, [i, *inputs], [o])
    chain = [node(op, ["x", "k"], ["t"]), body("t", "y")] if before else [body("x", "t"), node(op, ["t", "k"], ["y"])]
    return Case(chain, {"x": x}, constants, ["y"], 13, may_overflow=True)


def neutral(rng):
    """Operands that look as if they changed nothing, over signed zeros, infinities and NaN."""
    op = str(rng.choice(["Add", "Sub", "Mul", "Div", "Pow"]))
    value = np.float32(rng.choice(np.array([0.0, -0.0, 1.0, -1.0], np.float32)))
    if op == "Div" and value == 0:
        return None
    x = np.array([-0.0, 0.0, 2.0, -3.0, np.inf, -np.inf, np.nan, 1e-40], np.float32)
    inputs = ["x", "k"] if op == "Pow" or rng.random() < 0.6 else ["k", "x"]
    k = np.full([int(n) for n in ([], [1], [8], [1, 1])[rng.integers(4)]], value, np.float32)
    nodes = [node(op, inputs, ["t"]), node("Reciprocal", ["t"], ["y"])]
    return Case(nodes, {"x": x}, {"k": k}, ["y"], 13)


def top_k(rng):
    """NaN counts as the greatest; of equals the first comes first."""
    count = int(rng.integers(1, 12))
    k = int(rng.integers(1, count + 1))
    x = rng.integers(-3, 4, count).astype(np.float32)
    x[rng.random(count) < 0.3] = np.nan
    x[rng.random(count) < 0.1] = rng.choice([np.inf, -np.inf])
    largest = int(rng.integers(2))
    rank = lambda v: (1, 0.0) if np.isnan(v) else (0, float(v))
    order = sorted(range(count), key=lambda i: rank(x[i]))
    if largest:
        order = sorted(range(count), key=lambda i: (-rank(x[i])[0], -rank(x[i])[1]))
    head = np.array(order[:k], np.int64)
    feeds, constants = split(rng, x=x)
    constants["k"] = np.array([k])
    nodes = [node("TopK", ["x", "k"], ["v", "i"], axis=0, largest=largest)]
    return Case(nodes, feeds, constants, ["v", "i"], 11, [x[head], head])


def pool_ceil(rng):
    op = str(rng.choice(["MaxPool", "AveragePool"]))
    opset = int(rng.choice([11, 12, 19, 22])) if op == "MaxPool" else int(rng.choice([11, 19, 22]))
    rank = int(rng.integers(1, 3))
    kernel = [int(n) for n in rng.integers(1, 6, rank)]
    attributes = {
        "kernel_shape": kernel,
        "strides": [int(n) for n in rng.integers(1, 5, rank)],
        "pads": [int(rng.integers(0, k)) for k in kernel * 2],
        "ceil_mode": int(rng.random() < 0.8),
    }
    if op == "AveragePool":
        attributes["count_include_pad"] = int(rng.integers(2))
    elif rng.random() < 0.3:
        # Without pads, so that every window holds an element: of none, everybody has his own maximum.
        attributes["pads"] = [0] * (2 * rank)
        attributes["dilations"] = [int(n) for n in rng.integers(1, 3, rank)]
    sizes = [int(n) for n in rng.integers(1, 7, rank)]
    for d in range(rank):
        padded = sizes[d] + attributes["pads"][d] + attributes["pads"][d + rank]
        reach = (kernel[d] - 1) * attributes.get("dilations", [1] * rank)[d] + 1
        # Without ceil_mode a window must fit; with it, ONNX Runtime rounds what is missing up.
        if padded < reach and (not attributes["ceil_mode"] or padded - reach <= -attributes["strides"][d]):
            return None
    x = floats(rng, 1, 2, *sizes)
    feeds, constants = split(rng, x=x)
    return Case([node(op, ["x"], ["y"], **attributes)], feeds, constants, ["y"], opset)


def conv_same(rng):
    rank = int(rng.integers(1, 3))
    kernel = [int(n) for n in rng.integers(1, 5, rank)]
    attributes = {
        "auto_pad": str(rng.choice(["SAME_UPPER", "SAME_LOWER"])),
        "strides": [int(n) for n in rng.integers(1, 8, rank)],
    }
    x = floats(rng, 1, 2, *[int(n) for n in rng.integers(1, 12, rank)])
    nodes = [node("Conv", ["x", "w"], ["y"], **attributes)]
    return Case(nodes, {"x": x}, {"w": floats(rng, 2, 2, *kernel)}, ["y"], int(rng.choice([11, 22])))


def pool_ties(rng):
    rank = int(rng.integers(1, 4))
    kernel = [int(n) for n in rng.integers(1, 4, rank)]
    attributes = {
        "kernel_shape": kernel,
        "strides": [int(n) for n in rng.integers(1, 4, rank)],
        "pads": [int(rng.integers(0, k)) for k in kernel * 2],
        "storage_order": int(rng.integers(2)),
    }
    sizes = [int(n) for n in rng.integers(3, 7, rank)]
    x = rng.integers(0, 3, (2, 2, *sizes)).astype(np.float32)
    feeds, constants = split(rng, x=x)
    return Case([node("MaxPool", ["x"], ["y", "i"], **attributes)], feeds, constants, ["y", "i"], 12)


KINDS = [
    resize_nearest,
    integer_arithmetic,
    batch_norm,
    affine_chain,
    neutral,
    top_k,
    pool_ceil,
    conv_same,
    pool_ties,
]


def model_of(cases):
    """One model: the names of case n begin with its number."""
    nodes, inputs, outputs, constants, feeds = [], [], [], [], {}
    for n, case in enumerate(cases):
        named = lambda name: f"c{n}_{name}" if name else ""
        for part in case.nodes:
            copy = type(part)()
            copy.CopyFrom(part)
            copy.input[:] = [named(name) for name in part.input]
            copy.output[:] = [named(name) for name in part.output]
            nodes.append(copy)
        for name, value in case.feeds.items():
            kind = helper.np_dtype_to_tensor_dtype(value.dtype)
            inputs.append(helper.make_tensor_value_info(named(name), kind, value.shape))
            feeds[named(name)] = value
        constants += [numpy_helper.from_array(v, named(k)) for k, v in case.constants.items()]
        outputs += [helper.make_empty_tensor_value_info(named(name)) for name in case.outputs]
    graph = helper.make_graph(nodes, "grid", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", cases[0].opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString(), feeds


def judged(case):
    """What is right; None where nobody says."""
    if case.expected is not None:
        return case.expected
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    model, feeds = model_of([case])
    try:
        return onnxruntime.InferenceSession(model, options).run(None, feeds)
    except Exception:  # it refuses, in one of its many types
        return None


def in_double(case, alter=lambda value: value):
    """The outputs in double precision; of operands' magnitudes, where they are altered so, all terms add up."""
    kinds = {"Sub": "Add"} if alter is np.abs else {}
    wide = lambda v: alter(v.astype(np.float64)) if v.dtype == np.float32 else v
    nodes = []
    for part in case.nodes:
        copy = type(part)()
        copy.CopyFrom(part)
        copy.op_type = kinds.get(part.op_type, part.op_type)
        nodes.append(copy)
    values = {name: wide(v) for name, v in {**case.feeds, **case.constants}.items()}
    model, feeds = model_of([case._replace(nodes=nodes, feeds=values, constants={})])
    return ReferenceEvaluator(onnx.load_from_string(model)).run(None, feeds)


def is_overflow(case, got, right):
    """Whether the outputs differ only where terms of a sum leave single precision: from there on the order of
    addition, and whether a product is rounded before it is added, decide between infinity, NaN and the sum itself
    (which is what double precision gives, where it has a place in single). All other elements are alike."""
    largest = np.finfo(np.float32).max
    with np.errstate(all="ignore"):
        exact, size = in_double(case), in_double(case, np.abs)
    for g, r, e, s in zip(got, right, exact, size):
        leaves = s > largest
        if g.dtype != np.float32 or not leaves.any() or difference(np.where(leaves, 0, g), np.where(leaves, 0, r)):
            return False
        finite = g[leaves & np.isfinite(g)]
        if not np.allclose(finite, e[leaves & np.isfinite(g)], rtol=1e-3):
            return False
    return True


def differences(cases, expected):
    model, feeds = model_of(cases)
    outputs = iter(smeaton.Session(model).run(None, feeds))
    wrong = []
    for case, right in zip(cases, expected):
        got = [next(outputs) for _ in right]
        found = [difference(g, r) for g, r in zip(got, right)]
        if any(found) and not (case.may_overflow and is_overflow(case, got, right)):
            wrong.append(f"{case.text()}\n    {'; '.join(f for f in found if f)}")
    return wrong


def check(cases, expected):
    """Differences in words; a model that is refused is asked again case by case."""
    try:
        return differences(cases, expected)
    except (smeaton.UserError, smeaton.InternalError) as error:
        if len(cases) == 1:
            return [f"{cases[0].text()}\n    {error}"]
    return [line for case, right in zip(cases, expected) for line in check([case], [right])]


def run(kind, count, seed):
    """(cases judged, differences in words)"""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    by_opset, tried, kept = {}, Counter(), 0
    while kept < count:
        case = kind(rng)
        if case is None:
            continue
        tried[kind.__name__] += 1
        assert tried[kind.__name__] < 3 * count + 50, f"{kind.__name__}: most cases have no judge"
        right = judged(case)
        if right is None:
            continue
        by_opset.setdefault(case.opset, []).append((case, right))
        kept += 1
    wrong = []
    for pairs in by_opset.values():
        for at in range(0, len(pairs), PER_MODEL):
            part = pairs[at : at + PER_MODEL]
            wrong += check([case for case, _ in part], [right for _, right in part])
    return kept, wrong
