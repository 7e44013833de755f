"""`simulate --model simdit|scalesim` against what the published tools print: SimDIT's tables row by row, SCALE-Sim's
compute cycles. The tables are read from shared/data beside the repository; where they are absent, totals remain."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent.parent / "tools")]
from models import F32, ROOT, model, node, smeaton, tensor  # noqa: E402
from zoo import store  # noqa: E402

PUBLISHED = ROOT.parent / "shared" / "data" / "simdit"
# Design points as published: array, bits of weights and inputs, KB of W, I, half of O, each V, ports W, I, O, V.
DESIGNS = {
    "inference_01": (16, 4, (16, 16, 64, 64), (64, 128, 128, 128)),
    "inference_03": (16, 8, (32, 32, 64, 64), (128, 128, 128, 128)),
    "training_01": (16, 16, (64, 64, 64, 64), (256, 128, 128, 256)),
    "training_08": (64, 16, (1024, 512, 512, 512), (512, 512, 512, 512)),
}
COLUMNS = {
    "WBUF access": lambda n: n["sram_bytes"]["wbuf"],
    "IBUF access": lambda n: n["sram_bytes"]["ibuf"],
    "OBUF access": lambda n: n["sram_bytes"]["obuf"],
    "BBUF access": lambda n: n["sram_bytes"]["bbuf"],
    "VMEM access": lambda n: n["sram_bytes"]["vmem"],
    "IMM access": lambda n: n["sram_bytes"]["immediates"],
    "InsMem access": lambda n: n["sram_bytes"]["instructions"],
    "DRAM access filter": lambda n: n["dram_bytes_by"]["filter"],
    "DRAM access ifmap": lambda n: n["dram_bytes_by"]["ifmap"],
    "DRAM access psum": lambda n: n["dram_bytes_by"]["psum"],
    "DRAM access ofmap": lambda n: n["dram_bytes_by"]["ofmap"],
    "DRAM access bias": lambda n: n["dram_bytes_by"]["bias"],
    "total DRAM access": lambda n: n["dram_bytes"],
}


def hardware(name):
    """SimDIT's JSON of a design point."""
    array, bits, (w, i, o, v), ports = DESIGNS[name]
    keys = {"ARRAY_N": array, "ARRAY_M": array, "WGT_DATA_WIDTH": bits, "ACT_DATA_WIDTH": bits}
    keys |= {"BIAS_WIDTH": 32, "ACC_WIDTH": 32, "BBUF_CAPACITY_BITS": array * 1024}
    buffers = ("WBUF", "IBUF", "OBUF", "SIMD_VMEM")
    keys |= {f"{buffer}_CAPACITY_BITS": kb * 8192 for buffer, kb in zip(buffers, (w, i, o, v))}
    sides = ("PARAMBUF", "IBUF", "OBUF", "SIMD")
    return keys | {f"{side}_AXI_DATA_WIDTH": port for side, port in zip(sides, ports)}


@pytest.fixture(scope="module")
def designs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("designs")
    for name in DESIGNS:
        (folder / f"{name}.json").write_text(json.dumps(hardware(name)))
    return folder


def zoo_model(name):
    path = store.cache_root() / name / "model.onnx"
    if not path.exists():
        pytest.skip(f"{name} is not in the cache; tools/models.py writes it")
    return path


def simulated(*arguments):
    ended = smeaton("simulate", *arguments, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def refused(*arguments):
    ended = smeaton("simulate", *arguments)
    assert ended.code == 1 and ended.out == "", (ended.code, ended.out)
    return ended.err


def mismatches(nodes, table):
    """(row, column, published, ours) wherever they differ."""
    with open(table) as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(nodes)
    for index, (row, n) in enumerate(zip(rows, nodes)):
        side = "SA" if row["Layer name"] in ("Convolution", "GEMM") else "SIMD"
        ours = {column: get(n) / 1024 for column, get in COLUMNS.items()}
        ours[f"{side} compute cycles"], ours[f"{side} stall cycles"] = n["compute_cycles"], n["stall_cycles"]
        ours["total cycles"], ours["Op count"] = n["cycles"], n["op_count"]
        if row["Layer name"] != n["op"]:
            yield index, "Layer name", row["Layer name"], n["op"]
        for column, value in ours.items():
            if value != pytest.approx(float(row[column]), rel=1e-12, abs=1e-9):
                yield index, column, row[column], value


@pytest.mark.parametrize("name", ["resnet50_plain", "resnet50_trainable"])
def test_every_published_row_of_simdit_is_met(name, designs):
    path = zoo_model(name)
    if not PUBLISHED.exists():
        pytest.skip(f"{PUBLISHED} is absent: SimDIT's published tables")
    machine = PUBLISHED / "hardware" / "inference_design01.json"
    result = simulated(path, "--model", "simdit", "--machine", machine, "--batch", 1)
    assert list(mismatches(result["nodes"], PUBLISHED / "design01_inference.csv")) == []
    machine = PUBLISHED / "hardware" / "training_design01.json"
    result = simulated(path, "--model", "simdit", "--machine", machine, "--training", "--batch", 32)
    assert list(mismatches(result["nodes"], PUBLISHED / "design01_training.csv")) == []


def test_the_published_totals_of_resnet50_inference(designs):
    path = zoo_model("resnet50_plain")
    r = simulated(path, "--model", "simdit", "--machine", designs / "inference_01.json")
    assert len(r["nodes"]) == 122
    assert r["total_cycles"] == pytest.approx(28519672.286, abs=1e-3)
    assert r["compute_cycles"] == {"systolic": 19258753, "simd": 1090144}
    assert r["stall_cycles"]["systolic"] == pytest.approx(884071.286, abs=1e-3)
    assert r["stall_cycles"]["simd"] == 7286704
    assert r["op_count"] == 9218242048
    dram = {"filter": 12480.5, "ifmap": 138499.565, "psum": 10584, "ofmap": 72862.6875, "bias": 107.6875}
    for key, kb in (dram | {"total": 234534.440}).items():
        assert r["dram_bytes"][key] / 1024 == pytest.approx(kb, abs=1e-3), key
    sram = {"wbuf": 2274436.5, "ibuf": 141967, "obuf": 2494026.0625, "bbuf": 43417.9375, "vmem": 131674.75}
    for key, kb in (sram | {"immediates": 2345.875, "instructions": 4159.375}).items():
        assert r["sram_bytes"][key] / 1024 == kb, key
    assert r["time_ms"] == pytest.approx(r["total_cycles"] * 800e-9)
    r = simulated(path, "--model", "simdit", "--machine", designs / "inference_03.json")
    assert r["total_cycles"] == pytest.approx(28800683.3, abs=0.05)


def test_the_published_totals_of_resnet50_training(designs):
    train = [zoo_model("resnet50_plain"), "--model", "simdit", "--training", "--batch", 32, "--machine"]
    r = simulated(*train, designs / "training_01.json")
    assert len(r["nodes"]) == 1310
    assert r["total_cycles"] == 5124971181
    assert r["dram_bytes"]["total"] / 1024 == pytest.approx(63058514.879, abs=1e-3)
    assert r["op_count"] == 1527314009984
    r = simulated(*train, designs / "training_08.json")
    assert r["total_cycles"] == 992512402.25
    assert r["compute_cycles"] == {"systolic": 351372275, "simd": 227922724}
    assert r["stall_cycles"] == {"systolic": 50739775.25, "simd": 362477628}
    outside = r["compute_cycles"]["simd"] + r["stall_cycles"]["simd"]
    assert 100 * outside / r["total_cycles"] == pytest.approx(59.49, abs=0.005)
    assert sum(r["shares"].values()) == pytest.approx(1)
    assert 100 * (1 - r["shares"]["convolution"]) == pytest.approx(59.51, abs=0.005)
    assert simulated(*train, designs / "training_08.json", "--fusion")["total_cycles"] == 953538446.25


def test_the_published_totals_of_resnet18(designs):
    for name in ("resnet18_trainable", "resnet18_script"):
        run = [zoo_model(name), "--model", "simdit", "--batch", 1, "--machine"]
        r = simulated(*run, designs / "inference_01.json")
        assert r["total_cycles"] == pytest.approx(11370602.143, abs=1e-3)
        assert r["dram_bytes"]["total"] / 1024 == pytest.approx(62842.440, abs=1e-3)
        assert r["op_count"] == 4655839232
        r = simulated(*run, designs / "inference_03.json")
        assert r["total_cycles"] == pytest.approx(11424803.1, abs=0.05)


def test_the_closed_form_takes_under_half_a_millisecond(designs):
    """2 ms for a training iteration; processor time, the best of three."""
    path = zoo_model("resnet50_plain")
    infer = [path, "--model", "simdit", "--machine", designs / "inference_01.json"]
    train = [path, "--model", "simdit", "--machine", designs / "training_08.json", "--training", "--batch", 32]
    assert min(simulated(*infer)["charge_ms"] for _ in range(3)) < 0.5
    assert min(simulated(*train)["charge_ms"] for _ in range(3)) < 2


def write_net(path, nodes, output, weights, batch=1):
    net = model(nodes, {"x": (F32, [batch, 4, 8, 8])}, {"y": (F32, output)}, weights)
    onnx.save(net, str(path))
    return path


def conv_net(path, weight_shape, **attributes):
    weight = tensor("w", np.zeros(weight_shape, np.float32))
    return write_net(path, [node("Conv", ["x", "w"], ["y"], "the_conv", **attributes)], ["a", "b", "c", "d"], [weight])


def test_what_simdit_does_not_define_is_refused_by_node(designs, tmp_path):
    simdit = ["--model", "simdit", "--machine", designs / "inference_01.json"]
    path = tmp_path / "net.onnx"
    for shape, attributes, words in (
        ((4, 1, 3, 3), {"group": 4}, "depthwise"),
        ((4, 2, 3, 3), {"group": 2}, "grouped"),
        ((4, 4, 3, 1), {}, "square"),
        ((4, 4, 3, 3), {"dilations": [2, 2]}, "dilated"),
    ):
        message = refused(conv_net(path, shape, **attributes), *simdit)
        assert "'the_conv'" in message and words in message and message.count("\n") == 1, message
    weight, bias = tensor("w", np.zeros((4, 4, 3, 3), np.float32)), tensor("b", np.zeros(4, np.float32))
    net = write_net(path, [node("Conv", ["x", "w", "b"], ["y"], "the_conv")], ["a", "b", "c", "d"], [weight, bias])
    assert "bias in training" in refused(net, *simdit, "--training")
    assert simulated(net, *simdit)["nodes"][0]["op"] == "Convolution"
    net = write_net(path, [node("Sigmoid", ["x"], ["y"], "gate")], ["a", "b", "c", "d"], [])
    assert "'gate' (Sigmoid)" in refused(net, *simdit)


def test_bad_hardware_is_refused_by_key(designs, tmp_path):
    net = conv_net(tmp_path / "net.onnx", (4, 4, 3, 3))
    run = [net, "--model", "simdit", "--machine", tmp_path / "hw.json"]
    good = hardware("inference_01")
    for change, words in (
        ({"WBUF_CAPACITY": 5}, "'WBUF_CAPACITY'"),
        ({"OBUF_AXI_DATA_WIDTH": -128}, "'OBUF_AXI_DATA_WIDTH'"),
        ({"IBUF_CAPACITY_BITS": 1024}, "'IBUF_CAPACITY_BITS' is 1024 bits"),
        ({"ACC_WIDTH": "wide"}, "'ACC_WIDTH'"),
    ):
        (tmp_path / "hw.json").write_text(json.dumps(good | change))
        message = refused(*run)
        assert "hw.json" in message and words in message, message
    (tmp_path / "hw.json").write_text(json.dumps({k: v for k, v in good.items() if k != "ARRAY_M"}))
    assert "'ARRAY_M' is missing" in refused(*run)
    assert "--machine" in refused(net, "--model", "simdit")


def test_a_batch_reopens_the_leading_size_and_names_what_fixes_it(designs, tmp_path):
    simdit = ["--model", "simdit", "--machine", designs / "inference_01.json"]
    path = tmp_path / "net.onnx"
    weights = [tensor("w", np.zeros((256, 5), np.float32)), tensor("flat", np.array([1, 256], np.int64))]
    nodes = [node("Reshape", ["x", "flat"], ["f"], "flatten"), node("MatMul", ["f", "w"], ["y"], "dense")]
    fixed = write_net(path, nodes, [1, 5], weights)
    assert simulated(fixed, *simdit)["macs"] == 256 * 5
    message = refused(fixed, *simdit, "--batch", 8)
    assert "'flatten'" in message and "--batch 8" in message and "open batch" in message
    weights[1] = tensor("flat", np.array([-1, 256], np.int64))
    opened = simulated(write_net(path, nodes, [1, 5], weights), *simdit, "--batch", 8)
    assert opened["macs"] == 8 * 256 * 5
    assert opened["nodes"][0]["free"] and opened["nodes"][0]["free_because"]
    assert "'x'" in refused(write_net(path, nodes, [4, 5], weights, batch=4), *simdit, "--batch", 8)


def test_scalesim_counts_a_model_and_a_topology_alike(tmp_path):
    net = conv_net(tmp_path / "net.onnx", (6, 4, 4, 4), strides=[2, 2])
    (tmp_path / "net.csv").write_text("heading,\nthe_conv,8,8,4,4,4,6,2,\n")
    for dataflow in ("os", "ws", "is"):
        run = ["--model", "scalesim", "--array", "4x2", "--dataflow", dataflow]
        one, other = simulated(net, *run), simulated(tmp_path / "net.csv", *run)
        for key in ("total_cycles", "macs", "utilization"):
            assert one[key] == other[key]
        assert one["macs"] == 3 * 3 * 6 * 64
        assert one["nodes"][0]["utilization"] == one["macs"] / (one["total_cycles"] * 8)
    (tmp_path / "gemm.csv").write_text("Layer, M, N, K,\ngemm,256,128,256,\n")
    for dataflow, cycles in (("ws", 11199), ("os", 10175), ("is", 14207)):
        run = ["--model", "scalesim", "--array", "32x32", "--dataflow", dataflow]
        assert simulated(tmp_path / "gemm.csv", *run)["total_cycles"] == cycles


def test_scalesim_takes_a_whole_network():
    run = ["--model", "scalesim", "--array", "32x32", "--dataflow", "ws"]
    r = simulated(zoo_model("resnet50_plain"), *run)
    assert len(r["nodes"]) == 54 and r["macs"] == 4089184256
    assert r["total_cycles"] == sum(n["cycles"] for n in r["nodes"])
    assert all(0 < n["utilization"] <= 1 for n in r["nodes"])
    assert r["not_modelled"]["Relu"] == 49


def test_options_of_another_cost_model_are_refused(tmp_path):
    net = conv_net(tmp_path / "net.onnx", (4, 4, 3, 3))
    assert "--fusion belongs to --model simdit" in refused(net, "--fusion")
    assert "--threads" in refused(net, "--model", "scalesim", "--array", "8x8", "--dataflow", "os", "--threads", 2)
    assert "--array" in refused(net, "--model", "scalesim", "--dataflow", "os")
    assert "expected native, simdit or scalesim" in refused(net, "--model", "gem5")
    assert "os, ws or is" in refused(net, "--model", "scalesim", "--array", "8x8", "--dataflow", "rs")
