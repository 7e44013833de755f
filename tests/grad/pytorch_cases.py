"""Cases as PyTorch's exporter writes them: often several nodes of ONNX for one call."""

import numpy as np
import torch
from torch.nn import functional as F

from cases import Cases


def elementwise(c):
    for name in ("relu", "sigmoid", "tanh", "exp", "sin", "cos", "erf", "abs", "neg"):
        c.call(name, getattr(torch, name), c.shape())
    for name in ("log", "sqrt", "reciprocal", "rsqrt"):
        c.call(name, getattr(torch, name), c.shape(), low=0.3, high=2)
    for name in ("gelu", "elu", "leaky_relu", "softplus", "silu", "relu6"):
        c.call(name, getattr(F, name), c.shape())
    for name in ("hardswish", "hardsigmoid"):
        c.call(name, getattr(F, name), c.shape(), low=-5, high=5)
    c.call("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), c.shape())
    c.call("clamp", lambda x: x.clamp(-0.5, 0.75), c.shape())
    for name in ("add", "sub", "mul", "maximum", "minimum", "div", "pow"):
        positive = {"low": 0.3, "high": 2} if name in ("div", "pow") else {}
        big = c.shape(2, 4)
        for a, b in ((big, c.smaller(big)), (c.smaller(big), big)):
            c.call(name, getattr(torch, name), a, b, **positive)
    c.call("equal maxima", lambda x: torch.maximum(x, x * 1.0), (c.between(2, 6),), whole=True)
    n = c.between(2, 6)
    c.call("where", lambda a, b: torch.where(torch.arange(n) > 1, a, b), (3, n), (n,))
    c.call("empty", torch.mul, (0, n), (n,))


def contractions(c):
    b, m, k, n = c.sizes(4)
    c.call("matmul", torch.matmul, (b, 1, m, k), (3, k, n))
    c.call("matvec", torch.matmul, (b, m, k), (k,))
    c.call("linear", F.linear, (m, k), (n, k), (n,))
    c.call("linear, empty batch", F.linear, (0, k), (n, k), (n,))
    c.call("einsum", lambda x, y: torch.einsum("bij,bkj->bik", x, y), (b, m, k), (b, n, k))
    for turn in range(6):
        convolution(c, turn)
    c.call("conv1d", lambda x, w: F.conv1d(x, w, None, 2, 1), (b, 3, 9), (n, 3, 3))
    c.call("conv3d", lambda x, w: F.conv3d(x, w, None, 2, 1), (b, 2, 4, 5, 3), (n, 2, 2, 3, 2))


def convolution(c, turn):
    g, stride, dilation = c.between(1, 3), c.between(1, 3), c.between(1, 2)
    k, pad = c.between(1, 3), c.between(0, 1)
    each, out = c.between(1, 3), c.between(1, 3) * g
    size = (k - 1) * dilation + c.between(2, 6)
    batch = 0 if turn == 5 else c.between(1, 3)
    there = lambda x, w, b: F.conv2d(x, w, b, stride, pad, dilation, g)
    back = lambda x, w, b: F.conv_transpose2d(x, w, b, stride, 0, stride - 1, g, dilation)
    c.call(f"conv2d {turn}", there, (batch, g * each, size, size + 1), (out, each, k, k), (out,))
    if batch > 0 and (stride > 1 or dilation > 1):
        c.call(f"conv_transpose2d {turn}", back, (batch, out, 3, 4), (out, each, k, k), (each * g,))


def poolings(c):
    image = (*c.sizes(2, 1, 3), *c.sizes(2, 5, 9))
    c.call("max_pool", lambda x: F.max_pool2d(x, 3, 2, 1), image)
    c.call("max_pool, ceil", lambda x: F.max_pool2d(x, 2, 2, ceil_mode=True), image)
    c.call("max_pool, equal elements", lambda x: F.max_pool2d(x, 3, 1), image, whole=True)
    c.call("avg_pool", lambda x: F.avg_pool2d(x, 3, 2, 1), image)
    c.call("avg_pool, bare", lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), image)
    c.call("adaptive_avg_pool", lambda x: F.adaptive_avg_pool2d(x, 1), image)
    c.call("adaptive_max_pool, equal", lambda x: F.adaptive_max_pool2d(x, 1), image, whole=True)
    c.call("adaptive_max_pool", lambda x: F.adaptive_max_pool2d(x, 1), image)
    for mode in ("nearest", "bilinear", "bicubic"):
        c.call(f"interpolate {mode}", lambda x, m=mode: F.interpolate(x, scale_factor=2, mode=m), image)
    size = c.sizes(2, 2, 11)
    corners = lambda x: F.interpolate(x, size=size, mode="bilinear", align_corners=True)
    c.call("interpolate corners", corners, image)


def norms(c):
    image = (*c.sizes(1, 2, 4), 2 * c.between(1, 3), *c.sizes(2, 2, 5))
    channels, inner = (image[1],), image[2:]
    c.call("layer_norm", lambda x, w, b: F.layer_norm(x, inner, w, b), image, inner, inner)
    c.call("group_norm", lambda x, w, b: F.group_norm(x, 2, w, b), image, channels, channels)
    instance = lambda x, w, b: F.instance_norm(x, weight=w, bias=b)
    c.call("instance_norm", instance, image, channels, channels)
    c.call("local_response_norm", lambda x: F.local_response_norm(x, 3, 0.1), image)
    for dim in (0, 1, -1):
        c.call(f"softmax {dim}", lambda x, d=dim: torch.softmax(x, d), image)
        c.call(f"log_softmax {dim}", lambda x, d=dim: torch.log_softmax(x, d), image)
    batch, heads, length, width = c.sizes(4, 2, 5)

    def attention(q, k, v):
        mask = torch.full((length, length), -1e9, dtype=q.dtype).triu(1)
        return torch.softmax(q @ k.transpose(-1, -2) / 2 + mask, -1) @ v

    c.call("attention", attention, *[(batch, heads, length, width)] * 3)
    causal = lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True)
    c.call("scaled_dot_product_attention", causal, *[(batch, heads, length, width)] * 3)


def reductions(c):
    x = c.sizes(3, 2, 5)
    c.call("sum", lambda x: x.sum((0, 2)), x)
    c.call("mean", lambda x: x.mean(1, keepdim=True), x)
    c.call("amax", lambda x: x.amax(1), x)
    c.call("amin, equal elements", lambda x: x.amin(2), x, whole=True)
    c.call("prod", lambda x: x.prod(1), x)
    c.call("norm", lambda x: x.norm(dim=2), x)
    c.call("cumsum", lambda x: x.cumsum(1), x)
    c.call("topk", lambda x: x.topk(2, 1).values, x)
    c.call("var", lambda x: x.var(1, unbiased=False), x)


def moves(c):
    x = (4, 6)
    index = lambda *shape, to: torch.from_numpy(c.indices(shape, to, negative=False))
    words, columns, picked = index(2, 3, to=4), index(4, 2, to=6), index(3, to=6)
    c.call("embedding", lambda w: F.embedding(words, w), x)
    c.call("gather", lambda w: w.gather(1, columns), x)
    c.call("index_select", lambda w: w.index_select(1, picked), x)
    rows = index(2, 2, to=4)
    c.call("scatter_add", lambda w, u: w.scatter_add(0, rows, u), x, (2, 2))
    c.call("slice", lambda w: w[1:, ::2] * w[:3, 3:], x)
    c.call("cat", lambda a, b: torch.cat([a, b, a], 1), x, (4, 1))
    c.call("split", lambda w: w.split([1, 2, 3], 1)[2] * w.chunk(2, 1)[0], x)
    c.call("permute", lambda w: w.reshape(2, 2, 6).permute(2, 0, 1) * 2, x)
    c.call("expand", lambda w: w.unsqueeze(0).expand(3, 4, 6) * torch.arange(3, dtype=w.dtype)[:, None, None], x)
    c.call("repeat", lambda w: w.repeat(2, 3), x)
    c.call("triu", lambda w: w.triu(1) + w.tril(-1), x)
    c.call("pad", lambda w: F.pad(w, (1, 2, 0, 1)), x)
    image = lambda w: w.reshape(1, 1, 4, 6)
    c.call("reflection pad", lambda w: F.pad(image(w), (2, 1, 1, 3), mode="reflect"), x)
    c.call("replication pad", lambda w: F.pad(image(w), (2, 1, 1, 3), mode="replicate"), x)
    c.call("pixel_shuffle", lambda w: F.pixel_shuffle(w.reshape(1, 4, 2, 3), 2), x)


FAMILIES = (elementwise, contractions, poolings, norms, reductions, moves)


def cases(seed):
    c = Cases(seed)
    for family in FAMILIES:
        family(c)
    return c.all
