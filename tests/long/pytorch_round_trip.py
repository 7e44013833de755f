#!/usr/bin/env python3
"""Emits a model of each family as PyTorch (tests/zoo/pytorch.py) and holds, beyond what is held there:

- torch.onnx exports `forward`, and what comes back gives the outputs of the module (Session against forward);
- torch.export takes it, and what it makes gives the same outputs;
- clusters on processes give the bits of `forward`; an error in one is raised, and the next run is right again;
- train.py trains: the loss of a random batch falls; parameters that are tied stay tied;
- mypy passes on what was written; so do `ruff check` and `ruff format --check` (each where it is installed).

    pytorch_round_trip.py [--only TEXT,…] [--skip-processes]

Needs .venv-zoo and the package of build/python.
"""

import argparse
import json
import shutil
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

MYPY_CACHE = ROOT / "build" / "mypy"  # what it knows of torch takes it a minute


def differences(what, got, wanted):
    if len(got) != len(wanted):
        yield f"{what}: {len(got)} outputs, expected {len(wanted)}"
    for k, (a, b) in enumerate(zip(got, wanted)):
        wrong = pytorch.difference(torch.as_tensor(a), torch.as_tensor(b).numpy())
        if wrong:
            yield f"{what}, output {k}: {wrong}"


def round_trip(model, inputs, wanted, folder):
    """Back by torch.onnx: its first way (torch.export), else the one of TorchScript."""
    path = folder / "again.onnx"
    names = [f"in_{k}" for k in range(len(inputs))]
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
            break
        except Exception as error:  # noqa: BLE001 - whatever the exporter trips over
            failed = error
    else:
        yield f"torch.onnx does not export it: {str(failed).splitlines()[0]}"
        return
    session = smeaton.Session(path)
    ports = [port.name for port in session.get_inputs()]
    feeds = {name: value.numpy() for name, value in zip(names, inputs) if name in ports}
    yield from differences("imported again", session.run(None, feeds), wanted)


def exported(model, inputs, wanted):
    try:
        program = torch.export.export(model, tuple(inputs))
    except Exception as error:  # noqa: BLE001
        yield f"torch.export: {str(error).splitlines()[0]}"
        return
    yield from differences("torch.export", pytorch.as_tuple(program.module()(*inputs)), wanted)


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


def train(folder, scratch):
    command = [sys.executable, str(folder / "train.py"), "--epochs", "4", "--batch", "2"]
    command += ["--learning-rate", "0.001"]
    fixed = (folder / "train.py").read_text().split("BATCH: int | None = ")[1].split(" ")[0]
    if fixed != "None":
        command[5] = fixed
    done = subprocess.run(command, capture_output=True, text=True, cwd=scratch)
    if done.returncode != 0:
        yield f"train.py: {done.stderr.strip().splitlines()[-1]}"
        return
    losses = [float(line.split()[-1]) for line in done.stdout.splitlines()]
    if not losses[-1] < losses[0]:
        yield f"train.py: the loss went from {losses[0]} to {losses[-1]}"
    state = torch.load(scratch / "trained.pt", weights_only=True)
    module = pytorch.load(folder)
    for name, same_as in getattr(module, "TIED", {}).items():
        if not torch.equal(state[name], state[same_as]):
            yield f"train.py: {name} and {same_as} went apart"


def lint(folder):
    files = [str(f) for f in sorted(folder.glob("*.py"))]
    commands = []
    if mypy := shutil.which("mypy") or shutil.which("mypy", path=str(ROOT / ".venv" / "bin")):
        commands.append([mypy, "--cache-dir", str(MYPY_CACHE), "--python-executable", sys.executable, *files])
    if ruff := shutil.which("ruff"):
        commands.append([ruff, "check", "--isolated", "--line-length", "100", *files])
        commands.append([ruff, "format", "--isolated", "--check", "--line-length", "100", *files])
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


def check(case, processes):
    source = store.cache_root() / case["folder"]
    feeds = store.feeds_of(source, case)
    inputs = [torch.from_numpy(np.array(value)) for value in feeds.values()]
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        folder = scratch / "out"
        pytorch.emit(source / case["model"], folder)
        model = pytorch.load(folder).Model.load(folder)
        with torch.no_grad():
            wanted = pytorch.as_tuple(model.forward(*inputs))
            faults = [*round_trip(model, inputs, wanted, scratch), *exported(model, inputs, wanted)]
        loss = loss_of(case, wanted)
        if loss:
            pytorch.emit(source / case["model"], folder, "--train", "--loss", loss)
            faults += train(folder, scratch)
        faults += lint(folder)
        if processes:
            other = scratch / "processes"
            pytorch.emit(source / case["model"], other, "--workers", "processes")
            faults += on_processes(other, inputs)
            faults += lint(other)
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="parts of names, with commas")
    parser.add_argument("--skip-processes", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    words = (arguments.only or pytorch.FAMILIES).split(",")
    index = json.loads((store.cache_root() / "index.json").read_text())["models"]
    cases = [c for c in index if any(w in c["name"] for w in words)]
    if not cases:
        raise SystemExit(f"no such model in {store.cache_root()}; run tools/models.py")
    failed = 0
    for case in cases:
        start = time.monotonic()
        faults = check(case, not arguments.skip_processes)
        failed += bool(faults)
        print(f"{'FAILED' if faults else 'ok':6} {case['name']} ({time.monotonic() - start:.1f} s)", flush=True)
        for fault in faults:
            print(f"       {fault}", flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
