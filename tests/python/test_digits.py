"""Training on a small real task: scikit-learn's digits. PyTorch's loss curves stand beside the test as numbers
(tests/long/digits.py makes them and holds them against PyTorch itself)."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import smeaton

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "examples"))
import digits  # noqa: E402

CURVES = json.loads((ROOT / "tests" / "digits" / "pytorch.json").read_text())


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("digits") / "digits.onnx"
    digits.network(path)
    return path


@pytest.fixture(scope="module")
def batches():
    images, numbers = digits.load_digits()
    size = CURVES["batch"]
    return [
        {"image": images[k : k + size], "target": numbers[k : k + size]}
        for k in range(0, CURVES["steps"] * size, size)
    ]


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw"])
def test_the_loss_falls_as_with_pytorch(model, batches, optimizer, tmp_path):
    wanted = CURVES["losses"][optimizer]
    settings = {"optimizer": optimizer, "learning_rate": CURVES["learning_rates"][optimizer]}
    whole = smeaton.Trainer(model, **settings)
    got = [whole.step(feeds) for feeds in batches]
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-3)
    assert got[-1] < 0.9 * got[0]

    half = smeaton.Trainer(model, threads=1, **settings)
    first = [half.step(feeds) for feeds in batches[:10]]
    resumed = smeaton.Trainer(model, threads=2, **settings)
    resumed.load_state(half.state())
    assert first + [resumed.step(feeds) for feeds in batches[10:]] == got
    for name, value in whole.state().items():
        assert value.tobytes() == resumed.state()[name].tobytes(), name

    whole.save(tmp_path / "trained.onnx")
    images, numbers = digits.load_digits()
    session = onnxruntime.InferenceSession(tmp_path / "trained.onnx")
    (scores,) = session.run(None, {"image": images})
    right = float((scores.argmax(1) == numbers).mean())
    assert digits.score(tmp_path / "trained.onnx", images, numbers) == right
    assert right == pytest.approx(CURVES["right"][optimizer], abs=0.005)


def test_the_example_trains_and_plots(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["digits.py", "--folder", str(tmp_path / "out"), "--epochs", "3", "--no-open"])
    digits.main()
    said = capsys.readouterr().out
    assert "90 steps in" in said and "open it in a browser" in said
    share = float(said.split("% of the digits")[0].split()[-1])
    assert share > 80
    page = (tmp_path / "out" / "loss.html").read_text()
    assert page.count("<polyline") == 1 and len(page.split('points="')[1].split('"')[0].split()) == 90
