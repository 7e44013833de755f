"""`smeaton search` and smeaton.search: the best of a space, logs that outlive a kill, executors, refusals."""

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
import smeaton as package

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent.parent / "tools")]
from models import F32, PROGRAM, model, node, smeaton, tensor  # noqa: E402
from zoo import store  # noqa: E402

KB = 8192  # bits
CHIP = {"ARRAY_N": 64, "ARRAY_M": 64, "WGT_DATA_WIDTH": 8, "ACT_DATA_WIDTH": 8, "BIAS_WIDTH": 32, "ACC_WIDTH": 32}
CHIP |= {"WBUF_CAPACITY_BITS": 512 * KB, "IBUF_CAPACITY_BITS": 512 * KB, "OBUF_CAPACITY_BITS": 256 * KB}
CHIP |= {"SIMD_VMEM_CAPACITY_BITS": 256 * KB, "BBUF_CAPACITY_BITS": 8 * KB}
PORTS = [f"{side}_AXI_DATA_WIDTH" for side in ("PARAMBUF", "IBUF", "OBUF", "SIMD")]
BUFFERS = {"WBUF_CAPACITY_BITS": 1, "IBUF_CAPACITY_BITS": 1, "OBUF_CAPACITY_BITS": 2, "SIMD_VMEM_CAPACITY_BITS": 2}
CHIP |= {port: 512 for port in PORTS}


def budget():
    """SimDIT's budget: 2048 KB and 2048 bit a cycle in powers of two, 85 to 100 % of each used."""
    vary = {key: {"from": 64 * KB // halves, "to": 2048 * KB // halves, "factor": 2} for key, halves in BUFFERS.items()}
    vary |= {port: {"from": 32, "to": 1024, "factor": 2} for port in PORTS}
    total = 2048 * KB
    caps = {"memory": {"sum": BUFFERS, "min": 0.85 * total, "max": total}}
    caps["ports"] = {"sum": {port: 1 for port in PORTS}, "min": 0.85 * 2048, "max": 2048}
    return {"base": "chip.json", "vary": vary, "caps": caps}


def written(folder, space):
    (folder / "chip.json").write_text(json.dumps(CHIP))
    (folder / "space.yaml").write_text(json.dumps(space))  # JSON is YAML
    return folder / "space.yaml"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Two convolutions and a ReLU."""
    weights = [tensor(n, np.ones(s, np.float32)) for n, s in (("a", (64, 16, 3, 3)), ("b", (96, 64, 1, 1)))]
    nodes = [node("Conv", ["x", "a"], ["g"], name="c1"), node("Relu", ["g"], ["h"]), node("Conv", ["h", "b"], ["y"], name="c2")]
    graph = model(nodes, {"x": (F32, [1, 16, 30, 30])}, {"y": (F32, [1, 96, 28, 28])}, weights)
    path = tmp_path_factory.mktemp("search") / "small.onnx"
    onnx.save(graph, str(path))
    return path


def found(*arguments):
    ended = smeaton("search", *arguments, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def front(result):
    return [(p["total_cycles"], p["sram_bytes"]) for p in result["pareto"]]


def test_simdits_budget_for_resnet50(tmp_path):
    path = store.cache_root() / "resnet50_plain" / "model.onnx"
    if not path.exists():
        pytest.skip("resnet50_plain is not in the cache; tools/models.py writes it")
    space = written(tmp_path, budget())
    best, every = found(path, "--space", space), found(path, "--space", space, "--exhaustive")
    assert best["proven"] and best["pareto_proven"] and best["gap"] == 0
    assert best["best"]["total_cycles"] == every["best"]["total_cycles"] == best["lower_bound"]
    assert best["best"]["total_cycles"] == pytest.approx(3.719e6, abs=500)
    assert front(best) == front(every)
    assert best["evaluated"] + best["pruned"] == best["space"] == every["evaluated"] == len(every["points"])
    points = [p for p in every["points"] if all(p["settings"][key] == CHIP[key] for key in BUFFERS)]
    cycles = {tuple(p["settings"][port] for port in PORTS): p["total_cycles"] for p in points}
    assert cycles[512, 512, 512, 512] == pytest.approx(4.312e6, abs=500)
    assert max(cycles.values()) == pytest.approx(33.20e6, abs=5e3)
    (economic,) = best["economic"]
    assert economic["least"] == "sram_bytes" and economic["slower"] <= 0.05
    assert economic["sram_bytes"] == min(p["sram_bytes"] for p in every["points"] if "refused" not in p and p["total_cycles"] <= 1.05 * best["lower_bound"])
    raised = next(s for s in best["sensitivity"] if s["resource"] == "ports")
    assert raised["kind"] == "cap" and raised["to"] > 2048 and raised["gain"] > 0
    wider = budget()
    wider["caps"]["ports"]["max"] = raised["to"]
    assert found(path, "--space", written(tmp_path, wider))["best"]["total_cycles"] == raised["objective"]


def test_a_cap_whose_rise_another_cap_undoes_gains_nothing(small, tmp_path):
    space = budget()
    space["caps"]["twin"] = dict(space["caps"]["ports"])
    best = found(small, "--space", written(tmp_path, space))
    ports, twin = (next(s for s in best["sensitivity"] if s["resource"] == name) for name in ("ports", "twin"))
    assert ports["because"] == twin["because"] == "the other caps allow no more"


def test_every_point_and_bounds_agree_and_say_the_same_in_python(small, tmp_path):
    space = written(tmp_path, budget())
    best, every = found(small, "--space", space), found(small, "--space", space, "--exhaustive")
    assert best["best"]["total_cycles"] == every["best"]["total_cycles"]
    assert front(best) == front(every)
    assert every["worst"]["total_cycles"] == max(p["total_cycles"] for p in every["points"] if "refused" not in p)
    of_package = package.search(space, small)
    assert {**of_package, "seconds": 0} == {**best, "seconds": 0}


def test_workloads_are_weighed(small, tmp_path):
    space = written(tmp_path, budget())
    result = found(small, small, "--space", space, "--weights", "3,1", "--resplit", "--out", tmp_path / "page.html")
    alone = found(small, "--space", space)
    assert result["best"]["total_cycles"] == 4 * alone["best"]["total_cycles"]
    assert result["best"]["cycles"] == [alone["best"]["total_cycles"]] * 2
    assert [r["between"] for r in result["resplit"]] == ["phases", "layers"]
    assert 0 <= result["resplit"][0]["gain"] <= result["resplit"][1]["gain"]
    assert "<svg" in (tmp_path / "page.html").read_text()
    relative = found(small, "--space", space, "--baseline", tmp_path / "chip.json")
    assert relative["best"]["objective"] == pytest.approx(
        relative["best"]["total_cycles"] / relative["workloads"][0]["baseline_cycles"]
    )
    both = found(small, "--space", space, "--training", "--inference", "--batch", "1")
    assert [w["training"] for w in both["workloads"]] == [False, True] and both["proven"]


def dask_pool():
    distributed = pytest.importorskip("distributed", reason="dask's distributed is not installed: its executor is not tried")
    client = distributed.Client(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
    return client.get_executor()


@pytest.mark.parametrize("pool", [lambda: ProcessPoolExecutor(2), dask_pool], ids=["processes", "dask"])
def test_an_executor_finds_the_same(small, tmp_path, pool):
    space, log = written(tmp_path, few_points()), tmp_path / "log.db"
    with pool() as executor:
        shared = package.search(space, [small], executor=executor, log=log)
        again = package.search(space, [small], executor=executor, log=log)
        every = package.search(space, [small], executor=executor, exhaustive=True)
    alone, one_by_one = package.search(space, [small]), package.search(space, [small], exhaustive=True)
    assert shared["proven"] and cycles(shared) == cycles(alone) == cycles(every)
    assert front(shared) == front(alone) == front(every)
    assert again["from_log"] == again["evaluated"] > 0 and cycles(again) == cycles(shared)
    assert every["evaluated"] == one_by_one["evaluated"] == every["space"] == len(every["points"])
    assert cycles(every, "worst") == cycles(one_by_one, "worst")
    # What tasks found is in a log like any other.
    assert package.search(space, [small], log=log)["from_log"] > 0


def cycles(result, which="best"):
    return result[which]["total_cycles"]


def few_points():
    space = budget()
    space["vary"] |= {port: {"values": [256, 512]} for port in PORTS}
    space["caps"].pop("ports")
    return space


CHIP_WITH_BUFFERS = """
name: small-chip
clock_ghz: 1
technology: 45nm
levels:
  - {name: reg, next: vmem, managed: software, roles: [vector], capacity: 1KiB}
  - {name: wbuf, next: dram, managed: software, roles: [b], capacity: 8KiB, read_gb_s: {one: 64}, write_gb_s: {one: 64}}
  - {name: ibuf, next: dram, managed: software, roles: [a], capacity: 8KiB, read_gb_s: {one: 64}, write_gb_s: {one: 64}}
  - {name: obuf, next: dram, managed: software, roles: [acc, vector], capacity: 16KiB, read_gb_s: {one: 64}, write_gb_s: {one: 64}}
  - {name: vmem, next: dram, managed: software, roles: [vector], capacity: 32KiB, read_gb_s: {one: 64}, write_gb_s: {one: 64}}
  - {name: dram, managed: software, capacity: 1GiB, line: 64, read_gb_s: {one: 8}, write_gb_s: {one: 8}, copy_gb_s: {one: 8},
     read_energy_pj_per_byte: 100, write_energy_pj_per_byte: 100}
units:
  - {name: array, kind: systolic, rows: 8, columns: 8, rates: [{op: fma, dtype: f32}]}
  - name: simd
    kind: vector
    vector_bits: 256
    registers: 16
    rates:
      - {op: fma, dtype: f32, per_cycle: 8}
      - {op: add, dtype: f32, per_cycle: 8}
      - {op: add, dtype: i32, per_cycle: 8}
      - {op: mul, dtype: f32, per_cycle: 8}
      - {op: mul, dtype: i32, per_cycle: 8}
      - {op: minmax, dtype: f32, per_cycle: 8}
      - {op: compare, dtype: f32, per_cycle: 8}
      - {op: select, dtype: f32, per_cycle: 8}
      - {op: logic, dtype: i32, per_cycle: 8}
      - {op: convert, dtype: f32, per_cycle: 8}
      - {op: shuffle, dtype: f32, per_cycle: 8}
      - {op: div, dtype: f32, per_cycle: 1}
      - {op: sqrt, dtype: f32, per_cycle: 1}
      - {op: gather, dtype: f32, per_cycle: 1}
      - {op: exp, dtype: f32, per_cycle: 1}
"""


def of_machines(folder, vary, caps):
    (folder / "chip.yaml").write_text(CHIP_WITH_BUFFERS)
    (folder / "machines.yaml").write_text(json.dumps({"base": "chip.yaml", "vary": vary, "caps": caps}))
    return folder / "machines.yaml"


def random_machines(seed):
    chance = np.random.default_rng(seed)

    def some(values):
        return {"values": sorted(float(v) for v in chance.choice(values, size=2, replace=False))}

    vary = {"units.array.rows": some([4, 8, 16, 32]), "units.array.columns": some([4, 8, 16, 32])}
    vary |= {"levels.dram.bandwidth_gb_s": some([2, 8, 64]), "units.simd.lanes": some([4, 8, 16])}
    vary |= {f"levels.{name}.capacity": some([4096, 8192, 16384, 65536]) for name in chance.choice(["wbuf", "ibuf", "obuf", "vmem"], 2, replace=False)}
    return vary, {"sram_bytes": float(chance.choice([60000, 100000, 1e6])), "area_mm2": float(chance.choice([1.2, 10]))}


@pytest.mark.parametrize("seed", range(4))
def test_bounds_on_machines_find_what_every_point_finds(small, tmp_path, seed):
    space = of_machines(tmp_path, *random_machines(seed))
    words = [small, "--space", space, "--model", "native", "--objective", ["time", "energy"][seed % 2]]
    some, every = found(*words), found(*words, "--exhaustive")
    assert some["proven"] and some["best"]["objective"] == every["best"]["objective"] == some["lower_bound"]
    assert front(some) == front(every)
    close = found(*words, "--gap", "20%")
    assert close["lower_bound"] <= every["best"]["objective"] <= close["best"]["objective"] <= 1.2 * close["lower_bound"] * (1 + 1e-9)


def test_a_machine_found_costs_what_simulate_says(small, tmp_path):
    capacity = {"levels.wbuf.capacity": {"values": [4096, 16384]}}
    best = found(small, "--model", "native", "--space", of_machines(tmp_path, capacity, {}))["best"]
    text = CHIP_WITH_BUFFERS.replace("roles: [b], capacity: 8KiB", f"roles: [b], capacity: {best['settings']['levels.wbuf.capacity']}")
    (tmp_path / "best.yaml").write_text(text)
    ended = smeaton("simulate", small, "--machine", tmp_path / "best.yaml", "--json")
    assert best["time_ms"] == pytest.approx(json.loads(ended.out)["time_ms"], rel=1e-12)


def test_buffers_divided_anew_gain_what_simulate_says(small, tmp_path):
    vary = {"levels.wbuf.capacity": {"values": [2048, 16384]}, "levels.vmem.capacity": {"values": [4096, 32768]}}
    result = found(
        small, "--model", "native", "--space", of_machines(tmp_path, vary, {"sram_bytes": 60000}), "--training", "--inference", "--resplit"
    )
    phases, kernels = {}, {}  # the least of each, over the sizes that the cap allows
    for wbuf, vmem in [(2048, 4096), (16384, 4096), (2048, 32768)]:
        text = CHIP_WITH_BUFFERS.replace("roles: [b], capacity: 8KiB", f"roles: [b], capacity: {wbuf}")
        (tmp_path / "one.yaml").write_text(text.replace("capacity: 32KiB", f"capacity: {vmem}"))
        for training in [(), ("--training",)]:
            ended = smeaton("simulate", small, "--machine", tmp_path / "one.yaml", "--all", "--json", *training)
            by_phase = {}
            said = json.loads(ended.out)
            once = {kernel["name"] for kernel in said["kernels"] if kernel["once"]}
            for kernel in said["nodes"]:
                if kernel["name"] not in once and not kernel["free"]:
                    by_phase.setdefault(kernel["phase"], []).append((kernel["name"], kernel["cycles"]))
            for phase, of in by_phase.items():
                key, names, times = (training, phase), tuple(n for n, _ in of), [t for _, t in of]
                phases[key] = min(phases.get(key, sum(times)), sum(times))
                programs = kernels.setdefault(key, {})
                programs[names] = [min(pair) for pair in zip(programs.get(names, times), times, strict=True)]
    least = {"phases": sum(phases.values()), "kernels": sum(min(sum(t) for t in of.values()) for of in kernels.values())}
    assert [r["between"] for r in result["resplit"]] == ["phases", "kernels"] and len(phases) > 2
    for split in result["resplit"]:
        assert split["proven"] and split["objective"] == pytest.approx(least[split["between"]], rel=1e-9)
        assert split["gain"] == pytest.approx(result["best"]["objective"] / split["objective"] - 1, abs=1e-12)
    assert 0 <= result["resplit"][0]["gain"] <= result["resplit"][1]["gain"]


def test_refusals_of_machines_name_the_key(small, tmp_path):
    def said(vary, caps=None):
        ended = smeaton("search", small, "--model", "native", "--space", of_machines(tmp_path, vary, caps or {}))
        assert ended.code == 1 and ended.out == "" and ended.err.count("\n") == 1, (ended.code, ended.err)
        return ended.err

    assert "unknown key 'levels.wbuf.capacit'" in said({"levels.wbuf.capacit": {"values": [1]}})
    assert "is no whole number" in said({"units.array.rows": {"values": [1.5]}})
    rows = {"units.array.rows": {"values": [4, 8]}}
    assert "'cost_usd' is no figure of this base" in said(rows, {"cost_usd": 3})
    assert "'power_w'" in said(rows, {"power_w": 1e-9})
    assert "'sram_bytes' leaves no point" in said(rows, {"sram_bytes": 5})


def test_a_machine_whose_array_is_not_fed_is_none_as_simulate_says(tmp_path):
    """The gradient of a window's weights reads every second of 13 pixels at once, which no tile makes fewer."""
    conv = node("Conv", ["x", "a"], ["y"], name="c", strides=[2, 2], pads=[1] * 4)
    strided = model([conv], {"x": (F32, [1, 8, 14, 14])}, {"y": (F32, [1, 16, 7, 7])}, [tensor("a", np.ones((16, 8, 3, 3), np.float32))])
    onnx.save(strided, str(tmp_path / "strided.onnx"))
    words = ["search", tmp_path / "strided.onnx", "--model", "native", "--training", "--space"]

    (tmp_path / "unfed.yaml").write_text(CHIP_WITH_BUFFERS.replace("roles: [a], capacity: 8KiB", "roles: [a], capacity: 32"))
    alone = smeaton("simulate", tmp_path / "strided.onnx", "--machine", tmp_path / "unfed.yaml", "--training", "--json")
    assert alone.code == 1 and alone.out == ""
    why = alone.err[alone.err.index("levels.ibuf.capacity") :].strip()
    assert "works on 52 bytes of its operand 'a'" in why

    some = found(*words[1:], of_machines(tmp_path, {"levels.ibuf.capacity": {"values": [32, 8192]}}, {}), "--exhaustive")
    assert some["best"]["settings"]["levels.ibuf.capacity"] == 8192
    refused = [p for p in some["points"] if "refused" in p]
    assert [p["settings"]["levels.ibuf.capacity"] for p in refused] == [32] and refused[0]["refused"].endswith(why)
    none = smeaton(*words, of_machines(tmp_path, {"levels.ibuf.capacity": {"values": [32]}}, {}))
    assert none.code == 1 and none.out == "" and none.err.strip().endswith(why)


def test_a_killed_search_goes_on(small, tmp_path):
    space = written(tmp_path, budget())
    words = ["search", small, "--space", space, "--exhaustive", "--json", "--threads", 1, "--log", tmp_path / "log.db"]
    whole = found(*words[1:5])
    for delay in (0.05, 0.1, 0.15, 0.2, 0.1):
        process = subprocess.Popen([str(PROGRAM), *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
    rest = found(*words[1:])
    assert rest["evaluated"] == whole["evaluated"] and front(rest) == front(whole)
    assert rest["best"] == whole["best"]
    again = found(*words[1:])
    assert again["from_log"] == again["evaluated"] == whole["evaluated"]
    other = smeaton("search", small, "--space", space, "--training", "--batch", 1, "--log", tmp_path / "log.db")
    assert other.code == 1 and "the log of another search" in other.err


def refusal(folder, space, *words):
    ended = smeaton("search", *words, "--space", written(folder, space))
    assert ended.code == 1 and ended.out == "" and ended.err.count("\n") == 1, (ended.code, ended.err)
    return ended.err


def test_refusals_name_the_key(small, tmp_path):
    def changed(**parts):
        return {**budget(), **parts}

    assert "'base'" in refusal(tmp_path, changed(base="gone.json"), small)
    assert "unknown key 'ARRAY_Q'" in refusal(tmp_path, changed(vary={"ARRAY_Q": {"values": [1]}}), small)
    assert "'from' 8 is above 'to' 4" in refusal(tmp_path, changed(vary={"ARRAY_N": {"from": 8, "to": 4, "factor": 2}}), small)
    assert "'values' must be a list" in refusal(tmp_path, changed(vary={"ARRAY_N": {"values": []}}), small)
    assert "'sram_bytes' leaves no point" in refusal(tmp_path, changed(caps={"sram_bytes": 1000}), small)
    assert "unknown key 'extra'" in refusal(tmp_path, changed(extra=1), small)
    assert "search needs a MODEL" in refusal(tmp_path, budget())
    tiny = {"WBUF_CAPACITY_BITS": {"values": [1024]}}
    assert "'WBUF_CAPACITY_BITS' is 1024 bits and must hold" in refusal(tmp_path, changed(vary=tiny, caps={}), small)
    assert "3 numbers for 1 workloads" in refusal(tmp_path, budget(), small, "--weights", "1,2,3")


def test_a_space_is_listed_without_a_model(tmp_path):
    space = budget()
    space["caps"]["ports"]["min"] = 2048
    listed = found("--space", written(tmp_path, space), "--list")
    assert listed["space"] == len(listed["points"]) and listed["grid"] == 6**8
    for point in listed["points"]:
        assert sum(point["settings"][port] for port in PORTS) == 2048
