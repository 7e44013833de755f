#!/usr/bin/env python3
"""Emits models as PyTorch (tests/zoo/pytorch.py) and holds of every model of the cache what is held there, and:

- torch.onnx exports `forward`, and what comes back gives the outputs of the module (Session against forward);
- torch.export takes it, and what it makes gives the same outputs;
- `mypy --strict`, `ruff check` and `ruff format --check` pass on what was written, train.py among it.

Models that PyTorch's exporters do not take are listed in pytorch_not_exported.txt with the reason; one that is listed
and passes is a failure. Of a model of each family besides:

- clusters on processes give the bits of `forward`; an error in one is raised, and the next run is right again;
- train.py trains: the loss of a random batch falls; parameters that are tied stay tied.

    pytorch_round_trip.py [--only TEXT,…] [--exports-only] [--skip-processes]

Needs .venv-zoo and the package of build/python.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [
    str(ROOT / "tools"),
    str(ROOT / "tests"),
    str(ROOT / "tests" / "zoo"),
    str(ROOT / "build" / "python"),
]
import pytorch  # noqa: E402
import smeaton  # noqa: E402
from zoo import store  # noqa: E402

LIST = Path(__file__).with_name("pytorch_not_exported.txt")
MYPY_CACHE = ROOT / "build" / "mypy"  # what it knows of torch takes it a minute


def differences(what, got, wanted):
    if len(got) != len(wanted):
        yield f"{what}: {len(got)} outputs, expected {len(wanted)}"
    for k, (a, b) in enumerate(zip(got, wanted)):
        wrong = pytorch.difference(torch.as_tensor(a), torch.as_tensor(b).numpy())
        if wrong:
            yield f"{what}, output {k}: {wrong}"


def by_onnx(model, inputs, wanted, folder):
    """Back by torch.onnx: its first way (torch.export), else the one of TorchScript. A file that ONNX Runtime computes
    as wrongly as we do is the first way's own fault."""
    path = folder / "again.onnx"
    names = [f"in_{k}" for k in range(len(inputs))]
    failed = []
    for dynamo in (True, False):
        try:
            torch.onnx.export(
                model,
                tuple(inputs),
                str(path),
                input_names=names,
                dynamo=dynamo,
                opset_version=18,
                verbose=False,
            )
        except Exception as error:  # noqa: BLE001 - whatever the exporter trips over
            failed.append(first_line(error))
            continue
        session = smeaton.Session(path)
        ports = [port.name for port in session.get_inputs()]
        feeds = {name: value.numpy() for name, value in zip(names, inputs) if name in ports}
        got = session.run(None, feeds)
        faults = list(differences("imported again", got, wanted))
        if not faults:
            return
        reference = list(store.reference_outputs(path, feeds).values())
        if not dynamo or list(differences("ONNX Runtime", got, reference)):
            yield from faults
            return
        failed.append(f"{faults[0]}, so also by ONNX Runtime")
    yield f"torch.onnx does not export it: {'; as TorchScript: '.join(failed)}"


def by_export(model, inputs, wanted, _):
    try:
        program = torch.export.export(model, tuple(inputs))
    except Exception as error:  # noqa: BLE001
        yield f"torch.export: {first_line(error)}"
        return
    yield from differences("torch.export", pytorch.as_tuple(program.module()(*inputs)), wanted)


WAYS = {"onnx": by_onnx, "export": by_export}


def first_line(error):
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


def listed():
    """(model, way) of each line "MODEL WAY REASON"."""
    rows = [line.split(maxsplit=2) for line in LIST.read_text().splitlines() if not line.startswith("#")]
    return {(model, way): reason for model, way, reason in (r for r in rows if r)}


def exports(name, *what):
    """Both ways, as the list says."""
    not_taken = listed()
    for way, check in WAYS.items():
        faults = list(check(*what))
        if (name, way) not in not_taken:
            yield from faults
        elif not faults:
            yield f"UNEXPECTED PASS by {way}: take it out of {LIST.name}"


def on_processes(folder, inputs):
    model = pytorch.load(folder).Model.load(folder)
    with torch.inference_mode():
        serial = pytorch.as_tuple(model.forward(*inputs))
        for _ in range(2):
            parallel = pytorch.as_tuple(model.forward_parallel(*inputs))
            if any(a.numpy().tobytes() != b.numpy().tobytes() for a, b in zip(serial, parallel)):
                yield "processes give other bits than forward"
                return
        wrong = [value[..., :0] if value.dim() else value for value in inputs]
        try:
            model.forward(*wrong)
        except Exception:  # noqa: BLE001 - only what fails serially must fail here
            try:
                model.forward_parallel(*wrong)
                yield "processes: an error of a cluster was lost"
            except RuntimeError:
                pass
        parallel = pytorch.as_tuple(model.forward_parallel(*inputs))
        if any(a.numpy().tobytes() != b.numpy().tobytes() for a, b in zip(serial, parallel)):
            yield "processes: other bits after an error"


# Trained classifiers that are certain of random inputs: the softmax gives one, and no gradient in f32.
CERTAIN = ("file_type",)
# Steps that lower the loss and can be seen to: gradients of a network without its normalisations are steep, those of probabilities flat.
LEARNING_RATE = "0.001"
LEARNING_RATES = {"inception_v3_script": "0.00001", "light_shufflenet": "1", "text_recogniser": "1"}


def open_sizes(path, feeds):
    """NAME=NUMBER of the dims that the model leaves open, but for samples, as the feeds have them."""
    sizes = {}
    for port in smeaton.Session(path).get_inputs():
        for name, number in list(zip(port.shape, np.array(feeds[port.name]).shape))[1:]:
            if isinstance(name, str):
                sizes[name] = number
    return [f"{name}={number}" for name, number in sizes.items()]


def train(name, folder, scratch, sizes):
    command = [sys.executable, str(folder / "train.py"), "--epochs", "4", "--batch", "2"]
    command += ["--learning-rate", LEARNING_RATES.get(name, LEARNING_RATE), "--sizes", *sizes]
    fixed = (folder / "train.py").read_text().split("BATCH: int | None = ")[1].split(" ")[0]
    if fixed != "None":
        command[5] = fixed
    done = subprocess.run(command, capture_output=True, text=True, cwd=scratch)
    if done.returncode != 0:
        yield f"train.py: {done.stderr.strip().splitlines()[-1]}"
        return
    losses = [float(line.split()[-1]) for line in done.stdout.splitlines()]
    if not losses[-1] < losses[0] and name not in CERTAIN:
        yield f"train.py: the loss went from {losses[0]} to {losses[-1]}"
    state = torch.load(scratch / "trained.pt", weights_only=True)
    module = pytorch.load(folder)
    for name, same_as in getattr(module, "TIED", {}).items():
        if not torch.equal(state[name], state[same_as]):
            yield f"train.py: {name} and {same_as} went apart"


def lint(folder):
    files = [str(f) for f in sorted(folder.glob("*.py"))]
    tools = ROOT / ".venv" / "bin"
    mypy = [str(tools / "mypy"), "--strict", "--cache-dir", str(MYPY_CACHE)]
    ruff = str(tools / "ruff")
    commands = [
        [*mypy, "--python-executable", sys.executable, *files],
        [ruff, "check", "--no-cache", *files],
        [ruff, "format", "--check", "--no-cache", *files],
    ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        if done.returncode != 0:
            yield f"{' '.join(command[:3])}: {(done.stdout + done.stderr).strip()[:600]}"


def loss_of(case, outputs):
    """A loss that fits the first output; none where it is no float."""
    first = outputs[0]
    if first.dtype not in (torch.float32, torch.float64) or first.numel() == 0:
        return None
    return "mse"


def check(case, processes, exports_only):
    source = store.cache_root() / case["folder"]
    feeds, expected = store.feeds_of(source, case), store.outputs_of(source, case)
    inputs = [torch.from_numpy(np.array(value)) for value in feeds.values()]
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        folder = scratch / "out"
        pytorch.emit(source / case["model"], folder)
        model = pytorch.load(folder).Model.load(folder)
        with torch.no_grad():
            wanted = pytorch.as_tuple(model.forward(*inputs))
            faults = list(exports(case["name"], model, inputs, wanted, scratch))
        if exports_only:
            return faults
        faults += pytorch.faults_of_text(folder)
        faults += pytorch.faults_of_run(folder, list(feeds.values()), list(expected.values()))
        a_family = any(w in case["name"] for w in pytorch.FAMILIES.split(","))
        loss = loss_of(case, wanted)
        if loss:
            pytorch.emit(source / case["model"], folder, "--train", "--loss", loss)
            if a_family:
                sizes = open_sizes(source / case["model"], feeds)
                faults += train(case["name"], folder, scratch, sizes)
        faults += lint(folder)
        if processes and a_family:
            other = scratch / "processes"
            pytorch.emit(source / case["model"], other, "--workers", "processes")
            faults += on_processes(other, inputs)
            faults += lint(other)
    return faults


def named(name, index):
    return any(case["name"] == name for case in index)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="parts of names, with commas")
    parser.add_argument("--exports-only", action="store_true", help="torch.onnx and torch.export, no more")
    parser.add_argument("--skip-processes", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    words = (arguments.only or "").split(",")
    index = json.loads((store.cache_root() / "index.json").read_text())["models"]
    cases = [c for c in index if any(w in c["name"] for w in words)]
    faults = [f"{LIST.name}: there is no model {name}" for name, _ in listed() if not named(name, index)]
    for fault in faults:
        print(fault)
    if not cases:
        raise SystemExit(f"no such model in {store.cache_root()}; run tools/models.py")
    failed = bool(faults)
    for case in cases:
        start = time.monotonic()
        try:
            faults = check(case, not arguments.skip_processes, arguments.exports_only)
        except RuntimeError as error:
            faults = [f"{type(error).__name__}: {error}"]
        failed += bool(faults)
        print(f"{'FAILED' if faults else 'ok':6} {case['name']} ({time.monotonic() - start:.1f} s)", flush=True)
        for fault in faults:
            print(f"       {fault}", flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
