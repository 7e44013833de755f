"""The Trainer: gradients and steps against closed forms in numpy, what it refuses, and that it goes on where it
stopped. PyTorch stands beside it in tests/long."""

import sys
from pathlib import Path

import numpy as np
import onnx
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
    batches = [batch(seed) for seed in range(6)]
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
    for name, value in whole.parameters().items():
        assert value.tobytes() == second.parameters()[name].tobytes()


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
