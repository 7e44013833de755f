"""Real devices side by side: gates against measured rows, refusals, the cost example, the page."""

import json
import re
import statistics
import sys
from pathlib import Path

import onnx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from browser import Browser  # noqa: E402
from models import F32, ROOT, model, node, smeaton, tensor, without_progress  # noqa: E402
import numpy as np  # noqa: E402

ROWS = ROOT.parent / "shared" / "data" / "measured" / "llm.csv"
MODELS = ROOT / "machines" / "models"
needs_rows = pytest.mark.skipif(not ROWS.exists(), reason=f"{ROWS} is not there")


@pytest.fixture(scope="module")
def traffic(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traffic")
    (folder / "one.yaml").write_text("concurrency: 1\nprompt: 512\noutput: 128\n")
    (folder / "max.yaml").write_text("concurrency: max\nprompt: 294\noutput: 293\n")
    return folder


def compared(*words, code=0):
    ended = smeaton("compare", *words, "--json")
    assert ended.code == code, ended.err
    return json.loads(ended.out) if code == 0 else ended.err


@pytest.fixture(scope="module")
def fitted():
    return json.loads(smeaton("compare", "--calibrate", ROWS, "--models", MODELS, "--json", limit_s=120).out)


def mean_error(rows, key="left_out_s"):
    return statistics.mean(abs(r[key] / r["measured_s"] - 1) for r in rows)


@needs_rows
def test_no_measured_row_is_faster_than_the_roofline(fitted):
    assert [r for r in fitted["rows"] if r["measured_s"] < r["bound_s"]] == []
    assert len(fitted["rows"]) > 150
    # Rows that no prediction is made for (other metrics, loads that are not stated) have a bound all the same.
    assert [b for b in fitted["bounds"] if b["measured_s"] < b["bound_s"]] == []
    assert len(fitted["bounds"]) >= 355 and len(fitted["bounds"]) + len(fitted["unbounded"]) == len(fitted["rows"]) + len(fitted["left"])
    named = ("a power or an energy", "no device known", "no configuration", "lengths that are not stated", "trained on are not stated")
    assert all(any(word in u["reason"] for word in named) for u in fitted["unbounded"])
    for row in fitted["rows"]:
        assert row["fitted_s"] >= row["bound_s"] * (1 - 1e-9)


@needs_rows
def test_decode_of_one_sequence_with_each_device_left_out(fitted):
    for width, most in (("16", 0.134), ("4", 0.182)):
        rows = [r for r in fitted["rows"] if r["engine"] == "llama.cpp" and r["width"] == width and r["quantity"] == "decode"]
        assert rows and mean_error(rows) <= most, width


@needs_rows
def test_operators_of_the_a100(fitted):
    rows = [r for r in fitted["rows"] if r["quantity"] == "operator"]
    assert len(rows) == 44 and mean_error(rows, "fitted_s") <= 0.10


@needs_rows
def test_offline_throughput_with_no_row_of_the_device(fitted):
    rows = [r for r in fitted["rows"] if r["metric"] == "offline_throughput"]
    assert {r["device"] for r in rows} >= {"H100 SXM5 80GB", "H200 SXM 141GB", "GH200 144GB"}
    for r in rows:
        assert abs(r["measured_s"] / r["left_out_s"] - 1) <= 0.25, r


@needs_rows
def test_intervals_hold_rows_of_devices_that_were_left_out(fitted):
    rows = [r for r in fitted["rows"] if r["left_out_s"] > 0]
    assert statistics.mean(r["low_s"] <= r["measured_s"] <= r["high_s"] for r in rows) >= 0.75
    assert statistics.median(r["high_s"] / r["low_s"] for r in rows) <= 2.5


@needs_rows
def test_what_ships_is_what_the_rows_give(fitted):
    assert fitted["yaml"] == (ROOT / "machines" / "compare" / "efficiency.yaml").read_text()


@needs_rows
def test_every_left_row_says_why(fitted):
    assert all(row["reason"] for row in fitted["left"])


def test_devices_rank_as_measured_and_scale_out_lies_in_the_band(traffic):
    result = compared(MODELS / "llama-2-70b.json", "--devices", "H200*8,H100*8,H100*16,H100*32,GH200 144GB,GH200 96GB", "--format", "fp8", "--traffic", traffic / "max.yaml", "--engine", "trtllm")
    rows = {row["asked"]: row for row in result["rows"]}
    rate = {name: row["throughput_tokens_s"] for name, row in rows.items()}
    assert rate["H200*8"]["value"] > rate["H100*8"]["value"] > 5 * rate["GH200 144GB"]["value"]
    assert rate["GH200 144GB"]["value"] > rate["GH200 96GB"]["value"]
    for count, measured in ((16, 1.70), (32, 3.37)):
        here, base = rate[f"H100*{count}"], rate["H100*8"]
        assert here["low"] / base["high"] <= measured <= here["high"] / base["low"]


def test_a_roofline_is_the_larger_of_work_over_peak_and_bytes_over_bandwidth(tmp_path):
    weight = tensor("w", np.zeros((512, 256), np.float32))
    path = tmp_path / "product.onnx"
    onnx.save(model([node("MatMul", ["x", "w"], ["y"])], {"x": (F32, [64, 512])}, {"y": (F32, [64, 256])}, [weight]), str(path))
    counted = json.loads(smeaton("inspect", path, "--json").out)
    device = tmp_path / "mine.yaml"
    for peak, bandwidth in ((0.001, 1000), (1000, 0.5)):
        device.write_text(f"name: mine\nclass: GPU\npeak: {{fp32: {peak}}}\nmemory_gb: 1\nbandwidth_gb_s: {bandwidth}\n")
        row = compared(path, "--devices", device, "--efficiency", 1)["rows"][0]
        expected = max(counted["flops"] / (peak * 1e12), (counted["read_bytes"] + counted["written_bytes"]) / (bandwidth * 1e9))
        assert row["latency_ms"]["value"] == pytest.approx(1e3 * expected, rel=1e-9)
        real = compared(path, "--devices", device)["rows"][0]
        assert real["latency_ms"]["low"] >= row["latency_ms"]["low"]


def test_a_prompt_at_the_roofline_is_the_work_that_inspect_counts(traffic):
    llama = MODELS / "llama-3-8b.json"
    flops = json.loads(smeaton("inspect", llama, "--batch", 1, "--prompt", 512, "--json").out)["flops"]
    row = compared(llama, "--devices", "H100", "--efficiency", 1, "--traffic", traffic / "one.yaml")["rows"][0]
    assert row["ttft_ms"]["value"] == pytest.approx(1e3 * flops / 989.4e12, rel=1e-6)
    # A step of one sequence: its weights and its cache, at 16 bits.
    decode = row["bound_ms"]["value"] * 3350e9 / 1e3
    assert decode == pytest.approx(2 * 7504658432 + 577 * 131072, rel=1e-3)


def test_configurations_that_ran_fit_and_those_that_cannot_do_not(traffic):
    ran = [("llama-3-8b", "RTX 4090", "fp16"), ("llama-3-8b", "RTX 4080", "fp16"), ("llama-3-70b", "A40", "q4_k_m"), ("llama-3-70b", "M1 Max", "q4_k_m"), ("llama-3-8b", "3070", "q4_k_m")]
    not_so = [("llama-3-8b", "3080 10GB", "fp16"), ("llama-3-70b", "RTX 4090", "q4_k_m"), ("mixtral-8x7b", "RTX 4090", "fp8")]
    for cases, fits in ((ran, True), (not_so, False)):
        for name, device, form in cases:
            row = compared(MODELS / f"{name}.json", "--devices", device, "--format", form, "--traffic", traffic / "one.yaml", "--engine", "llama.cpp")["rows"][0]
            assert row["fits"] == fits, (name, device)
            assert fits or "GiB" in row["reason"]
    row = compared(MODELS / "llama-2-70b.json", "--devices", "H200", "--format", "fp8", "--traffic", traffic / "one.yaml", "--engine", "trtllm")["rows"][0]
    assert row["fits"]


def test_refusals_are_one_message_each(traffic, tmp_path):
    llama, one = MODELS / "llama-3-8b.json", traffic / "one.yaml"
    (tmp_path / "undated.yaml").write_text("mode: own\ncapex_usd: 3\n")
    (tmp_path / "long.yaml").write_text("concurrency: 1\nprompt: 9000\noutput: 10\n")
    cases = [
        (["--devices", "H1000", "--traffic", one], "H1000"),
        (["--devices", "A100", "--traffic", one, "--format", "fp8"], "peak.fp8"),
        (["--devices", "H100", "--traffic", one, "--format", "fp5"], "fp5"),
        (["--devices", "H100", "--traffic", one, "--bits", "w=4,a=4"], "peak.fp4"),
        (["--devices", "H100", "--traffic", tmp_path / "long.yaml"], "8192 positions"),
        (["--devices", "H100", "--traffic", one, "--cost", tmp_path / "undated.yaml"], "without a date"),
        (["--devices", "H100*3", "--traffic", one, "--parallel", "t=3"], "32 heads"),
        (["--devices", "H100*8", "--traffic", one, "--parallel", "d=8,e=8"], "no experts"),
        (["--devices", "H100", "--traffic", one, "--engine", "vlm"], "vlm"),
        (["--devices", "H100", "--traffic", one, "--set", "interst=3"], "nearest"),
        (["--devices", "WSE-3", "--traffic", one], "peak.fp16"),
        (["--devices", "here", "--traffic", one], "without weights"),
        (["--devices", "H100"], "--traffic"),
        (["--devices", "H100", "--traffic", one, "--format", "q5_0", "--max-accuracy-loss", 1], "unknown"),
    ]
    for words, part in cases:
        message = without_progress(compared(llama, *words, code=1))
        assert part in message and message.count("\n") == 1, message
    both = compared(llama, "--devices", "H100,Alveo V80,H1000", "--traffic", one)
    assert [r["device"] for r in both["refused"]] == ["Alveo V80", "H1000"] and len(both["rows"]) == 1


def test_flags_say_what_a_number_rests_on(traffic):
    (traffic / "far.yaml").write_text("concurrency: 4000\nprompt: 100\noutput: 100\n")
    rows = compared(MODELS / "llama-3.1-8b.json", "--devices", "H100*8,MI300X*8", "--format", "fp8", "--traffic", traffic / "far.yaml", "--engine", "vllm")["rows"]
    assert "extrapolated" in rows[0]["tpot_ms"]["flags"]
    assert "uncalibrated" in compared(MODELS / "llama-3-8b.json", "--devices", "MI300X", "--traffic", traffic / "one.yaml", "--engine", "vllm")["rows"][0]["tpot_ms"]["flags"]
    for row in rows:
        for key in ("tpot_ms", "throughput_tokens_s"):
            assert row[key]["low"] <= row[key]["value"] <= row[key]["high"] and row[key]["basis"] == "derived" and row[key]["sources"]


def test_the_cost_of_a_known_throughput(traffic):
    words = [MODELS / "llama-2-70b.json", "--devices", "H200*8", "--format", "fp8", "--traffic", traffic / "max.yaml", "--engine", "trtllm", "--throughput-tokens-s", 31302.7]
    rent = compared(*words, "--set", "rent_usd_per_device_hour=2.5:4.75:7", "--set", "utilisation=1")["rows"][0]["cost_usd_per_mtoken"]
    assert rent["low"] == pytest.approx(0.177, abs=1e-3) and rent["high"] == pytest.approx(0.497, abs=1e-3)
    own = ["--set", "mode=own", "--set", "capex_usd=269000", "--set", "power_kw=8", "--set", "life_years=4", "--set", "interest=0.08"]
    own += ["--set", "pue=1.2", "--set", "electricity_usd_per_kwh=0.083", "--set", "utilisation=0.5", "--throughput-tokens-s", 24524.9]
    words[2] = "H100*8"
    cost = compared(*words[:-2], *own)["rows"][0]["cost_usd_per_mtoken"]
    assert cost["value"] == pytest.approx(0.228, abs=1e-3)


def test_rows_of_ones_own_change_the_prediction(traffic, tmp_path):
    head = "model,hardware,n_devices,precision,batch,in_len,out_len,parallelism,metric,value,engine\n"
    rows = tmp_path / "rows.csv"
    rows.write_text(head + "Llama-3-8B,H100,1,fp16,1,512,128,,decode_tokens_per_s,100,mine\n")
    assert "mine" in smeaton("compare", "--calibrate", rows, "--models", MODELS).out
    rows.write_text(head + "Llama-3-8B,H100,1,fp16,1,512,128,,decode_tokens_per_s,100,llama.cpp\n")
    words = [MODELS / "llama-3-8b.json", "--devices", "H100", "--traffic", traffic / "one.yaml", "--engine", "llama.cpp"]
    before = compared(*words)["rows"][0]["tpot_ms"]["value"]
    after = compared(*words, "--calibrate", rows, "--models", MODELS)["rows"][0]["tpot_ms"]["value"]
    assert after != before and after == pytest.approx(10, rel=0.25)
    rows.write_text(head + "Llama-3-8B,H100,1,fp16,1,512,128,,decode_tokens_per_s,fast,llama.cpp\n")
    assert "rows.csv:2" in compared(*words, "--calibrate", rows, code=1)


def test_the_survey_has_a_number_or_a_reason_for_each(traffic):
    rows = json.loads(smeaton("compare", "--survey", "--json").out)["survey"]
    assert len(rows) == 24
    for row in rows:
        assert row["normalised"]["tokens_per_s"] or row["reason"].startswith("cannot be known, because"), row["design"]
    assert "cannot be known" in smeaton("compare", "--survey").out


def test_the_page_is_whole_at_any_width_light_and_dark(traffic, tmp_path):
    page = tmp_path / "page.html"
    result = compared(MODELS / "llama-3-8b.json", "--devices", "H100,A100*2,RTX 4090,3080 10GB,Alveo V80", "--traffic", traffic / "one.yaml", "--compressions", "--set", "porting_weeks=5", "--out", page)
    text = page.read_text()

    def numbers(value):
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            for part in value:
                yield from numbers(part)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield float(value)

    known = set(numbers(result))
    figures = [float(raw) for raw in re.findall(r'<data value="([^"]+)"', text)]
    assert len(figures) > 60 and [f for f in figures if f not in known] == []
    with Browser() as tab:
        for width in (1280, 390):
            for dark in (False, True):
                tab.open(page, width=width, dark=dark)
                assert tab.complaints() == []
                assert tab.value("document.documentElement.scrollWidth") <= width
                tab.value("document.querySelectorAll('details').forEach(d => d.open = true)")
                assert tab.value("document.documentElement.scrollWidth") <= width
                assert tab.value("getComputedStyle(document.body).backgroundColor") == ("rgb(22, 24, 29)" if dark else "rgb(251, 250, 247)")


def test_simulate_and_compare_give_one_time_for_a_model_on_a_device(tmp_path):
    make = np.random.default_rng(1)
    nodes, weights, last = [], [], "x"
    for i in range(4):
        weights.append(tensor(f"w{i}", make.normal(size=(256, 256)).astype(np.float32)))
        nodes += [node("MatMul", [last, f"w{i}"], [f"m{i}"], name=f"m{i}"), node("Relu", [f"m{i}"], [f"r{i}"], name=f"r{i}")]
        last = f"r{i}"
    nodes.append(node("Softmax", [last], ["y"], name="s", axis=-1))
    path = tmp_path / "chain.onnx"
    onnx.save(model(nodes, {"x": (F32, [64, 256])}, {"y": (F32, [64, 256])}, weights), str(path))
    for device in ("A100", "RTX 4090"):
        simulated = json.loads(smeaton("simulate", path, "--machine", device, "--json").out)
        latency = compared(path, "--devices", device)["rows"][0]["latency_ms"]
        assert simulated["time_ms"] == pytest.approx(latency["value"], rel=1e-9)
        assert simulated["time_range_ms"]["high"] == pytest.approx(latency["high"], rel=1e-9)
        # Four products with their Relus inside, and the softmax.
        assert len(simulated["kernels"]) == 5
        assert sum(k["time_us"] for k in simulated["kernels"]) == pytest.approx(1e3 * latency["value"], rel=1e-6)


def test_this_machine_is_measured(tmp_path):
    weight = tensor("w", np.ones((64, 64), np.float32))
    path = tmp_path / "small.onnx"
    onnx.save(model([node("MatMul", ["x", "w"], ["y"])], {"x": (F32, [64, 64])}, {"y": (F32, [64, 64])}, [weight]), str(path))
    rows = compared(path, "--devices", "here,A100")["rows"]
    assert [row["asked"] for row in rows] == ["here", "A100"]
    assert rows[0]["latency_ms"]["basis"] == "measured" and rows[0]["latency_ms"]["value"] > 0
    assert rows[1]["latency_ms"]["basis"] == "derived"
