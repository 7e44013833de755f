"""Shapes that vary: quick code first and better code behind the runs, a bound on what is kept, buckets."""

import logging
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import smeaton

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, I64, model, node, smeaton as program, tensor  # noqa: E402

def values(*shape):
    return np.random.default_rng(len(shape) + sum(shape)).standard_normal(shape, dtype=np.float32)


def mixed_model():
    """Contractions, sums, a polynomial, a softmax and a window: what compilers might round otherwise."""
    return model(
        [
            node("Conv", ["x", "k"], ["c"], pads=[1, 1, 1, 1]),
            node("Erf", ["c"], ["e"]),
            node("Mul", ["c", "e"], ["m"]),
            node("GlobalAveragePool", ["m"], ["g"]),
            node("Sub", ["m", "g"], ["d"]),
            node("MatMul", ["d", "w"], ["a"]),
            node("Add", ["a", "b"], ["s"]),
            node("Softmax", ["s"], ["t"], axis=-1),
            node("Tanh", ["s"], ["u"]),
            node("Add", ["t", "u"], ["y"]),
        ],
        {"x": (F32, ["N", 3, "H", 19])},
        {"y": (F32, ["N", 8, "H", 21])},
        [tensor("k", values(8, 3, 3, 3)), tensor("w", values(19, 21)), tensor("b", values(21))],
    ).SerializeToString()


def relu_model():
    return model([node("Relu", ["x"], ["y"])], {"x": (F32, ["N", 7])}, {"y": (F32, ["N", 7])})


def libraries(folder):
    return sorted(p.name for p in Path(folder).iterdir() if p.suffix == ".so")


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("isa", ["", "avx2", "plain"])
def test_quick_code_gives_the_same_bits_as_what_takes_its_place(tmp_path, isa):
    feeds = {"x": values(2, 3, 11, 19)}
    quick = smeaton.Session(mixed_model(), isa=isa, compile="quick", cache_folder=tmp_path / "quick")
    first = quick.run(None, feeds)[0]
    quick.prepare(feeds)
    assert len(libraries(tmp_path / "quick")) == 1
    full = smeaton.Session(mixed_model(), isa=isa, compile="full", cache_folder=tmp_path / "full")
    expected = full.run(None, feeds)[0]
    assert libraries(tmp_path / "full") == libraries(tmp_path / "quick")
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_array_equal(quick.run(None, feeds)[0], expected)


def test_better_code_comes_behind_the_runs_of_several_threads(tmp_path):
    session = smeaton.Session(mixed_model(), compile="quick", cache_folder=tmp_path, threads=1)
    feeds = {"x": values(1, 3, 9, 19)}
    expected = session.run(None, feeds)[0]
    assert not libraries(tmp_path)
    ended = threading.Event()
    wrong = []

    def work():
        while not ended.is_set():
            if not np.array_equal(session.run(None, feeds)[0], expected):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for t in threads:
        t.start()
    try:
        wait_for(lambda: libraries(tmp_path))
        time.sleep(0.1)
    finally:
        ended.set()
        for t in threads:
            t.join()
    assert not wrong
    wait_for(lambda: not list(tmp_path.glob("build-*")))


def test_the_first_shapes_wait_and_others_do_not(tmp_path):
    session = smeaton.Session(mixed_model(), cache_folder=tmp_path)
    session.run(None, {"x": values(1, 3, 5, 19)})
    assert len(libraries(tmp_path)) == 1
    session.run(None, {"x": values(1, 3, 6, 19)})
    assert len(libraries(tmp_path)) == 1
    session.profile({"x": values(1, 3, 6, 19)}, 1)  # times what stays
    assert len(libraries(tmp_path)) == 2


CHILD = """
import os, signal, sys, numpy, smeaton
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born deaf to it
session = smeaton.Session({model!r}, compile="quick", cache_folder={folder!r})
out = session.run(None, {{"x": numpy.ones((2, 3, 7, 19), numpy.float32)}})[0]
print("ran", flush=True)
{then}
"""


def child(tmp_path, then):
    (tmp_path / "m.onnx").write_bytes(mixed_model())
    text = CHILD.format(model=str(tmp_path / "m.onnx"), folder=str(tmp_path / "cache"), then=then)
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def leaves_nothing_half_written(tmp_path):
    left = {p.name.split(".")[0] for p in (tmp_path / "cache").iterdir() if p.is_dir()}
    assert not left
    session = smeaton.Session(tmp_path / "m.onnx", cache_folder=tmp_path / "cache")
    session.run(None, {"x": np.ones((2, 3, 7, 19), np.float32)})
    assert len(libraries(tmp_path / "cache")) == 1


@pytest.mark.parametrize("then", ["", "globals().pop('session')", "sys.exit(0)"])
def test_a_process_that_ends_takes_its_compilers_with_it(tmp_path, then):
    process = child(tmp_path, then)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, b"ran\n", b"")
    leaves_nothing_half_written(tmp_path)


def test_control_c_leaves_nothing_half_written(tmp_path):
    # Short sleeps: a signal that comes between Python's check and the sleep itself ends no sleep.
    process = child(tmp_path, "import time\nfor _ in range(600): time.sleep(0.05)")
    assert process.stdout.readline() == b"ran\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert b"KeyboardInterrupt" in err
    leaves_nothing_half_written(tmp_path)


def test_a_forked_child_goes_on_with_what_it_has(tmp_path):
    process = child(
        tmp_path,
        """
feeds = {"x": numpy.ones((2, 3, 7, 19), numpy.float32)}
pid = os.fork()
if pid == 0:
    good = numpy.array_equal(session.run(None, feeds)[0], out)
    good = good and session.prepare(feeds) == 0 and numpy.array_equal(session.run(None, feeds)[0], out)
    os._exit(0 if good else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""",
    )
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")


def told(caplog):
    return [r.getMessage() for r in caplog.records if r.name == "smeaton"]


def test_no_more_forms_are_kept_than_asked_for_and_new_shapes_are_told(tmp_path, caplog):
    (tmp_path / "m.onnx").write_bytes(relu_model().SerializeToString())
    session = smeaton.Session(tmp_path / "m.onnx", kept=2, cache_folder=tmp_path)
    with caplog.at_level(logging.WARNING):
        for rows in (1, 2, 1, 3):
            session.run(None, {"x": values(rows, 7)})
        assert len(told(caplog)) == 2
        session.run(None, {"x": values(1, 7)})  # used after 2, which went
        assert len(told(caplog)) == 2
        session.run(None, {"x": values(2, 7)})
    assert len(told(caplog)) == 3
    assert told(caplog)[0] == (
        f"{tmp_path}/m.onnx: compiles for new shapes, x [2,7]; first quick code, then better code behind the "
        "runs; 1 of at most 2 forms are kept"
    )


@pytest.mark.parametrize(
    "options, message",
    [
        ({"compile": "quik"}, "compile: 'quik' is none of auto, full, quick (nearest: 'quick')"),
        ({"kept": 0}, "kept: 0 compiled forms; expected 1 or more"),
        ({"bucket": {"x:0": 1}}, "bucket x:0: the multiple is 1; expected 2 or more"),
        ({"bucket": {"x:1": 8}}, "bucket x:1: the size 7 is not open"),
        ({"bucket": {"x:2": 8}}, "bucket x:2: there is no such open size"),
        ({"bucket": {"M": 8}}, "there are x:0"),
    ],
)
def test_options_that_say_nothing_are_refused(options, message):
    with pytest.raises(smeaton.UserError) as refused:
        smeaton.Session(relu_model().SerializeToString(), **options)
    assert message in str(refused.value)


def test_a_bucket_needs_numbers():
    with pytest.raises(TypeError, match="bucket: 'x:0' is 2.5; expected a whole number"):
        smeaton.Session(relu_model().SerializeToString(), bucket={"x:0": 2.5})


def windows_model():
    """Each output depends on a neighbourhood; sizes follow by a division."""
    return model(
        [node("Conv", ["x", "k"], ["c"], pads=[0, 1], strides=[2]), node("Relu", ["c"], ["y"])],
        {"x": (F32, ["N", 2, "T"]), "h": (F32, ["T", 3])},
        {"y": (F32, ["N", 4, "U"]), "z": (F32, ["T", 3])},
        [tensor("k", values(4, 2, 3))],
    )


def with_double(graph_model):
    graph_model.graph.node.append(node("Add", ["h", "h"], ["z"], name="twice"))
    return graph_model.SerializeToString()


def test_a_bucket_pads_inputs_and_cuts_outputs(tmp_path, caplog):
    (tmp_path / "b.onnx").write_bytes(with_double(windows_model()))
    plain = smeaton.Session(with_double(windows_model()), threads=1)
    session = smeaton.Session(tmp_path / "b.onnx", threads=1, bucket={"x:2": 8, "N": 2})
    with caplog.at_level(logging.WARNING):
        for n, t in ((1, 9), (2, 16), (2, 11), (1, 13), (2, 10)):
            feeds = {"x": values(n, 2, t), "h": values(t, 3)}
            got = session.run(None, feeds)
            assert [a.shape for a in got] == [(n, 4, (t - 2) // 2 + 1), (t, 3)]
            expected = plain.run(None, feeds)
            # The last windows of odd sizes see the padding that the model itself asks for: zeros too.
            for a, b in zip(got, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
        session.run(None, {"x": values(1, 2, 17), "h": values(17, 3)})
    lines = [m for m in told(caplog) if m.startswith(f"{tmp_path}/b.onnx")]
    assert len(lines) == 1 and "x [2,2,24]" in lines[0], "one form for all but the last"


def test_a_bucket_refuses_what_it_cannot_cut():
    counted = model(
        [node("Range", ["zero", "n", "one"], ["y"]), node("Relu", ["x"], ["z"])],
        {"x": (F32, ["N", 7]), "n": (I64, [])},
        {"y": (I64, ["M"]), "z": (F32, ["N", 7])},
        [tensor("zero", np.int64(0)), tensor("one", np.int64(1))],
    ).SerializeToString()
    with pytest.raises(smeaton.UserError, match="axis 0 of output 'y' has the size M, .* cannot be cut"):
        smeaton.Session(counted, bucket={"N": 8})


def test_a_bucket_does_not_hide_sizes_that_differ():
    session = smeaton.Session(with_double(windows_model()), bucket={"T": 8})
    with pytest.raises(smeaton.UserError, match="axis 0 of input 'h' is 12, but T is 11 elsewhere|T is 12 elsewhere"):
        session.run(None, {"x": values(1, 2, 11), "h": values(12, 3)})


def test_every_figure_of_a_padded_run_is_of_the_padded_form(tmp_path):
    session = smeaton.Session(with_double(windows_model()), bucket={"T": 8}, cache_folder=tmp_path)
    feeds = {"x": values(1, 2, 11), "h": values(11, 3)}
    session.prepare(feeds)
    assert session.memory(feeds) == session.memory({"x": values(1, 2, 16), "h": values(16, 3)})
    assert session.profile(feeds, 1)
    assert all(row["holds"] for row in session.judge(feeds))
    assert len(libraries(tmp_path)) >= 1


def test_the_command_line_pads_too(tmp_path):
    (tmp_path / "m.onnx").write_bytes(relu_model().SerializeToString())
    x = values(5, 7)
    np.save(tmp_path / "x.npy", x)
    ended = program(
        "run", "m.onnx", "--input", "x=x.npy", "--bucket", "x:0=4", "--output-dir", "out", "--runs", "1",
        "--check", "interpreter", cwd=tmp_path, env={"XDG_CACHE_HOME": str(tmp_path)},
    )  # fmt: skip
    assert ended.code == 0, ended.err
    written = [p for p in (tmp_path / "out").iterdir()]
    np.testing.assert_array_equal(np.load(written[0]), np.maximum(x, 0))
    for text in ("x:0", "x:0=1", "=4"):
        ended = program("run", "m.onnx", "--bucket", text, cwd=tmp_path)
        assert ended.code == 1 and "--bucket " + text in ended.err
