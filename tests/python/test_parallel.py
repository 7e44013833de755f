"""Kernels side by side: whatever runs where, outputs and training steps are bit for bit those of one after another."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import smeaton
from onnx import TensorProto, helper, numpy_helper

SMEATON = Path(__file__).resolve().parents[2] / "build" / "smeaton"


def branchy(path, image=20):
    """A stem, four branches of convolutions of different depth, their Concat, and a classifier."""
    rng = np.random.default_rng(5)
    nodes, weights = [], []

    def conv(x, name, c_in, c_out, kernel):
        w = rng.standard_normal((c_out, c_in, kernel, kernel)).astype(np.float32) * 0.2
        weights.append(numpy_helper.from_array(w, f"{name}.w"))
        nodes.append(
            helper.make_node("Conv", [x, f"{name}.w"], [f"{name}.y"], name=name, pads=[kernel // 2] * 4)
        )
        nodes.append(helper.make_node("Relu", [f"{name}.y"], [name], name=f"{name}.relu"))
        return name

    stem = conv("image", "stem", 3, 16, 3)
    ends = []
    for depth in range(1, 5):
        x = stem
        for k in range(depth):
            x = conv(x, f"branch{depth}_{k}", 16, 16, 1 if k == 0 else 3)
        ends.append(x)
    nodes.append(helper.make_node("Concat", ends, ["joined"], name="join", axis=1))
    nodes.append(helper.make_node("GlobalAveragePool", ["joined"], ["pooled"], name="pool"))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"], name="flatten"))
    weights.append(numpy_helper.from_array(rng.standard_normal((64, 10)).astype(np.float32), "last.w"))
    nodes.append(helper.make_node("MatMul", ["flat", "last.w"], ["logits"], name="last"))
    graph = helper.make_graph(
        nodes,
        "branchy",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [2, 3, image, image])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [2, 10])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return {"image": rng.standard_normal((2, 3, image, image)).astype(np.float32)}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("parallel") / "branchy.onnx"
    return path, branchy(path)


def session(path, parallel, threads):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # more threads than cores
        return smeaton.Session(path, parallel=parallel, threads=threads)


@pytest.mark.parametrize("parallel, threads", [("list", 2), ("linear", 3), ("auto", 2), ("list", 4)])
def test_outputs_are_those_of_one_kernel_after_another(model, parallel, threads):
    path, feeds = model
    (want,) = session(path, "off", 1).run(None, feeds)
    ours = session(path, parallel, threads)
    for _ in range(20):
        (got,) = ours.run(None, feeds)
        assert got.tobytes() == want.tobytes()
    chosen = ours.parallel(feeds)
    assert chosen["wanted"] == parallel and chosen["threads"] == threads
    assert chosen["scheduled_us"] > 0 and chosen["serial_us"] > 0
    assert 0 < chosen["lower_bound_us"]
    assert chosen["method"] in (
        (parallel,) if parallel != "auto" else ("serial", "one_thread", "all_threads", "list", "linear", "mixed")
    )
    if chosen["method"] != "serial" and parallel == "auto":
        assert chosen["scheduled_us"] < chosen["serial_us"]


def test_a_step_of_training_is_the_same(model):
    path, feeds = model
    feeds = {**feeds, "target": np.array([3, 7])}
    ends = []
    for parallel in ("off", "list"):
        trainer = smeaton.Trainer(path, optimizer="momentum", learning_rate=1e-3, threads=2, parallel=parallel)
        losses = [trainer.step(feeds) for _ in range(3)]
        ends.append((losses, {name: w.tobytes() for name, w in trainer.parameters().items()}))
        assert trainer.parallel(feeds)["method"] == ("serial" if parallel == "off" else "list")
    assert ends[0] == ends[1]
    assert ends[0][0][2] < ends[0][0][0]


def test_the_command_says_what_it_chose_and_why(model):
    path, _ = model
    command = [SMEATON, "run", path, "--threads", "2", "--runs", "2", "--parallel"]
    told = json.loads(subprocess.run([*command, "list", "--json"], check=True, capture_output=True).stdout)
    parallel = told["parallel"]
    assert parallel["method"] == "list" and "cores" in parallel["machine"]
    names = {kernel["name"] for kernel in told["kernels"]}
    assert {task["name"] for task in parallel["tasks"]} == names
    assert max(t["finish_us"] for t in parallel["tasks"]) == pytest.approx(parallel["makespan_us"])
    text = subprocess.run([*command, "auto"], check=True, capture_output=True, text=True).stdout
    assert "lower bound" in text and "critical path" in text
    wrong = subprocess.run([*command, "fast"], capture_output=True, text=True)
    assert wrong.returncode == 1
    assert "parallel 'fast': expected one of off, linear, list, ilp, cpsat, exact, auto" in wrong.stderr
    off = json.loads(subprocess.run([*command, "off", "--json"], check=True, capture_output=True).stdout)
    assert off["parallel"] is None


def batch_of(path, folder, *options):
    command = [SMEATON, "run", path, "--threads", "2", "--runs", "1", "--warmup", "1", "--batch", "3", "--json"]
    command += ["--output-dir", folder, *options]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return told, np.load(folder / "logits.npy")


def test_a_batch_is_its_samples_one_by_one(model, tmp_path):
    path, feeds = model
    image = np.concatenate([feeds["image"] * k for k in (1, 2, 3)])
    np.save(tmp_path / "image.npy", image)
    given = ("--input", f"image={tmp_path / 'image.npy'}")
    alone = session(path, "off", 1)
    want = np.concatenate([alone.run(None, {"image": part})[0] for part in np.split(image, 3)])
    ways = set()
    for options in (("off",), ("auto",), ("linear", "--hyper", "plain"), ("linear", "--hyper", "switched")):
        told, got = batch_of(path, tmp_path / "out", "--parallel", *options, *given)
        assert got.tobytes() == want.tobytes()
        assert told["samples"] == 3 and told["outputs"][0]["shape"] == [6, 10]
        if told["parallel"] is None:
            continue
        ways |= {(way["method"], way["hyper"]) for way in told["parallel"]["ways"]}
        assert len(told["parallel"]["tasks"]) == 3 * len(told["kernels"])
        energy = told["parallel"]
        assert bool(energy["energy_of"]) != bool(energy["energy_missing"])
    assert {("serial", ""), ("sample_per_core", ""), ("linear", "plain"), ("linear", "switched")} <= ways
    # What is not given is drawn for each sample: no two are equal.
    _, drawn = batch_of(path, tmp_path / "out", "--parallel", "off")
    assert len({part.tobytes() for part in np.split(drawn, 3)}) == 3


def test_energy_is_predicted_by_a_description_that_tells_of_it(model):
    path, _ = model
    command = [SMEATON, "run", path, "--threads", "2", "--runs", "1", "--parallel", "list", "--json"]
    silent = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["parallel"]
    if silent["energy_of"].startswith("RAPL"):
        assert all(way["energy_j"] > 0 for way in silent["ways"])
        return
    assert all(way["energy_j"] is None for way in silent["ways"])
    assert "--machine" in silent["energy_missing"]
    wrong = subprocess.run([SMEATON, "run", path, "--machine", "server-cpu"], capture_output=True, text=True)
    assert wrong.returncode == 1 and "--parallel" in wrong.stderr


@pytest.mark.parametrize(
    "options, words",
    [
        (("--parallel", "list", "--batch", "2", "--hyper", "plain"), "linear or auto"),
        (("--parallel", "linear", "--batch", "2", "--hyper", "round"), "plain or switched"),
        (("--batch", "0"), "--batch"),
        (("--parallel", "auto", "--batch", "3", "--input", "image=two.npy"), "cut into 3 samples"),
    ],
)
def test_batches_that_cannot_be_are_one_message(model, tmp_path, options, words):
    path, _ = model
    np.save(tmp_path / "two.npy", np.zeros((4, 3, 20, 20), np.float32))
    ended = subprocess.run([SMEATON, "run", path, *options], capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 1
    assert words in ended.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q"]))
