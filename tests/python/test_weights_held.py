"""Weights are held once: packed copies take the place of what the file says, for all shapes of a session."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import smeaton

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, model, node, tensor  # noqa: E402

WIDTH, LAYERS = 1536, 8

CHILD = """
import json, sys, numpy, smeaton

def resident():
    words = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(words["VmRSS"].split()[0]) * 1024

path, rows, options = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
smeaton.Session(path.replace("big", "small"), threads=1).run(None, {"x": numpy.ones((32, 8), numpy.float32)})
before = resident()
session = smeaton.Session(path, threads=1, **options)
grown = []
for n in rows:
    session.run(None, {"x": numpy.full((n, %d), 0.5, numpy.float32)})
    grown.append(resident() - before)
holds = all(row["holds"] for row in session.judge({"x": numpy.full((rows[0], %d), 0.5, numpy.float32)}, 1e5))
out = session.run(None, {"x": numpy.full((rows[0], %d), 0.5, numpy.float32)})[0]
print(json.dumps({"grown": grown, "sum": float(out.sum()), "holds": holds}))
""" % (WIDTH, WIDTH, WIDTH)


def stack(width, layers, random):
    """Names of every length: each weight begins at another place in the file."""
    nodes, constants, value = [], [], "x"
    for k in range(layers):
        name = "w" * (k + 1)
        constants.append(tensor(name, random.standard_normal((width, width), dtype=np.float32) / width**0.5))
        nodes.append(node("MatMul", [value, name], [f"m{k}"], name=f"matmul_{k}"))
        nodes.append(node("Relu", [f"m{k}"], [f"r{k}"], name=f"relu_{k}"))
        value = f"r{k}"
    return model(nodes, {"x": (F32, ["N", width])}, {value: (F32, ["N", width])}, constants)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    random = np.random.default_rng(3)
    onnx.save(stack(8, 2, random), folder / "small.onnx")
    big = stack(WIDTH, LAYERS, random)
    onnx.save(big, folder / "big.onnx")
    (folder / "apart").mkdir()
    onnx.save(stack(8, 2, random), folder / "apart" / "small.onnx")
    onnx.save(big, folder / "apart" / "big.onnx", save_as_external_data=True, location="weights.bin")
    return folder


def expected_sum(folder, rows):
    weights = [onnx.numpy_helper.to_array(t) for t in onnx.load(folder / "big.onnx").graph.initializer]
    x = np.full((rows, WIDTH), 0.5, np.float32)
    for w in weights:
        x = np.maximum(x @ w, 0)
    return float(x.sum())


def held(path, rows, tmp_path, **options):
    options = {"cache_folder": str(tmp_path), **options}
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), json.dumps(rows), json.dumps(options)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.parametrize("where", ["big.onnx", "apart/big.onnx"])
def test_resident_memory_is_the_weights_once_for_all_shapes(folder, where, tmp_path):
    weights = 4 * WIDTH * WIDTH * LAYERS
    got = held(folder / where, [64, 96, 128], tmp_path, compile="full")
    # Beside the weights: arenas of a few MB, the program, the compiled code.
    for grown in got["grown"]:
        assert 0.9 * weights < grown < 1.3 * weights, got
    assert got["holds"]
    np.testing.assert_allclose(got["sum"], expected_sum(folder, 64), rtol=1e-4)


def test_values_stay_where_the_code_is_swapped_and_shapes_go_and_come(folder, tmp_path):
    quick = smeaton.Session(folder / "big.onnx", compile="quick", kept=1, cache_folder=tmp_path)
    feeds = [{"x": np.full((n, WIDTH), 0.5, np.float32)} for n in (32, 48)]
    first = [quick.run(None, f)[0] for f in feeds]
    for f, out in zip(feeds, first, strict=True):
        quick.prepare(f)
        np.testing.assert_array_equal(quick.run(None, f)[0], out)
        assert float(out.sum()) == pytest.approx(expected_sum(folder, len(out)), rel=1e-4)


def test_weights_that_may_be_fed_and_states_keep_their_own(folder, tmp_path):
    """An initializer that is an input too, and one that is a state, beside one that is packed."""
    random = np.random.default_rng(4)
    n = 256
    w, v, s = (random.standard_normal((n, n), dtype=np.float32) / 16 for _ in range(3))
    made = model(
        [
            node("MatMul", ["x", "w"], ["a"], name="a"),
            node("MatMul", ["a", "v"], ["b"], name="b"),
            node("MatMul", ["b", "s"], ["y"], name="c"),
            node("Add", ["s", "s"], ["t"], name="d"),
        ],
        {"x": (F32, ["N", n]), "v": (F32, [n, n]), "s": (F32, [n, n])},
        {"y": (F32, ["N", n]), "t": (F32, [n, n])},
        [tensor("w", w), tensor("v", v), tensor("s", s)],
    )
    onnx.save(made, tmp_path / "m.onnx")
    session = smeaton.Session(tmp_path / "m.onnx", state={"s": "t"}, cache_folder=tmp_path)
    for turn, rows in enumerate((32, 40, 32)):
        x = random.standard_normal((rows, n), dtype=np.float32)
        other = random.standard_normal((n, n), dtype=np.float32)
        state = s * 2 ** (2 * turn)
        np.testing.assert_allclose(session.run(None, {"x": x})[0], x @ w @ v @ state, rtol=1e-3, atol=1e-2 * 4**turn)
        got = session.run(None, {"x": x, "v": other})[0]
        np.testing.assert_allclose(got, x @ w @ other @ (2 * state), rtol=1e-3, atol=1e-1 * 4**turn)
    assert all(row["holds"] for row in session.judge({"x": x}))
    np.testing.assert_array_equal(session.state()["s"], s * 64)


def test_a_file_that_goes_after_it_was_opened_is_still_read(tmp_path):
    random = np.random.default_rng(6)
    made = stack(256, 3, random)
    onnx.save(made, tmp_path / "m.onnx")
    session = smeaton.Session(tmp_path / "m.onnx", cache_folder=tmp_path)
    x = random.standard_normal((24, 256), dtype=np.float32)
    session.run(None, {"x": x})
    (tmp_path / "m.onnx").unlink()
    weights = [onnx.numpy_helper.to_array(t) for t in made.graph.initializer]
    for rows in (24, 8):
        want = x[:rows]
        for w in weights:
            want = np.maximum(want @ w, 0)
        np.testing.assert_allclose(session.run(None, {"x": x[:rows]})[0], want, rtol=1e-3, atol=1e-4)
    assert all(row["holds"] for row in session.judge({"x": x}))
