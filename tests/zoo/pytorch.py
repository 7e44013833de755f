#!/usr/bin/env python3
"""Emits models of the cache (tools/models.py) as PyTorch and runs what came out; needs PyTorch (.venv-zoo).

    pytorch.py                  a model of each family
    pytorch.py --all            all models of the cache
    pytorch.py --only TEXT,…    those whose name contains one of the texts

Held for each: the folder imports with torch and the standard library alone; weights load strictly; `forward`
agrees with ONNX Runtime; `forward_parallel` gives the bits of `forward`; no function is over 80 lines; every
node of the map stands in a line of model.py and of clusters.py that exists.
"""

import argparse
import ast
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests")]
import compare  # noqa: E402
from zoo import store  # noqa: E402

FAMILIES = (
    "light_bvlc_alexnet,light_densenet121,light_inception_v2,light_shufflenet,light_squeezenet,"
    "bert_base_script,gpt2_dynamo,llama_small_script,resnet50_trainable,mobilenet_v2_dynamo,"
    "efficientnet_b0_script,inception_v3_script,detector_script,unet_script,vit_b_16_dynamo,"
    "shufflenet_v2_script,file_type,sound_to_notes,text_detector,text_recogniser"
)
LONGEST = 80
ALLOWED = {"torch", *sys.stdlib_module_names, "__future__", "model", "check"}


def emit(model, folder, *more):
    command = [str(ROOT / "build" / "smeaton"), "emit", str(model), "--as", "pytorch"]
    done = subprocess.run([*command, "--output-dir", str(folder), *more], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())


def load(folder):
    """The module model.py of a folder, whatever other folders were loaded."""
    spec = importlib.util.spec_from_file_location("model", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def faults_of_text(folder):
    for file in sorted(f.name for f in folder.glob("*.py")):
        tree = ast.parse((folder / file).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= LONGEST:
                yield f"{file}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                if name.split(".")[0] not in ALLOWED:
                    yield f"{file} imports {name}"
    places = json.loads((folder / "model_map.json").read_text())
    lines = {f: len((folder / f).read_text().splitlines()) for f in ("model.py", "clusters.py")}
    for node, row in places["nodes"].items():
        if not (0 < row["line"] <= lines["model.py"] and 0 < row["clusters_line"] <= lines["clusters.py"]):
            yield f"the map has no line for {node}"


def as_tuple(results):
    return results if isinstance(results, tuple) else (results,)


def difference(got, expected):
    """What is wrong with a tensor, "" where nothing is: by the range of the output as everywhere, since boxes of a detector
    are differences of numbers a hundred times theirs."""
    return compare.difference(got.numpy(), expected)


def faults_of_run(folder, feeds, expected):
    module = load(folder)
    model = module.Model.load(folder)
    model.load_state_dict(module.read_weights(folder / "weights.safetensors"), strict=True)
    inputs = [torch.from_numpy(np.array(value)) for value in feeds]
    with torch.inference_mode():
        serial, parallel = (as_tuple(run(*inputs)) for run in (model.forward, model.forward_parallel))
    if len(serial) != len(expected):
        yield f"{len(serial)} outputs, expected {len(expected)}"
    for k, (result, wanted) in enumerate(zip(serial, expected)):
        wrong = difference(result, wanted)
        if wrong:
            yield f"output {k}: {wrong}"
    if any(a.numpy().tobytes() != b.numpy().tobytes() for a, b in zip(serial, parallel)):
        yield "forward_parallel gives other bits than forward"


def check(case):
    source = store.cache_root() / case["folder"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "out"
        start = time.monotonic()
        try:
            emit(source / case["model"], folder)
        except RuntimeError as error:
            return [f"not emitted: {error}"], 0.0
        took = time.monotonic() - start
        feeds, expected = store.feeds_of(source, case), store.outputs_of(source, case)
        faults = list(faults_of_text(folder))
        faults += faults_of_run(folder, list(feeds.values()), list(expected.values()))
    return faults, took


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="parts of names, with commas")
    parser.add_argument("--all", action="store_true", help="every model of the cache")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    words = [] if arguments.all else (arguments.only or FAMILIES).split(",")
    index = json.loads((store.cache_root() / "index.json").read_text())["models"]
    cases = [c for c in index if not words or any(w in c["name"] for w in words)]
    if not cases:
        raise SystemExit(f"no such model in {store.cache_root()}; run tools/models.py")
    failed = 0
    for case in cases:
        start = time.monotonic()
        faults, took = check(case)
        failed += bool(faults)
        print(
            f"{'FAILED' if faults else 'ok':6} {case['name']} "
            f"(emitted in {took:.1f} s, {time.monotonic() - start:.1f} s)",
            flush=True,
        )
        for fault in faults:
            print(f"       {fault}", flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
