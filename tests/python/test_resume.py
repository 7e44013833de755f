"""Going on from a dump: the same code from an unedited one, another from an edited one, clear errors."""

import re
import subprocess

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

SMEATON = "build/smeaton"
STAGES = ["bind", "shapes", "simplify", "lower", "fuse", "layout", "tile", "spell"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model with a large weight, its input, and a dump of every stage."""
    folder = tmp_path_factory.mktemp("resume")
    weights = np.random.default_rng(1).normal(size=(64, 96)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["m"], "product"),
            helper.make_node("Relu", ["m"], ["r"], "clip"),
            helper.make_node("Softmax", ["r"], ["y"], "shares", axis=-1),
        ],
        "two_layers",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [12, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [12, 96])],
        [numpy_helper.from_array(weights, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "m.onnx")
    np.save(folder / "x.npy", np.random.default_rng(2).normal(size=(12, 64)).astype(np.float32))
    smeaton("run", folder / "m.onnx", "--dump", folder / "dump")
    return folder


def smeaton(*words, code=0):
    done = subprocess.run([SMEATON, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def dump_of(folder, stage):
    (found,) = (folder / "dump").glob(f"*.{stage}.txt")
    return found


def source(folder, *words):
    return smeaton("emit", folder / "m.onnx", *words)


@pytest.mark.parametrize("stage", STAGES)
def test_an_unedited_dump_gives_the_same_code(folder, stage):
    dump = dump_of(folder, stage)
    if dump.read_text().endswith("\n(unchanged)\n"):
        assert "changed nothing" in smeaton("emit", folder / "m.onnx", "--resume", dump, code=1)
    else:
        assert source(folder, "--resume", dump) == source(folder)


def test_an_edited_dump_gives_other_code_and_the_same_result(folder, tmp_path):
    text = dump_of(folder, "spell").read_text()
    sums = re.search(r" sums (\d+)", text)
    edited = tmp_path / "edited.txt"
    edited.write_text(text.replace(sums.group(0), " sums 1"))
    assert source(folder, "--resume", edited) != source(folder)
    for words in ([], ["--resume", edited]):
        out = tmp_path / f"out{len(words)}"
        smeaton("run", folder / "m.onnx", "--input", f"x={folder / 'x.npy'}", "--output-dir", out, *words)
    a, b = (np.load(next((tmp_path / f"out{n}").glob("*.npy"))) for n in (0, 2))
    np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("stage", ["bind", "shapes"])
def test_an_edited_graph_is_what_the_stages_behind_take(folder, tmp_path, stage):
    text = dump_of(folder, stage).read_text()
    edited = tmp_path / "edited.txt"
    edited.write_text(text.replace("{axis: -1}", "{axis: 0}"))
    assert edited.read_text() != text
    assert source(folder, "--resume", edited) != source(folder)


@pytest.mark.parametrize("stage", STAGES[4:])
def test_a_program_without_its_views_of_inputs_can_be_taken_up(tmp_path, stage):
    nodes = [helper.make_node("Flatten", ["x"], ["f"], axis=2), helper.make_node("Relu", ["f"], ["y"])]
    info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "flat", [info("x", [3, 4, 64])], [info("y", [12, 64])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "m.onnx")
    smeaton("run", tmp_path / "m.onnx", "--dump", tmp_path / "dump")
    dump = dump_of(tmp_path, stage)
    if not dump.read_text().endswith("\n(unchanged)\n"):
        assert source(tmp_path, "--resume", dump) == source(tmp_path)


def test_what_stop_after_prints_can_be_taken_up(folder, tmp_path):
    dump = tmp_path / "tile.txt"
    dump.write_text(smeaton("run", folder / "m.onnx", "--stop-after", "tile"))
    assert source(folder, "--resume", dump) == source(folder)


@pytest.mark.parametrize(
    "edit, message",
    [
        (lambda t: t.split("\n", 1)[1], "whose first line is '# after STAGE'"),
        (lambda t: t.replace("# after spell", "# after lunch"), "the stage 'lunch' cannot be taken up"),
        (lambda t: t.replace("program ", "programme ", 1), "edited.txt:2:1"),
        (lambda t: t.replace(" output", " temp", 1), "are not those of the model"),
        (lambda t: re.sub(r" sums \d+", " part 3", t, count=1), "parts are of a reduced loop"),
    ],
)
def test_a_dump_that_cannot_be_taken_up_is_one_message(folder, tmp_path, edit, message):
    edited = tmp_path / "edited.txt"
    edited.write_text(edit(dump_of(folder, "spell").read_text()))
    said = smeaton("run", folder / "m.onnx", "--resume", edited, code=1)
    assert message in said and said.count("\n") == 1


@pytest.mark.parametrize("stage", ["bind", "shapes", "lower", "spell"])
def test_inputs_of_other_sizes_than_those_fed_are_refused(folder, tmp_path, stage):
    edited = tmp_path / "edited.txt"
    size = r"((?:input x: f32\[|buffer x: \w+ f32\[i0: ))12"
    text, count = re.subn(size, r"\g<1>24", dump_of(folder, stage).read_text())
    assert count == 1
    edited.write_text(text)
    said = smeaton("run", folder / "m.onnx", "--resume", edited, code=1)
    assert "are not those of the model: 'input x f32[24,64]' in place of 'input x f32[12,64]'" in said
