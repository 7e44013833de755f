"""`smeaton place`: problems from files, their answers and refusals."""

import json
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from models import smeaton  # noqa: E402

GIVEN = Path(__file__).resolve().parents[3] / "shared" / "data" / "placement"


def chain(layers=4, **more):
    rows = [
        {"id": i, "parameterSize": 10, "activationSize": 4, "optimalLatencyFw": 2, "optimalLatencyBw": 3, "isTensorParallelized": True}
        for i in range(layers)
    ]
    edges = [{"sourceId": i, "destId": i + 1, "communicationCost": 1} for i in range(layers - 1)]
    head = {"maxMemoryPerDevice": 100, "maxDevices": 4, "bandwidth": 1, "mbsInBatch": 8, "activationRecomputation": False}
    return head | {"optimizerAlgorithm": "SGD", "nodes": {"1": rows}, "edges": {"1": edges}} | more


def partition(**more):
    nodes = [{"id": i, "supportedOnFpga": 1, "cpuLatency": 9, "fpgaLatency": 2, "isBackwardNode": 0, "size": 3} for i in range(3)]
    edges = [{"sourceId": i, "destId": i + 1, "cost": 0.5} for i in range(2)]
    return {"maxSizePerFPGA": 10, "maxFPGAs": 3, "maxCPUs": 0, "nodes": nodes, "edges": edges} | more


def plan(**more):
    def variants(i):
        one = {"timePerSample": 4, "parameterSize": 2, "memoryUsageA": 2, "memoryUsageB": 5, "syncTimeFw": {}, "syncTimeBw": {}}
        return [one | {"id": "vanilla"}, one | {"id": "activation recomp", "timePerSample": 5, "memoryUsageA": 1}]

    nodes = [{"id": i, "TMPCs": {"1": variants(i)}} for i in range(3)]
    edges = [{"sourceId": i, "destId": i + 1, "communicationCost": 1} for i in range(2)]
    return {"maxMemoryPerDevice": 30, "maxDevices": 3, "bandwidth": 10, "mbsInBatch": 4, "nodes": nodes, "edges": edges} | more


def place(folder, problem, *arguments):
    path = folder / "problem.json"
    path.write_text(json.dumps(problem))
    return smeaton("place", "--problem", path, *arguments)


def answer(folder, problem, *arguments):
    ended = place(folder, problem, *arguments, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_the_format_is_told_by_the_keys(tmp_path):
    found = answer(tmp_path, chain())
    # four stages: 2 + 3 and a tensor of 1 each way; or two pipelines of two, or four of one
    assert found["format"] == "chain" and found["optimal"] and found["objective"] == min(7 * 11, 11 * 5 + 40, 20 * 2 + 120)
    assert [p["nodes"] for p in found["parts"]] == [["0"], ["1"], ["2"], ["3"]]
    found = answer(tmp_path, partition())
    assert found["format"] == "partition" and found["objective"] == 3.0  # the middle one sends and receives
    assert [p["device"] for p in found["parts"]] == ["accelerator 1", "accelerator 2", "accelerator 3"]
    found = answer(tmp_path, plan())
    assert found["format"] == "plan" and found["objective"] <= found["heuristic_objective"]
    assert found["parts"][0]["tmpc"] and found["devices_used"] == 3


def test_devices_and_memory_override_the_file(tmp_path):
    one = answer(tmp_path, chain(), "--devices", "1")
    assert one["devices_used"] == 1 and one["objective"] == 8 * 20
    assert place(tmp_path, chain(), "--memory", "23").code == 1
    assert answer(tmp_path, partition(), "--devices", "1")["objective"] == 6


CASES = {
    "negative memory": (chain(maxMemoryPerDevice=-3), "-3 bytes a device"),
    "zero devices": (chain(maxDevices=0), "0 devices"),
    "a layer larger than a device": (chain(maxMemoryPerDevice=20), "layer '0' alone needs 24 bytes"),
    "a branch": (chain(edges={"1": [{"sourceId": a, "destId": b, "communicationCost": 1} for a, b in [(0, 1), (0, 2), (1, 3), (2, 3)]]}), "no edge orders"),
    "a cycle": (chain(edges={"1": [{"sourceId": a, "destId": b, "communicationCost": 1} for a, b in [(0, 1), (1, 2), (2, 3), (3, 1)]]}), "form a cycle"),
    "a node that is not there": (chain(edges={"1": [{"sourceId": 0, "destId": 9, "communicationCost": 1}]}), "is 9, which is no node"),
    "an optimizer": (chain(optimizerAlgorithm="LAMB"), "expected SGD or Adam"),
    "a missing key": ({k: v for k, v in chain().items() if k != "bandwidth"}, "'bandwidth' is missing"),
    "no format": ({"layers": []}, "no known format"),
    "costs of one source": (partition(edges=[{"sourceId": 0, "destId": 1, "cost": 1}, {"sourceId": 0, "destId": 2, "cost": 2}]), "belongs to the source"),
    "no device": (partition(maxFPGAs=0), "expected at least one device"),
    "too small an accelerator": (partition(maxSizePerFPGA=2), "node 0 alone needs 3 bytes"),
    "a node larger than a device": (plan(maxMemoryPerDevice=5), "node 0 alone fits no device"),
    "a cyclic plan": (plan(edges=[{"sourceId": a, "destId": b, "communicationCost": 1} for a, b in [(0, 1), (1, 0)]]), "form a cycle"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_problem_is_refused_in_one_line(tmp_path, name):
    problem, message = CASES[name]
    ended = place(tmp_path, problem, "--json")
    assert ended.code == 1 and ended.out == ""
    assert message in ended.err and len(ended.err.strip().splitlines()) == 1 and "problem.json" in ended.err


@pytest.mark.parametrize("file, most", [("partition_layergraphs_resnet50_training.json", 79), ("partition_operatorgraphs_resnet50_inference.json", 125), ("plan_gnmt.json", 54)])
def test_the_given_instances(file, most):
    if not GIVEN.exists():
        pytest.skip(f"{GIVEN} is not here")
    ended = smeaton("place", "--problem", GIVEN / file, "--json")
    found = json.loads(ended.out)
    assert found["optimal"] and found["objective"] <= most
    assert found.get("heuristic_objective", most) >= found["objective"]
