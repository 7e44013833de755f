"""Models whose paths run apart: cells in the manner of NASNet-A, and two towers that meet in one product.
Seeded weights; they need no PyTorch."""

import numpy as np
from onnx import TensorProto, helper

from zoo import calibrate, store
from zoo.plain import GraphWriter, _conv_bn, _layer_norm


def _relu_conv_bn(g, x, name, c_in, c_out, stride=1):
    return _conv_bn(g, g.add("Relu", [x], f"{name}.relu"), name, c_in, c_out, 1, stride)


def _separable(g, x, name, width, kernel):
    """Twice: Relu, depthwise, pointwise, BatchNormalization."""
    for k in range(2):
        at = f"{name}.{k}"
        y = g.add("Relu", [x], f"{at}.relu")
        w = g.weight(f"{at}.depthwise.weight", (width, 1, kernel, kernel), 1.0 / kernel)
        y = g.add(
            "Conv",
            [y, w],
            f"{at}.depthwise",
            group=width,
            kernel_shape=[kernel, kernel],
            pads=[kernel // 2] * 4,
        )
        x = _conv_bn(g, y, f"{at}.pointwise", width, width, 1)
    return x


def _average(g, x, name):
    return g.add("AveragePool", [x], name, kernel_shape=[3, 3], pads=[1, 1, 1, 1])


def _cell(g, now, before, name, c_now, c_before, width):
    """A normal cell: five sums of two branches each, joined with what came before."""
    h = _relu_conv_bn(g, now, f"{name}.now", c_now, width)
    p = _relu_conv_bn(g, before, f"{name}.before", c_before, width)
    pairs = [
        (_separable(g, h, f"{name}.a3", width, 3), h),
        (_separable(g, p, f"{name}.b3", width, 3), _separable(g, h, f"{name}.b5", width, 5)),
        (_average(g, h, f"{name}.c"), p),
        (_average(g, p, f"{name}.d1"), _average(g, p, f"{name}.d2")),
        (_separable(g, p, f"{name}.e5", width, 5), _separable(g, p, f"{name}.e3", width, 3)),
    ]
    sums = [g.add("Add", [a, b], f"{name}.sum{k}") for k, (a, b) in enumerate(pairs)]
    return g.add("Concat", [p, *sums], f"{name}.joined", axis=1), 6 * width


def _halve(g, x, name):
    return g.add("MaxPool", [x], name, kernel_shape=[2, 2], strides=[2, 2])


def nasnet_cells(folder):
    """Three stages of three cells, 24, 48 and 96 wide, on images of 64 x 64."""
    g = GraphWriter(store.rng_for("nasnet_cells"))
    x = _conv_bn(g, "image", "stem", 3, 32, 3, 2)
    now, before, c_now, c_before = x, x, 32, 32
    for stage, width in enumerate((24, 48, 96)):
        if stage > 0:
            now, before = _halve(g, now, f"halve{stage}.now"), _halve(g, before, f"halve{stage}.before")
        for cell in range(3):
            joined, c_joined = _cell(g, now, before, f"cell{stage}_{cell}", c_now, c_before, width)
            now, before, c_now, c_before = joined, now, c_joined, c_now
    x = g.add("GlobalAveragePool", [g.add("Relu", [now], "last.relu")], "pool")
    x = g.add("Flatten", [x], "flatten", axis=1)
    w = g.weight("classifier.weight", (100, c_now), (1.0 / c_now) ** 0.5)
    g.add("Gemm", [x, w, g.weight("classifier.bias", (100,), 0.1)], "logits", transB=1)
    model = g.model(
        "nasnet_cells",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 100])],
    )
    feeds = {"image": g.rng.standard_normal((1, 3, 64, 64), dtype=np.float32)}
    calibrate.calibrate_batch_norms(model, feeds)
    store.save_model(model, folder)
    return feeds


def _tower(g, x, name, width, layers):
    """Layers of a residual two-layer perceptron with LayerNormalization; the mean over the rows."""
    for k in range(layers):
        at = f"{name}.{k}"
        w1 = g.weight(f"{at}.up.weight", (width, 4 * width), width**-0.5)
        w2 = g.weight(f"{at}.down.weight", (4 * width, width), (4 * width) ** -0.5)
        y = g.add("Relu", [g.add("MatMul", [x, w1], f"{at}.up")], f"{at}.relu")
        y = g.add("MatMul", [y, w2], f"{at}.down")
        x = _layer_norm(g, g.add("Add", [x, y], f"{at}.add"), f"{at}.norm", width)
    return g.add("ReduceMean", [x], f"{name}.mean", axes=[1], keepdims=0)


def two_towers(folder, width=256, layers=4):
    """A question and a text of 16 rows each, encoded apart; their product is the score."""
    g = GraphWriter(store.rng_for("two_towers"))
    g.constant("two", np.float32(2))
    g.constant("epsilon", np.float32(1e-5))
    towers = [_tower(g, name, f"{name}_tower", width, layers) for name in ("question", "text")]
    g.add("ReduceSum", [g.add("Mul", towers, "product"), g.constant("last_axis", np.array([1]))], "score")
    shape = [1, 16, width]
    model = g.model(
        "two_towers",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("question", "text")],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [1, 1])],
    )
    store.save_model(model, folder)
    return {n: g.rng.standard_normal(shape, dtype=np.float32) for n in ("question", "text")}


MODELS = {"nasnet_cells": nasnet_cells, "two_towers": two_towers}
