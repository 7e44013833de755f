"""One node of ONNX at a time, over random shapes and attributes, with the same in PyTorch beside it."""

import numpy as np
import torch
from torch.nn import functional as F

from cases import Cases

integers = lambda *values: np.array(values, np.int64)


def activations(c):
    x = c.shape
    for op, reference in {
        "Relu": torch.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "Erf": torch.erf, "Exp": torch.exp,
        "Neg": torch.neg, "Abs": torch.abs, "Sin": torch.sin, "Cos": torch.cos, "Softplus": F.softplus,
        "Identity": lambda x: x, "Dropout": lambda x: x,
    }.items():  # fmt: skip
        c.node(op, reference, x())
    for op, reference in {"Log": torch.log, "Sqrt": torch.sqrt, "Reciprocal": torch.reciprocal}.items():
        c.node(op, reference, x(), low=0.3, high=2)
    slope = round(c.rng.uniform(0.05, 2), 3)
    c.node("LeakyRelu", lambda x: F.leaky_relu(x, slope), x(), alpha=slope)
    c.node("Elu", lambda x: F.elu(x, slope), x(), alpha=slope)
    c.node("HardSigmoid", lambda x: (0.7 * x + 0.4).clamp(0, 1), x(), alpha=0.7, beta=0.4)
    c.node("HardSwish", F.hardswish, x(), low=-5, high=5)
    for how in ("none", "tanh"):
        c.node("Gelu", lambda x, how=how: F.gelu(x, approximate=how), x(), opset=20, approximate=how)
    c.node("Clip", torch.clamp, x(), (), (), ranges={1: (-1, -0.5), 2: (0.5, 1)})
    c.node("Clip", lambda x, high: x.clamp(max=high), x(), None, ())
    for axis in (0, 1, -1):
        c.node("Softmax", lambda x, a=axis: torch.softmax(x, a), x(2), axis=axis)
        c.node("LogSoftmax", lambda x, a=axis: torch.log_softmax(x, a), x(2), axis=axis)


def elementwise(c):
    for op, reference in {
        "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div, "Pow": torch.pow,
        "Max": torch.maximum, "Min": torch.minimum,
    }.items():  # fmt: skip
        positive = {"low": 0.3, "high": 2} if op in ("Div", "Pow") else {}
        big = c.shape(2, 4)
        for a, b in ((big, c.smaller(big)), (c.smaller(big), big), (big, (1,) * len(big)), ((0, *big[1:]), (1,))):
            c.node(op, reference, a, b, **positive)
    big = c.shape(2, 4)
    several = [big, c.smaller(big), c.smaller(big)]
    c.node("Sum", lambda a, b, d: a + b + d, *several)
    c.node("Max", lambda a, b, d: torch.maximum(torch.maximum(a, b), d), *several)
    c.node("Min", lambda a, b, d: torch.minimum(torch.minimum(a, b), d), *several)
    c.node("Mod", torch.fmod, (3, 2), (2,), ranges={0: (2.1, 2.9), 1: (0.8, 1)}, fmod=1)
    for power in (2.0, 3.0, 0.5, -1.0, 0.0, 1.0, 2.5):
        c.node("Pow", lambda x, k=power: torch.pow(x, k), c.shape(), np.array(power), low=0.3, high=2)
    condition = c.rng.integers(0, 2, c.smaller(big)) > 0
    choose = lambda a, b: torch.where(torch.as_tensor(condition), a, b)
    c.node("Where", choose, np.asarray(condition), big, c.smaller(big))
    c.node("Cast", lambda x: x, c.shape(), to=11)
    c.node("Cast", lambda x: x.to(torch.float32), c.shape(), smooth=False, to=1)


def contractions(c):
    for turn in range(4):
        batch, (m, k, n) = c.shape(0, 2, 3), c.sizes(3)
        other = c.smaller(batch)
        a, b = (batch, other) if turn % 2 else (other, batch)
        c.node("MatMul", torch.matmul, (*a, m, k), (*b, k, n))
    c.node("MatMul", torch.matmul, (k,), (k,))
    c.node("MatMul", torch.matmul, (k,), (2, k, n))
    c.node("MatMul", torch.matmul, (2, m, k), (k,))
    c.node("MatMul", torch.matmul, (0, k), (k, n))
    for ta in (0, 1):
        for tb in (0, 1):
            m, k, n = c.sizes(3)
            turn = lambda x, t: x.T if t else x
            gemm = lambda a, b, d, ta=ta, tb=tb: 0.5 * (turn(a, ta) @ turn(b, tb)) + 2 * d
            shapes = [(k, m) if ta else (m, k), (n, k) if tb else (k, n), c.smaller((m, n))]
            c.node("Gemm", gemm, *shapes, alpha=0.5, beta=2.0, transA=ta, transB=tb)
    c.node("Gemm", lambda a, b, d: a @ b + d, (0, k), (k, n), (n,))
    size = dict(zip("abijkl", c.sizes(6, 2, 4)))
    for equation in (
        "ij,jk->ik", "bij,bkj->bik", "aij,bjk->abik", "ij,jk,kl->il", "ij->", "ij,k->j", "i,j->ji", "ii->i", "iij,j->i",
        "bij,bij->b", "ijk->kji",
    ):  # fmt: skip
        shapes = [tuple(size[d] for d in term) for term in equation.split("->")[0].split(",")]
        c.node("Einsum", lambda *x, e=equation: torch.einsum(e, *x), *shapes, equation=equation)


def convolutions(c):
    for turn in range(10):
        rank = (1, 2, 2, 2, 3)[turn % 5]
        group = c.between(1, 3)
        into, out = (1, 1) if turn > 7 else c.sizes(2, 1, 3)
        kernel, strides, dilations = c.sizes(rank, 1, 3), c.sizes(rank, 1, 3), c.sizes(rank, 1, 2)
        before, behind = c.sizes(rank, 0, 2), c.sizes(rank, 0, 2)
        image = [(k - 1) * d + c.between(1, 3 if rank == 3 else 6) for k, d in zip(kernel, dilations)]
        batch = 0 if turn == 6 else c.between(1, 3)
        keys = {"group": group, "strides": strides, "dilations": dilations}
        ours = dict(keys, pads=before + behind)
        bound = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]

        def conv(x, w, b, bound=bound, before=before, behind=behind, keys=keys):
            pads = [p for ends in zip(before[::-1], behind[::-1]) for p in ends]
            return bound(F.pad(x, pads), w, b, keys["strides"], 0, keys["dilations"], keys["group"])

        c.node("Conv", conv, (batch, group * into, *image), (group * out, into, *kernel), (group * out,), **ours)
        if batch == 0:
            continue
        extra = [c.between(0, max(s, d) - 1) for s, d in zip(strides, dilations)]
        crop = [c.between(0, min(1, (k - 1) * d)) for k, d in zip(kernel, dilations)]
        bound = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1]

        def back(x, w, b, bound=bound, extra=extra, crop=crop, keys=keys):
            return bound(x, w, b, keys["strides"], crop, extra, keys["group"], keys["dilations"])

        shapes = [(batch, group * out, *c.sizes(rank, 2, 4)), (group * out, into, *kernel), (group * into,)]
        c.node("ConvTranspose", back, *shapes, output_padding=extra, pads=crop + crop, **keys)
    for how in ("SAME_UPPER", "SAME_LOWER"):
        shapes = [(2, 2, *c.sizes(2, 3, 9)), (3, 2, *c.sizes(2, 1, 3))]
        c.node("Conv", None, *shapes, auto_pad=how, strides=c.sizes(2, 1, 3))
    c.node("Conv", F.conv2d, (2, 3, 5, 4), (4, 3, 3, 3))


def poolings(c):
    for turn in range(6):
        rank = (1, 2, 3)[turn % 3]
        image = (*c.sizes(2, 1, 3), *c.sizes(rank, 5, 8))
        kernel, strides = c.sizes(rank, 2, 3), c.sizes(rank, 1, 3)
        pads, dilations, ceil = c.sizes(rank, 0, 1), c.sizes(rank, 1, 2), turn % 2
        keys = {"kernel_shape": kernel, "strides": strides, "pads": pads + pads}
        largest = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[rank - 1]
        mean = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[rank - 1]
        most = lambda x, f=largest, k=kernel, s=strides, p=pads, d=dilations, ceil=ceil: f(x, k, s, p, d, bool(ceil))
        c.node("MaxPool", most, image, dilations=dilations, ceil_mode=ceil, **keys)
        c.node("MaxPool", most, image, whole=True, dilations=dilations, ceil_mode=ceil, **keys)
        for counted in (0, 1):
            average = lambda x, f=mean, k=kernel, s=strides, p=pads, n=counted: f(x, k, s, p, False, bool(n))
            c.node("AveragePool", average, image, count_include_pad=counted, opset=19, **keys)
    image = (2, 2, *c.sizes(2, 5, 8))
    c.node("AveragePool", None, image, kernel_shape=[2, 2], dilations=[2, 1], opset=19)
    for rank in (1, 2, 3):
        image = (*c.sizes(2, 1, 3), *c.sizes(rank))
        dims = tuple(range(2, 2 + rank))
        c.node("GlobalAveragePool", lambda x, d=dims: x.mean(d), image)
        c.node("GlobalMaxPool", lambda x, d=dims: x.amax(d), image)
    for axis in range(2):  # of equal elements the first takes all, as in PyTorch's adaptive pooling
        c.node("GlobalMaxPool", lambda x: F.adaptive_max_pool2d(x, 1), (2, 3, 4, 3), whole=True)


def norms(c):
    channels = 2 * c.between(1, 3)
    x = (c.between(2, 4), channels, *c.sizes(2, 2, 5))
    each = [(channels,)] * 2
    statistics = [c.array((channels,), -1, 1, False), c.array((channels,), 0.5, 2, False)]
    given = lambda x: [torch.from_numpy(v).to(x.dtype) for v in statistics]
    batch = lambda x, s, b: F.batch_norm(x, *given(x), s, b, eps=0.01)
    c.node("BatchNormalization", batch, x, *each, *statistics, epsilon=0.01)
    learns = lambda x, s, b: F.batch_norm(x, None, None, s, b, training=True, eps=0.01)
    keys = {"outputs": (0, None, None), "epsilon": 0.01, "training_mode": 1}
    c.node("BatchNormalization", learns, x, *each, *statistics, **keys)
    for axis in (1, 2, 3, -1):
        inner = x[axis:]
        layer = lambda x, s, b, n=inner: F.layer_norm(x, n, s, b)
        c.node("LayerNormalization", layer, x, inner, inner, axis=axis)

    def with_statistics(x, s):
        mean, variance = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
        return F.layer_norm(x, x.shape[-1:], s), mean, (variance + 1e-5).rsqrt()

    c.node("LayerNormalization", with_statistics, (3, 5), (5,), outputs=(0, 1, 2))
    c.node("RMSNormalization", lambda x, s: F.rms_norm(x, x.shape[-1:], s, 1e-5), x, x[3:], opset=23)
    c.node("InstanceNormalization", lambda x, s, b: F.instance_norm(x, weight=s, bias=b), x, *each)
    group = lambda x, s, b: F.group_norm(x, 2, s, b)
    c.node("GroupNormalization", group, x, *each, opset=21, num_groups=2)
    by_group = lambda x, s, b: group(x, *(v.repeat_interleave(channels // 2) for v in (s, b)))
    c.node("GroupNormalization", by_group, x, (2,), (2,), opset=18, num_groups=2)
    for size in (1, 2, 3, 5):

        def lrn(x, size=size):
            before, behind = (size - 1) // 2, size // 2
            squares = F.pad(x.square(), (0, 0, 0, 0, before, behind))
            sums = squares.unfold(1, size, 1).sum(-1)
            return x / (1.2 + 0.3 / size * sums) ** 0.6

        c.node("LRN", lrn, x, alpha=0.3, beta=0.6, bias=1.2, size=size)


def reductions(c):
    folds = {
        "ReduceSum": torch.sum, "ReduceMean": torch.mean, "ReduceMax": torch.amax, "ReduceMin": torch.amin,
        "ReduceL2": lambda x, d, keepdim: x.square().sum(d, keepdim=keepdim).sqrt(),
    }  # fmt: skip
    for op, reference in folds.items():
        for axes in ((0,), (1, -1), (0, 1, 2), None):
            keep = c.between(0, 1)
            dims = axes or (0, 1, 2)
            fold = lambda x, f=reference, d=dims, k=keep: f(x, d, keepdim=bool(k))
            c.node(op, fold, c.sizes(3, 1, 5), None if axes is None else integers(*axes), keepdims=keep)
    c.node("ReduceMax", lambda x: torch.amax(x, 1), (3, 5), integers(1), keepdims=0, whole=True)
    c.node("ReduceProd", lambda x: x.prod(1), c.sizes(3, 2, 5), integers(1), keepdims=0)
    c.node("ReduceProd", lambda x: x.prod(), c.sizes(2, 2, 3))
    axis = c.between(0, 2)
    for exclusive in (0, 1):
        for reverse in (0, 1):

            def cumulate(x, a=axis, e=exclusive, r=reverse):
                x = torch.flip(x, (a,)) if r else x
                y = x.cumsum(a) - (x if e else 0)
                return torch.flip(y, (a,)) if r else y

            c.node("CumSum", cumulate, c.sizes(3, 1, 5), np.array(axis), exclusive=exclusive, reverse=reverse)
    for largest in (0, 1):
        for axis in (0, 1):
            x, most = c.sizes(2, 3, 6), c.between(1, 3)
            best = lambda x, k=most, a=axis, up=largest: x.topk(k, a, bool(up)).values
            c.node("TopK", best, x, integers(most), axis=axis, largest=largest, outputs=(0, None))


def indexed(c):
    table = c.sizes(3, 2, 5)
    for axis in (0, 1, -1):
        index = c.indices(c.shape(0, 2, 4), table[axis])
        rows = torch.as_tensor(np.asarray(index) % table[axis])

        def gather(x, a=axis, rows=rows):
            picked = x.index_select(a, rows.reshape(-1))
            at = a % 3
            return picked.reshape(*x.shape[:at], *rows.shape, *x.shape[at + 1 :])

        c.node("Gather", gather, table, np.asarray(index), axis=axis)
        shape = tuple(c.between(1, d) if k != axis % 3 else c.between(1, 6) for k, d in enumerate(table))
        each = c.indices(shape, table[axis])
        places = torch.from_numpy(each % table[axis])
        c.node("GatherElements", lambda x, a=axis, p=places: x.gather(a, p), table, each, axis=axis)
        for how, theirs in {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}.items():
            scatter = lambda x, u, a=axis, p=places, t=theirs: x.scatter_reduce(a, p, u, t)
            c.node("ScatterElements", scatter, table, each, shape, axis=axis, reduction=how)
    pairs = np.stack([c.indices((5,), table[0], False), c.indices((5,), table[1], False)], 1)
    c.node("GatherND", lambda x: x[pairs[:, 0], pairs[:, 1]], table, pairs)
    inner = c.indices((table[0], 3, 1), table[1], False)
    batched = lambda x: torch.stack([x[b, inner[b, :, 0]] for b in range(table[0])])
    c.node("GatherND", batched, table, inner, batch_dims=1)
    apart = c.rng.permutation(table[0])[: c.between(1, table[0])]
    fresh = lambda x, u: x.index_copy(0, torch.from_numpy(apart), u)
    c.node("ScatterND", fresh, table, apart[:, None], (len(apart), *table[1:]))
    once = np.broadcast_to(apart[:, None, None], (len(apart), *table[1:])).copy()
    places = torch.from_numpy(once)
    c.node("ScatterElements", lambda x, u: x.scatter(0, places, u), table, once, once.shape, axis=0)
    met = c.indices((4,), table[0], False)
    many = torch.from_numpy(met)[:, None, None].expand(4, *table[1:])
    for how, theirs in {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}.items():
        scatter = lambda x, u, t=theirs: x.scatter_reduce(0, many, u, t)
        c.node("ScatterND", scatter, table, met[:, None], (4, *table[1:]), reduction=how)


def moves(c):
    x = c.sizes(3, 2, 5)
    c.node("Reshape", lambda v: v, x, integers(-1, x[2]))
    c.node("Flatten", lambda v: v, x, axis=c.between(0, 3))
    c.node("Squeeze", lambda v: v, (x[0], 1, x[1]), integers(1))
    c.node("Unsqueeze", lambda v: v, x, integers(0, -1))
    order = [int(k) for k in c.rng.permutation(3)]
    c.node("Transpose", lambda v: v.permute(order), x, perm=order)
    c.node("Transpose", lambda v: v.permute(2, 1, 0), x)
    axis = c.between(0, 2)
    parts = [tuple(n if k == axis else d for k, d in enumerate(x)) for n in (2, 0, 3)]
    c.node("Concat", lambda *v: torch.cat(v, axis), *parts, axis=axis)
    sizes = [1, 0, 2, 3]
    c.node("Split", lambda v: [v.split(sizes, 1)[k] for k in (0, 3)], (x[0], 6), integers(*sizes), axis=1, outputs=(0, None, None, 1))
    for begin, end, step in ((0, 2, 1), (-1, -4, -1), (1, 5, 2), (4, 0, -3), (1, 99, 1), (2, 2, 1), (-1, -99, -2)):
        picked = np.arange(6)[slice(begin, end if end != -99 else None, step)].copy()
        taken = lambda v, p=picked: v[:, p]
        c.node("Slice", taken, (x[0], 6), *(integers(k) for k in (begin, end, 1, step)))
    c.node("Expand", lambda v: v.expand(2, x[0], 4), (x[0], 1), integers(2, 1, 4))
    c.node("Tile", lambda v: v.repeat(3, 1, 2), x, integers(3, 1, 2))
    for k in (-1, 0, 2):
        c.node("Trilu", lambda v, k=k: v.triu(k), x, np.array(k))
        c.node("Trilu", lambda v, k=k: v.tril(k), x, np.array(k), upper=0)
    before, behind = c.sizes(3, -1, 2), c.sizes(3, -1, 2)
    ends = [p for pair in zip(before[::-1], behind[::-1]) for p in pair]
    c.node("Pad", lambda v: F.pad(v, ends), x, integers(*before, *behind))
    filled = lambda v, fill: F.pad(v, ends) + fill * (1 - F.pad(torch.ones_like(v), ends))
    c.node("Pad", filled, x, integers(*before, *behind), ())
    flat = (2, 3, *c.sizes(2, 3, 6))
    for mode, theirs in {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}.items():
        top, left, low, right = c.sizes(4, 0, 2)
        padded = lambda v, p=(left, right, top, low), m=theirs: F.pad(v, p, mode=m)
        c.node("Pad", padded, flat, integers(0, 0, top, left, 0, 0, low, right), mode=mode, opset=19)
    b, h, w = c.sizes(3, 1, 4)
    deep = (b, 8, h, w)
    c.node("DepthToSpace", lambda v: F.pixel_shuffle(v, 2), deep, blocksize=2, mode="CRD")
    blocks = lambda v: v.reshape(b, 2, 2, 2, h, w).permute(0, 3, 4, 1, 5, 2)
    c.node("DepthToSpace", blocks, deep, blocksize=2, mode="DCR")
    together = lambda v: v.reshape(b, 3, h, 2, w, 2).permute(0, 3, 5, 1, 2, 4)
    c.node("SpaceToDepth", together, (b, 3, 2 * h, 2 * w), blocksize=2)


def resizes(c):
    b, channels, h, w = image = (*c.sizes(2, 1, 2), *c.sizes(2, 3, 6))
    target = c.sizes(2, 2, 12)
    size = integers(b, channels, *target)
    for mode, theirs in {"linear": "bilinear", "cubic": "bicubic"}.items():
        for corners in (False, True):
            spread = lambda v, m=theirs, k=corners: F.interpolate(v, target, mode=m, align_corners=k)
            # What PyTorch calls cubic has -0.75 as ONNX; align_corners of one element differs, so sizes are above 1.
            how = "align_corners" if corners else "half_pixel" if min(target) > 1 else "pytorch_half_pixel"
            c.node("Resize", spread, image, None, None, size, mode=mode, coordinate_transformation_mode=how)
    smooth = lambda v: F.interpolate(v, (2, 2), mode="bilinear", antialias=True)
    c.node("Resize", smooth, image, None, None, integers(b, channels, 2, 2), mode="linear", antialias=1, exclude_outside=1)
    c.node("Resize", None, image, None, None, integers(b, channels, 2, 2), mode="linear", antialias=1)
    c.node("Resize", None, image, None, None, size, mode="cubic", exclude_outside=1)
    floor = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    nearest = lambda v: F.interpolate(v, (2 * h, 3 * w), mode="nearest")
    c.node("Resize", nearest, image, None, None, integers(b, channels, 2 * h, 3 * w), mode="nearest", **floor)
    c.node("Resize", None, image, None, None, size, mode="nearest")
    twice = lambda v: F.interpolate(v, scale_factor=2, mode="nearest")
    c.node("Upsample", twice, image, np.array([1, 1, 2, 2], np.float32), opset=9, mode="nearest")


FAMILIES = (activations, elementwise, contractions, convolutions, poolings, norms, reductions, indexed, moves, resizes)


def cases(seed):
    c = Cases(seed)
    for family in FAMILIES:
        family(c)
    return c.all
