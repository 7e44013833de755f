"""A model in the cache is a folder of its own:

    model.onnx [model.onnx.data]     the file
    input_K.npy, output_K.npy        inputs, and what ONNX Runtime computes from them, optimisations off
    case.json                        {"name", "kind", "model", "inputs": {name: file}, "outputs": {name: file}, …}

and `index.json` beside the folders lists them all. A folder is built under another name and renamed
when it is whole, so a half-written model is never seen.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import onnx

CASE_VERSION = 1  # raise it and every folder is written anew


def cache_root():
    override = os.environ.get("SMEATON_MODELS")
    if override:
        return Path(override)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "smeaton" / "models"


def rng_for(name):
    """A generator whose seed is the name: adding a model changes no other."""
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def read_case(folder):
    """The folder's case, or None where there is none or an older version wrote it."""
    file = Path(folder) / "case.json"
    if not file.exists():
        return None
    case = json.loads(file.read_text())
    return case if case.get("version") == CASE_VERSION else None


def feeds_of(folder, case):
    return {name: np.load(Path(folder) / file) for name, file in case["inputs"].items()}


def outputs_of(folder, case):
    return {name: np.load(Path(folder) / file) for name, file in case["outputs"].items()}


def reference_outputs(model_path, feeds):
    """What ONNX Runtime computes with its graph optimisations off, in the order of the outputs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(model_path), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds)))


def refuse_useless(name, outputs):
    """An output that is constant, not finite or huge would prove nothing about who computes it."""
    for output, value in outputs.items():
        if value.dtype.kind != "f" or value.size < 2:
            continue
        if not np.isfinite(value).all():
            raise SystemExit(f"{name}: output '{output}' is not finite")
        spread = float(value.max() - value.min())
        if spread < 1e-5 or float(np.abs(value).max()) > 1e6:
            raise SystemExit(f"{name}: output '{output}' spreads over {spread:g}: weights ill-scaled")


def write_case(name, kind, build, note=""):
    """`build(folder)` writes model.onnx (and its data) there and returns the feeds by input name."""
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    part = root / f".{name}.{os.getpid()}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        feeds = build(part)
        case = {"version": CASE_VERSION, "name": name, "kind": kind, "model": "model.onnx"}
        if note:
            case["note"] = note
        case["inputs"], case["outputs"] = {}, {}
        for k, (input_name, value) in enumerate(feeds.items()):
            np.save(part / f"input_{k}.npy", value)
            case["inputs"][input_name] = f"input_{k}.npy"
        outputs = reference_outputs(part / "model.onnx", feeds)
        refuse_useless(name, outputs)
        for k, (output_name, value) in enumerate(outputs.items()):
            np.save(part / f"output_{k}.npy", value)
            case["outputs"][output_name] = f"output_{k}.npy"
        (part / "case.json").write_text(json.dumps(case, indent=1) + "\n")
        shutil.rmtree(root / name, ignore_errors=True)
        part.rename(root / name)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_index():
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    cases = []
    for folder in sorted(root.iterdir()):
        case = None if folder.name.startswith(".") or not folder.is_dir() else read_case(folder)
        if case:
            cases.append({"folder": folder.name, **case})
    part = root / f".index.{os.getpid()}.part"
    part.write_text(json.dumps({"models": cases}, indent=1) + "\n")
    part.rename(root / "index.json")
    return cases


def save_model(model, folder):
    onnx.checker.check_model(model)
    onnx.save(model, str(Path(folder) / "model.onnx"))
