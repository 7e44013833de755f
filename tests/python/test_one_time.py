"""One operator takes one time on one device, whoever asks: `simulate`, `place` and `compare`, on data sheets of a GPU, an FPGA with an overlay
and a CPU with memory."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, model, node, smeaton, tensor  # noqa: E402

DEVICES = {
    "gpu": "A100 SXM4 80GB",
    "another gpu": "MI300X",
    "fpga": 'name: overlay\nbase: "Alveo U280"\npeak: {fp32: {value: 0.9, low: 0.7, high: 1.1}}\n',
    "cpu": 'name: server\nbase: "EPYC 9654"\nmemory_gb: 384\n',
}


@pytest.fixture(params=DEVICES)
def device(request, tmp_path):
    """A name, or a file in the words of docs/devices.md."""
    text = DEVICES[request.param]
    if "\n" not in text:
        return text
    path = tmp_path / "device.yaml"
    path.write_text(text)
    return str(path)


def asked(*words):
    ended = smeaton(*words, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def by_simulate(path, device, *words):
    return asked("simulate", path, "--machine", device, *words)


def by_compare(path, device, *words):
    return asked("compare", path, "--devices", device, *words)["rows"][0]


def by_place(path, device, folder, batch, *words):
    cluster = folder / "cluster.yaml"
    cluster.write_text(
        f"groups: [{{device: {json.dumps(device)}, count: 1}}]\n"
        "network:\n  - {name: one, count: 1, topology: all_to_all, bandwidth_gb_s: 10, latency_ns: 1000}\n"
    )
    fixed = f"t=1,p=1,d=1,microbatch={batch},recompute=none"
    words = ["--precision", "fp32", "--batch", str(batch), "--fixed", fixed, *words]
    return asked("place", path, "--cluster", cluster, *words)["stages"][0]


def chain(path, products, rows, width):
    make = np.random.default_rng(products)
    weights = [tensor(f"w{i}", make.normal(size=(width, width)).astype(np.float32)) for i in range(products)]
    nodes = [node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"], name=f"m{i}") for i in range(products)]
    onnx.save(model(nodes, {"x0": (F32, ["N", width])}, {f"x{products}": (F32, ["N", width])}, weights), str(path))
    return path


@pytest.mark.parametrize("rows, width", [(1, 256), (64, 256), (512, 2048)])
def test_a_product_has_one_time(tmp_path, device, rows, width):
    times = {"simulate": [], "compare": [], "place": []}
    for products in (2, 3):
        path = chain(tmp_path / f"{products}.onnx", products, rows, width)
        simulated = by_simulate(path, device, "--dim", f"N={rows}")
        compared = by_compare(path, device, "--dim", f"N={rows}")["latency_ms"]
        assert len(simulated["kernels"]) == products
        for end in ("low", "value", "high"):
            time = simulated["time_ms"] if end == "value" else simulated["time_range_ms"][end]
            assert time == pytest.approx(compared[end], rel=1e-9)
        times["simulate"].append(simulated["time_ms"])
        times["compare"].append(compared["value"])
        times["place"].append(by_place(path, device, tmp_path, rows)["forward_ms"])
    # What a product more takes; a step has a loss besides.
    one = {verb: more - fewer for verb, (fewer, more) in times.items()}
    assert one["simulate"] > 0
    assert one["place"] == pytest.approx(one["simulate"], rel=1e-6)
    assert one["compare"] == pytest.approx(one["simulate"], rel=1e-6)
