"""The Trainer: gradients and steps against closed forms in numpy, what it refuses, and that it goes on where it
stopped. PyTorch stands beside it in tests/long."""

import os
import sys
import threading
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import smeaton

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, I64, model, node, tensor  # noqa: E402

RNG = np.random.default_rng(7)
W = RNG.standard_normal((6, 4)).astype(np.float32)
B = RNG.standard_normal(4).astype(np.float32)


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    path = tmp_path_factory.mktemp("trainer") / "linear.onnx"
    made = model(
        [node("Gemm", ["x", "w", "b"], ["y"])],
        {"x": (F32, ["N", 6])},
        {"y": (F32, ["N", 4])},
        [tensor("w", W), tensor("b", B)],
    )
    onnx.save(made, path)
    return path


def batch(seed, count=5):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 6)).astype(np.float32)
    return {"x": x, "target": rng.integers(0, 4, count)}


def softmax_gradients(feeds, w, b):
    """Of the mean cross-entropy of x w + b, in f64."""
    x, t = feeds["x"].astype(np.float64), feeds["target"]
    z = x @ w + b
    e = np.exp(z - z.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(len(t)), t]).mean()
    p[np.arange(len(t)), t] -= 1
    p /= len(t)
    return loss, {"w": x.T @ p, "b": p.sum(0)}


def numpy_steps(optimizer, rate, batches):
    """The losses and the parameters after plain numpy steps with PyTorch's defaults."""
    p = {"w": W.astype(np.float64), "b": B.astype(np.float64)}
    m = {k: np.zeros_like(v) for k, v in p.items()}
    v = {k: np.zeros_like(v) for k, v in p.items()}
    losses = []
    for t, feeds in enumerate(batches, 1):
        loss, g = softmax_gradients(feeds, p["w"], p["b"])
        losses.append(loss)
        for k in p:
            if optimizer == "sgd":
                p[k] = p[k] - rate * g[k]
            elif optimizer == "momentum":
                m[k] = 0.9 * m[k] + g[k]
                p[k] = p[k] - rate * m[k]
            else:
                if optimizer == "adamw":
                    p[k] = p[k] * (1 - rate * 0.01)
                m[k] = 0.9 * m[k] + 0.1 * g[k]
                v[k] = 0.999 * v[k] + 0.001 * g[k] ** 2
                root = np.sqrt(v[k] / (1 - 0.999**t)) + 1e-8
                p[k] = p[k] - rate / (1 - 0.9**t) * m[k] / root
    return losses, p


def test_gradients_are_those_of_the_closed_form(linear):
    trainer = smeaton.Trainer(linear)
    for count in (5, 1, 3):  # each shape is compiled once
        feeds = batch(1, count)
        loss, want = softmax_gradients(feeds, W.astype(np.float64), B)
        got = trainer.gradients(feeds)
        assert sorted(got) == ["b", "w"]
        for name in want:
            np.testing.assert_allclose(got[name], want[name], rtol=1e-4, atol=1e-6)
        assert trainer.loss(feeds) == pytest.approx(loss, rel=1e-5)
    assert trainer.steps == 0
    np.testing.assert_array_equal(trainer.parameters()["w"], W)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw"])
def test_steps_are_those_of_numpy(linear, optimizer):
    # Each size is compiled for itself; the state goes from one to the other.
    batches = [batch(seed, 5 if seed % 3 else 3) for seed in range(6)]
    losses, want = numpy_steps(optimizer, 0.05, batches)
    trainer = smeaton.Trainer(linear, optimizer=optimizer, learning_rate=0.05)
    got = [trainer.step(feeds) for feeds in batches]
    np.testing.assert_allclose(got, losses, rtol=1e-5)
    for name, value in trainer.parameters().items():
        np.testing.assert_allclose(value, want[name], rtol=1e-4, atol=1e-5)


def test_a_state_goes_on_bit_for_bit(linear):
    batches = [batch(seed) for seed in range(6)]
    whole = smeaton.Trainer(linear, optimizer="adam", threads=1)
    first = smeaton.Trainer(linear, optimizer="adam", threads=2)
    losses = [whole.step(feeds) for feeds in batches]
    assert [first.step(feeds) for feeds in batches[:3]] == losses[:3]
    second = smeaton.Trainer(linear, optimizer="adam")
    second.load_state(first.state())
    assert second.steps == 3
    assert [second.step(feeds) for feeds in batches[3:]] == losses[3:]
    for maker in (smeaton.Trainer(linear), smeaton.Trainer(linear, optimizer="momentum")):
        maker.step(batches[0])
        other = smeaton.Trainer(linear, optimizer="adam")
        other.load_state(maker.state())
        with pytest.raises(smeaton.UserError, match="another optimizer|no parameter is called"):
            other.step(batches[0])
    for name, value in whole.parameters().items():
        assert value.tobytes() == second.parameters()[name].tobytes()


def test_a_state_is_taken_whole_or_not_at_all(linear):
    feeds = batch(1)
    trainer = smeaton.Trainer(linear, optimizer="momentum")
    with pytest.raises(smeaton.UserError, match="known after the first step"):
        trainer.state()  # and so no state that lacks what the next step depends on
    trainer.step(feeds)
    good = trainer.state()
    trainer.step(feeds)
    now = trainer.state()
    for bad, message in [
        ({**good, "w.momentum": np.zeros(3, np.float32)}, "parameter 'w.momentum' is"),
        ({**good, "z": W}, "no parameter is called 'z'"),
        ({**good, "smeaton.steps": np.array(-1)}, "must be one whole number >= 0"),
        ({**good, "smeaton.steps": np.array(1.5)}, "must be one whole number >= 0"),
        ({k: v for k, v in good.items() if k != "b"}, "lacks 'b'"),
    ]:
        with pytest.raises(smeaton.UserError, match=message):
            trainer.load_state(bad)
        assert trainer.steps == 2
        assert all((value == now[name]).all() for name, value in trainer.state().items())
    with pytest.raises(smeaton.UserError, match="parameter 'w' is"):
        trainer.set_parameters({"b": B + 1, "w": B})
    assert (trainer.parameters()["b"] == now["b"]).all()

    # What another model left is gone with the next state that is loaded.
    late = smeaton.Trainer(linear, optimizer="momentum")
    late.set_parameters({"z": W})
    with pytest.raises(smeaton.UserError, match="no parameter is called 'z'"):
        late.step(feeds)
    late.load_state(good)
    assert late.state().keys() == good.keys()
    late.step(feeds)
    assert all((value == now[name]).all() for name, value in late.state().items())


def test_many_shapes_leave_a_bounded_number_of_steps(linear):
    threads = lambda: len(os.listdir("/proc/self/task"))
    batches = [batch(seed, 1 + seed) for seed in range(18)] + [batch(0, 1)]
    losses, want = numpy_steps("momentum", 0.05, batches)
    before = threads()
    trainer = smeaton.Trainer(linear, optimizer="momentum", learning_rate=0.05, threads=2)
    got = [trainer.step(feeds) for feeds in batches]
    assert threads() - before <= 16  # one more than the caller for each step that is kept
    np.testing.assert_allclose(got, losses, rtol=1e-4, atol=1e-5)
    for name, value in trainer.parameters().items():
        np.testing.assert_allclose(value, want[name], rtol=1e-3, atol=1e-4)


def test_a_second_thread_is_refused(linear):
    trainer = smeaton.Trainer(linear)
    feeds, refused, both = batch(1), [], threading.Barrier(2)

    def steps():
        both.wait()
        for _ in range(100):
            try:
                trainer.step(feeds)
            except smeaton.UserError as error:
                refused.append(str(error))

    callers = [threading.Thread(target=steps) for _ in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert refused and all("one call at a time" in message for message in refused)
    assert trainer.steps + len(refused) == 200


def test_mse_and_an_output_as_the_loss(tmp_path):
    made = model(
        [
            node("MatMul", ["x", "w"], ["y"], "m"),
            node("Mul", ["y", "y"], ["s"], "s"),
            node("ReduceSum", ["s"], ["total"], "r", keepdims=0),
        ],
        {"x": (F32, [3, 6])},
        {"y": (F32, [3, 4]), "total": (F32, [])},
        [tensor("w", W)],
    )
    onnx.save(made, tmp_path / "m.onnx")
    x = batch(1, 3)["x"]
    y = x.astype(np.float64) @ W
    target = np.ones((3, 4), np.float32)
    (got,) = smeaton.Trainer(tmp_path / "m.onnx", loss="mse").gradients({"x": x, "target": target}).values()
    np.testing.assert_allclose(got, x.T @ (y - 1) * 2 / 12, rtol=1e-4, atol=1e-5)
    (got,) = smeaton.Trainer(tmp_path / "m.onnx", loss="output:total").gradients({"x": x}).values()
    np.testing.assert_allclose(got, x.T @ y * 2, rtol=1e-4, atol=1e-4)


def test_inputs_may_be_called_as_the_target_is(tmp_path):
    made = model(
        [node("Mul", ["target", "w"], ["a"], "m"), node("Add", ["a", "target_2"], ["y"], "s")],
        {"target": (F32, [4]), "target_2": (F32, None)},
        {"y": (F32, [4])},
        [tensor("w", B)],
    )
    onnx.save(made, tmp_path / "t.onnx")
    trainer = smeaton.Trainer(tmp_path / "t.onnx", loss="mse")
    assert [(port.name, port.shape) for port in trainer.get_inputs()] == [("target", [4]), ("target_2", None)]
    x, shift, wished = (np.arange(4, dtype=np.float32) + k for k in range(3))
    (got,) = trainer.gradients({"target": x, "target_2": shift, "target_3": wished}).values()
    np.testing.assert_allclose(got, x * (x * B + shift - wished) * 2 / 4, rtol=1e-5, atol=1e-6)


def test_dropout_drops_by_its_seed(tmp_path):
    made = model(
        [node("Dropout", ["x"], ["d"], "drop"), node("Mul", ["d", "w"], ["y"], "m")],
        {"x": (F32, [1000])},
        {"y": (F32, [1000])},
        [tensor("w", np.ones(1000, np.float32))],
    )
    onnx.save(made, tmp_path / "d.onnx")
    feeds = {"x": np.ones(1000, np.float32), "target": np.zeros(1000, np.float32)}

    def gradients(seed, **more):
        return smeaton.Trainer(tmp_path / "d.onnx", loss="mse", seed=seed, **more).gradients(feeds)["w"]

    kept = gradients(1)
    # A mean of (2 kept)^2: where kept the gradient is 2 * 2 * 2 / 1000.
    assert set(np.round(np.unique(kept), 6)) == {np.float32(0), np.float32(0.008)}
    assert 400 < np.count_nonzero(kept) < 600
    assert (kept == gradients(1)).all()
    assert (kept != gradients(2)).any()
    assert np.unique(gradients(1, training_form=False)).size == 1


REFUSED = [
    ({"target": np.array([0, 1, 4])}, "'target' holds 4 at position 2; the classes are 0 to 3"),
    ({"target": np.array([0, -1, 1])}, "'target' holds -1 at position 1"),
    ({"target": np.array([0.0, 1.0, 2.0])}, "must be integers; found f64"),
    ({"target": np.array([0, 1])}, "expected class numbers of shape [3]"),
    ({}, "'target' is not fed, which the loss compares with"),
    ({"target": np.array([0, 1, 2]), "z": np.zeros(1)}, "there is no input 'z'"),
]


@pytest.mark.parametrize("feeds, message", REFUSED)
def test_bad_feeds_are_refused_by_name(linear, feeds, message):
    with pytest.raises(smeaton.UserError) as error:
        smeaton.Trainer(linear).step({"x": batch(1, 3)["x"], **feeds})
    assert message in str(error.value)
    assert str(linear) in str(error.value)


def test_a_loss_that_is_not_finite_stops_and_changes_nothing(linear):
    trainer = smeaton.Trainer(linear, learning_rate=0.1)
    trainer.step(batch(1))
    before = trainer.parameters()
    feeds = batch(2)
    feeds["x"][0, 0] = np.nan
    with pytest.raises(smeaton.UserError, match="the loss of step 2 is NaN"):
        trainer.step(feeds)
    assert trainer.steps == 1
    for name, value in trainer.parameters().items():
        np.testing.assert_array_equal(value, before[name])


def test_bad_options_and_parameters_are_refused(linear, tmp_path):
    for options, message in [
        ({"loss": "nll"}, "there is no loss 'nll'"),
        ({"optimizer": "lion"}, "there is no optimizer 'lion'"),
        ({"learning_rate": -1}, "the learning rate is -1"),
        ({"betas": (0.9, 1.0)}, "beta2 is 1"),
        ({"momentum": -0.5}, "momentum is -0.5"),
        ({"momentum": 0.5}, "the optimizer 'sgd' takes no momentum; momentum does"),
        ({"optimizer": "momentum", "betas": (0.9, 0.99)}, "the optimizer 'momentum' takes no betas; adam and adamw do"),
        ({"optimizer": "momentum", "epsilon": 1e-6}, "the optimizer 'momentum' takes no epsilon; adam and adamw do"),
    ]:
        with pytest.raises(smeaton.UserError) as error:
            smeaton.Trainer(linear, **options)
        assert message in str(error.value)
    trainer = smeaton.Trainer(linear)
    trainer.prepare(batch(1))
    for values, message in [
        ({"v": W}, "no parameter is called 'v'"),
        ({"w": W.astype(np.float64)}, "parameter 'w' is f32[6,4], but f64[6,4] was given"),
    ]:
        with pytest.raises(smeaton.UserError) as error:
            trainer.set_parameters(values)
        assert message in str(error.value)
    made = model(
        [node("MatMul", ["x", "w"], ["y"], "m"), node("Cast", ["y"], ["z"], "c", to=F32)],
        {"x": (I64, [2, 2])},
        {"z": (F32, [2, 2])},
        [tensor("w", np.ones((2, 2), np.int64))],
    )
    onnx.save(made, tmp_path / "integers.onnx")
    feeds = {"x": np.ones((2, 2), np.int64), "target": np.zeros((2, 2), np.float32)}
    with pytest.raises(smeaton.UserError, match="no parameter reaches the loss.*integers"):
        smeaton.Trainer(tmp_path / "integers.onnx", loss="mse").step(feeds)


def attention_layers(path, layers=3):
    """Layers of self-attention over 24 positions, and a head."""
    rng = np.random.default_rng(3)
    nodes, weights, x = [], [], "x"
    for n in range(layers):
        for name in ("q", "k", "v", "o"):
            weights.append(tensor(f"w{name}{n}", rng.standard_normal((16, 16)).astype(np.float32) / 4))
        nodes += [
            node("MatMul", [x, f"wq{n}"], [f"q{n}"], f"q{n}"),
            node("MatMul", [x, f"wk{n}"], [f"k{n}"], f"k{n}"),
            node("MatMul", [x, f"wv{n}"], [f"v{n}"], f"v{n}"),
            node("Transpose", [f"k{n}"], [f"t{n}"], f"t{n}", perm=[0, 2, 1]),
            node("MatMul", [f"q{n}", f"t{n}"], [f"s{n}"], f"s{n}"),
            node("Mul", [f"s{n}", "scale"], [f"c{n}"], f"c{n}"),
            node("Softmax", [f"c{n}"], [f"p{n}"], f"p{n}", axis=-1),
            node("MatMul", [f"p{n}", f"v{n}"], [f"a{n}"], f"a{n}"),
            node("MatMul", [f"a{n}", f"wo{n}"], [f"o{n}"], f"o{n}"),
            node("Add", [x, f"o{n}"], [f"x{n}"], f"r{n}"),
        ]
        x = f"x{n}"
    weights.append(tensor("scale", np.array(0.25, np.float32)))
    made = model(nodes, {"x": (F32, [4, 24, 16])}, {x: (F32, [4, 24, 16])}, weights)
    onnx.save(made, path)
    return {"x": rng.standard_normal((4, 24, 16)).astype(np.float32), "target": np.zeros((4, 24, 16), np.float32)}


def convolution_layers(path, layers=3):
    """Convolution, BatchNormalization, Relu, over and over; and a head."""
    rng = np.random.default_rng(4)
    nodes, weights, x = [], [], "x"
    for n in range(layers):
        weights.append(tensor(f"w{n}", rng.standard_normal((8, 8, 3, 3)).astype(np.float32) / 6))
        for name, value in [("g", 1), ("b", 0), ("m", 0), ("v", 1)]:
            weights.append(tensor(f"{name}{n}", np.full(8, value, np.float32)))
        nodes += [
            node("Conv", [x, f"w{n}"], [f"c{n}"], f"c{n}", pads=[1, 1, 1, 1]),
            node("BatchNormalization", [f"c{n}", *(f"{k}{n}" for k in "gbmv")], [f"y{n}"], f"n{n}"),
            node("Relu", [f"y{n}"], [f"x{n}"], f"r{n}"),
        ]
        x = f"x{n}"
    shape = (2, 8, 9, 9)
    onnx.save(model(nodes, {"x": (F32, shape)}, {x: (F32, shape)}, weights), path)
    return {"x": rng.standard_normal(shape).astype(np.float32), "target": np.ones(shape, np.float32)}


@pytest.mark.parametrize("layers", [attention_layers, convolution_layers])
def test_recompute_changes_memory_and_no_bit(layers, tmp_path):
    feeds = layers(tmp_path / "m.onnx")
    gradients, states, kept = {}, {}, {}
    for how in ("none", "selective", "full"):
        trainer = smeaton.Trainer(
            tmp_path / "m.onnx", loss="mse", optimizer="momentum", recompute=how, learning_rate=0.1
        )
        gradients[how] = trainer.gradients(feeds)
        losses = [trainer.step(feeds) for _ in range(3)]
        states[how] = {"loss": np.array(losses), **trainer.state()}
        memory = trainer.memory(feeds)
        kept[how] = memory["activation_bytes"]
        assert memory["arena_lower_bound_bytes"] <= memory["arena_bytes"]
    assert kept["full"] < kept["selective"] < kept["none"]
    for how in ("selective", "full"):
        for got, want in ((gradients[how], gradients["none"]), (states[how], states["none"])):
            assert got.keys() == want.keys()
            for name in want:
                assert got[name].tobytes() == want[name].tobytes(), (how, name)


def test_a_way_to_recompute_that_there_is_not(linear):
    with pytest.raises(smeaton.UserError, match="no way 'half' to recompute; expected none, full or selective"):
        smeaton.Trainer(linear, recompute="half")


@pytest.mark.parametrize("layers, optimizer", [(attention_layers, "adamw"), (convolution_layers, "momentum")])
def test_a_saved_step_is_a_model_that_others_run(layers, optimizer, tmp_path):
    feeds = layers(tmp_path / "m.onnx")
    trainer = smeaton.Trainer(tmp_path / "m.onnx", loss="mse", optimizer=optimizer, learning_rate=0.05)
    trainer.step(feeds)
    trainer.save_step(tmp_path / "step.onnx", feeds)
    onnx.checker.check_model(onnx.load(tmp_path / "step.onnx"), full_check=True)
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    other = onnxruntime.InferenceSession(tmp_path / "step.onnx", quiet)
    if optimizer == "adamw":
        feeds_of_step = {**feeds, "step": np.array(2.0)}
    else:
        feeds_of_step = feeds
    assert sorted(port.name for port in other.get_inputs()) == sorted(feeds_of_step)
    names = [port.name for port in other.get_outputs()]
    results = dict(zip(names, other.run(None, feeds_of_step)))
    ours = smeaton.Session(tmp_path / "step.onnx")
    read_back = dict(zip(names, ours.run(names, feeds_of_step)))
    loss = trainer.step(feeds)
    state = trainer.state()
    assert results[names[0]] == pytest.approx(loss, rel=1e-5)
    assert float(read_back[names[0]]) == loss
    assert {name + ".next" for name in state if name != "smeaton.steps"} == set(names[1:])
    for name in names[1:]:
        want = state[name.removesuffix(".next")]
        np.testing.assert_allclose(results[name], want, rtol=2e-3, atol=2e-5, err_msg=name)
        np.testing.assert_allclose(read_back[name], want, rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_step_of_an_older_operator_set_is_raised(tmp_path):
    made = model(
        [
            node("ReduceMean", ["x"], ["m"], "mean", axes=[1], keepdims=1),
            node("Mul", ["m", "w"], ["s"], "mul"),
            node("Clip", ["s"], ["y"], "clip", min=-1.0, max=1.0),
        ],
        {"x": (F32, [3, 6])},
        {"y": (F32, [3, 4])},
        [tensor("w", B)],
        opset=9,
    )
    onnx.save(made, tmp_path / "old.onnx")
    feeds = {"x": batch(1, 3)["x"], "target": np.ones((3, 4), np.float32)}
    trainer = smeaton.Trainer(tmp_path / "old.onnx", loss="mse")
    trainer.save_step(tmp_path / "step.onnx", feeds)
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    session = onnxruntime.InferenceSession(tmp_path / "step.onnx", quiet)
    assert session.run(None, feeds)[0] == pytest.approx(trainer.step(feeds), rel=1e-6)


@pytest.mark.parametrize("layers, recompute", [(attention_layers, "none"), (convolution_layers, "full")])
def test_every_kernel_of_a_step_is_what_the_interpreter_says(layers, recompute, tmp_path):
    feeds = layers(tmp_path / "m.onnx", 2)
    trainer = smeaton.Trainer(
        tmp_path / "m.onnx", loss="mse", optimizer="adam", learning_rate=0.01, recompute=recompute
    )
    trainer.step(feeds)
    judged = trainer._judge(feeds, 1e7)
    assert len(judged) > 30 and any(row["kernel"].endswith("_again") for row in judged) == (recompute == "full")
    wrong = [row for row in judged if not row["holds"] or row["iterations"] < row["of"]]
    assert not wrong
