"""What `simulate` can be told natively: the operands' precision, what is switched off, SimDIT's hardware, a page."""

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from browser import Browser, assert_readable  # noqa: E402
from models import smeaton  # noqa: E402
from test_events import Maker  # noqa: E402
from test_published import hardware  # noqa: E402

CHIP = "simdit-training-08"
TRAINING = ("--training", "--loss", "mse")
CELLS = 64 * 64


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    m = Maker([4, 64, 16, 16])
    x = m("Conv", "x", m.weight(64, 64, 3, 3), kernel_shape=[3, 3], pads=[1] * 4)
    x = m("Relu", m("BatchNormalization", x, *(m.weight(64) for _ in range(3)), m.constant([1.0] * 64)))
    x = m("Conv", x, m.weight(128, 64, 3, 3), kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2])
    x = m("Relu", x)
    x = m("Flatten", m("GlobalAveragePool", x))
    path = tmp_path_factory.mktemp("simulate") / "model.onnx"
    m.save(m("Gemm", x, m.weight(10, 128), m.weight(10), transB=1), [4, 10], path)
    return path


def simulated(path, machine, *options):
    ended = smeaton("simulate", path, "--machine", machine, "--json", *options, limit_s=120)
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def refused(path, machine, *options):
    ended = smeaton("simulate", path, "--machine", machine, *options, limit_s=60)
    assert ended.code == 1, ended.out
    return ended.err


@pytest.mark.parametrize("step", ((), TRAINING))
def test_narrow_operands_move_fewer_bytes_for_the_same_products(model, step):
    wide, narrow = simulated(model, CHIP, *step), simulated(model, CHIP, *step, "--precision", "bf16")
    assert narrow["macs"] == wide["macs"]
    assert narrow["sram_bytes"]["ibuf"] < wide["sram_bytes"]["ibuf"]
    assert narrow["sram_bytes"]["wbuf"] < wide["sram_bytes"]["wbuf"]


def test_products_of_bytes(model):
    wide, narrow = simulated(model, "sparse-array"), simulated(model, "sparse-array", "--precision", "int8")
    assert narrow["macs"] == wide["macs"]
    # The larger product gains; of a model this small what narrows its weights and inputs takes as much again.
    wide_us, narrow_us = ({k["name"]: k["time_us"] for k in found["kernels"]}["Conv_0"] for found in (wide, narrow))
    assert narrow_us < wide_us


def test_a_precision_that_no_unit_takes_is_refused_with_those_that_it_does(model):
    told = refused(model, CHIP, "--precision", "int8")
    assert "no unit of machine simdit-training-08 is rated for products of i8; it takes f32, bf16, fp16" in told
    assert "expected f32, bf16, fp16 or int8" in refused(model, CHIP, "--precision", "half")


def test_what_is_switched_off_costs_what_it_gains(model):
    on = simulated(model, CHIP, *TRAINING)
    off = {
        what: simulated(model, CHIP, *TRAINING, "--without", what)
        for what in ("overlap", "phase-gradients", "searched-tiles", "fusion")
    }
    for what, told in off.items():
        assert told["total_cycles"] > on["total_cycles"], what
    assert off["phase-gradients"]["macs"] > on["macs"]
    assert off["overlap"]["macs"] == off["searched-tiles"]["macs"] == off["fusion"]["macs"] == on["macs"]
    assert len(off["fusion"]["nodes"]) > len(on["nodes"])
    everything = simulated(model, CHIP, *TRAINING, "--without", ",".join(off))
    assert everything["total_cycles"] > max(told["total_cycles"] for told in off.values())
    assert "expected overlap, phase-gradients" in refused(model, CHIP, "--without", "overlap,fuse")


@pytest.mark.parametrize("without", ((), ("--without", "overlap,phase-gradients,searched-tiles,fusion")))
def test_no_kernel_is_faster_than_its_products_or_its_bytes(model, without):
    told = simulated(model, CHIP, *TRAINING, "--precision", "bf16", *without)
    for node in told["nodes"]:
        assert node["cycles"] >= node["macs"] / CELLS * (1 - 1e-9), node["name"]
    for kernel in told["kernels"]:
        assert kernel["time_us"] >= kernel["data_us"] * (1 - 1e-9), kernel["name"]


def test_events_agree_where_nothing_overlaps(model):
    told = simulated(model, CHIP, *TRAINING, "--without", "overlap", "--events")
    assert told["total_cycles"] == pytest.approx(told["events"]["total_cycles"], rel=0.02)


def test_simdit_hardware_is_a_machine_of_ours_with_its_own_widths(model, tmp_path):
    path, keys = tmp_path / "design08.json", hardware("training_08")
    path.write_text(json.dumps(keys))
    native = simulated(model, path, *TRAINING)
    shipped = simulated(model, CHIP, *TRAINING, "--precision", "bf16")
    assert native["total_cycles"] == pytest.approx(shipped["total_cycles"], rel=0.02)
    path.write_text(json.dumps({**keys, "ACT_DATA_WIDTH": 8}))
    assert "'WGT_DATA_WIDTH' is 16 and 'ACT_DATA_WIDTH' is 8" in refused(model, path)
    path.write_text(json.dumps({**keys, "WBUF_CAPACITY_BITS": 1024}))
    assert "'WBUF_CAPACITY_BITS' is 1024 bits and must hold" in refused(model, path)


@pytest.fixture(scope="module")
def page(model, tmp_path_factory):
    """(path of the page, the JSON)"""
    out = tmp_path_factory.mktemp("page") / "page.html"
    ended = smeaton("simulate", model, "--machine", CHIP, *TRAINING, "--out", out, "--json", limit_s=120)
    assert ended.code == 0, ended.err
    return out, json.loads(ended.out)


def test_the_page_shows_the_figures_of_the_json(page):
    told, text = page[1], page[0].read_text()
    for section in ("classes", "roofline", "units", "kernels"):
        assert f'<section id="{section}">' in text, section
    figures = {float(x) for x in re.findall(r'<data value="([^"]+)">', text)}
    assert any(f == pytest.approx(told["time_ms"]) for f in figures)
    assert any(f == pytest.approx(told["total_cycles"]) for f in figures)
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", text)


def test_the_page_is_whole_at_any_width_light_and_dark(page):
    with Browser() as tab:
        for width in (1280, 390):
            for dark in (False, True):
                tab.open(page[0], width=width, dark=dark)
                assert tab.complaints() == []
                assert_readable(tab, width)
                tab.value("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
                assert_readable(tab, width)


def test_what_is_in_no_kernel_is_named_as_free(model):
    told = simulated(model, CHIP)
    assert {node["op"] for node in told["free_nodes"]} <= {"Flatten", "Reshape"}
    assert all(node["because"] for node in told["free_nodes"])
    step = simulated(model, CHIP, "--training", "--loss", "mse")
    assert {node["op"] for node in step["free_nodes"]} <= {"Flatten", "Reshape", "Expand", "Transpose", "Identity"}


def keys_of(value, key, kinds):
    assert key in value, key
    assert isinstance(value[key], kinds) and not isinstance(value[key], bool), (key, value[key])


NUMBER, OBJECT = (int, float), dict
# What scripts may rely on, whatever the cost model: null where a model does not say.
TOTALS = {
    "total_cycles": NUMBER,
    "time_ms": NUMBER,
    "compute_cycles": OBJECT,
    "stall_cycles": OBJECT,
    "dram_bytes": OBJECT,
    "sram_bytes": OBJECT,
    "op_count": NUMBER,
    "macs": NUMBER,
    "energy_pj": OBJECT,
    "average_power_w": NUMBER,
    "peak_power_w": NUMBER,
    "area_mm2": NUMBER,
    "shares": OBJECT,
    "nodes": list,
}
OF_A_NODE = {
    "name": str,
    "op": str,
    "phase": str,
    "cycles": NUMBER,
    "compute_cycles": NUMBER,
    "stall_cycles": NUMBER,
    "dram_bytes": NUMBER,
    "sram_bytes": OBJECT,
    "op_count": NUMBER,
    "macs": NUMBER,
    "energy_pj": NUMBER,
}
UNPRICED = {"energy_pj", "average_power_w", "peak_power_w", "area_mm2"}
UNTIMED = UNPRICED | {"time_ms", "stall_cycles", "dram_bytes", "sram_bytes", "shares"}
PARTS = {
    "compute_cycles": ("systolic", "simd"),
    "stall_cycles": ("systolic", "simd"),
    "dram_bytes": ("filter", "ifmap", "psum", "ofmap", "bias", "total"),
}


def check_keys(told, null=frozenset()):
    for rows, wanted in (([told], TOTALS), (told["nodes"], OF_A_NODE)):
        assert rows
        for row in rows:
            for key, kinds in wanted.items():
                keys_of(row, key, type(None) if key in null else kinds)
    for row in told["nodes"]:
        assert row["phase"] in ("forward", "backward", "update")
        assert row["free"] is False or (row["free"] is True and row["free_because"])
    for key, parts in PARTS.items():
        for part in parts if key not in null else ():
            if part == "simd" and "stall_cycles" in null:
                continue  # without a vector unit
            keys_of(told[key], part, NUMBER)
    if "shares" not in null:
        assert sum(told["shares"].values()) == pytest.approx(1)


def test_every_cost_model_tells_the_keys_that_scripts_read(model, tmp_path):
    for step in ((), TRAINING):
        told = simulated(model, CHIP, *step, "--events")
        check_keys(told)
        for key in ("value", "low", "high"):
            keys_of(told["energy_pj"], key, NUMBER)
        for buffer in ("wbuf", "ibuf", "obuf", "vmem"):
            keys_of(told["sram_bytes"], buffer, NUMBER)
        keys_of(told["events"], "total_cycles", NUMBER)
        keys_of(told["events"], "by_unit", OBJECT)
        assert told["kernels"]
    design = tmp_path / "design08.json"
    design.write_text(json.dumps(hardware("training_08")))
    plain = tmp_path / "plain.onnx"  # SimDIT has no bias of a convolution, nor mse
    m = Maker([4, 64, 16, 16])
    x = m("Relu", m("Conv", "x", m.weight(64, 64, 3, 3), kernel_shape=[3, 3], pads=[1] * 4))
    m.save(m("Gemm", m("Flatten", m("GlobalAveragePool", x)), m.weight(10, 64), m.weight(10), transB=1), [4, 10], plain)
    for step in ((), ("--training", "--batch", 4)):
        told = simulated(plain, design, "--model", "simdit", *step)
        check_keys(told, UNPRICED)
        for buffer in ("wbuf", "ibuf", "obuf", "bbuf", "vmem"):
            keys_of(told["sram_bytes"], buffer, NUMBER)
    ended = smeaton("simulate", plain, "--model", "scalesim", "--array", "32x32", "--dataflow", "ws", "--json", limit_s=60)
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    check_keys(told, UNTIMED)
    keys_of(told, "utilization", NUMBER)
    assert all(0 < row["utilization"] <= 1 for row in told["nodes"])


PRODUCT = """# after tile
program p
  buffer x: dram f32[m: 14, k: 1024] input
  buffer w: dram f32[k: 1024, n: 16384] weight [n/16, k, n%16]
  buffer y: dram f32[m: 14, n: 16384] output
  run product(x, w -> y)

kernel product(x, w -> y)
  parallel n0: 1024 core
    let acc: reg f32[m: 14, n: 16 lanes]
    fill acc[m,n] <- 0.0
    for k: 1024
      AHEAD
      mma acc[m,n] += x[m,k] * w[k,n0*16+n]
    move y[m,n0*16+n] <- acc[m,n]
"""


def test_products_wait_for_pages_as_the_machine_file_says(tmp_path):
    shown = smeaton("machine", "show", "server-cpu", limit_s=60).out

    def product(stall_ns, in_flight=None, ahead=""):
        text = shown
        if stall_ns:
            at = text.index("latency_ns", text.index("- name: dram"))
            text = f"{text[:at]}stall_ns: {stall_ns}\n    {text[at:]}"
        if in_flight:
            text = text.replace("    kind: scalar\n", f"    kind: scalar\n    in_flight: {in_flight}\n")
        (tmp_path / "here.yaml").write_text(text)
        (tmp_path / "product.gir").write_text(PRODUCT.replace("      AHEAD\n", ahead))
        (kernel,) = simulated(tmp_path / "product.gir", tmp_path / "here.yaml", "--threads", "1")["kernels"]
        return kernel

    assert product(None)["stall_us"] == 0
    # 64 MiB of w are twice the last cache, and 14 pages of x come with them, in each run anew.
    pages = 1024 * 16384 * 4 // 4096 + 14
    whole = product(300)
    assert whole["stall_us"] == pytest.approx(pages * 0.3)
    longest = max(whole["times_us"]["compute"], whole["data_us"])
    assert whole["time_us"] == pytest.approx(longest + whole["stall_us"] + whole["fixed_us"])
    assert product(150)["time_us"] == pytest.approx(whole["time_us"] - pages * 0.15)
    # A page of w is 64 rows: each a load of w, 14 of x, 14 multiply-adds and 3 for the turn; one turn around them, and a
    # sixteenth of what stands around that: a turn, and 14 stores.
    instructions = 64 * (1 + 14 + 14 + 3) + 3 + (3 + 14) / 16
    assert product(300, 1000)["stall_us"] == pytest.approx(pages * 0.3)
    assert product(300, 2100)["stall_us"] == 0
    assert product(300, 1400)["stall_us"] == pytest.approx((instructions / 1400 - 1) * pages * 0.3, rel=0.01)
    # What is brought ahead is not waited for; x is.
    ahead = product(300, 20, "      prefetch w at n0*16384+k*16 lines 1 by 16 to l2\n")
    assert ahead["stall_us"] == pytest.approx(14 * 0.3)
