"""Operators whose gradients are compared with torch.autograd: what both families of cases stand on."""

from dataclasses import dataclass, field
from typing import Any, Callable

import numpy as np
import torch


@dataclass
class Case:
    name: str
    values: list  # of what is trained: f64 arrays that f32 holds exactly
    reference: Callable | None  # of tensors, to a tensor or several; None: only differences judge
    smooth: bool = True  # differences may be taken
    opset: int = 0  # of `op`; 0: PyTorch exports the reference
    op: str = ""
    operands: list = field(default_factory=list)  # a number of `values`, an array, or None
    outputs: list = field(default_factory=list)  # which are compared
    attributes: dict[str, Any] = field(default_factory=dict)


class Cases:
    """Collects cases; a source of random sizes."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.all = []

    def between(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def sizes(self, count, low=1, high=5):
        return tuple(self.between(low, high) for _ in range(count))

    def shape(self, low_rank=1, high_rank=4, most=5):
        return self.sizes(self.between(low_rank, high_rank), 1, most)

    def smaller(self, shape):
        """A shape that broadcasts to it."""
        kept = [1 if self.between(0, 2) == 0 else d for d in shape]
        return tuple(kept[self.between(0, len(kept)) :])

    def indices(self, shape, extent, negative=True):
        return self.rng.integers(-extent if negative else 0, extent, shape)

    def array(self, shape, low, high, whole):
        values = self.rng.uniform(low, high, shape)
        return (values.round() if whole else values).astype(np.float32).astype(np.float64)

    def call(self, name, reference, *shapes, low=-1.5, high=1.5, whole=False):
        """As PyTorch exports it. whole: whole numbers, so that many are equal."""
        values = [self.array(shape or (1,), low, high, whole) for shape in shapes]
        self.all.append(Case(name, values, reference, smooth=not whole))

    def node(self, op, reference, *operands, opset=18, low=-1.5, high=1.5, ranges=None, outputs=(0,), whole=False, smooth=True, **attributes):
        """One node of ONNX. operands: shapes of what is trained, arrays, None; ranges: {operand: (low, high)}."""
        values, places = [], []
        for k, operand in enumerate(operands):
            if isinstance(operand, tuple):
                places.append(len(values))
                values.append(self.array(operand, *(ranges or {}).get(k, (low, high)), whole))
            else:
                places.append(operand)
        keys = " ".join(f"{key}={value}" for key, value in attributes.items())
        shapes = " ".join(str(list(v.shape)).replace(" ", "") for v in values)
        self.all.append(
            Case(f"{op} {shapes} {keys}".strip(), values, reference, smooth and not whole, opset, op, places, list(outputs), attributes)
        )


def flat(results):
    """One row of all that a case computes."""
    results = results if isinstance(results, (tuple, list)) else (results,)
    return torch.cat([r.reshape(-1) for r in results])
