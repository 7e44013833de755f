"""Calls of `devices`, `compare` and `simulate --machine NAME` that are wrong, odd or wide: one message each; and what the JSON holds."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, ROOT, model, node, smeaton, tensor, without_progress  # noqa: E402

LLAMA = ROOT / "machines" / "models" / "llama-3-8b.json"
MIXTRAL = ROOT / "machines" / "models" / "mixtral-8x7b.json"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calls")
    texts = {
        "one.yaml": "concurrency: 1\nprompt: 512\noutput: 128\n",
        "many.yaml": "concurrency: 16\nprompt: 512\noutput: 128\n",
        "wrong-key.yaml": "concurency: 1\nprompt: 512\noutput: 128\n",
        "negative.yaml": "concurrency: -4\nprompt: 512\noutput: 128\n",
        "no-output.yaml": "concurrency: 1\nprompt: 512\n",
        "huge.yaml": "concurrency: 1\nprompt: 7000\noutput: 4000\n",
        "broken.yaml": "name: [unclosed\n",
        "nameless.yaml": "class: GPU\nmemory_gb: 8\n",
        "negative-device.yaml": "name: minus\nclass: GPU\npeak: {fp16: -3}\nmemory_gb: 8\nbandwidth_gb_s: 100\n",
        "unknown-key.yaml": "name: odd\nclass: GPU\nmemory_gb: 8\nbandwith_gb_s: 100\n",
        "sparse.yaml": 'name: thin\nclass: GPU\npeak: {fp16: {value: 300, sparse: "2:4"}}\nmemory_gb: 80\nbandwidth_gb_s: 1000\n',
        "small.yaml": "name: small\nclass: GPU\npeak: {fp32: 5, fp16: 10}\nmemory_gb: 0.0001\nbandwidth_gb_s: 100\n",
        "undated.yaml": "mode: own\ncapex_usd: 300000\n",
        "keyless.json": json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64}),
        "stranger.json": json.dumps({"model_type": "perceiver", "hidden_size": 64}),
        "not.json": "{",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    make = np.random.default_rng(3)
    weights = [tensor("c", make.normal(size=(8, 3, 3, 3)).astype(np.float32)), tensor("w", make.normal(size=(8, 10)).astype(np.float32))]
    weights += [tensor(name, np.ones(8, np.float32)) for name in ("s", "o")]
    nodes = [
        node("Conv", ["x", "c"], ["a"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("GroupNormalization", ["a", "s", "o"], ["b"], num_groups=2),
        node("GlobalAveragePool", ["b"], ["p"]),
        node("Flatten", ["p"], ["f"]),
        node("MatMul", ["f", "w"], ["y"]),
    ]
    onnx.save(model(nodes, {"x": (F32, [1, 3, 32, 32])}, {"y": (F32, [1, 10])}, weights, opset=21), str(folder / "net.onnx"))
    onnx.save(model([node("Relu", ["x"], ["y"])], {"x": (F32, ["N", 4])}, {"y": (F32, ["N", 4])}), str(folder / "open.onnx"))
    return folder


def refused(*words):
    """The one message of a call that is a user's mistake."""
    ended = smeaton(*words)
    assert ended.code == 1, (words, ended.code, ended.out[-300:], ended.err[-300:])
    message = without_progress(ended.err)
    assert message.count("\n") == 1 and "Traceback" not in message, message
    return message


def test_devices_says_what_is_wrong(files):
    cases = [
        (["H1000"], "H1000"),
        (["--class", "GPX"], "GPX"),
        (["--peak", "fp7"], "fp7"),
        ([files / "broken.yaml"], "broken.yaml"),
        ([files / "nameless.yaml"], "name"),
        ([files / "negative-device.yaml"], "peak.fp16"),
        ([files / "unknown-key.yaml"], "bandwidth_gb_s"),
        ([files / "none.yaml"], "none.yaml"),
        ([files], "calls"),
        (["--nonsense"], "nonsense"),
    ]
    for words, part in cases:
        assert part in refused("devices", *words), (words, part)


def test_compare_says_what_is_wrong(files):
    one = files / "one.yaml"
    cases = [
        ([LLAMA, "--devices", "H1000", "--traffic", one], "H1000"),
        ([LLAMA, "--devices", "H100*0", "--traffic", one], "from 1 on"),
        ([LLAMA, "--devices", "H100*-2", "--traffic", one], "from 1 on"),
        ([LLAMA, "--devices", "H100", "--traffic", one, "--engine", "lama.cpp"], "llama.cpp"),
        ([LLAMA, "--devices", "H100", "--traffic", one, "--format", "q4km"], "q4_k_m"),
        ([LLAMA, "--devices", "H100", "--traffic", files / "wrong-key.yaml"], "concurrency"),
        ([LLAMA, "--devices", "H100", "--traffic", files / "negative.yaml"], "concurrency"),
        ([LLAMA, "--devices", "H100", "--traffic", files / "no-output.yaml"], "output"),
        ([LLAMA, "--devices", "H100", "--traffic", files / "none.yaml"], "none.yaml"),
        ([LLAMA, "--devices", "H100", "--traffic", files / "huge.yaml"], "8192"),
        ([LLAMA, "--devices", "H100", "--traffic", one, "--set", "interest=-1"], "interest"),
        ([LLAMA, "--devices", "H100", "--traffic", one, "--set", "intrest=0.1"], "interest"),
        ([LLAMA, "--devices", "H100", "--traffic", one, "--cost", files / "undated.yaml"], "date"),
        ([LLAMA, "--devices", "H100", "--traffic", one, "--power-cap-w", "-5"], "power-cap"),
        ([LLAMA, "--devices", "H100", "--traffic", one, "--throughput-tokens-s", "0"], "throughput"),
        ([LLAMA, "--devices", "H100", "--traffic", one, "--sparsity", "4:2"], "N:M"),
        ([LLAMA, "--devices", "H100", "--traffic", one, "--expert-imbalance", "0.5"], "from 1 on"),
        ([LLAMA, "--devices", "H100*8", "--traffic", one, "--parallel", "d=8,e=8"], "no experts"),
        ([MIXTRAL, "--devices", "H100*8", "--traffic", one, "--parallel", "d=8,e=3"], "experts"),
        ([LLAMA, "--devices", files / "sparse.yaml", "--traffic", one], "sparse"),
        ([LLAMA, "--devices", "H100", "--traffic", one, "--calibrate", files / "one.yaml"], "one.yaml"),
        ([LLAMA, "--devices", "H100", "--traffic", one, "--max-accuracy-loss", "5", "--bits", "kv=2"], "unknown"),
        ([files / "keyless.json", "--devices", "H100", "--traffic", one], "num_"),
        ([files / "stranger.json", "--devices", "H100", "--traffic", one], "perceiver"),
        ([files / "not.json", "--devices", "H100", "--traffic", one], "not.json"),
        ([files / "none.onnx", "--devices", "H100"], "none.onnx"),
        ([files / "open.onnx", "--devices", "H100"], "--dim"),
        ([files / "net.onnx", "--devices", "U280"], "peak.fp32"),
        ([files / "net.onnx", "--devices", ""], "--devices"),
        (["--survey", "--devices", "H100"], "--survey"),
    ]
    for words, part in cases:
        assert part in refused("compare", *words), (words, part)


def test_simulate_on_a_device_says_what_is_wrong(files):
    net = files / "net.onnx"
    cases = [
        ([net, "--machine", "H1000"], "H1000"),
        ([net, "--machine", "U280"], "peak.fp32"),
        ([net, "--machine", files / "broken.yaml"], "broken.yaml"),
        ([net, "--machine", files / "negative-device.yaml"], "peak.fp16"),
        ([net, "--machine", files / "unknown-key.yaml"], "bandwidth_gb_s"),
        ([net, "--machine", files / "small.yaml"], "GiB"),
        ([net, "--machine", files / "none.yaml"], "none.yaml"),
        ([LLAMA, "--machine", "H100"], "compare"),
        ([files / "none.onnx", "--machine", "H100"], "none.onnx"),
        ([files / "open.onnx", "--machine", "H100"], "--dim"),
        ([files / "keyless.json", "--machine", "H100"], "num_"),
    ]
    for words, part in cases:
        assert part in refused("simulate", *words), (words, part)


QUANTITY = {"low", "value", "high", "basis", "flags"}


def test_the_json_of_compare_holds_every_key_that_is_promised(files):
    ended = smeaton("compare", LLAMA, "--devices", "H100,A100*2,3080 10GB,Alveo V80", "--traffic", files / "many.yaml", "--json")
    result = json.loads(ended.out)
    for key in ("rows", "ranking", "flips", "refused", "workload", "crossings", "accuracy"):
        assert key in result, key
    numbers = ("ttft_ms", "tpot_ms", "throughput_tokens_s", "power_w", "energy_j_per_token", "cost_usd_per_mtoken")
    for row in result["rows"]:
        assert {"device", "count", "engine", "fits", "latency_ms", *numbers} <= set(row)
        if not row["fits"]:
            assert row["reason"] and "GiB" in row["reason"]
            continue
        for name in numbers:
            if row[name] is None:
                assert row["cost_refused"] or row["energy_refused"], name
                continue
            assert QUANTITY <= set(row[name]), name
            assert row[name]["basis"] in ("measured", "simulated", "derived", "scaled")
            assert row[name]["low"] <= row[name]["value"] <= row[name]["high"]
    assert [r["fits"] for r in result["rows"]] == [True, True, False]
    assert set(result["ranking"]) == {"H100", "A100*2"}
    assert [set(r) for r in result["refused"]] == [{"device", "reason"}]
    devices = json.loads(smeaton("devices", "--json").out)["devices"]
    assert len(devices) >= 43
    for device in devices:
        assert {"name", "class", "year", "peak", "memory_gb", "bandwidth_gb_s", "power_w", "sources"} <= set(device)
        assert all(isinstance(v, (int, float)) for v in device["peak"].values())
        for key in list(device["peak"]) and [f"peak.{k}" for k in device["peak"]]:
            assert device["sources"][key]["source"], (device["name"], key)


def test_tables_fit_the_terminal(files):
    calls = [
        ["compare", LLAMA, "--devices", "H100,A100*2,RTX 4090,3080 10GB", "--traffic", files / "many.yaml", "--compressions"],
        ["compare", files / "net.onnx", "--devices", "A100,L4,RTX 4090"],
        ["compare", "--survey"],
        ["devices"],
    ]
    for words in calls:
        for width in (80, 100, 120):
            lines = smeaton(*words, env={"COLUMNS": str(width)}).out.splitlines()
            heads = [i for i, line in enumerate(lines) if re.match(r"(device|design|method) ", line)]
            assert heads, words
            for head in heads:
                table = lines[head : head + 4]
                assert max(len(line) for line in table) <= width, (words[0], width, max(table, key=len))
                assert len(table[0].split()) > 3


def test_experts_across_replicas(files):
    words = [MIXTRAL, "--devices", "H100*4", "--traffic", files / "many.yaml", "--engine", "vllm", "--json"]
    def row(*more):
        return json.loads(smeaton("compare", *words, *more).out)["rows"][0]
    shared, whole = row("--parallel", "d=4,e=4"), row("--parallel", "t=4")
    assert shared["parallel"] == {"t": 1, "p": 1, "d": 4, "e": 4}
    assert shared["memory"]["weights_bytes"] > whole["memory"]["weights_bytes"]  # attention stands on each
    assert "experts across replicas are uncalibrated" in shared["tpot_ms"]["flags"]
    uneven = row("--parallel", "d=4,e=4", "--expert-imbalance", 2)
    assert uneven["tpot_ms"]["value"] > shared["tpot_ms"]["value"]
    assert "experts are taken as evenly busy" not in uneven["tpot_ms"]["flags"]


def test_engines_that_lack_an_operator_say_which_and_who_says_so(files):
    rows = json.loads(smeaton("compare", files / "net.onnx", "--devices", "A100,M2 Ultra,MI300X", "--set", "porting_weeks=3", "--json").out)["rows"]
    by = {row["asked"]: row["adoption"] for row in rows}
    gpu = by["A100"]["lacks"]
    assert gpu["onnxruntime"]["operators"] == ["GroupNormalization"] and "OperatorKernels" in gpu["onnxruntime"]["source"]
    assert gpu["vllm"]["operators"] == ["ONNX graphs"]
    assert by["M2 Ultra"]["lacks"]["onnxruntime"]["operators"] == []
    assert by["MI300X"]["lacks"]["onnxruntime"]["operators"] == "unknown"
    assert by["A100"]["porting_weeks"] == 3
    llm = json.loads(smeaton("compare", LLAMA, "--devices", "H100", "--traffic", files / "one.yaml", "--json").out)["rows"][0]["adoption"]
    assert llm["lacks"]["vllm"]["operators"] == [] and llm["porting_weeks"] is None


def test_every_compression_of_a_shape_with_its_times(files):
    words = ["compare", LLAMA, "--devices", "H100,V100S", "--traffic", files / "one.yaml", "--engine", "vllm", "--compressions"]
    result = json.loads(smeaton(*words, "--max-accuracy-loss", 5, "--json").out)
    rows = {(c["method"], c["format"]): c for c in result["compressed"]}
    dense = result["rows"][0]["tpot_ms"]["value"]
    distilled, wanda = rows[("2:4 and distillation over 13 B tokens", "bf16")], rows[("Wanda 2:4, no retraining", "bf16")]
    assert distilled["not_taken"] is None and "55.9" in wanda["not_taken"]
    assert distilled["devices"][0]["tpot_ms"]["value"] < dense
    assert rows[("quantisation W8A8", "int8")]["devices"][0]["tpot_ms"]["value"] < dense
    assert rows[("Wanda unstructured, no retraining", "bf16")]["devices"][0]["tpot_ms"]["value"] == pytest.approx(dense)
    assert "peak.bf16" in wanda["devices"][1]["refused"]
