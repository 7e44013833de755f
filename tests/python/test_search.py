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


def test_an_executor_finds_the_same(small, tmp_path):
    space = written(tmp_path, budget())
    with ProcessPoolExecutor(2) as pool:
        shared = package.search(space, [small], executor=pool)
    alone = package.search(space, [small])
    assert shared["proven"] and shared["best"]["total_cycles"] == alone["best"]["total_cycles"]
    assert front(shared) == front(alone)
    with pytest.raises(package.UserError, match="without an executor"):
        package.search(space, [small], executor=pool, log=tmp_path / "log.db")


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
