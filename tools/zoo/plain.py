"""ResNet-50 and BERT-base written node by node, the way exporters spell them, with seeded weights.
They need no PyTorch: the demo, the tests and the speed work use them."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from zoo import calibrate, store


class GraphWriter:
    """Collects nodes and initializers; every method returns the name of the value it adds."""

    def __init__(self, rng):
        self.rng = rng
        self.nodes = []
        self.initializers = []

    def constant(self, name, array):
        self.initializers.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def weight(self, name, shape, scale):
        values = self.rng.standard_normal(shape, dtype=np.float32)
        return self.constant(name, values * np.float32(scale))

    def add(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def model(self, name, inputs, outputs):
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.initializers)
        return helper.make_model(
            graph,
            producer_name="smeaton",
            ir_version=8,
            opset_imports=[helper.make_opsetid("", 13)],
        )


def _conv_bn(g, x, name, c_in, c_out, kernel, stride=1):
    pad = kernel // 2
    w = g.weight(
        f"{name}.weight", (c_out, c_in, kernel, kernel), (2.0 / (c_in * kernel**2)) ** 0.5
    )
    y = g.add(
        "Conv",
        [x, w],
        f"{name}.conv",
        kernel_shape=[kernel, kernel],
        strides=[stride, stride],
        pads=[pad] * 4,
    )
    statistics = [
        g.constant(f"{name}.bn.scale", g.rng.uniform(0.8, 1.2, c_out).astype(np.float32)),
        g.weight(f"{name}.bn.bias", (c_out,), 0.1),
        g.constant(f"{name}.bn.mean", np.zeros(c_out, np.float32)),
        g.constant(f"{name}.bn.var", np.ones(c_out, np.float32)),
    ]
    return g.add("BatchNormalization", [y, *statistics], f"{name}.bn", epsilon=1e-5)


def _bottleneck(g, x, name, c_in, width, stride):
    y = _conv_bn(g, x, f"{name}.1", c_in, width, 1)
    y = g.add("Relu", [y], f"{name}.1.relu")
    y = _conv_bn(g, y, f"{name}.2", width, width, 3, stride)
    y = g.add("Relu", [y], f"{name}.2.relu")
    y = _conv_bn(g, y, f"{name}.3", width, 4 * width, 1)
    if stride != 1 or c_in != 4 * width:
        x = _conv_bn(g, x, f"{name}.down", c_in, 4 * width, 1, stride)
    y = g.add("Add", [y, x], f"{name}.add")
    return g.add("Relu", [y], f"{name}.relu")


def resnet50(folder):
    g = GraphWriter(store.rng_for("resnet50_plain"))
    x = _conv_bn(g, "image", "stem", 3, 64, 7, 2)
    x = g.add("Relu", [x], "stem.relu")
    x = g.add("MaxPool", [x], "stem.pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    c_in = 64
    for stage, (width, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(blocks):
            stride = 2 if block == 0 and stage > 0 else 1
            x = _bottleneck(g, x, f"stage{stage + 1}.{block}", c_in, width, stride)
            c_in = 4 * width
    x = g.add("GlobalAveragePool", [x], "pool")
    x = g.add("Flatten", [x], "flatten", axis=1)
    w = g.weight("classifier.weight", (1000, 2048), (1.0 / 2048) ** 0.5)
    b = g.weight("classifier.bias", (1000,), 0.1)
    g.add("Gemm", [x, w, b], "logits", transB=1)
    model = g.model(
        "resnet50",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 224, 224])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1000])],
    )
    feeds = {"image": g.rng.standard_normal((1, 3, 224, 224), dtype=np.float32)}
    calibrate.calibrate_batch_norms(model, feeds)
    store.save_model(model, folder)
    return feeds


HIDDEN, HEADS, FEED_FORWARD, LAYERS, SEQUENCE, VOCABULARY = 768, 12, 3072, 12, 128, 30522


def _layer_norm(g, x, name, width=HIDDEN):
    mean = g.add("ReduceMean", [x], f"{name}.mean", axes=[-1])
    centred = g.add("Sub", [x, mean], f"{name}.centred")
    square = g.add("Pow", [centred, "two"], f"{name}.square")
    var = g.add("ReduceMean", [square], f"{name}.var", axes=[-1])
    std = g.add("Sqrt", [g.add("Add", [var, "epsilon"], f"{name}.var_eps")], f"{name}.std")
    unit = g.add("Div", [centred, std], f"{name}.unit")
    scale = g.constant(f"{name}.scale", g.rng.uniform(0.8, 1.2, width).astype(np.float32))
    bias = g.weight(f"{name}.bias", (width,), 0.1)
    return g.add("Add", [g.add("Mul", [unit, scale], f"{name}.scaled"), bias], name)


def _dense(g, x, name, n_in, n_out):
    w = g.weight(f"{name}.weight", (n_in, n_out), (1.0 / n_in) ** 0.5)
    b = g.weight(f"{name}.bias", (n_out,), 0.02)
    return g.add("Add", [g.add("MatMul", [x, w], f"{name}.matmul"), b], name)


def _heads(g, x, name, perm):
    split = g.add("Reshape", [x, "split_heads"], f"{name}.split")
    return g.add("Transpose", [split], f"{name}.heads", perm=perm)


def _attention(g, x, name):
    q = _heads(g, _dense(g, x, f"{name}.q", HIDDEN, HIDDEN), f"{name}.q", [0, 2, 1, 3])
    k = _heads(g, _dense(g, x, f"{name}.k", HIDDEN, HIDDEN), f"{name}.k", [0, 2, 3, 1])
    v = _heads(g, _dense(g, x, f"{name}.v", HIDDEN, HIDDEN), f"{name}.v", [0, 2, 1, 3])
    scores = g.add("Div", [g.add("MatMul", [q, k], f"{name}.qk"), "sqrt_width"], f"{name}.scores")
    masked = g.add("Add", [scores, "mask"], f"{name}.masked")
    weights = g.add("Softmax", [masked], f"{name}.softmax", axis=-1)
    context = g.add("MatMul", [weights, v], f"{name}.context")
    merged = g.add("Transpose", [context], f"{name}.merged", perm=[0, 2, 1, 3])
    flat = g.add("Reshape", [merged, "merge_heads"], f"{name}.flat")
    return _dense(g, flat, f"{name}.out", HIDDEN, HIDDEN)


def _gelu(g, x, name):
    half = g.add("Mul", [x, "half"], f"{name}.half")
    inside = g.add("Erf", [g.add("Div", [x, "sqrt_two"], f"{name}.scaled")], f"{name}.erf")
    return g.add("Mul", [half, g.add("Add", [inside, "one"], f"{name}.plus")], name)


def _bert_constants(g):
    for name, value in (
        ("one", 1.0),
        ("two", 2.0),
        ("half", 0.5),
        ("sqrt_two", 2.0**0.5),
        ("epsilon", 1e-12),
        ("sqrt_width", (HIDDEN / HEADS) ** 0.5),
        ("mask_value", -10000.0),
    ):
        g.constant(name, np.array(value, np.float32))
    g.constant("split_heads", np.array([0, 0, HEADS, HIDDEN // HEADS], np.int64))
    g.constant("merge_heads", np.array([0, 0, HIDDEN], np.int64))
    g.constant("mask_axes", np.array([1, 2], np.int64))
    g.constant("positions", np.arange(SEQUENCE, dtype=np.int64))
    g.constant("first_token", np.array(0, np.int64))


def bert_base(folder):
    g = GraphWriter(store.rng_for("bert_base_plain"))
    _bert_constants(g)
    wide = g.add("Unsqueeze", ["attention_mask", "mask_axes"], "mask.wide")
    number = g.add("Cast", [wide], "mask.float", to=TensorProto.FLOAT)
    g.add("Mul", [g.add("Sub", ["one", number], "mask.off"), "mask_value"], "mask")
    parts = []
    for name, rows, ids in (
        ("word", VOCABULARY, "input_ids"),
        ("type", 2, "token_type_ids"),
        ("position", SEQUENCE, "positions"),
    ):
        table = g.weight(f"embedding.{name}.weight", (rows, HIDDEN), 0.5)
        parts.append(g.add("Gather", [table, ids], f"embedding.{name}", axis=0))
    x = g.add("Add", parts[:2], "embedding.word_type")
    x = g.add("Add", [x, parts[2]], "embedding.sum")
    x = _layer_norm(g, x, "embedding.norm")
    for layer in range(LAYERS):
        name = f"layer{layer}"
        y = _attention(g, x, f"{name}.attention")
        x = _layer_norm(g, g.add("Add", [y, x], f"{name}.add1"), f"{name}.norm1")
        y = _gelu(g, _dense(g, x, f"{name}.up", HIDDEN, FEED_FORWARD), f"{name}.gelu")
        y = _dense(g, y, f"{name}.down", FEED_FORWARD, HIDDEN)
        out = "last_hidden_state" if layer == LAYERS - 1 else f"{name}.norm2"
        x = _layer_norm(g, g.add("Add", [y, x], f"{name}.add2"), out)
    first = g.add("Gather", [x, "first_token"], "pooler.first", axis=1)
    g.add("Tanh", [_dense(g, first, "pooler.dense", HIDDEN, HIDDEN)], "pooler_output")

    ids = [1, SEQUENCE]
    model = g.model(
        "bert_base",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ids)
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ],
        [
            helper.make_tensor_value_info(
                "last_hidden_state", TensorProto.FLOAT, [1, SEQUENCE, HIDDEN]
            ),
            helper.make_tensor_value_info("pooler_output", TensorProto.FLOAT, [1, HIDDEN]),
        ],
    )
    store.save_model(model, folder)
    mask = np.ones((1, SEQUENCE), np.int64)
    mask[:, -16:] = 0
    return {
        "input_ids": g.rng.integers(0, VOCABULARY, (1, SEQUENCE), dtype=np.int64),
        "attention_mask": mask,
        "token_type_ids": (np.arange(SEQUENCE, dtype=np.int64)[None, :] >= SEQUENCE // 2).astype(
            np.int64
        ),
    }


MODELS = {"resnet50_plain": resnet50, "bert_base_plain": bert_base}
