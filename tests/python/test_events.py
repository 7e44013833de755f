"""The closed form against the walk by events on chips: every kernel of small models like the zoo's, inference and a
training step, within 2 % or 100 cycles. tests/long/events.py does so for all models and chips."""

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from by_events import compared, told  # noqa: E402
from models import F32, model, node, tensor  # noqa: E402
from products import of_graph  # noqa: E402


class Maker:
    """A model of random weights, node by node."""

    def __init__(self, shape):
        self.shape, self.nodes, self.weights, self.rng = shape, [], {}, np.random.default_rng(1)

    def weight(self, *shape):
        name = f"w{len(self.weights)}"
        self.weights[name] = 0.1 * self.rng.standard_normal(shape).astype(np.float32)
        return name

    def constant(self, value):
        name = f"w{len(self.weights)}"
        self.weights[name] = np.array(value, np.float32 if isinstance(value, float) else np.int64)
        return name

    def __call__(self, op, *inputs, **attributes):
        name = f"{op}_{len(self.nodes)}"
        self.nodes.append(node(op, list(inputs), [name], name, **attributes))
        return name

    def linear(self, x, columns, rows):
        return self("Add", self("MatMul", x, self.weight(rows, columns)), self.weight(columns))

    def save(self, output, shape, path):
        last = node("Identity", [output], ["y"], "y")
        made = model(
            [*self.nodes, last],
            {"x": (F32, self.shape)},
            {"y": (F32, shape)},
            [tensor(name, value) for name, value in self.weights.items()],
        )
        onnx.save(made, str(path))


def convolutions(path):
    m = Maker([1, 16, 28, 28])
    x = m("Conv", "x", m.weight(32, 16, 3, 3), kernel_shape=[3, 3], pads=[1] * 4)
    x = m("BatchNormalization", x, *(m.weight(32) for _ in range(3)), m.constant([1.0] * 32))
    x = m("Conv", m("Relu", x), m.weight(16, 32, 1, 1), kernel_shape=[1, 1])
    x = m("Relu", m("Add", x, "x"))
    x = m("Conv", x, m.weight(16, 1, 3, 3), kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2], group=16)
    x = m("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = m("Flatten", m("GlobalAveragePool", x))
    m.save(m("Gemm", x, m.weight(10, 16), m.weight(10), transB=1), [1, 10], path)


def attention(path, tokens=32, width=64, heads=4):
    m = Maker([1, tokens, width])
    x = m("LayerNormalization", "x", m.weight(width), m.weight(width), axis=-1)
    split = m.constant([1, tokens, heads, width // heads])
    q, k, v = (
        m("Transpose", m("Reshape", m.linear(x, width, width), split), perm=perm)
        for perm in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
    )
    scores = m("Softmax", m("Mul", m("MatMul", q, k), m.constant(0.25)), axis=-1)
    x = m("Transpose", m("MatMul", scores, v), perm=[0, 2, 1, 3])
    x = m.linear(m("Reshape", x, m.constant([1, tokens, width])), width, width)
    x = m("Add", x, "x")
    y = m("LayerNormalization", x, m.weight(width), m.weight(width), axis=-1)
    y = m.linear(y, 4 * width, width)
    erf = m("Erf", m("Div", y, m.constant(1.41421356)))
    y = m("Mul", m("Mul", y, m("Add", erf, m.constant(1.0))), m.constant(0.5))
    m.save(m("Add", m.linear(y, width, 4 * width), x), [1, tokens, width], path)


def windows(path):
    """Windows larger than their images: borders more than double them, and some chips test bounds instead."""
    m = Maker([1, 8, 14, 14])
    x = m("Conv", "x", m.weight(1152, 8, 3, 3), kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2])
    x = m("Conv", x, m.weight(1152, 1, 5, 5), kernel_shape=[5, 5], pads=[2] * 4, group=1152)
    x = m("Conv", m("Relu", x), m.weight(16, 1152, 1, 1), kernel_shape=[1, 1])
    x = m("Conv", x, m.weight(16, 16, 7, 7), kernel_shape=[7, 7], pads=[3] * 4)
    m.save(x, [1, 16, 7, 7], path)


def perceptron(path):
    m = Maker([8, 784])
    x = m("Relu", m("Gemm", "x", m.weight(200, 784), m.weight(200), transB=1))
    m.save(m("Gemm", x, m.weight(10, 200), m.weight(10), transB=1), [8, 10], path)


MODELS = {"convolutions": convolutions, "windows": windows, "attention": attention, "perceptron": perceptron}
TRAINING = ("--training", "--loss", "mse")
MACHINES = {
    "convolutions": ("simdit-training-08", "tpu-like"),
    "windows": ("simdit-inference-01", "systolic-chip"),
    "attention": ("simdit-training-08", "systolic-chip"),
    "perceptron": ("simdit-inference-01", "eyeriss-like"),
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    for name, make in MODELS.items():
        make(folder / f"{name}.onnx")
    return {name: folder / f"{name}.onnx" for name in MODELS}


@pytest.mark.parametrize("step", ("inference", "training"))
@pytest.mark.parametrize("name,machine", [(n, m) for n, ms in MACHINES.items() for m in ms])
def test_both_agree(paths, name, machine, step):
    rows = compared(paths[name], machine, *(TRAINING if step == "training" else ()))
    assert rows["kernels"] > 0 and not rows["unequal"], rows["unequal"]
    assert not rows["off"], rows["off"]


@pytest.mark.parametrize("name", MODELS)
def test_multiply_adds_are_the_graphs_on_every_chip(paths, name):
    graph = of_graph(paths[name])
    counts = {machine: told(paths[name], machine)["macs"] for machine in MACHINES[name]}
    assert set(counts.values()) == {graph}, counts
    steps = {machine: told(paths[name], machine, *TRAINING)["macs"] for machine in MACHINES[name]}
    # A product has two gradients that are as large; nobody asks for that of the model's own input. Of small windows
    # channel by channel the weights' is a sum of element-wise products.
    step = 3 * graph - of_graph(paths[name], lambda node: "x" in node.input)
    if name == "convolutions":
        step -= of_graph(paths[name], lambda node: any(a.name == "group" for a in node.attribute))
    assert set(steps.values()) == {step}, steps
