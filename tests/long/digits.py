"""digits.py [--write]: 20 steps of each optimiser on scikit-learn's digits with PyTorch, and that
tests/digits/pytorch.json holds the same; --write makes the file anew. Runs under .venv-zoo."""

import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "build" / "python"), str(ROOT / "examples")]
# The data is in a package of .venv.
sys.path += [str(folder) for folder in (ROOT / ".venv" / "lib").glob("python3.*/site-packages")]

import numpy as np  # noqa: E402
import onnx  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

import digits  # noqa: E402

FILE = ROOT / "tests" / "digits" / "pytorch.json"
BATCH, STEPS, TOLERANCE = 50, 20, 1e-3
OPTIMIZERS = {
    "sgd": (torch.optim.SGD, 0.1, {}),
    "momentum": (torch.optim.SGD, 0.02, {"momentum": 0.9}),
    "adam": (torch.optim.Adam, 3e-3, {}),
    "adamw": (torch.optim.AdamW, 3e-3, {}),
}


def module():
    """The example's network with the weights of its file."""
    with tempfile.TemporaryDirectory() as folder:
        digits.network(Path(folder) / "m.onnx")
        graph = onnx.load(Path(folder) / "m.onnx").graph
    values = {i.name: torch.from_numpy(onnx.numpy_helper.to_array(i).copy()) for i in graph.initializer}
    conv1, conv2, dense = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1), nn.Linear(512, 10)
    for name, layer in {"conv1": conv1, "conv2": conv2, "dense": dense}.items():
        layer.weight.data = values[name + ".weight"]
        layer.bias.data = values[name + ".bias"]
    return nn.Sequential(conv1, nn.ReLU(), nn.MaxPool2d(2), conv2, nn.ReLU(), nn.Flatten(), dense)


def curve(make, rate, settings, images, numbers):
    network = module()
    optimizer = make(network.parameters(), lr=rate, **settings)
    losses = []
    for k in range(0, STEPS * BATCH, BATCH):
        loss = nn.functional.cross_entropy(network(images[k : k + BATCH]), numbers[k : k + BATCH])
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = (network(images).argmax(1) == numbers).double().mean().item()
    return losses, right


def main():
    images, numbers = (torch.from_numpy(array) for array in digits.load_digits())
    made = {"batch": BATCH, "steps": STEPS, "torch": torch.__version__, "learning_rates": {}, "losses": {}, "right": {}}
    for name, (make, rate, settings) in OPTIMIZERS.items():
        made["learning_rates"][name] = rate
        made["losses"][name], made["right"][name] = curve(make, rate, settings, images, numbers)
    if "--write" in sys.argv:
        FILE.write_text(json.dumps(made, indent=1) + "\n")
    kept = json.loads(FILE.read_text())
    worst = max(float(np.abs(np.subtract(made["losses"][k], kept["losses"][k])).max()) for k in OPTIMIZERS)
    print(f"digits: losses of {len(OPTIMIZERS)} optimisers are those of {FILE.name} within {worst:.1e}")
    if worst > TOLERANCE / 10:
        sys.exit("wrong: tests/digits/pytorch.json is not what PyTorch gives; --write makes it anew")


if __name__ == "__main__":
    main()
