"""Programs without a model: one road with models from `lower` on, weights, states, clear errors."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, ROOT, model, node, smeaton, tensor  # noqa: E402

sys.path.insert(0, str(ROOT / "build" / "python"))
import smeaton as package  # noqa: E402

SCALE = """program scale
  param N
  buffer x: memory f32[n: N] input
  buffer by: memory f32[] weight
  buffer y: memory f32[n: N] output
  run mul(x, by -> y)

kernel mul(x, by -> y)
  parallel n: N any
    binary mul y[n] <- x[n], by[]
"""

COUNT = """program count
  buffer x: memory f32[n: 4] input
  buffer sum: memory f32[n: 4] state data f32[4](1.0, 2.0, 3.0, 4.0)
  buffer y: memory f32[n: 4] output
  run add(sum, x -> sum, y)

kernel add(sum, x -> sum, y)
  parallel n: 4 any
    binary add sum[n] <- sum[n], x[n]
    move y[n] <- sum[n]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """m.onnx: a convolution and what follows it; its dumps, its input and weights by name."""
    path = tmp_path_factory.mktemp("program")
    rng = np.random.default_rng(7)
    weights = {"w": rng.standard_normal((16, 4, 3, 3)).astype(np.float32)}
    nodes = [node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]), node("Relu", ["c"], ["r"])]
    nodes += [node("Softmax", ["r"], ["y"], axis=-1)]
    ports = [{"x": (F32, [1, 4, 8, 32])}, {"y": (F32, [1, 16, 8, 32])}]
    onnx.save(model(nodes, *ports, [tensor(k, v) for k, v in weights.items()]), str(path / "m.onnx"))
    x = rng.standard_normal((1, 4, 8, 32)).astype(np.float32)
    np.savez(path / "x.npz", x=x)
    np.savez(path / "all.npz", x=x, **weights)
    ended = smeaton("run", path / "m.onnx", "--dump", path / "dump")
    assert ended.code == 0, ended.err
    return path


def dump_of(folder, stage):
    (found,) = (folder / "dump").glob(f"*.{stage}.txt")
    return found


def output(folder, out, *words):
    ended = smeaton("run", *words, "--output-dir", out)
    assert ended.code == 0, ended.err
    return np.load(out / "y.npy")


@pytest.mark.parametrize("stage", ["lower", "fuse", "layout", "tile", "spell"])
def test_a_dump_is_a_program_that_goes_on_behind_its_stage(folder, tmp_path, stage):
    dump = dump_of(folder, stage)
    whole = smeaton("emit", folder / "m.onnx")
    assert whole.code == 0 and smeaton("emit", dump).out == whole.out
    stopped = smeaton("run", folder / "m.onnx", "--stop-after", "spell").out
    assert smeaton("run", dump, "--inputs", folder / "all.npz", "--stop-after", "spell").out == stopped
    with_model = output(folder, tmp_path / "a", folder / "m.onnx", "--inputs", folder / "x.npz")
    alone = output(folder, tmp_path / "b", dump, "--inputs", folder / "all.npz", "--check", "interpreter")
    assert alone.tobytes() == with_model.tobytes()


def test_simulate_charges_a_dump_as_it_charges_the_model(folder):
    machine = ["--machine", ROOT / "machines" / "server-cpu.yaml", "--json"]
    whole = smeaton("simulate", folder / "m.onnx", *machine)
    assert whole.code == 0, whole.err
    alone = smeaton("simulate", dump_of(folder, "layout"), *machine)
    of_model, of_dump = json.loads(whole.out), json.loads(alone.out)
    # Classes of operators are the graph's.
    for result in (of_model, of_dump):
        del result["model"], result["shares"]
        for row in result["nodes"]:
            del row["op"], row["class"]
    assert of_dump == of_model


def test_weights_that_are_not_given_are_random_and_said_so(folder):
    ended = smeaton("run", dump_of(folder, "lower"), "--inputs", folder / "x.npz")
    assert ended.code == 0 and "the data of 'w' by a hash alone; its values are random" in ended.err


def test_dumps_of_a_program_begin_with_its_stage(folder, tmp_path):
    ended = smeaton("run", dump_of(folder, "layout"), "--dump", tmp_path / "again")
    assert ended.code == 0, ended.err
    made = {path.name.split(".")[1] for path in (tmp_path / "again").iterdir()}
    assert made == {"layout", "tile", "spell", "plan"}


def test_resume_takes_an_edited_dump_of_a_program(tmp_path):
    (tmp_path / "scale.gir").write_text(SCALE)
    np.savez(tmp_path / "given.npz", x=np.arange(40, dtype=np.float32), by=np.float32(3))
    words = [tmp_path / "scale.gir", "--inputs", tmp_path / "given.npz"]
    assert smeaton("run", *words, "--dump", tmp_path / "dump").code == 0
    text = dump_of(tmp_path, "spell").read_text()
    assert "binary mul" in text
    (tmp_path / "edited.txt").write_text(text.replace("binary mul", "binary add"))
    y = output(tmp_path, tmp_path / "out", *words, "--resume", tmp_path / "edited.txt")
    np.testing.assert_array_equal(y, np.arange(40, dtype=np.float32) + 3)
    ended = smeaton("run", *words, "--resume", tmp_path / "edited.txt", "--check", "interpreter")
    assert ended.code == 1 and "differs from the interpreter" in ended.err


def test_a_session_takes_a_program_and_keeps_its_states(tmp_path):
    (tmp_path / "count.gir").write_text(COUNT)
    session = package.Session(tmp_path / "count.gir")
    assert [(p.name, p.shape) for p in session.get_inputs()] == [("x", [4])]
    x = np.full(4, 10, np.float32)
    for runs in (1, 2, 3):
        (y,) = session.run(None, {"x": x})
        np.testing.assert_array_equal(y, np.arange(1, 5) + 10 * runs)
    np.testing.assert_array_equal(session.state()["sum"], y)
    assert all(row["holds"] for row in session.judge({"x": x}))
    with pytest.raises(package.UserError, match="weight 'by' has no data"):
        (tmp_path / "scale.gir").write_text(SCALE)
        package.Session(tmp_path / "scale.gir")


def test_a_session_takes_inputs_of_new_sizes(tmp_path):
    (tmp_path / "scale.gir").write_text(SCALE.replace("weight", "weight data f32[](0.5)"))
    session = package.Session(tmp_path / "scale.gir")
    for n in (1, 17, 100):
        (y,) = session.run(None, {"x": np.arange(n, dtype=np.float32)})
        np.testing.assert_array_equal(y, np.arange(n) * np.float32(0.5))


def run_text(folder, text, *words):
    (folder / "edited.gir").write_text(text)
    ended = smeaton("run", folder / "edited.gir", *words)
    assert ended.err.count("\n") == 1 and "edited.gir" in ended.err, ended.err
    return ended.code, ended.err


@pytest.mark.parametrize(
    "edit, message",
    [
        (lambda t: t.replace("binary", "ternary"), r"edited.gir:\d+:5"),
        (lambda t: "", r"edited.gir:1:1"),
        (lambda t: t.replace("parallel n: N", "parallel n: N + 1"), "coordinate 0 of x runs from 0 to 8, it has 0 to 7"),
        (lambda t: re.sub(r"(?s)  run .*", "", t), "runs nothing"),
        (lambda t: t.replace("  run mul", "  once run mul"), "runs nothing"),
        (lambda t: t.replace("  run mul", "  settle M from n\n  run mul"), "steps other than `run`"),
        (lambda t: t.replace("y: memory f32[n: N] output", "y: memory f32[n: N] output [1+n+1]"), "is dense"),
        (
            lambda t: t.replace("by: memory f32[] weight", "by: memory f32[k: 1] weight [1+k] border 0.0 data f32[1](2.0)")
            .replace("by[]", "by[0]"),
            "data are dense",
        ),
        (lambda t: t.replace("y: memory", "y: dram"), "the level of buffer by: 'dram' is unknown behind 'lower'"),
        (lambda t: t.replace("N any", "N core"), "the scope of axis n: 'core' is unknown"),
        (lambda t: "# after lunch\n" + t, "'lunch' makes no program"),
        (lambda t: "# after shapes\n" + t, "'shapes' makes no program"),
        (lambda t: "# after spell\n" + t.replace("any", "core"), "an op is not spelled"),
        (lambda t: "# after spell\n(unchanged)\n", "changed nothing"),
        (lambda t: t.replace("output\n", "output\n  buffer v: memory f32[n: N] temp alias of v\n"), "ends at no buffer"),
    ],
)
def test_a_broken_program_is_one_message(tmp_path, edit, message):
    text = edit(SCALE)
    assert text != SCALE
    code, said = run_text(tmp_path, text, "--dim", "N=8")
    assert code == 1 and re.search(message, said), said


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "sizes are open: N (input 'x', axis 0); give --dim N=VALUE"),
        (["--dim", "M=3", "--dim", "N=8"], "no such param or INPUT:AXIS"),
        (["--dim", "N=8", "--dim", "x:0=9"], "the size N is 8 in one place and 9 in another"),
        (["--dim", "N=8", "--stop-after", "simplify"], "this stage does not run"),
        (["--dim", "N=8", "--state", "x=y"], "buffers of lifetime `state`"),
        (["--dim", "N=8", "--inputs", "other.npz"], "no such input"),
        (["--inputs", "wide.npz"], "'x' has 1 dims, but 2 were given"),
        (["--inputs", "f64.npz"], "weight 'by' is f32, but f64 was given"),
    ],
)
def test_what_does_not_fit_a_program_is_one_message(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    np.savez("other.npz", z=np.zeros(8, np.float32))
    np.savez("wide.npz", x=np.zeros((8, 1), np.float32))
    np.savez("f64.npz", x=np.zeros(8, np.float32), by=np.float64(1))
    (tmp_path / "edited.gir").write_text(SCALE)
    ended = smeaton("run", "edited.gir", *words)
    assert ended.code == 1 and message in ended.err and ended.err.count("\n") == 1, ended.err


def test_other_verbs_ask_for_a_model(tmp_path):
    (tmp_path / "scale.gir").write_text(SCALE)
    for verb in ("schedule", "train", "study", "inspect"):
        ended = smeaton(verb, tmp_path / "scale.gir", *(["--data", "x.npz"] if verb == "train" else []))
        assert ended.code == 1 and "scale.gir: a program, which run" in ended.err, (verb, ended.err)
