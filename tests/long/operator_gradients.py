"""operator_gradients.py [NAME...]: gradients of single operators over random shapes (broadcasts, strides, groups,
dilations, odd sizes, empty batches) against torch.autograd, in f32. Runs under .venv-zoo (README.md)."""

import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "build" / "python")]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import smeaton  # noqa: E402

TOLERANCE = 1e-4


class Op(nn.Module):
    """`call` on parameters of the given shapes; integer tensors are constants of the call."""

    def __init__(self, call, values):
        super().__init__()
        self.call = call
        self.values = nn.ParameterList([nn.Parameter(v) for v in values])

    def forward(self, one):
        return self.call(*[v * one for v in self.values])


class Cases:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.all = []

    def add(self, name, call, *shapes, low=-1.5, high=1.5, whole=False):
        """whole: whole numbers, so that many are equal."""
        values = [
            torch.from_numpy(self.rng.uniform(low, high, shape).astype(np.float32)) for shape in shapes
        ]
        if whole:
            values = [value.round() for value in values]
        self.all.append((name, call, values))

    def between(self, low, high):
        return int(self.rng.integers(low, high + 1))


def elementwise(c):
    for name in ("relu", "sigmoid", "tanh", "exp", "sin", "cos", "erf", "abs", "neg"):
        c.add(name, getattr(torch, name), (3, 5))
    for name in ("log", "sqrt", "reciprocal", "rsqrt"):
        c.add(name, getattr(torch, name), (3, 5), low=0.3, high=2)
    for name in ("gelu", "elu", "leaky_relu", "softplus", "silu", "relu6"):
        c.add(name, getattr(F, name), (4, 5))
    for name in ("hardswish", "hardsigmoid"):
        c.add(name, getattr(F, name), (4, 5), low=-5, high=5)
    c.add("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), (4, 5))
    c.add("clamp", lambda x: x.clamp(-0.5, 0.75), (4, 5))
    for name in ("add", "sub", "mul", "maximum", "minimum"):
        c.add(name, getattr(torch, name), (3, 1, 4), (2, 4))
    c.add("equal maxima", lambda x: torch.maximum(x, x * 1.0), (4,))
    c.add("div", torch.div, (3, 1, 4), (2, 4), low=0.3, high=2)
    c.add("pow", torch.pow, (3, 4), (4,), low=0.3, high=2)
    c.add("where", lambda a, b: torch.where(torch.arange(4) > 1, a, b), (3, 4), (4,))
    c.add("empty", torch.mul, (0, 4), (4,))


def contractions(c):
    c.add("matmul", torch.matmul, (2, 1, 3, 4), (5, 4, 2))
    c.add("matvec", torch.matmul, (5, 3, 4), (4,))
    c.add("linear", F.linear, (5, 3), (2, 3), (2,))
    c.add("linear, empty batch", F.linear, (0, 3), (2, 3), (2,))
    c.add("einsum", lambda a, b: torch.einsum("bij,bkj->bik", a, b), (2, 3, 4), (2, 5, 4))
    for turn in range(8):
        g, stride, dilation = c.between(1, 3), c.between(1, 3), c.between(1, 2)
        k, pad = c.between(1, 3), c.between(0, 1)
        each, out = c.between(1, 3), c.between(1, 3) * g
        size = (k - 1) * dilation + c.between(2, 6)
        batch = 0 if turn == 7 else c.between(1, 3)

        def conv(x, w, b, g=g, stride=stride, dilation=dilation, pad=pad):
            return F.conv2d(x, w, b, stride, pad, dilation, g)

        c.add(f"conv {turn}", conv, (batch, g * each, size, size + 1), (out, each, k, k), (out,))
        if turn == 7:
            continue

        def back(x, w, b, g=g, stride=stride, dilation=dilation):
            return F.conv_transpose2d(x, w, b, stride, 0, stride - 1, g, dilation)

        if stride > 1 or dilation > 1:
            c.add(f"conv_transpose {turn}", back, (2, out, 3, 4), (out, each, k, k), (each * g,))
    c.add("conv1d", lambda x, w: F.conv1d(x, w, None, 2, 1), (2, 3, 9), (4, 3, 3))
    c.add("conv3d", lambda x, w: F.conv3d(x, w, None, 2, 1), (1, 2, 4, 5, 3), (3, 2, 2, 3, 2))


def poolings(c):
    image = (2, 3, 7, 6)
    c.add("max_pool", lambda x: F.max_pool2d(x, 3, 2, 1), image)
    c.add("max_pool, ceil", lambda x: F.max_pool2d(x, 2, 2, ceil_mode=True), image)
    c.add("max_pool, equal elements", lambda x: F.max_pool2d(x, 3, 1), image, whole=True)
    c.add("avg_pool", lambda x: F.avg_pool2d(x, 3, 2, 1), image)
    c.add("avg_pool, bare", lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), image)
    c.add("adaptive_avg_pool", lambda x: F.adaptive_avg_pool2d(x, 1), image)
    c.add("adaptive_max_pool, equal", lambda x: F.adaptive_max_pool2d(x, 1), image, whole=True)
    c.add("adaptive_max_pool", lambda x: F.adaptive_max_pool2d(x, 1), image)
    for mode in ("nearest", "bilinear", "bicubic"):
        c.add(f"interpolate {mode}", lambda x, m=mode: F.interpolate(x, scale_factor=2, mode=m), image)
    c.add(
        "interpolate corners",
        lambda x: F.interpolate(x, size=(9, 4), mode="bilinear", align_corners=True),
        image,
    )


def norms(c):
    image = (3, 4, 5, 3)
    c.add("layer_norm", lambda x, w, b: F.layer_norm(x, (5, 3), w, b), image, (5, 3), (5, 3))
    c.add("group_norm", lambda x, w, b: F.group_norm(x, 2, w, b), image, (4,), (4,))
    c.add("instance_norm", lambda x, w, b: F.instance_norm(x, weight=w, bias=b), image, (4,), (4,))
    c.add("local_response_norm", lambda x: F.local_response_norm(x, 3, 0.1), image)
    for dim in (0, 1, -1):
        c.add(f"softmax {dim}", lambda x, d=dim: torch.softmax(x, d), image)
        c.add(f"log_softmax {dim}", lambda x, d=dim: torch.log_softmax(x, d), image)

    def attention(q, k, v):
        mask = torch.full((4, 4), -1e9).triu(1)
        return torch.softmax(q @ k.transpose(-1, -2) / 2 + mask, -1) @ v

    c.add("attention", attention, (2, 3, 4, 5), (2, 3, 4, 5), (2, 3, 4, 5))
    c.add(
        "scaled_dot_product_attention",
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        *[(2, 3, 4, 8)] * 3,
    )


def reductions(c):
    x = (3, 4, 5)
    c.add("sum", lambda x: x.sum((0, 2)), x)
    c.add("mean", lambda x: x.mean(1, keepdim=True), x)
    c.add("amax", lambda x: x.amax(1), x)
    c.add("amin, equal elements", lambda x: x.amin(2), x, whole=True)
    c.add("prod", lambda x: x.prod(1), x)
    c.add("norm", lambda x: x.norm(dim=2), x)
    c.add("cumsum", lambda x: x.cumsum(1), x)
    c.add("topk", lambda x: x.topk(2, 1).values, x)
    c.add("var", lambda x: x.var(1, unbiased=False), x)


def moves(c):
    x = (4, 6)
    c.add("embedding", lambda w: F.embedding(torch.tensor([[1, 1, 0], [3, -1 + 4, 2]]), w), x)
    c.add("gather", lambda w: w.gather(1, torch.tensor([[0, 0], [5, 1], [2, 2], [3, 4]])), x)
    c.add("index_select", lambda w: w.index_select(1, torch.tensor([0, 5, 5])), x)
    c.add("scatter_add", lambda w, u: w.scatter_add(0, torch.tensor([[0, 1], [0, 3]]), u), x, (2, 2))
    c.add("slice", lambda w: w[1:, ::2] * w[:3, 3:], x)
    c.add("cat", lambda a, b: torch.cat([a, b, a], 1), x, (4, 1))
    c.add("split", lambda w: w.split([1, 2, 3], 1)[2] * w.chunk(2, 1)[0], x)
    c.add("permute", lambda w: w.reshape(2, 2, 6).permute(2, 0, 1) * 2, x)
    c.add("expand", lambda w: w.unsqueeze(0).expand(3, 4, 6) * torch.arange(3.0)[:, None, None], x)
    c.add("repeat", lambda w: w.repeat(2, 3), x)
    c.add("triu", lambda w: w.triu(1) + w.tril(-1), x)
    c.add("pad", lambda w: F.pad(w, (1, 2, 0, 1)), x)
    c.add("reflection pad", lambda w: F.pad(w.reshape(1, 1, 4, 6), (2, 1, 1, 3), mode="reflect"), x)
    c.add("replication pad", lambda w: F.pad(w.reshape(1, 1, 4, 6), (2, 1, 1, 3), mode="replicate"), x)
    c.add("pixel_shuffle", lambda w: F.pixel_shuffle(w.reshape(1, 4, 2, 3), 2), x)


def check(name, call, values, rng, path):
    """What is wrong; nothing where the gradients agree."""
    module = Op(call, values)
    one = torch.ones(())
    with torch.no_grad():
        target = rng.standard_normal(tuple(module(one).shape)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (one,), str(path), dynamo=False, input_names=["one"], opset_version=18,
            training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
        )  # fmt: skip
    F.mse_loss(module(one), torch.from_numpy(target)).backward()
    feeds = {"one": one.numpy(), "target": target}
    got = smeaton.Trainer(path, loss="mse", threads=1).gradients(feeds)
    for k, value in enumerate(module.values):
        wanted = value.grad.numpy()
        found = got.get(f"values.{k}")
        if found is None:
            return f"operand {k} has no gradient; there are {sorted(got)}"
        if wanted.size and target.size:
            error = np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-6)
            if not error <= TOLERANCE:
                return f"operand {k}: {error:.1e} off"
        elif found.any():
            return f"operand {k}: not zero"
    return ""


def main():
    cases = Cases(5)
    for family in (elementwise, contractions, poolings, norms, reductions, moves):
        family(cases)
    wanted = sys.argv[1:]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for n, (name, call, values) in enumerate(cases.all):
            if wanted and name not in wanted:
                continue
            try:
                fault = check(name, call, values, cases.rng, Path(folder) / f"{n}.onnx")
            except Exception as error:  # a refusal is a fault too; go on with the others
                fault = f"{type(error).__name__}: {error}"
            if fault:
                wrong += 1
                print(f"{name}: {fault}", flush=True)
    print(f"{len(wanted or cases.all)} operators, {wrong} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
