"""The verb `train`: from a model and an .npz to losses, a trained model, and a state to go on from."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, model, node, smeaton, tensor  # noqa: E402

RNG = np.random.default_rng(11)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small classifier whose biases an exporter has tied by an Identity, and its data."""
    made = tmp_path_factory.mktemp("train")
    w1, w2 = (RNG.standard_normal(s).astype(np.float32) * 0.5 for s in ((6, 3), (3, 3)))
    graph = model(
        [
            node("Identity", ["b1"], ["b2"], "tie"),
            node("Gemm", ["x", "w1", "b1"], ["h"], "g1"),
            node("Relu", ["h"], ["r"], "r"),
            node("Gemm", ["r", "w2", "b2"], ["y"], "g2"),
        ],
        {"x": (F32, ["N", 6])},
        {"y": (F32, ["N", 3])},
        [tensor("w1", w1), tensor("w2", w2), tensor("b1", np.zeros(3, np.float32))],
    )
    onnx.save(graph, made / "m.onnx")
    x = RNG.standard_normal((50, 6)).astype(np.float32)
    np.savez(made / "d.npz", x=x, target=np.argmax(x[:, :3], 1))
    return made


def train(folder, *options, code=0, data="d.npz"):
    ended = smeaton("train", "m.onnx", "--data", data, *options, cwd=folder)
    assert ended.code == code, ended.err
    return ended


def losses(folder, *options):
    result = json.loads(train(folder, "--json", *options).out)
    assert result["step_ms"] > 0 and result["activation_bytes"] > 0
    return result["losses"], result


def test_the_loss_falls_and_the_saved_model_scores_it(folder):
    got, result = losses(
        folder, "--optimizer", "adam", "--lr", "0.05", "--epochs", "40", "--batch", "10", "--save", "t.onnx"
    )
    assert len(got) == 200 and got[-1] < 0.3 * got[0]
    assert result["parameters"] == 6 * 3 + 3 * 3 + 3 + 3  # both biases
    trained = onnx.load(folder / "t.onnx")
    onnx.checker.check_model(trained)
    assert [n.op_type for n in trained.graph.node] == ["Gemm", "Relu", "Gemm"]
    data = np.load(folder / "d.npz")
    (y,) = onnxruntime.InferenceSession(folder / "t.onnx").run(None, {"x": data["x"]})
    assert (np.argmax(y, 1) == data["target"]).mean() > 0.9
    # What it goes on from is what it scored: the loss of the saved model's first step.
    z = y[:10].astype(np.float64)
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    want = -np.log(p[np.arange(10), data["target"][:10]]).mean()
    again = json.loads(
        smeaton("train", "t.onnx", "--data", "d.npz", "--batch", "10", "--steps", "1", "--json", cwd=folder).out
    )
    assert again["losses"][0] == pytest.approx(want, rel=1e-4)


def test_a_resumed_run_gives_the_same_bits(folder):
    common = ("--optimizer", "adamw", "--batch", "16")
    whole, _ = losses(folder, *common, "--steps", "7", "--save", "whole.onnx")
    first, _ = losses(folder, *common, "--steps", "4", "--save-state", "s.npz")
    second, result = losses(folder, *common, "--steps", "3", "--resume", "s.npz", "--save", "parts.onnx")
    assert first + second == whole
    assert result["first_step"] == 4
    assert (folder / "whole.onnx").read_bytes() == (folder / "parts.onnx").read_bytes()


def test_frozen_initializers_stay(folder):
    train(folder, "--steps", "2", "--freeze", "w*", "--save", "f.onnx")
    before, after = (
        {i.name: onnx.numpy_helper.to_array(i) for i in onnx.load(folder / f).graph.initializer}
        for f in ("m.onnx", "f.onnx")
    )
    assert (before["w1"] == after["w1"]).all()
    assert (before["b1"] != after["b1"]).any()


def test_external_data_comes_into_the_saved_file(folder):
    graph = onnx.load(folder / "m.onnx")
    (at,) = (n for n, made in enumerate(graph.graph.node) if made.op_type == "Relu")
    graph.graph.node[at].input[0] = "shifted"
    graph.graph.node.insert(at, node("Add", ["h", "c"], ["shifted"], "s"))
    graph.graph.node.insert(at, node("Constant", [], ["c"], "c", value=tensor("", np.ones(3, np.float32))))
    onnx.save(
        graph,
        folder / "e.onnx",
        save_as_external_data=True,
        location="e.bin",
        size_threshold=0,
        convert_attribute=True,
    )
    ended = smeaton(
        "train", "e.onnx", "--data", "d.npz", "--steps", "1", "--freeze", "w1", "--save", "out/e2.onnx", cwd=folder
    )
    assert ended.code == 1 and "out/e2.onnx" in ended.err  # the folder is not there
    ended = smeaton(
        "train", "e.onnx", "--data", "d.npz", "--steps", "1", "--freeze", "w1", "--save", "e2.onnx", cwd=folder
    )
    assert ended.code == 0, ended.err
    (folder / "e.bin").unlink()
    onnxruntime.InferenceSession(folder / "e2.onnx")


def test_text_says_what_was_done(folder):
    out = train(folder, "--steps", "3", "--batch", "8").out
    assert "3 steps of 8 examples" in out and "2 of 50 examples are no whole batch" in out


def test_bad_input_is_one_message_and_exit_code_1(folder):
    x = np.zeros((4, 6), np.float32)
    np.savez(folder / "no_target.npz", x=x)
    np.savez(folder / "uneven.npz", x=x, target=np.zeros(3, np.int64))
    np.savez(folder / "range.npz", x=x, target=np.array([0, 1, 3, 0]))
    np.savez(folder / "extra.npz", x=x, target=np.zeros(4, np.int64), z=x)
    np.savez(folder / "nan.npz", x=np.full((4, 6), np.nan, np.float32), target=np.zeros(4, np.int64))
    np.savez_compressed(folder / "small.npz", x=x, target=np.zeros(4, np.int64))
    for data, options, message in [
        ("no_target.npz", (), "no array 'target'"),
        ("uneven.npz", (), "has 3 examples and 'x' has 4"),
        ("range.npz", (), "'target' holds 3 at position 2; the classes are 0 to 2"),
        ("extra.npz", (), "'z' is no input"),
        ("nan.npz", (), "the loss of step 1 is NaN"),
        ("small.npz", (), "numpy.savez"),
        ("d.npz", ("--batch", "60"), "--batch 60: there are 50 examples"),
        ("d.npz", ("--momentum", "-0.5"), "momentum is -0.5"),
        ("d.npz", ("--betas", "0.9"), "--betas 0.9: expected two numbers"),
        ("d.npz", ("--loss", "nll"), "no loss 'nll'"),
        ("d.npz", ("--resume", "d.npz"), "not the state of a training"),
        ("d.npz", ("--freeze", "q"), "--freeze q: no initializer has such a name"),
        ("m.onnx", (), "not a readable .npz file"),
    ]:
        ended = train(folder, *options, code=1, data=data)
        assert message in ended.err, (data, options, ended.err)
        assert ended.out == "" and ended.err.count("\n") == 1
    assert "--data FILE.npz is missing" in smeaton("train", "m.onnx", cwd=folder).err


def branch(sign):
    """A subgraph that scales what it captures."""
    made = helper.make_graph(
        [node("Mul", ["h", sign], ["o"], f"scale_{sign}")], sign, [], [helper.make_tensor_value_info("o", F32, None)]
    )
    return made


def test_operators_without_a_gradient_are_named_at_once(tmp_path):
    nodes = [node("MatMul", ["x", "w"], ["h"], "m")]
    for n in range(2):
        nodes.append(node("If", ["c"], [f"i{n}"], f"choice_{n}", then_branch=branch("a"), else_branch=branch("b")))
    nodes.append(node("Add", ["i0", "i1"], ["y"], "sum"))
    weights = [tensor("w", np.ones((6, 4), np.float32)), tensor("a", np.float32(1)), tensor("b", np.float32(2))]
    made = model(nodes, {"x": (F32, ["N", 6]), "c": (TensorProto.BOOL, [1])}, {"y": (F32, ["N", 4])}, weights)
    onnx.save(made, tmp_path / "m.onnx")
    np.savez(
        tmp_path / "d.npz",
        x=np.ones((3, 6), np.float32),
        c=np.ones(3, bool),
        target=np.zeros((3, 4), np.float32),
    )
    ended = smeaton("train", "m.onnx", "--data", "d.npz", "--loss", "mse", "--batch", "1", cwd=tmp_path)
    assert ended.code == 1 and ended.out == ""
    assert "2 nodes are on the way to the loss without a gradient; freeze the parameters behind them" in ended.err
    assert "node choice_0 (If)" in ended.err and "node choice_1 (If)" in ended.err and "'w'" in ended.err


def test_losses_and_parameters_that_cannot_be(tmp_path):
    w = np.ones((6, 4))
    sums = [node("MatMul", ["x", "w"], ["a"], "m"), node("ReduceSum", ["a", "axis"], ["y"], "s", keepdims=0)]
    cast = [node("MatMul", ["x", "w"], ["a"], "m"), node("Cast", ["a"], ["y"], "c", to=F32)]
    axis = tensor("axis", np.array([1]))
    rank1 = model(sums, {"x": (F32, ["N", 6])}, {"y": (F32, ["N"])}, [tensor("w", w.astype(np.float32)), axis])
    ints = model(cast, {"x": (TensorProto.INT64, ["N", 6])}, {"y": (F32, ["N", 4])}, [tensor("w", w.astype(np.int64))])
    onnx.save(rank1, tmp_path / "rank1.onnx")
    onnx.save(ints, tmp_path / "ints.onnx")
    numbers = np.zeros(4, np.int64)
    np.savez(tmp_path / "f.npz", x=np.ones((4, 6), np.float32), target=numbers)
    np.savez(tmp_path / "x.npz", x=np.ones((4, 6), np.float32))
    np.savez(tmp_path / "i.npz", x=np.ones((4, 6), np.int64), target=numbers)
    for file, data, options, message in [
        ("rank1.onnx", "f.npz", (), "cross-entropy needs [batch, classes, ...]; output 'y' f32[4] has rank 1"),
        ("rank1.onnx", "f.npz", ("--loss", "mse"), "input 'target' is f32, but i64 was fed"),
        ("rank1.onnx", "x.npz", ("--loss", "output:y"), "the loss must be one number; output 'y' f32[4] has 4 elements"),
        ("rank1.onnx", "x.npz", ("--loss", "output:z"), "there is no output 'z'; the outputs are y"),
        ("ints.onnx", "i.npz", (), "no parameter reaches the loss: 0 float initializers are not frozen; integers, "),
        ("ints.onnx", "i.npz", (), "integer weights: 'w' i64[6,4]; export the model in float to train them"),
        ("rank1.onnx", "f.npz", ("--recompute", "half"), "expected none, full or selective"),
        ("rank1.onnx", "x.npz", ("--loss", "output:y", "--save", "no/such.onnx"), "no/such.onnx: there is no folder no"),
    ]:
        ended = smeaton("train", file, "--data", data, *options, cwd=tmp_path)
        assert ended.code == 1 and message in ended.err, (file, options, ended.err)
        assert ended.out == "" and ended.err.count("\n") == 1


def test_recompute_and_a_saved_step(folder):
    kept = {}
    for how in ("none", "selective", "full"):
        options = ("--steps", "2", "--batch", "10", "--recompute", how, "--save-step", "step.onnx", "--json")
        result = json.loads(train(folder, *options).out)
        kept[how] = (result["activation_bytes"], result["losses"])
        assert result["recompute"] == how and "step.onnx" in result["written"]
    assert kept["full"][0] <= kept["selective"][0] <= kept["none"][0]
    assert kept["full"][1] == kept["none"][1] == kept["selective"][1]
    # The step goes on from where the run ended: its loss is that of the next step.
    with np.load(folder / "d.npz") as data:
        feeds = {"x": data["x"][20:30], "target": data["target"][20:30]}
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    session = onnxruntime.InferenceSession(folder / "step.onnx", quiet)
    next_losses, _ = losses(folder, "--steps", "3", "--batch", "10")
    assert session.run(None, feeds)[0] == pytest.approx(next_losses[2], rel=1e-5)
