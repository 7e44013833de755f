"""operator_gradients.py [--seeds 3] [--only TEXT]: gradients of single operators, over random shapes and attributes
(broadcasts, strides, groups, dilations, odd sizes, empty batches), as emitted code computes them. In f64 against
torch.autograd and against central differences, in f32 against torch.autograd in f64. Every operator that has a
gradient takes part. Runs under .venv-zoo (README.md)."""

import argparse
import sys
import tempfile
import warnings
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "build" / "python"), str(ROOT / "tests" / "grad")]

import numpy as np  # noqa: E402
import onnx  # noqa: E402
import onnx_cases  # noqa: E402
import pytorch_cases  # noqa: E402
import torch  # noqa: E402
from cases import flat  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import smeaton  # noqa: E402

# Relative to the largest element of an operand's gradient. In f64 what is left are numbers that ONNX holds in f32:
# attributes, coordinates of Resize, scalars as PyTorch exports them.
TOLERANCE = {np.float32: 1e-4, np.float64: 1e-6}
# In f32 a gradient may be as far off as so many times PyTorch's own.
ROUNDING = 4
# Of a derivative along a random direction, relative to the terms that it is the sum of.
DIFFERENCES, STEP = 1e-5, 1e-5
# Cases of one graph, which is compiled at once.
TOGETHER = 24


class Exported(nn.Module):
    """The cases' results in one row. `one` keeps the exporter from computing them."""

    def __init__(self, cases, dtype):
        super().__init__()
        self.cases = cases
        of = lambda array: nn.Parameter(torch.from_numpy(array.astype(dtype)))
        self.values = nn.ModuleList(nn.ParameterList([of(v) for v in case.values]) for case in cases)

    def forward(self, one):
        rows = zip(self.cases, self.values)
        return torch.cat([flat(case.reference(*[v * one for v in values])) for case, values in rows])


def export(cases, dtype, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Exported(cases, dtype), (torch.ones((), dtype=torch.from_numpy(np.zeros(0, dtype)).dtype),), str(path),
            dynamo=False, input_names=["one"], opset_version=18, training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
        )  # fmt: skip


def write(cases, dtype, path):
    """The cases' nodes in one graph, which takes `one` as an exported one does."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    nodes, initializers, rows = [], [numpy_helper.from_array(np.array([-1]), "row")], []
    for n, case in enumerate(cases):
        inputs = []
        for k, operand in enumerate(case.operands):
            if operand is None:
                inputs.append("")
                continue
            value = case.values[operand] if isinstance(operand, int) else np.asarray(operand)
            value = value.astype(dtype) if value.dtype == np.float64 else value
            initializers.append(numpy_helper.from_array(value, f"{n}.constant.{k}"))
            inputs.append(initializers[-1].name)
            if isinstance(operand, int):
                initializers[-1].name = f"values.{n}.{operand}"
                nodes.append(helper.make_node("Mul", [initializers[-1].name, "one"], inputs[-1:], inputs[-1]))
        outputs = [f"{n}.out.{k}" for k in range(len(case.outputs))]
        nodes.append(helper.make_node(case.op, inputs, outputs, f"case_{n}", **case.attributes))
        for output, wanted in zip(outputs, case.outputs):
            if wanted is None:
                continue
            of_type = [output + ".typed", output + ".row"]
            nodes.append(helper.make_node("Cast", [output], of_type[:1], f"{output}.cast", to=kind))
            nodes.append(helper.make_node("Reshape", [of_type[0], "row"], of_type[1:], f"{output}.reshape"))
            rows.append(of_type[1])
    nodes.append(helper.make_node("Concat", rows, ["all"], "all", axis=0))
    nodes.append(helper.make_node("Mul", ["all", "one"], ["output"], "times_one"))
    graph = helper.make_graph(
        nodes, "cases", [helper.make_tensor_value_info("one", kind, [])],
        [helper.make_tensor_value_info("output", kind, [None])], initializers,
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", cases[0].opset)], ir_version=8), path)


def torch_gradients(cases, dtype, target):
    """By name, of the mean square of the results beside a target."""
    outputs, leaves = [], {}
    for n, case in enumerate(cases):
        values = [torch.from_numpy(v.astype(dtype)).requires_grad_() for v in case.values]
        leaves.update({f"values.{n}.{k}": v for k, v in enumerate(values)})
        outputs.append(flat(case.reference(*values)).to(torch.from_numpy(np.zeros(0, dtype)).dtype))
    row = torch.cat(outputs)
    F.mse_loss(row, torch.from_numpy(target.astype(dtype))).backward()
    return {name: np.zeros(v.shape) if v.grad is None else v.grad.numpy() for name, v in leaves.items()}


def differences(trainer, feeds, name, gradient, rng):
    """What is wrong with a gradient along a random direction."""
    at = trainer.parameters()[name]
    along = rng.uniform(-1, 1, at.shape)
    losses = []
    for step in (STEP, -STEP):
        trainer.set_parameters({name: at + step * along})
        losses.append(trainer._gradients(feeds)[0])
    trainer.set_parameters({name: at})
    wanted = (losses[0] - losses[1]) / (2 * STEP)
    found = float((gradient * along).sum())
    size = float(np.abs(gradient * along).sum()) + abs(wanted)
    noise = 8 * np.finfo(np.float64).eps * abs(losses[0]) / STEP
    return "" if abs(found - wanted) <= DIFFERENCES * size + noise else f"{found:.6e}, differences {wanted:.6e}"


class Check:
    def __init__(self, folder, seed):
        self.folder, self.rng = Path(folder), np.random.default_rng(seed)
        self.operators, self.worst = set(), {np.float32: 0.0, np.float64: 0.0}
        self.by_rounding = 0  # gradients that are further off, but no further than PyTorch's

    def faults(self, cases, dtype):
        """[(case, what is wrong)]; of all cases in one graph, or of each alone where that is refused."""
        try:
            return self._faults(cases, dtype)
        except Exception as error:
            if len(cases) == 1:
                return [(cases[0], f"{type(error).__name__}: {error}")]
            return [fault for case in cases for fault in self.faults([case], dtype)]

    def _faults(self, cases, dtype):
        path = self.folder / "cases.onnx"
        (write if cases[0].opset else export)(cases, dtype, path)
        self.operators.update(node.op_type for node in onnx.load(path).graph.node)
        trainer = smeaton.Trainer(path, loss="mse", threads=1, training_form=False)
        session = smeaton.Session(path, threads=1)
        target = self.rng.standard_normal(session.run(None, {"one": dtype(1)})[0].shape)
        wanted, theirs = {}, {}
        if all(case.reference for case in cases):
            wanted, theirs = (torch_gradients(cases, kind, target) for kind in (np.float64, dtype))
        feeds = {"one": dtype(1), "target": target.astype(dtype)}
        got = trainer._gradients(feeds)[1]
        faults = []
        for n, case in enumerate(cases):
            for k, value in enumerate(case.values):
                name = f"values.{n}.{k}"
                fault = self._fault(got.get(name), wanted.get(name), theirs.get(name), value, dtype)
                if not fault and dtype == np.float64 and case.smooth and value.size:
                    fault = differences(trainer, feeds, name, got[name], self.rng)
                if fault:
                    faults.append((case, f"operand {k}: {fault}"))
        return faults

    def _fault(self, found, wanted, theirs, value, dtype):
        if found is None:
            return "no gradient" if value.size and (wanted is None or wanted.any()) else ""
        if found.shape != value.shape or found.dtype != dtype:
            return f"the gradient is {found.dtype}{list(found.shape)}"
        if wanted is None or not value.size:
            return ""
        off, rounding = (off_by(gradient, wanted) for gradient in (found, theirs))
        if off > TOLERANCE[dtype] and off <= ROUNDING * rounding:
            self.by_rounding += 1
            return ""
        self.worst[dtype] = max(self.worst[dtype], off)
        return "" if off <= TOLERANCE[dtype] else f"{off:.1e} off, PyTorch {rounding:.1e}"


def off_by(found, wanted):
    scale = np.abs(wanted).max()
    return float(np.abs(found - wanted).max() / scale) if scale > 0 else float(found.any())


def groups(cases):
    """Cases that one graph may hold: of the same operator set; without a reference each is alone."""
    for _, same in groupby(sorted(cases, key=lambda c: (c.reference is None, c.opset)), lambda c: (c.reference is None, c.opset)):
        same = list(same)
        size = TOGETHER if same[0].reference else 1
        for k in range(0, len(same), size):
            yield same[k : k + size]


def run(seed, only, folder):
    check, wrong, count = Check(folder, seed), [], 0
    chosen = [c for c in onnx_cases.cases(seed) + pytorch_cases.cases(seed) if only in c.name]
    for group in groups(chosen):
        count += len(group)
        for dtype in (np.float64, np.float32):
            for case, fault in check.faults(group, dtype):
                wrong.append(case.name)
                print(f"{case.name} {[v.shape for v in case.values]} {np.dtype(dtype).name}: {fault}", flush=True)
    if not only:
        unused = sorted(set(smeaton._core._differentiable()) - check.operators)
        if unused:
            wrong += unused
            print(f"no case uses {', '.join(unused)}")
    print(
        f"seed {seed}: {count} cases of {len(check.operators)} operators, in f64 at most "
        f"{check.worst[np.float64]:.1e} off, in f32 {check.worst[np.float32]:.1e} "
        f"but for {check.by_rounding} that f32 rounds away in PyTorch too, {len(wrong)} wrong",
        flush=True,
    )
    return len(wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wrong = sum(run(seed, arguments.only, folder) for seed in range(1, arguments.seeds + 1))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
