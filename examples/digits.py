"""digits.py: a classifier of handwritten digits, trained in less than a minute.

Writes a small convolutional network as an ONNX file with random weights, trains it on 1,500 of scikit-learn's
1,797 digits (8 x 8 pixels), saves the trained model, scores it on the other 297, and opens a plot of the loss.
Where there is no display the plot is only written.
"""

import argparse
import gzip
import importlib.util
import os
import sys
import time
import webbrowser
from pathlib import Path

import numpy as np
import onnx
import smeaton
from onnx import TensorProto, helper, numpy_helper

TRAINED = 1500


def load_digits():
    """(images f32[1797, 1, 8, 8] within 0 to 1, numbers i64[1797]): the file in the package scikit-learn."""
    found = importlib.util.find_spec("sklearn")
    if found is None:
        sys.exit("digits.py: the data is part of scikit-learn: pip install --no-deps scikit-learn")
    file = Path(found.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    with gzip.open(file, "rt") as text:
        table = np.loadtxt(text, delimiter=",", dtype=np.float32)
    return table[:, :64].reshape(-1, 1, 8, 8) / 16, table[:, 64].astype(np.int64)


def network(path, seed=0):
    """Convolution, pooling, convolution, one dense layer: 9,930 parameters."""
    rng = np.random.default_rng(seed)
    weights = {}

    def parameter(name, shape):
        scale = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0
        weights[name] = (rng.standard_normal(shape) * scale).astype(np.float32)
        return name

    def convolution(n, x, channels, filters):
        names = [parameter(f"conv{n}.weight", (filters, channels, 3, 3)), parameter(f"conv{n}.bias", (filters,))]
        return [
            helper.make_node("Conv", [x, *names], [f"c{n}"], name=f"conv{n}", pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"c{n}"], [f"r{n}"], name=f"relu{n}"),
        ]

    nodes = [
        *convolution(1, "image", 1, 16),
        helper.make_node("MaxPool", ["r1"], ["p1"], name="pool1", kernel_shape=[2, 2], strides=[2, 2]),
        *convolution(2, "p1", 16, 32),
        helper.make_node("Flatten", ["r2"], ["flat"], name="flatten"),
        helper.make_node(
            "Gemm",
            ["flat", parameter("dense.weight", (10, 512)), parameter("dense.bias", (10,))],
            ["scores"],
            name="dense",
            transB=1,
        ),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


def plot(losses, title):
    """An HTML page with the losses as a line, on a logarithmic axis."""
    width, height, left, top = 860, 420, 60, 40
    low, high = np.floor(np.log10(min(losses))), np.ceil(np.log10(max(losses)))
    high = max(high, low + 1)

    def place(n, loss):
        x = left + (width - left - 20) * n / max(1, len(losses) - 1)
        y = top + (height - top - 40) * (high - np.log10(loss)) / (high - low)
        return x, y

    lines = []
    for power in range(int(low), int(high) + 1):
        _, y = place(0, 10.0**power)
        lines.append(f'<line x1="{left}" x2="{width - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        lines.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    points = " ".join("{:.1f},{:.1f}".format(*place(n, loss)) for n, loss in enumerate(losses))
    lines.append(f'<polyline points="{points}" fill="none" stroke="#1565c0" stroke-width="1.5"/>')
    lines.append(f'<text x="{left}" y="22" font-size="15">{title}</text>')
    lines.append(f'<text x="{width - 20}" y="{height - 12}" text-anchor="end">step {len(losses)}</text>')
    body = f'<svg viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">{"".join(lines)}</svg>'
    return f'<!doctype html><meta charset="utf-8"><title>{title}</title>{body}'


def has_display():
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def score(path, images, numbers):
    """The share that the model at `path` gets right."""
    (scores,) = smeaton.Session(path).run(None, {"image": images})
    return float((scores.argmax(1) == numbers).mean())


def train(folder, epochs, batch=50):
    """Losses step by step; leaves digits.onnx and trained.onnx in `folder`."""
    images, numbers = load_digits()
    network(folder / "digits.onnx")
    trainer = smeaton.Trainer(folder / "digits.onnx", optimizer="adam", learning_rate=3e-3)
    order, losses = np.random.default_rng(1), []
    for epoch in range(epochs):
        for rows in order.permutation(TRAINED).reshape(-1, batch):
            losses.append(trainer.step({"image": images[rows], "target": numbers[rows]}))
        print(f"epoch {epoch + 1}: loss {np.mean(losses[-TRAINED // batch :]):.4f}", flush=True)
    trainer.save(folder / "trained.onnx")
    return losses


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("digits"), help="where files go (default: digits)")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--no-open", action="store_true", help="write the plot, do not open it")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    losses = train(arguments.folder, arguments.epochs)
    images, numbers = load_digits()
    share = score(arguments.folder / "trained.onnx", images[TRAINED:], numbers[TRAINED:])
    print(f"{len(losses)} steps in {time.perf_counter() - start:.1f} s; {100 * share:.1f}% of the digits kept back are right")
    page = arguments.folder / "loss.html"
    page.write_text(plot(losses, f"digits: loss by step, {100 * share:.1f}% right"))
    opened = not arguments.no_open and has_display() and webbrowser.open(page.resolve().as_uri())
    print(f"the loss: {page}" + ("" if opened else " (open it in a browser)"))


if __name__ == "__main__":
    main()
