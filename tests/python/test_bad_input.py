"""Bad input ends in one clear message that names file and node, exit code 1, within 5 s and 2 GB."""

import os
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, I64, model, node, smeaton, tensor  # noqa: E402

X = {"x": (F32, [2, 3])}
Y = {"y": (F32, [2, 3])}


def relu():
    return model([node("Relu", ["x"], ["y"])], X, Y)


def raw_weight(dims, data, kind=F32):
    weight = TensorProto(name="w", data_type=kind, raw_data=data)
    weight.dims.extend(dims)
    return model([node("Add", ["x", "w"], ["y"], "join")], X, Y, [weight])


def external(location, **entries):
    weight = TensorProto(name="w", data_type=F32, data_location=TensorProto.EXTERNAL)
    weight.dims.extend([2, 3])
    for key, value in {"location": location, **entries}.items():
        weight.external_data.add(key=key, value=str(value))
    return model([node("Add", ["x", "w"], ["y"], "join")], X, Y, [weight])


def recursive_functions():
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    call = lambda name: helper.make_node(name, ["a"], ["b"], name=f"call_{name}", domain="own")
    one = helper.make_function("own", "One", ["a"], ["b"], [call("Two")], opsets)
    two = helper.make_function("own", "Two", ["a"], ["b"], [call("One")], opsets)
    start = helper.make_node("One", ["x"], ["y"], name="start", domain="own")
    return model([start], X, Y, functions=[one, two], opsets=[helper.make_opsetid("own", 1)])


def convolution(**attributes):
    weight = tensor("w", np.ones((4, 3, 3, 3), np.float32))
    nodes = [node("Conv", ["x", "w"], ["y"], "stem", **attributes)]
    return model(nodes, {"x": (F32, [1, 3, 8, 8])}, {"y": (F32, None)}, [weight])


def sparse_weight():
    broken = model([node("Add", ["x", "w"], ["y"], "join")], X, Y)
    values = helper.make_tensor("w", F32, [1], [1.0])
    indices = helper.make_tensor("i", I64, [1], [0])
    broken.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [2, 3]))
    return broken


# name: (bytes or ModelProto, words that the message must hold besides the file's name)
CASES = {
    "empty file": (b"", []),
    "random bytes": (np.random.default_rng(5).bytes(4096), []),
    "truncated file": (relu().SerializeToString()[:-7], []),
    "text file": (b"this is no model\n" * 40, []),
    "wrong operand type": (
        model([node("Add", ["x", "n"], ["y"], "join")], {**X, "n": (I64, [2, 3])}, Y),
        ["join"],
    ),
    "cyclic graph": (
        model([node("Add", ["x", "b"], ["a"], "first"), node("Relu", ["a"], ["b"], "second")], X, {"b": (F32, [2, 3])}),
        ["first"],
    ),
    "missing initializer": (model([node("Add", ["x", "w"], ["y"], "join")], X, Y), ["join", "w"]),
    "value defined twice": (
        model([node("Relu", ["x"], ["y"], "one"), node("Neg", ["x"], ["y"], "two")], X, Y),
        ["y"],
    ),
    "output that nothing makes": (model([node("Relu", ["x"], ["z"])], X, Y), ["y"]),
    "external data above the folder": (external("../weights.bin"), ["../weights.bin"]),
    "external data at an absolute path": (external("/etc/hostname"), ["/etc/hostname"]),
    "external data through a link": (external("link.bin"), ["link.bin"]),
    "external data missing": (external("absent.bin"), ["absent.bin"]),
    "external data beyond the file's end": (external("small.bin", offset=0, length=24), ["small.bin"]),
    "external data with a negative offset": (external("small.bin", offset=-8), ["w"]),
    "external data with an offset near 2^64": (external("small.bin", offset=2**64 - 8), ["w"]),
    "shapes that disagree": (
        model([node("Add", ["x", "b"], ["y"], "join")], {**X, "b": (F32, [4, 5])}, Y),
        ["join"],
    ),
    "products that do not fit": (
        model([node("MatMul", ["x", "b"], ["y"], "product")], {**X, "b": (F32, [4, 5])}, Y),
        ["product", "3", "4"],
    ),
    "negative dim of an initializer": (raw_weight([2, -3], b"\0" * 24), ["w", "-3"]),
    "too few bytes in an initializer": (raw_weight([2, 3], b"\0" * 20), ["w", "20", "24"]),
    "2^60 elements": (raw_weight([2**30, 2**30], b"\0" * 24), ["w"]),
    "sizes whose product overflows": (raw_weight([2**40, 2**40, 2**40], b"\0" * 24), ["w"]),
    "2^60 elements by ConstantOfShape": (
        model(
            [node("ConstantOfShape", ["s"], ["y"], "blow")],
            {},
            {"y": (F32, None)},
            [tensor("s", np.int64([2**30, 2**30]))],
        ),
        ["blow"],
    ),
    "2^60 elements by Expand": (
        model(
            [node("Expand", ["x", "s"], ["y"], "blow")],
            {"x": (F32, [1, 1])},
            {"y": (F32, None)},
            [tensor("s", np.int64([2**30, 2**30]))],
        ),
        ["blow"],
    ),
    "unknown element type": (raw_weight([2, 3], b"\0" * 24, kind=99), ["w", "99"]),
    "strides of 0": (convolution(strides=[0, 1]), ["stem", "strides"]),
    "negative dilations": (convolution(dilations=[-1, 1]), ["stem", "dilations"]),
    "group 0": (convolution(group=0), ["stem", "group"]),
    "kernel larger than the image": (convolution(dilations=[9, 9]), ["stem"]),
    "unknown operator": (model([node("Frobnicate", ["x"], ["y"], "odd")], X, Y), ["Frobnicate", "odd"]),
    "unknown operators, all at once": (
        model([node("Frobnicate", ["x"], ["a"], "odd"), node("Defenestrate", ["a"], ["y"], "worse")], X, Y),
        ["Frobnicate", "odd", "Defenestrate", "worse"],
    ),
    "operator of an unknown domain": (
        model(
            [helper.make_node("Relu", ["x"], ["y"], name="odd", domain="org.elsewhere")],
            X,
            Y,
            opsets=[helper.make_opsetid("org.elsewhere", 1)],
        ),
        ["org.elsewhere", "odd"],
    ),
    "unknown opset": (model([node("Relu", ["x"], ["y"])], X, Y, opset=999), ["999"]),
    "recursive functions": (recursive_functions(), ["One", "Two"]),
    "sparse initializer": (sparse_weight(), ["w", "sparse"]),
    "attribute of a wrong type": (
        model([node("Softmax", ["x"], ["y"], "soft", axis=1.5)], X, Y),
        ["soft", "axis"],
    ),
    "axis out of range": (model([node("Softmax", ["x"], ["y"], "soft", axis=7)], X, Y), ["soft", "7"]),
    "permutation with a repeat": (
        model([node("Transpose", ["x"], ["y"], "turn", perm=[0, 0])], X, {"y": (F32, None)}),
        ["turn", "perm"],
    ),
    "reshape to another count": (
        model([node("Reshape", ["x", "s"], ["y"], "fold")], X, {"y": (F32, None)}, [tensor("s", np.int64([4, 2]))]),
        ["fold"],
    ),
    "reshape by several -1": (
        model([node("Reshape", ["x", "s"], ["y"], "fold")], X, {"y": (F32, None)}, [tensor("s", np.int64([-1, -1]))]),
        ["fold"],
    ),
    "an open dim that matters": (
        model([node("Relu", ["x"], ["y"])], {"x": (F32, ["rows", 3])}, {"y": (F32, ["rows", 3])}),
        ["rows"],
    ),
    "no operands": (model([node("Add", [], ["y"], "join")], X, Y), ["join"]),
    "Gather beyond the table": (
        model(
            [node("Gather", ["x", "i"], ["y"], "pick")],
            X,
            {"y": (F32, None)},
            [tensor("i", np.int64([0, 5]))],
        ),
        ["pick"],
    ),
    "integer division by zero": (
        model(
            [node("Div", ["n", "d"], ["q"], "share")],
            {"n": (I64, [2])},
            {"q": (I64, [2])},
            [tensor("d", np.int64([1, 0]))],
        ),
        ["share"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_model_is_refused_with_one_clear_message(name, tmp_path):
    content, words = CASES[name]
    file = tmp_path / "bad_model.onnx"
    file.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    (tmp_path / "small.bin").write_bytes(b"\0" * 16)
    os.symlink("/etc/hostname", tmp_path / "link.bin")
    ended = smeaton("run", file)
    assert ended.code == 1, f"exit code {ended.code}: {ended.err}"
    assert ended.err.strip(), "no message"
    assert len(ended.err.strip().splitlines()) <= 4, ended.err
    assert [w for w in ["bad_model.onnx", *words] if w not in ended.err] == [], ended.err
    assert not [w for w in ("check failed", "terminate", "std::", "bad_alloc") if w in ended.err], ended.err
    assert ended.seconds < 5
    assert ended.peak_bytes < 2 << 30


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--input", "z=in.npy"], ["z"]),
        (["--input", "x=absent.npy"], ["absent.npy"]),
        (["--input", "x=garbage.npy"], ["garbage.npy"]),
        (["--input", "x=huge.npy"], ["huge.npy"]),
        (["--input", "x=double.npy"], ["x"]),
        (["--input", "x=shape.npy"], ["x"]),
        (["--input", "x"], ["--input"]),
        (["--dim", "rows=many"], ["rows"]),
        (["--threads", "-3"], ["threads"]),
        (["--frobnicate"], ["frobnicate"]),
        (["--skip", "no_such_rule"], ["no_such_rule"]),
    ],
)
def test_a_bad_argument_is_refused_with_one_clear_message(arguments, words, tmp_path):
    onnx.save(relu(), str(tmp_path / "good.onnx"))
    np.save(tmp_path / "in.npy", np.zeros((2, 3), np.float32))
    np.save(tmp_path / "double.npy", np.zeros((2, 3), np.float64))
    np.save(tmp_path / "shape.npy", np.zeros((2, 4), np.float32))
    (tmp_path / "garbage.npy").write_bytes(b"\x93NUMPY\x01\x00" + b"\xff" * 40)
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1152921504606846976,), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    (tmp_path / "huge.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    ended = smeaton("run", "good.onnx", *arguments, cwd=tmp_path)
    assert ended.code == 1, f"exit code {ended.code}: {ended.err}"
    assert [w for w in words if w not in ended.err] == [], ended.err
    assert ended.seconds < 5 and ended.peak_bytes < 2 << 30


def test_a_missing_file_and_an_unknown_verb_are_named(tmp_path):
    ended = smeaton("run", tmp_path / "absent.onnx")
    assert ended.code == 1 and "absent.onnx" in ended.err
    ended = smeaton("run", tmp_path)
    assert ended.code == 1 and str(tmp_path) in ended.err
    ended = smeaton("frobnicate")
    assert ended.code == 1 and "frobnicate" in ended.err


def test_a_declared_shape_that_disagrees_is_one_warning(tmp_path):
    wrong = model([node("Relu", ["x"], ["y"])], X, {"y": (F32, [7, 7])})
    onnx.save(wrong, str(tmp_path / "odd.onnx"))
    ended = smeaton("run", "odd.onnx", cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert ended.err.count("y") >= 1 and "7" in ended.err
