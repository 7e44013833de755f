"""`run --json` in an empty cache folder: it measures this machine and says so on stderr; stdout stays JSON. Takes a minute
because a probe does, so it is not in CI."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parent.parent.parent
SAYS = "smeaton: measuring this machine (once)"


def write_model(path):
    info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    weight = numpy_helper.from_array(np.ones((8, 8), np.float32), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "m", [info("x", [4, 8])], [info("y", [4, 8])], [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))


def run(folder):
    command = [ROOT / "build" / "smeaton", "run", folder / "model.onnx", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["machine"]
    return done.stderr


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder / "model.onnx")
        first, second = run(folder), run(folder)
    if SAYS not in first or SAYS in second:
        print(f"first_run: FAILED\nfirst: {first}\nsecond: {second}")
        return 1
    print("first_run: the first run says that it measures, the second does not")
    return 0


if __name__ == "__main__":
    sys.exit(main())
