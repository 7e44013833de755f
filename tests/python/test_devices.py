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
