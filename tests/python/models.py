"""Small models for the tests, and the program run as a user runs it."""

import json
import os
import re
import subprocess
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = ROOT / "build" / "smeaton"
F32, I64 = TensorProto.FLOAT, TensorProto.INT64


class Ended(NamedTuple):
    code: int
    out: str
    err: str
    seconds: float
    peak_bytes: int


def smeaton(*arguments, cwd=None, limit_s=60, env=None):
    """Runs build/smeaton; what it wrote, how it ended, and what it took."""
    process = subprocess.Popen(
        [str(PROGRAM), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env={**os.environ, **(env or {})},
    )
    texts = {}
    readers = [
        threading.Thread(target=lambda k=k, pipe=pipe: texts.update({k: pipe.read()}))
        for k, pipe in (("out", process.stdout), ("err", process.stderr))
    ]
    for reader in readers:
        reader.start()
    timer = threading.Timer(limit_s, process.kill)
    timer.start()
    start = os.times().elapsed
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    timer.cancel()
    for reader in readers:
        reader.join()
    return Ended(
        process.returncode,
        texts["out"].decode(errors="replace"),
        texts["err"].decode(errors="replace"),
        os.times().elapsed - start,
        usage.ru_maxrss * 1024,
    )


def without_progress(err):
    """What a call wrote on stderr, without the lines that say how far it is ("smeaton: calibration (2 s)")."""
    return "".join(line for line in err.splitlines(True) if not re.fullmatch(r"smeaton: .* \(\d+ s\)\n", line))


def case_inputs(path):
    """Words that feed a model of tools/models.py its own inputs, which give open dims their sizes."""
    case = path.parent / "case.json"
    files = json.loads(case.read_text())["inputs"] if case.exists() else {}
    return [word for name, file in files.items() for word in ("--input", f"{name}={path.parent / file}")]


def node(op, inputs, outputs, name=None, **attributes):
    return helper.make_node(op, inputs, outputs, name=name or f"{op}_0", **attributes)


def tensor(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def model(nodes, inputs, outputs, initializers=(), opset=17, functions=(), opsets=()):
    """inputs, outputs: {name: (type, shape)}. A ModelProto, not checked: it may be wrong on purpose."""
    info = lambda ports: [
        helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in ports.items()
    ]
    graph = helper.make_graph(nodes, "test", info(inputs), info(outputs), list(initializers))
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset), *opsets],
        functions=list(functions),
        ir_version=8,
    )
