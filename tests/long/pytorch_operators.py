#!/usr/bin/env python3
"""The node tests of the `onnx` package as cases for emitted PyTorch: each that Smeaton runs is emitted, loaded
and run, and held against pytorch_not_passing.txt.

    pytorch_operators.py                  all; fails where a test outside the list fails, or one in it passes
    pytorch_operators.py --filter REGEX   those whose name matches
    pytorch_operators.py --write          writes the list anew: read its diff

The list's kinds: `refused` (a message of ours named what is not emitted), `wrong` (other values or an error).
"""

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
LIST = HERE / "pytorch_not_passing.txt"
NOT_RUN = ROOT / "tests" / "node_tests" / "not_passing.txt"
NODE_TESTS = Path(onnx.__file__).parent / "backend" / "test" / "data" / "node"
RTOL, ATOL = 1e-3, 1e-5


def names_in(file):
    lines = file.read_text().splitlines() if file.exists() else []
    return {line.split()[0]: line for line in lines if line and not line.startswith("#")}


def tensors(folder, prefix):
    files = sorted(folder.glob(f"{prefix}_*.pb"), key=lambda f: int(f.stem.split("_")[1]))
    for file in files:
        proto = onnx.TensorProto()
        proto.ParseFromString(file.read_bytes())
        yield numpy_helper.to_array(proto)


def to_torch(array):
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(np.array(array))


def wrong_value(got, expected):
    wanted = to_torch(expected)
    if got.dtype != wanted.dtype or got.shape != wanted.shape:
        return f"{got.dtype}{list(got.shape)}, expected {wanted.dtype}{list(wanted.shape)}"
    if not got.is_floating_point():
        return "" if torch.equal(got, wanted) else "other values"
    narrow = got.dtype in (torch.float16, torch.bfloat16)
    rtol, atol = (1e-2, 1e-2) if narrow else (RTOL, ATOL)
    same = torch.allclose(got.double(), wanted.double(), rtol=rtol, atol=atol, equal_nan=True)
    return "" if same else f"off by {(got.double() - wanted.double()).abs().max():.3g}"


def given_inputs(name):
    """Options that hand over every input: values of some decide shapes."""
    graph = onnx.load(NODE_TESTS / name / "model.onnx").graph
    for k, port in enumerate(graph.input):
        yield from ("--input", f"{port.name}={NODE_TESTS / name / 'test_data_set_0' / f'input_{k}.pb'}")


def emitted(name):
    """("", folder) or ("refused", message)"""
    scratch = tempfile.TemporaryDirectory()
    command = [
        str(ROOT / "build" / "smeaton"),
        "emit",
        str(NODE_TESTS / name / "model.onnx"),
        "--as",
        "pytorch",
    ]
    command += ["--output-dir", scratch.name]
    done = subprocess.run(command, capture_output=True, text=True)
    if "give them with --input" in done.stderr:
        done = subprocess.run([*command, *given_inputs(name)], capture_output=True, text=True)
    if done.returncode == 0:
        return "", scratch
    kind = "refused" if done.returncode == 1 else "wrong"
    return kind, re.sub(
        r"^.*?model\.onnx: (it cannot be emitted as PyTorch: )?", "", done.stderr.strip(), flags=re.S
    )


def run(name, folder):
    spec = importlib.util.spec_from_file_location("model", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.Model.load(folder)
    data = NODE_TESTS / name / "test_data_set_0"
    inputs = [to_torch(array) for array in tensors(data, "input")]
    expected = list(tensors(data, "output"))
    with torch.inference_mode():
        for way in (model.forward, model.forward_parallel):
            results = way(*inputs)
            results = results if isinstance(results, tuple) else (results,)
            if len(results) != len(expected):
                return f"{len(results)} outputs, expected {len(expected)}"
            for got, wanted in zip(results, expected):
                wrong = wrong_value(got, wanted)
                if wrong:
                    return wrong
    return ""


def judged(name, kind, made):
    if kind:
        return kind, made.splitlines()[0][:200]
    with made as folder:
        try:
            wrong = run(name, Path(folder))
        except Exception as error:  # whatever PyTorch says of the emitted code
            wrong = f"{type(error).__name__}: {error}".splitlines()[0]
    return ("wrong", wrong[:200]) if wrong else ("passed", "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--filter", default="", help="only names that match this")
    parser.add_argument("--write", action="store_true", help="write the list anew")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    not_run = names_in(NOT_RUN)
    names = sorted(
        f.name for f in NODE_TESTS.iterdir() if f.name not in not_run and re.search(arguments.filter, f.name)
    )
    with ThreadPoolExecutor(2) as pool:
        made = pool.map(emitted, names)
        results = {name: judged(name, *of) for name, of in zip(names, made)}
    passed = [name for name, (kind, _) in results.items() if kind == "passed"]
    if arguments.write:
        rows = [f"{name} {kind} {reason}\n" for name, (kind, reason) in results.items() if kind != "passed"]
        LIST.write_text(
            "# Node tests of onnx whose model Smeaton runs, but does not emit as PyTorch.\n" + "".join(rows)
        )
        print(f"{len(rows)} lines written to {LIST.name}; {len(passed)} of {len(names)} pass")
        return 0
    listed = names_in(LIST)
    faults = [f"UNEXPECTED PASS {name}: take it out of {LIST.name}" for name in passed if name in listed]
    for name, (kind, reason) in results.items():
        if kind != "passed" and not listed.get(name, "").startswith(f"{name} {kind} "):
            faults.append(f"FAILED {name}: {kind}: {reason}")
    for fault in faults:
        print(fault)
    print(f"emitted PyTorch: {len(passed)} of {len(names)} node tests pass, {len(faults)} not as listed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
