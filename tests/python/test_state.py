"""States: inputs that a session keeps between runs."""

import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import smeaton

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, I64, model, node, smeaton as program, tensor  # noqa: E402


def bytes_of(*parts, **more):
    return model(*parts, **more).SerializeToString()


def counter(first=None):
    """n_next = n + 1"""
    kept = [] if first is None else [tensor("n", np.array(first, np.int64))]
    inputs = {"n": (I64, [])} if first is None else {}
    add = node("Add", ["n", "one"], ["n_next"])
    return bytes_of([add], inputs, {"n_next": (I64, [])}, [tensor("one", np.array(1, np.int64)), *kept])


def running_mean(rows, columns):
    """count += 1; mean += (x - mean) / count; y = x - mean"""
    nodes = [
        node("Add", ["count", "one"], ["count_next"], "add_1"),
        node("Sub", ["x", "mean"], ["off"], "sub_1"),
        node("Div", ["off", "count_next"], ["step"], "div_1"),
        node("Add", ["mean", "step"], ["mean_next"], "add_2"),
        node("Sub", ["x", "mean_next"], ["y"], "sub_2"),
    ]
    shape = [rows, columns]
    inputs = {"x": (F32, shape), "mean": (F32, shape), "count": (F32, [])}
    outputs = {"y": (F32, shape), "mean_next": (F32, shape), "count_next": (F32, [])}
    return bytes_of(nodes, inputs, outputs, [tensor("one", np.float32(1))])


def trained(rows, inner, columns, seed=0):
    """y = x w; w -= 0.001 x^T (y - t); z = x w"""
    rng = np.random.default_rng(seed)
    w = (rng.standard_normal((inner, columns)) / 8).astype(np.float32)
    nodes = [
        node("MatMul", ["x", "w"], ["y"], "forward"),
        node("Sub", ["y", "t"], ["off"], "sub"),
        node("Transpose", ["x"], ["xt"], "turn", perm=[1, 0]),
        node("MatMul", ["xt", "off"], ["g"], "backward"),
        node("Mul", ["g", "rate"], ["scaled"], "mul"),
        node("Sub", ["w", "scaled"], ["w_next"], "update"),
        node("MatMul", ["x", "w_next"], ["z"], "again"),
    ]
    inputs = {"x": (F32, [rows, inner]), "t": (F32, [rows, columns])}
    outputs = {"y": (F32, [rows, columns]), "w_next": (F32, [inner, columns]), "z": (F32, [rows, columns])}
    return bytes_of(nodes, inputs, outputs, [tensor("w", w), tensor("rate", np.float32(0.001))]), w


def cache(length, width):
    """kv_next = kv with row `at` set to x; y = the sum over its rows"""
    nodes = [
        node("ScatterND", ["kv", "at", "x"], ["kv_next"], "put"),
        node("ReduceSum", ["kv_next", "rows"], ["y"], "sum", keepdims=0),
    ]
    inputs = {"kv": (F32, [length, width]), "at": (I64, [1, 1]), "x": (F32, [1, width])}
    outputs = {"y": (F32, [width]), "kv_next": (F32, [length, width])}
    return bytes_of(nodes, inputs, outputs, [tensor("rows", np.array([0], np.int64))])


MEAN_STATE = {"mean": "mean_next", "count": "count_next"}


def last_program(folder):
    """What the stage `tile` left."""
    (file,) = Path(folder).glob("*.tile.txt")
    return file.read_text()


def test_a_counter_counts_a_thousand_runs():
    session = smeaton.Session(counter(), state={"n": "n_next"})
    assert session.get_inputs() == [] and session.get_outputs() == []
    for _ in range(1000):
        assert session.run(None, {}) == []
    assert session.state() == {"n": 1000}
    assert session.run(["n_next"], {}) == [1001]


def test_a_state_starts_at_the_initializer_of_its_name():
    session = smeaton.Session(counter(first=41), state={"n": "n_next"})
    assert session.state()["n"] == 41
    session.run(None, {})
    assert session.state()["n"] == 42


@pytest.mark.parametrize("rows,columns", [(3, 5), (64, 1024)])
def test_a_running_mean_over_a_thousand_runs_is_numpys_for_any_number_of_threads(rows, columns):
    rng = np.random.default_rng(1)
    xs = [rng.standard_normal((rows, columns)).astype(np.float32) for _ in range(8)]
    mean, count = np.zeros((rows, columns), np.float32), np.float32(0)
    for i in range(1000):
        count = np.float32(count + 1)
        mean = mean + (xs[i % 8] - mean) / count
    for threads in (1, 2, 3):
        session = smeaton.Session(running_mean(rows, columns), threads=threads, state=MEAN_STATE)
        for i in range(1000):
            (y,) = session.run(None, {"x": xs[i % 8]})
        held = session.state()
        assert held["count"] == 1000
        assert held["mean"].tobytes() == mean.tobytes()
        assert y.tobytes() == (xs[999 % 8] - mean).tobytes()


def test_two_sessions_share_nothing():
    a = smeaton.Session(counter(), state={"n": "n_next"})
    b = smeaton.Session(counter(), state={"n": "n_next"})
    for _ in range(3):
        a.run(None, {})
    b.run(None, {})
    assert (a.state()["n"], b.state()["n"]) == (3, 1)


def test_runs_from_several_threads_take_turns():
    session = smeaton.Session(counter(), state={"n": "n_next"}, threads=2)
    seen = []
    work = lambda: seen.extend(int(session.run(["n_next"], {})[0]) for _ in range(100))
    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(seen) == list(range(1, 401))


def test_set_state_takes_some_or_all_and_refuses_what_does_not_fit():
    session = smeaton.Session(running_mean(2, 3), state=MEAN_STATE)
    session.set_state({"mean": np.ones((2, 3), np.float32)})
    assert (session.state()["mean"] == 1).all() and session.state()["count"] == 0
    held = session.state()["mean"]
    held[:] = 7  # a copy
    assert (session.state()["mean"] == 1).all()
    wrong = [
        ({"mean": np.ones((3, 2), np.float32)}, r"state 'mean' is f32\[2,3\], but f32\[3,2\] was given"),
        ({"count": np.float64(1)}, r"state 'count' is f32\[\], but f64\[\] was given"),
        ({"count": np.float32(9), "means": held}, "there is no state 'means'; the states are mean, count"),
    ]
    for values, message in wrong:
        with pytest.raises(smeaton.UserError, match=message):
            session.set_state(values)
    assert session.state()["count"] == 0


def test_a_state_is_not_fed():
    session = smeaton.Session(running_mean(2, 3), state=MEAN_STATE)
    with pytest.raises(smeaton.UserError, match="'count' is a state and not fed; set_state"):
        session.run(None, {"x": np.ones((2, 3), np.float32), "count": np.float32(1)})


def test_wrong_states_are_named():
    wrong = [
        ({"m": "n_next"}, "state 'm': the model has no input or initializer of that name; its inputs are 'n'"),
        ({"n": "m"}, "state 'n': the model has no output 'm'; its outputs are 'n_next'"),
    ]
    for state, message in wrong:
        with pytest.raises(smeaton.UserError, match=message):
            smeaton.Session(counter(), state=state)
    with pytest.raises(smeaton.UserError, match=r"state 'mean' is f32\[2,3\], but the output 'count_next'"):
        smeaton.Session(running_mean(2, 3), state={"mean": "count_next"})
    with pytest.raises(smeaton.UserError, match="its sizes must be known; bind them with dims"):
        smeaton.Session(running_mean("N", 3), state=MEAN_STATE)
    assert smeaton.Session(running_mean("N", 3), state=MEAN_STATE, dims={"N": 4}).state()["mean"].shape == (4, 3)


def test_shapes_that_differ_only_when_inferred_are_named():
    double = node("Concat", ["h", "x"], ["h_next"], axis=0)
    graph = bytes_of([double], {"h": (F32, [2]), "x": (F32, ["N"])}, {"h_next": (F32, ["M"])})
    session = smeaton.Session(graph, state={"h": "h_next"})
    with pytest.raises(smeaton.UserError, match=r"state 'h' is f32\[2\], but the output 'h_next' .* is f32\[5\]"):
        session.run(None, {"x": np.ones(3, np.float32)})


def test_forms_for_other_shapes_share_the_state():
    nodes = [
        node("ReduceSum", ["x", "rows"], ["part"], "sum", keepdims=0),
        node("Add", ["total", "part"], ["total_next"], "add"),
    ]
    inputs = {"x": (F32, ["N", 3]), "total": (F32, [3])}
    graph = bytes_of(nodes, inputs, {"total_next": (F32, [3])}, [tensor("rows", np.array([0], np.int64))])
    session = smeaton.Session(graph, state={"total": "total_next"})
    for rows in (1, 4, 2, 4, 1):
        session.run(None, {"x": np.ones((rows, 3), np.float32)})
    assert session.state()["total"].tolist() == [12, 12, 12]


def test_states_may_take_each_others_values():
    nodes = [node("Identity", ["b"], ["a_next"], "i1"), node("Neg", ["a"], ["b_next"], "n1")]
    ports = {"a": (F32, [40]), "b": (F32, [40])}
    graph = bytes_of(nodes, ports, {"a_next": (F32, [40]), "b_next": (F32, [40])})
    session = smeaton.Session(graph, state={"a": "a_next", "b": "b_next"})
    a, b = np.arange(40, dtype=np.float32), np.arange(40, 80, dtype=np.float32)
    session.set_state({"a": a, "b": b})
    for _ in range(5):
        session.run(None, {})
        a, b = b, -a
    held = session.state()
    assert (held["a"] == a).all() and (held["b"] == b).all()


def test_the_old_value_is_read_by_all_who_read_it():
    # y reads h turned, z reads it as it was; h_next is h + x.
    nodes = [
        node("Add", ["h", "x"], ["h_next"], "add"),
        node("Transpose", ["h"], ["turned"], "turn", perm=[1, 0]),
        node("Mul", ["turned", "h_next"], ["y"], "mul"),
        node("Identity", ["h"], ["z"], "same"),
        node("Identity", ["h_next"], ["w"], "next"),
    ]
    square = (F32, [17, 17])
    names = ("h_next", "y", "z", "w")
    graph = bytes_of(nodes, {"h": square, "x": square}, {n: square for n in names})
    session = smeaton.Session(graph, state={"h": "h_next"})
    assert [o.name for o in session.get_outputs()] == ["y", "z", "w"]
    h = np.zeros((17, 17), np.float32)
    rng = np.random.default_rng(5)
    for _ in range(4):
        x = rng.standard_normal((17, 17)).astype(np.float32)
        y, z, w = session.run(None, {"x": x})
        assert (z == h).all() and (w == h + x).all() and (y == h.T * (h + x)).all()
        h = h + x
    assert (session.state()["h"] == h).all()


def test_a_weight_that_changes_is_packed_again_in_each_run(tmp_path):
    graph, w = trained(1024, 64, 80)
    session = smeaton.Session(graph, state={"w": "w_next"}, dump_folder=tmp_path, threads=2)
    rng = np.random.default_rng(2)
    w = w.astype(np.float64)
    for _ in range(20):
        x = rng.standard_normal((1024, 64)).astype(np.float32)
        t = rng.standard_normal((1024, 80)).astype(np.float32)
        y, z = session.run(None, {"x": x, "t": t})
        want = x @ w
        np.testing.assert_allclose(y, want, rtol=1e-4, atol=1e-4)
        w = w - 0.001 * (x.T.astype(np.float64) @ (want - t))
        np.testing.assert_allclose(z, x @ w, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(session.state()["w"], w, rtol=1e-4, atol=1e-4)
    text = last_program(tmp_path)
    (packing,) = [line for line in text.splitlines() if line.strip().startswith("run pack_w")]
    assert "once" not in packing
    # The update goes where the old weight stood: no copy of it.
    assert "run copy_w" not in text
    # A weight set from outside is what the next run takes.
    session.set_state({"w": np.zeros((64, 80), np.float32)})
    y, _ = session.run(None, {"x": x, "t": t})
    assert (y == 0).all()


def test_a_cache_is_written_where_it_lies_and_kept_when_a_check_fails(tmp_path):
    session = smeaton.Session(cache(12, 40), state={"kv": "kv_next"}, dump_folder=tmp_path)
    rows = np.zeros((12, 40), np.float32)
    rng = np.random.default_rng(3)
    put = lambda at, x: session.run(None, {"at": np.array([[at]], np.int64), "x": x})
    for i in range(30):
        x = rng.standard_normal((1, 40)).astype(np.float32)
        rows[i % 12] = x[0]
        (y,) = put(i % 12, x)
        np.testing.assert_allclose(y, rows.sum(axis=0), rtol=1e-5, atol=1e-5)
    assert (session.state()["kv"] == rows).all()
    with pytest.raises(smeaton.UserError, match="put: index outside an axis of extent 12"):
        put(12, x)
    assert (session.state()["kv"] == rows).all()
    text = last_program(tmp_path)
    assert "kv_next" not in text and "copy_kv" not in text, text


def test_a_profile_leaves_the_state_as_it_was():
    session = smeaton.Session(counter(), state={"n": "n_next"})
    session.run(None, {})
    session.profile({}, 5)
    assert session.state()["n"] == 1
    assert all(row["holds"] for row in session.judge({}))
    assert session.memory({})["state_bytes"] == 8


def test_each_timed_run_of_a_profile_begins_with_the_same_state():
    # y = table[n]; n_next = n + 1: a fourth run in a row would read behind the table.
    nodes = [node("Gather", ["table", "n"], ["y"], "pick"), node("Add", ["n", "one"], ["n_next"], "add")]
    constants = [tensor("table", np.arange(3, dtype=np.float32)), tensor("one", np.array(1, np.int64))]
    graph = bytes_of(nodes, {"n": (I64, [])}, {"y": (F32, []), "n_next": (I64, [])}, constants)
    session = smeaton.Session(graph, state={"n": "n_next"})
    session.run(None, {})
    session.profile({}, 5)
    assert session.state()["n"] == 1
    session.set_state({"n": np.int64(3)})
    with pytest.raises(smeaton.UserError, match="pick: index outside an axis of extent 3"):
        session.profile({}, 5)
    assert session.state()["n"] == 3


def test_a_state_whose_value_decides_shapes_is_refused():
    nodes = [node("Add", ["n", "n"], ["n_next"]), node("Expand", ["x", "n"], ["y"])]
    inputs = {"n": (I64, [1]), "x": (F32, [1])}
    graph = bytes_of(nodes, inputs, {"n_next": (I64, [1]), "y": (F32, ["M"])})
    session = smeaton.Session(graph, state={"n": "n_next"})
    with pytest.raises(smeaton.UserError, match="shapes depend on the value of 'n', which as a state"):
        session.run(None, {"x": np.ones(1, np.float32)})


def test_the_command_line_keeps_states(tmp_path):
    (tmp_path / "mean.onnx").write_bytes(running_mean(2, 3))
    states = ["--state", "mean=mean_next", "--state", "count=count_next"]
    ended = program("run", "mean.onnx", *states, "--runs", "3", cwd=tmp_path)
    assert ended.code == 0, ended.err
    shown = program("run", "mean.onnx", *states, "--stop-after", "tile", cwd=tmp_path)
    assert "buffer mean: dram f32[i0: 2, i1: 3] state" in shown.out, shown.out + shown.err
    read = program("run", "mean.onnx", *states, "--stop-after", "read", cwd=tmp_path)
    assert "output mean_next into mean" in read.out
    wrong = {
        "mean": "--state mean: expected INPUT=OUTPUT",
        "mean=y=z": "--state mean=y=z: expected INPUT=OUTPUT",
        "mean=none": "mean.onnx: state 'mean': the model has no output 'none'",
    }
    for text, message in wrong.items():
        ended = program("run", "mean.onnx", "--state", text, cwd=tmp_path)
        assert ended.code == 1 and message in ended.err, ended.err
