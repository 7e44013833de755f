"""The command line: verbs, files in and out, --json."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, ROOT, model, node, smeaton, tensor  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """small.onnx: softmax(x w + b) with an open dim; x.npy, y.npy: an input and its output."""
    path = tmp_path_factory.mktemp("cli")
    rng = np.random.default_rng(11)
    w = rng.standard_normal((8, 5)).astype(np.float32)
    b = rng.standard_normal(5).astype(np.float32)
    x = rng.standard_normal((3, 8)).astype(np.float32)
    nodes = [node("Gemm", ["x", "w", "b"], ["g"], "dense"), node("Softmax", ["g"], ["y"], "soft", axis=-1)]
    graph = model(nodes, {"x": (F32, ["rows", 8])}, {"y": (F32, ["rows", 5])}, [tensor("w", w), tensor("b", b)])
    onnx.save(graph, str(path / "small.onnx"))
    logits = np.exp(x.astype(np.float64) @ w + b)
    np.save(path / "x.npy", x)
    np.save(path / "y.npy", (logits / logits.sum(axis=1, keepdims=True)).astype(np.float32))
    np.save(path / "wrong.npy", np.zeros((3, 5), np.float32))
    (path / "x.pb").write_bytes(tensor("x", x).SerializeToString())
    return path


def json_of(ended):
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_run_prints_the_documented_json(folder):
    result = json_of(smeaton("run", "small.onnx", "--input", "x=x.npy", "--json", "--runs", "5", cwd=folder))
    assert set(result["latency_ms"]) >= {"median", "p95", "min"}
    assert result["compile_s"] >= 0 and result["threads"] >= 1
    assert 0 <= result["arena_lower_bound_bytes"] <= result["arena_bytes"]
    assert result["weights_bytes"] >= 4 * (8 * 5 + 5)
    (y,) = result["outputs"]
    assert (y["name"], y["dtype"], y["shape"]) == ("y", "f32", [3, 5])
    for kernel in result["kernels"]:
        assert set(kernel) >= {"name", "ops", "time_us", "flops", "bytes", "bound", "efficiency"}
    assert {op for kernel in result["kernels"] for op in kernel["ops"]} >= {"dense", "soft"}


def test_check_accepts_the_right_output_and_refuses_another(folder):
    run = ["run", "small.onnx", "--input", "x=x.npy", "--check"]
    assert smeaton(*run, "y.npy", cwd=folder).code == 0
    ended = smeaton(*run, "wrong.npy", cwd=folder)
    assert ended.code == 1 and "y" in ended.err


def test_npy_and_pb_inputs_agree_and_outputs_are_written(folder, tmp_path):
    for name in ("x.npy", "x.pb"):
        ended = smeaton(
            "run", "small.onnx", "--input", f"x={name}", "--output-dir", tmp_path / name, cwd=folder
        )
        assert ended.code == 0, ended.err
    (first,) = (tmp_path / "x.npy").glob("*.npy")
    (second,) = (tmp_path / "x.pb").glob("*.npy")
    np.testing.assert_allclose(np.load(first), np.load(folder / "y.npy"), rtol=1e-4)
    assert np.load(first).tobytes() == np.load(second).tobytes()


def test_dim_binds_random_inputs(folder):
    result = json_of(smeaton("run", "small.onnx", "--dim", "rows=4", "--json", cwd=folder))
    assert result["outputs"][0]["shape"] == [4, 5]
    result = json_of(smeaton("run", "small.onnx", "--dim", "x:0=6", "--json", cwd=folder))
    assert result["outputs"][0]["shape"] == [6, 5]


def test_inspect_counts_and_names_what_is_unsupported(folder, tmp_path):
    result = json_of(smeaton("inspect", "small.onnx", "--dim", "rows=3", "--json", cwd=folder))
    assert result["operators"] == {"Gemm": 1, "Softmax": 1}
    assert result["parameters"] == 45 and result["unsupported"] == []
    assert result["flops"] >= 2 * 3 * 8 * 5
    odd = model([node("Frobnicate", ["x"], ["y"], "odd")], {"x": (F32, [2])}, {"y": (F32, [2])})
    onnx.save(odd, str(tmp_path / "odd.onnx"))
    result = json_of(smeaton("inspect", tmp_path / "odd.onnx", "--json"))
    (row,) = result["unsupported"]
    assert (row["node"], row["op"]) == ("odd", "Frobnicate") and row["reason"]


def test_inspect_prints_memory(folder):
    ended = smeaton("inspect", "small.onnx", "--dim", "rows=3", "--memory", cwd=folder)
    assert ended.code == 0 and "arena" in ended.out


def test_inspect_finds_the_layers_that_repeat(tmp_path):
    nodes, weights, x = [], [], "x"
    for i in range(4):
        weights.append(tensor(f"w{i}", np.full((5, 5), i, np.float32)))
        nodes += [node("MatMul", [x, f"w{i}"], [f"h{i}"], f"/net/layer.{i}/MatMul")]
        nodes += [node("Tanh", [f"h{i}"], [f"y{i}"], f"/net/layer.{i}/Tanh")]
        x = f"y{i}"
    nodes.append(node("Softmax", [x], ["y"], "/head/Softmax"))
    onnx.save(
        model(nodes, {"x": (F32, [2, 5])}, {"y": (F32, [2, 5])}, weights), str(tmp_path / "m.onnx")
    )
    result = json_of(smeaton("inspect", tmp_path / "m.onnx", "--blocks", "--json"))
    assert [b["name"] for b in result["blocks"]] == [f"net/layer.{i}" for i in range(4)] + ["head"]
    assert [b["kind"] for b in result["blocks"]] == [0, 0, 0, 0, 1]
    assert [b["parameters"] for b in result["blocks"]] == [25] * 4 + [0]
    assert result["runs"] == [{"first": 0, "count": 4, "inputs": ["previous 0"]}]
    ended = smeaton("inspect", tmp_path / "m.onnx", "--blocks")
    assert "4 equal blocks, 0 to 3" in ended.out


def test_emit_prints_source_with_names_and_bytes(folder):
    ended = smeaton("emit", "small.onnx", "--as", "cpp", "--dim", "rows=3", cwd=folder)
    assert ended.code == 0, ended.err
    assert "dense" in ended.out and "bytes" in ended.out


def test_simulate_predicts_for_every_shipped_machine(folder):
    machines = sorted((ROOT / "machines").glob("*.yaml"))
    assert len(machines) >= 3
    for machine in machines:
        result = json_of(
            smeaton("simulate", "small.onnx", "--dim", "rows=3", "--machine", machine, "--json", cwd=folder)
        )
        assert result["time_ms"] > 0
        for kernel in result["kernels"]:
            assert set(kernel) >= {"name", "ops", "time_us", "bound", "bytes"}


def on_chip(folder, *options):
    chip = ROOT / "machines" / "simdit-training-08.yaml"
    return json_of(smeaton("simulate", "small.onnx", "--machine", chip, "--json", *options, cwd=folder))


def test_simulate_reports_energy_of_a_chip_and_none_of_a_cpu(folder):
    result = on_chip(folder, "--dim", "rows=3", "--sources")
    energy = result["energy_pj"]
    assert 0 < energy["low"] <= energy["value"] <= energy["high"]
    parts = sum(part["value"] for part in result["energy_by"].values())
    nodes = sum(node["energy_pj"] for node in result["nodes"])
    assert parts == pytest.approx(energy["value"], rel=1e-9) and nodes == pytest.approx(energy["value"], rel=1e-9)
    assert result["average_power_w"] <= result["peak_power_w"] and result["area_mm2"] > 0
    assert sum(node["cycles"] for node in result["nodes"]) == pytest.approx(result["total_cycles"], rel=1e-9)
    assert sum(result["shares"].values()) == pytest.approx(1, rel=1e-9)
    assert all(figure["source"] for figure in result["sources"])
    cpu = ROOT / "machines" / "edge-cpu.yaml"
    none = json_of(smeaton("simulate", "small.onnx", "--dim", "rows=3", "--machine", cpu, "--json", cwd=folder))
    assert none["energy_pj"] is None and none["average_power_w"] is None and none["energy_missing"]


def test_simulate_walks_events_beside_the_closed_form(folder, tmp_path):
    result = on_chip(folder, "--dim", "rows=3", "--events", "--trace", tmp_path / "trace.json")
    events = result["events"]
    assert events["total_cycles"] == pytest.approx(sum(node["cycles"] for node in result["nodes"]), rel=1e-9)
    assert events["total_cycles"] >= result["total_cycles"] * (1 - 1e-6)
    trace = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    rows = {e["tid"]: e["args"]["name"] for e in trace if e["name"] == "thread_name"}
    busy = {}
    for e in trace:
        if e["ph"] == "X":
            busy[rows[e["tid"]]] = busy.get(rows[e["tid"]], 0) + e["dur"] * 1250
    assert busy == pytest.approx(events["by_unit"], abs=1)
    refused = smeaton(
        "simulate", "small.onnx", "--dim", "rows=3", "--machine", ROOT / "machines/edge-cpu.yaml", "--events", cwd=folder
    )
    assert refused.code == 1 and "cache" in refused.err


def test_simulate_prices_a_step_of_training(folder):
    forward = on_chip(folder, "--batch", "4")
    train = ["--batch", "4", "--training", "--loss", "mse"]
    sgd, adam = (on_chip(folder, *train, "--optimizer", name) for name in ("sgd", "adam"))
    assert sgd["training"] and sgd["batch"] == 4 and not forward["training"]
    phases = {node["phase"] for node in adam["nodes"]}
    assert phases >= {"forward", "update"} and "optimiser" in {node["class"] for node in adam["nodes"]}
    # The gradients of the weights and of the product's bias; no gradient of the input is asked for.
    assert sgd["macs"] >= 2 * forward["macs"] and adam["macs"] == sgd["macs"]
    assert adam["op_count"] > sgd["op_count"] and adam["dram_bytes"]["total"] > sgd["dram_bytes"]["total"]
    chip = ROOT / "machines" / "simdit-training-08.yaml"
    for options, word in (
        (["--optimizer", "sgd", "--batch", "4"], "--training"),
        ([*train, "--recompute", "full"], "none"),
        ([*train, "--optimizer", "lion"], "lion"),
    ):
        ended = smeaton("simulate", "small.onnx", "--machine", chip, *options, cwd=folder)
        assert ended.code == 1 and word in ended.err, ended.err


def test_lowering_knows_no_machine(folder, tmp_path):
    texts = set()
    for machine in sorted((ROOT / "machines").glob("*.yaml")):
        ended = smeaton(
            "simulate", "small.onnx", "--dim", "rows=3", "--machine", machine, "--stop-after", "lower", cwd=folder
        )
        assert ended.code == 0, ended.err
        texts.add(ended.out)
    assert len(texts) == 1 and "kernel" in texts.pop()


def test_dump_writes_every_stage(folder, tmp_path):
    ended = smeaton("run", "small.onnx", "--input", "x=x.npy", "--dump", tmp_path / "dump", cwd=folder)
    assert ended.code == 0, ended.err
    stages = sorted(p.name for p in (tmp_path / "dump").iterdir())
    assert any("lower" in name for name in stages) and all(name[:2].isdigit() for name in stages)


def test_trace_is_json_for_a_timeline(folder, tmp_path):
    ended = smeaton("run", "small.onnx", "--input", "x=x.npy", "--trace", tmp_path / "t.json", cwd=folder)
    assert ended.code == 0, ended.err
    trace = json.loads((tmp_path / "t.json").read_text())
    events = trace["traceEvents"] if isinstance(trace, dict) else trace
    assert events


@pytest.mark.parametrize("isa", ["avx512", "avx2", "plain"])
def test_every_instruction_set_computes_the_same(folder, isa):
    flags = set(Path("/proc/cpuinfo").read_text().split())
    if isa != "plain" and {"avx512": "avx512f", "avx2": "avx2"}[isa] not in flags:
        pytest.skip(f"this CPU has no {isa}")
    ended = smeaton("run", "small.onnx", "--input", "x=x.npy", "--isa", isa, "--check", "y.npy", cwd=folder)
    assert ended.code == 0, ended.err


def test_a_missing_compiler_and_a_read_only_cache_say_what_to_do(folder, tmp_path):
    run = ["run", "small.onnx", "--input", "x=x.npy"]
    fresh = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    ended = smeaton(*run, cwd=folder, env={**fresh, "PATH": str(tmp_path), "CXX": ""})
    assert ended.code == 1 and "compiler" in ended.err
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    ended = smeaton(*run, cwd=folder, env={"XDG_CACHE_HOME": str(blocked)})
    assert ended.code == 1 and str(blocked) in ended.err


def test_cache_shows_and_clears(folder, tmp_path):
    env = {"XDG_CACHE_HOME": str(tmp_path)}
    assert smeaton("run", "small.onnx", "--input", "x=x.npy", cwd=folder, env=env).code == 0
    assert list(tmp_path.rglob("*.so"))
    shown = smeaton("cache", env=env)
    assert shown.code == 0 and str(tmp_path) in shown.out
    assert smeaton("cache", "--clear", env=env).code == 0
    assert not list(tmp_path.rglob("*.so"))


VERBS = ("inspect", "run", "emit", "probe", "simulate", "schedule", "train", "study", "cache")


def test_help_lists_the_verbs():
    ended = smeaton("--help")
    assert ended.code == 0
    assert [verb for verb in VERBS if f"\n  {verb} " not in ended.out] == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_shows_an_example(verb):
    ended = smeaton(verb, "--help")
    assert ended.code == 0 and f"smeaton {verb} " in ended.out.partition("Example:")[2]
