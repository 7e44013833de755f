"""Real devices: the list, the form, what is refused."""

import csv
import json
import sys
from pathlib import Path

import onnx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, ROOT, model, node, smeaton  # noqa: E402

TABLE = ROOT.parent / "shared" / "data" / "devices.csv"
PEAKS = {
    "fp32": "fp32_tflops",
    "tf32": "tf32_tflops",
    "fp16": "fp16_bf16_tflops_dense",
    "fp8": "fp8_tflops_dense",
    "int8": "int8_tops_dense",
    "fp4": "fp4_tflops_dense",
}


@pytest.fixture(scope="module")
def rows():
    return {row["name"]: row for row in json.loads(smeaton("devices", "--json").out)["devices"]}


def test_each_file_is_a_row(rows):
    files = sorted(p.stem for p in (ROOT / "machines" / "devices").glob("*.yaml"))
    assert sorted(row["file"] for row in rows.values()) == files
    for row in rows.values():
        text = (ROOT / "machines" / "devices" / f"{row['file']}.yaml").read_text()
        assert f'name: "{row["name"]}"' in text and f"class: {row['class']}\n" in text
        for key, number in row["sources"].items():
            assert number["source"], (row["name"], key)


@pytest.mark.skipif(not TABLE.exists(), reason=f"{TABLE} is not there")
def test_figures_are_those_of_the_table_and_blanks_stay_blank_or_say_who_fills_them(rows):
    for line in csv.DictReader(TABLE.open()):
        row = rows[line["name"]]
        figures = {f"peak.{k}": line[c] for k, c in PEAKS.items()}
        figures.update(memory_gb=line["mem_gb"], bandwidth_gb_s=line["mem_bw_gbs"], power_w=line["tdp_w"])
        for key, figure in figures.items():
            ours = row["peak"].get(key[5:]) if key.startswith("peak.") else row[key]
            if figure:
                assert ours == float(figure), (line["name"], key)
            elif ours is not None:
                assert row["sources"][key]["confidence"] in ("inferred", "recalled"), (line["name"], key)
            else:
                assert key in row["blank"], (line["name"], key)


def test_filters_leave_what_they_say(rows):
    gpus = json.loads(smeaton("devices", "--class", "gpu", "--peak", "fp8", "--json").out)["devices"]
    assert gpus and all(row["class"] == "GPU" and "fp8" in row["peak"] for row in gpus)
    assert len(gpus) == sum(row["class"] == "GPU" and "fp8" in row["peak"] for row in rows.values())
    for words in (["--class", "GPUs"], ["--engine", "vlm"], ["--peak", "fp9"], ["H1000"], ["--class", "GPU", "--vendor", "Google"]):
        ended = smeaton("devices", *words)
        assert ended.code == 1 and not ended.out, words
    assert "nearest" in smeaton("devices", "--engine", "vlm").err


def test_sources_are_printed():
    out = smeaton("devices", "H100", "--sources").out
    assert "Epoch AI" in out and "sums in fp32" in out and "server_power_w" in out


def test_a_file_is_a_device_and_a_machine(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text('name: "Mine (one)"\nclass: GPU\npeak: {fp32: 10, fp16: 100}\nmemory_gb: 16\nbandwidth_gb_s: 500\n')
    row = json.loads(smeaton("devices", path, "--json").out)["devices"][0]
    assert row["peak"] == {"fp32": 10, "fp16": 100} and row["memory_gb"] == 16 and row["power_w"] is None
    relu = tmp_path / "relu.onnx"
    onnx.save(model([node("Relu", ["x"], ["y"])], {"x": (F32, [64, 64])}, {"y": (F32, [64, 64])}), str(relu))
    for machine in (path, "A100"):
        ended = smeaton("simulate", relu, "--machine", machine, "--json")
        assert ended.code == 0, ended.err
        assert json.loads(ended.out)["time_ms"] > 0
    ended = smeaton("simulate", relu, "--machine", "Alveo U280")
    assert ended.code == 1 and "Alveo U280" in ended.err and "peak.fp32" in ended.err


def test_a_file_says_what_is_different_of_its_base(tmp_path):
    path = tmp_path / "server.yaml"
    path.write_text('base: "EPYC 9654"\nmemory_gb: {value: 384, source: "12 modules of 32 GB"}\npeak: {fp16: 1.5}\n')
    base, row = (json.loads(smeaton("devices", name, "--json").out)["devices"][0] for name in ("EPYC 9654", path))
    assert row["name"] == base["name"] and row["memory_gb"] == 384 and row["peak"] == base["peak"] | {"fp16": 1.5}
    assert row["bandwidth_gb_s"] == base["bandwidth_gb_s"] and row["sources"]["memory_gb"]["source"] == "12 modules of 32 GB"
    assert "memory_gb" in base["blank"] and not {"memory_gb", "peak.fp16"} & set(row["blank"])
    second = tmp_path / "second.yaml"
    for text, message in {
        "base: server.yaml\nmemory_gb: 8\n": "has a base of its own",
        "base: second.yaml\n": "has a base of its own",
        'base: "EPYC 9999"\n': "EPYC 9999",
        'base: "EPYC 9654"\nmemory: 8\n': "'memory'",
    }.items():
        second.write_text(text)
        ended = smeaton("devices", second)
        assert ended.code == 1 and message in ended.err, ended.err


def test_numbers_that_nobody_read_say_so_where_they_are_listed_and_where_they_count(rows, tmp_path):
    """Of every device: recalled or computed numbers are marked by --sources, and figures that rest on them have the flag."""
    traffic = tmp_path / "one.yaml"
    traffic.write_text("concurrency: 1\nprompt: 64\noutput: 32\n")
    small = tmp_path / "config.json"
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 256}
    small.write_text(json.dumps({"model_type": "llama", **sizes}))
    able = [r for r in rows.values() if "fp16" in r["peak"] and r["memory_gb"] and r["bandwidth_gb_s"]]
    found = json.loads(smeaton("compare", small, "--traffic", traffic, "--devices", ",".join(r["file"] for r in able), "--json").out)["rows"]
    assert len(found) == len(able) > 40
    by_name = {row["device"]: row for row in found}
    seen = set()
    for device in able:
        row = by_name[device["name"]]
        sure = {key: number.get("confidence") for key, number in device["sources"].items()}
        for figure, keys in {
            "tpot_ms": ["peak.fp16", "peak.fp32", "bandwidth_gb_s"],
            "throughput_tokens_s": ["peak.fp16", "peak.fp32", "bandwidth_gb_s"],
            "power_w": ["power_w", "idle_w"],
            "energy_j_per_token": ["power_w", "peak.fp16"],
        }.items():
            if row.get(figure) is None:
                continue
            wanted = {sure[key] for key in keys if key in sure} & {"recalled", "inferred"}
            assert wanted <= set(row[figure]["flags"]), (row["device"], figure)
            seen |= wanted
    assert seen == {"recalled", "inferred"}
    for device in able[:5]:
        out = smeaton("devices", device["file"], "--sources").out
        for word in ("recalled", "inferred"):
            # Rates for other work stand beside their format.
            numbers = [n for number in device["sources"].values() for n in (number, *number.get("also", []))]
            assert out.count(word) >= sum(n.get("confidence") == word for n in numbers)


def test_memory_that_is_installed_is_given(tmp_path):
    path = tmp_path / "relu.onnx"
    onnx.save(model([node("Relu", ["x"], ["y"])], {"x": (F32, [4, 64])}, {"y": (F32, [4, 64])}), str(path))
    for verb, words in {"compare": ["--devices", "EPYC 9654"], "simulate": ["--machine", "EPYC 9654"]}.items():
        ended = smeaton(verb, path, *words)
        assert ended.code == 1, verb
        for word in ("EPYC 9654", "memory_gb", "modules", "base:", "--set memory_gb="):
            assert word in ended.err, (verb, ended.err)
    for key in ("memory_gb", "memory_gb.EPYC 9654"):
        ended = smeaton("compare", path, "--devices", "EPYC 9654,H100", "--set", f"{key}=384", "--json")
        assert {row["device"] for row in json.loads(ended.out)["rows"]} == {"EPYC 9654 (per socket)", "H100 SXM5 80GB"}
    faster = "bandwidth_gb_s.EPYC 9654=921.6"
    one, other = (
        json.loads(smeaton("compare", path, "--devices", "EPYC 9654", "--set", "memory_gb=384", *more, "--json").out)["rows"][0]
        for more in ([], ["--set", faster])
    )
    assert other["bound_ms"]["value"] == pytest.approx(one["bound_ms"]["value"] / 2)
    for setting, message in {
        "memory_gb=-1": "memory_gb",
        "memory_gb=lots": "lots",
        "memory_gb.H100=80": "not among the devices",
        "memory_tb=1": "memory_tb",
    }.items():
        ended = smeaton("compare", path, "--devices", "EPYC 9654", "--set", "memory_gb=384", "--set", setting)
        assert ended.code == 1 and message in ended.err, (setting, ended.err)
