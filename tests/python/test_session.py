"""The Python package: what users know from ONNX Runtime, and what it promises beyond."""

import ast
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest
import smeaton
from onnx import TensorProto, helper, numpy_helper


def model_of(nodes, inputs, outputs, initializers=(), opset=17):
    """inputs, outputs: {name: (type, shape)}"""
    info = lambda ports: [
        helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in ports.items()
    ]
    graph = helper.make_graph(nodes, "test", info(inputs), info(outputs), list(initializers))
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8
    ).SerializeToString()


F32 = TensorProto.FLOAT


def relu_model(shape):
    return model_of([helper.make_node("Relu", ["x"], ["y"])], {"x": (F32, shape)}, {"y": (F32, shape)})


@pytest.fixture(scope="module")
def relu():
    return smeaton.Session(relu_model(["N", 16]))


@pytest.fixture(scope="module")
def two_outputs():
    nodes = [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Mul", ["a", "b"], ["product"])]
    ports = {name: (F32, [3, 5]) for name in ("a", "b")}
    return smeaton.Session(model_of(nodes, ports, {n: (F32, [3, 5]) for n in ("sum", "product")}))


def pair(seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((3, 5), dtype=np.float32) for name in ("a", "b")}


def test_ports_carry_names_shapes_and_types(relu):
    (x,), (y,) = relu.get_inputs(), relu.get_outputs()
    assert (x.name, x.type) == ("x", "tensor(float)")
    assert x.shape == ["N", 16]
    assert y.name == "y"


def test_none_gives_all_outputs_and_names_select_and_order(two_outputs):
    feeds = pair()
    total, product = two_outputs.run(None, feeds)
    np.testing.assert_allclose(total, feeds["a"] + feeds["b"])
    np.testing.assert_allclose(product, feeds["a"] * feeds["b"])
    swapped = two_outputs.run(["product", "sum"], feeds)
    assert swapped[0].tobytes() == product.tobytes() and swapped[1].tobytes() == total.tobytes()
    (only,) = two_outputs.run(["sum"], feeds)
    assert only.tobytes() == total.tobytes()
    assert two_outputs.run([], feeds) == []


def test_inputs_of_new_shapes_just_work(relu):
    for rows in (1, 7, 2, 1, 0, 33):
        x = np.linspace(-1, 1, rows * 16, dtype=np.float32).reshape(rows, 16)
        (y,) = relu.run(None, {"x": x})
        assert y.shape == (rows, 16)
        np.testing.assert_array_equal(y, np.maximum(x, 0))


def test_an_input_whose_values_decide_shapes():
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    session = smeaton.Session(
        model_of(nodes, {"x": (F32, [2, 6]), "shape": (TensorProto.INT64, [2])}, {"y": (F32, ["a", "b"])})
    )
    x = np.arange(12, dtype=np.float32).reshape(2, 6)
    for shape in ([3, 4], [6, 2], [-1, 3], [3, 4]):
        (y,) = session.run(None, {"x": x, "shape": np.array(shape, np.int64)})
        np.testing.assert_array_equal(y, x.reshape(shape))


def test_a_fed_shape_array_may_change_after_the_run():
    """What decides shapes is a key that is kept; it must not be a view of the caller's memory."""
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    session = smeaton.Session(
        model_of(nodes, {"x": (F32, [2, 6]), "shape": (TensorProto.INT64, [2])}, {"y": (F32, ["a", "b"])})
    )
    x = np.arange(12, dtype=np.float32).reshape(2, 6)
    shape = np.array([3, 4], np.int64)
    assert session.run(None, {"x": x, "shape": shape})[0].shape == (3, 4)
    shape[:] = [4, 3]
    assert session.run(None, {"x": x, "shape": shape})[0].shape == (4, 3)
    assert session.run(None, {"x": x, "shape": np.array([3, 4], np.int64)})[0].shape == (3, 4)


def test_strided_and_foreign_order_arrays_are_taken_by_value(relu):
    x = np.random.default_rng(1).standard_normal((32, 4), dtype=np.float32)
    for view in (x[::2, :].reshape(4, 16), np.asfortranarray(x.reshape(8, 16)), x.reshape(8, 16)[::-1]):
        (y,) = relu.run(None, {"x": view})
        np.testing.assert_array_equal(y, np.maximum(view, 0))
    (y,) = relu.run(None, {"x": x.reshape(8, 16).astype(">f4")})
    np.testing.assert_array_equal(y, np.maximum(x.reshape(8, 16), 0))


def test_outputs_own_their_memory():
    session = smeaton.Session(relu_model([4, 4]))
    x = np.full((4, 4), 3, np.float32)
    (first,) = session.run(None, {"x": x})
    kept = first.copy()
    x[:] = 5
    (second,) = session.run(None, {"x": x})
    second[:] = -1
    del session, second
    gc.collect()
    np.testing.assert_array_equal(first, kept)
    assert first.flags.writeable


def test_an_input_or_a_weight_passed_through_is_a_copy():
    weight = numpy_helper.from_array(np.arange(4, dtype=np.float32), "w")
    nodes = [helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Identity", ["w"], ["z"])]
    session = smeaton.Session(
        model_of(nodes, {"x": (F32, [4])}, {"y": (F32, [4]), "z": (F32, [4])}, [weight])
    )
    x = np.ones(4, np.float32)
    y, z = session.run(None, {"x": x})
    assert not np.shares_memory(x, y)
    y[:] = 7
    z[:] = 7
    np.testing.assert_array_equal(x, np.ones(4))
    np.testing.assert_array_equal(session.run(["z"], {"x": x})[0], np.arange(4))


@pytest.mark.parametrize("kind", ["float32", "float64", "int32", "int64", "uint8", "int8", "float16", "bool"])
def test_element_types_go_in_and_come_out(kind):
    onnx_type = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    nodes = [helper.make_node("Transpose", ["x"], ["y"], perm=[1, 0])]
    session = smeaton.Session(model_of(nodes, {"x": (onnx_type, [2, 3])}, {"y": (onnx_type, [3, 2])}))
    x = (np.arange(6).reshape(2, 3) % 2).astype(kind)
    (y,) = session.run(None, {"x": x})
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y, x.T)


def test_scalars_and_lists_are_arrays(two_outputs):
    session = smeaton.Session(relu_model([]))
    (y,) = session.run(None, {"x": np.float32(2.5)})
    assert y.shape == () and y == np.float32(2.5)


@pytest.mark.parametrize(
    "feeds, words",
    [
        ({}, ["x"]),
        ({"x": np.zeros((1, 16), np.float32), "z": np.zeros(1, np.float32)}, ["z"]),
        ({"x": np.zeros((1, 16), np.float64)}, ["x", "f64"]),
        ({"x": np.zeros((1, 15), np.float32)}, ["x", "15", "16"]),
        ({"x": np.zeros(16, np.float32)}, ["x"]),
        ({"x": np.array(["a"])}, ["x"]),
        ({"x": np.zeros((1, 16), np.complex64)}, ["x", "complex64"]),
        ({3: np.zeros((1, 16), np.float32)}, ["strings"]),
    ],
)
def test_a_bad_feed_is_a_user_error_that_names_it(relu, feeds, words):
    with pytest.raises(smeaton.UserError) as caught:
        relu.run(None, feeds)
    assert all(word in str(caught.value) for word in words)


def test_an_unknown_output_is_named(relu):
    with pytest.raises(smeaton.UserError, match="nothing_like_it"):
        relu.run(["nothing_like_it"], {"x": np.zeros((1, 16), np.float32)})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(smeaton.UserError, match="absent.onnx"):
        smeaton.Session(tmp_path / "absent.onnx")
    assert issubclass(smeaton.UserError, ValueError)


def test_several_threads_share_a_session(two_outputs):
    """Each thread gets its own answers, while the others run and shapes are compiled."""
    session = smeaton.Session(relu_model(["N", 16]), threads=1)
    faults = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(40):
            x = rng.standard_normal((1 + seed % 3, 16), dtype=np.float32)
            if not np.array_equal(session.run(None, {"x": x})[0], np.maximum(x, 0)):
                faults.append(seed)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not faults


def test_other_python_threads_go_on_while_a_model_runs():
    rng = np.random.default_rng(0)
    size = 768
    weight = numpy_helper.from_array(rng.standard_normal((size, size), dtype=np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x" if k == 0 else f"v{k}", "w"], [f"v{k + 1}"]) for k in range(24)]
    session = smeaton.Session(
        model_of(nodes, {"x": (F32, [size, size])}, {"v24": (F32, [size, size])}, [weight]), threads=1
    )
    feeds = {"x": np.zeros((size, size), np.float32)}
    session.run(None, feeds)
    ticks, done = [], threading.Event()

    def run():
        session.run(None, feeds)
        done.set()

    worker = threading.Thread(target=run)
    worker.start()
    while not done.wait(0.001):
        ticks.append(1)
    worker.join()
    assert len(ticks) > 3


def test_threads_do_not_change_a_bit():
    rng = np.random.default_rng(3)
    weight = numpy_helper.from_array(rng.standard_normal((65, 33), dtype=np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Softmax", ["m"], ["y"], axis=-1)]
    model = model_of(nodes, {"x": (F32, [37, 65])}, {"y": (F32, [37, 33])}, [weight])
    x = rng.standard_normal((37, 65), dtype=np.float32)
    results = {smeaton.Session(model, threads=n).run(None, {"x": x})[0].tobytes() for n in (1, 2)}
    assert len(results) == 1


def test_dims_bind_what_no_input_gives(tmp_path):
    session = smeaton.Session(relu_model(["N", 16]), dims={"N": 3})
    assert session.run(None, {"x": np.ones((3, 16), np.float32)})[0].shape == (3, 16)


def test_open_sizes_of_outputs_have_names_that_dims_takes():
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Flatten", ["y"], ["z"])]
    model = model_of(nodes, {"x": (F32, ["batch size", 4])}, {"y": (F32, ["batch size", 4]), "z": (F32, None)})
    session = smeaton.Session(model, dims={"batch size": 3})
    (x,), (y, z) = session.get_inputs(), session.get_outputs()
    assert x.shape == y.shape == z.shape == ["batch size", 4]
    unnamed = smeaton.Session(relu_model([None, 2]))
    ((name, width),) = [port.shape for port in unnamed.get_inputs()]
    assert width == 2
    smeaton.Session(relu_model([None, 2]), dims={name: 5})


def test_an_initializer_that_is_an_input_may_be_fed():
    w = numpy_helper.from_array(np.array([3, 4], np.float32), "w")
    model = model_of(
        [helper.make_node("Mul", ["x", "w"], ["y"])],
        {"x": (F32, [2]), "w": (F32, ["n"])},
        {"y": (F32, [2])},
        [w],
    )
    session = smeaton.Session(model)
    assert [port.name for port in session.get_inputs()] == ["x"]
    assert [(p.name, p.shape) for p in session.get_overridable_initializers()] == [("w", ["n"])]
    x = np.array([1, 2], np.float32)
    for feeds, expected in [({}, [3, 8]), ({"w": x}, [1, 4]), ({"w": x[1:]}, [2, 4]), ({}, [3, 8])]:
        (y,) = session.run(None, {"x": x, **feeds})
        assert y.tolist() == expected
    with pytest.raises(smeaton.UserError, match="'w' is f32, but f64 was fed"):
        session.run(None, {"x": x, "w": x.astype(np.float64)})


def test_outputs_may_be_listed_twice_and_be_inputs_or_initializers():
    nodes = [helper.make_node("Neg", ["x"], ["y"])]
    info = lambda name: helper.make_tensor_value_info(name, F32, [2])
    outputs = [info(name) for name in ("x", "y", "y", "w", "x", "w")]
    w = numpy_helper.from_array(np.array([5, 6], np.float32), "w")
    graph = helper.make_graph(nodes, "test", [info("x")], outputs, [w])
    opsets = [helper.make_opsetid("", 17)]
    session = smeaton.Session(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    results = session.run(None, {"x": np.array([1, -2], np.float32)})
    assert [r.tolist() for r in results] == [[1, -2], [-1, 2], [-1, 2], [5, 6], [1, -2], [5, 6]]


def test_names_may_hold_any_text():
    names = ["in\tput", "new\nline", "\x1b[31m", '*/ "quoted" \\', "жук🙂", "", "end\\"]
    names = [name for name in names if name]
    nodes = [helper.make_node("Neg", [a], [b], name=b) for a, b in zip(names, names[1:])]
    session = smeaton.Session(model_of(nodes, {names[0]: (F32, [2])}, {names[-1]: (F32, [2])}))
    (y,) = session.run([names[-1]], {names[0]: np.array([1, -2], np.float32)})
    assert y.tolist() == [-1, 2]


def test_threads_that_cannot_be_are_refused_and_too_many_are_warned_of():
    for threads in (-1, 100_000):
        with pytest.raises(smeaton.UserError, match=f"threads {threads}: expected 0"):
            smeaton.Session(relu_model([4, 4]), threads=threads)
    with pytest.warns(RuntimeWarning, match="threads share"):
        session = smeaton.Session(relu_model([4, 4]), threads=512)
    assert session.threads == 512


def test_a_profile_holds_what_was_measured(relu):
    (kernel,) = relu.profile({"x": np.ones((2, 16), np.float32)}, 3)
    assert set(kernel) == {"name", "ops", "time_us", "flops", "bytes"}
    assert kernel["time_us"] > 0
    with pytest.raises(smeaton.UserError, match="profile: 0 runs to time"):
        relu.profile({"x": np.ones((2, 16), np.float32)}, 0)


def test_habits_of_onnx_runtime_get_a_hint(relu):
    x = np.ones((2, 16), np.float32)
    model = relu_model([2, 2])
    for call, words in [
        (lambda: relu.run(None, input_feed={"x": x}), "called 'feeds'"),
        (lambda: relu.run(None, {"x": x}, None), "no run options"),
        (lambda: relu.run({"x": x}), "takes output_names"),
        (lambda: smeaton.Session(model, 2), "threads=2"),
        (lambda: smeaton.Session(model, providers=["CPUExecutionProvider"]), "no 'providers'"),
        (lambda: smeaton.Session(model, sess_options=None), "no 'sess_options'"),
        (lambda: smeaton.Session(model, thread=2), "no argument 'thread'"),
    ]:
        with pytest.raises(TypeError, match=words):
            call()
    with pytest.raises(smeaton.UserError, match="'x' is not fed; fed were 'y'"):
        relu.run(None, {"y": x})


def test_wrong_options_fail_at_construction():
    for option in ({"isa": "avx9"}, {"skip": ["nothing"]}, {"dims": {"M": 2}}):
        with pytest.raises(smeaton.UserError):
            smeaton.Session(relu_model(["N", 2]), **option)


@pytest.mark.parametrize(
    "made, called",
    [
        ("Session({path!r}, cache_folder={cache!r})", "run(None, {'x': ones})"),
        ("Trainer({path!r}, loss='mse', cache_folder={cache!r})", "step({'x': ones, 'target': ones})"),
    ],
)
def test_an_interrupt_ends_a_compilation(tmp_path, made, called):
    compiler = tmp_path / "g++"
    compiler.write_text('#!/bin/sh\n[ "$1" = --version ] && exec /usr/bin/env echo slow 1\nexec sleep 60\n')
    compiler.chmod(0o755)
    w = numpy_helper.from_array(np.ones((2, 2), np.float32), "w")
    ports = [{name: (F32, [2, 2])} for name in ("x", "y")]
    (tmp_path / "m.onnx").write_bytes(model_of([helper.make_node("Mul", ["x", "w"], ["y"])], *ports, [w]))
    made = made.format(path=str(tmp_path / "m.onnx"), cache=str(tmp_path / "cache"))
    program = (
        "import numpy, signal, smeaton, sys\n"
        "ones = numpy.ones((2, 2), numpy.float32)\n"
        # Whoever started the tests in the background had them ignore it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"s = smeaton.{made}\n"
        "print('ready', flush=True)\n"
        f"try: s.{called}\n"
        "except KeyboardInterrupt: sys.exit(7)\n"
    )
    path = f"{tmp_path}:{os.environ['PATH']}"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env={**os.environ, "PATH": path}
    )
    assert process.stdout.readline() == b"ready\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 7


def test_the_package_lists_its_classes_and_the_stub_their_members():
    public = lambda value: isinstance(value, (type, types.FunctionType)) and value.__module__.startswith("smeaton")
    assert {name for name, value in vars(smeaton).items() if public(value)} == set(smeaton.__all__)
    stub = ast.parse((Path(smeaton.__file__).parent / "_core.pyi").read_text())
    classes = {c.name: c.body for c in stub.body if isinstance(c, ast.ClassDef)}
    for kind in (smeaton.Session, smeaton.Trainer):
        (base,) = kind.__bases__
        members = {name for name in vars(base) if not name.startswith("__")}
        listed = {f.name for f in classes[base.__name__] if isinstance(f, ast.FunctionDef)}
        assert listed - {"__init__"} == members
