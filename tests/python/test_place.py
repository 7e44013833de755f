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


NETWORK = "network:\n  - {name: node, count: 4, topology: all_to_all, bandwidth_gb_s: 300, latency_ns: 1000}\n"
CLUSTER = 'groups: [{device: "A100 SXM4 80GB", count: 4}]\n' + NETWORK
CONFIG = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": 64, "n_head": 4, "n_layer": 6, "n_positions": 32, "vocab_size": 500}


def on_cluster(folder, *arguments, cluster=CLUSTER, config=CONFIG):
    (folder / "cluster.yaml").write_text(cluster)
    (folder / "config.json").write_text(json.dumps(config))
    return smeaton("place", folder / "config.json", "--cluster", folder / "cluster.yaml", *arguments)


def test_a_model_on_a_cluster(tmp_path):
    ended = on_cluster(tmp_path, "--batch", "16", "--json")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    layers = [layer for stage in found["stages"] for layer in stage["layers"]]
    assert len(layers) == len(set(layers)) >= 6
    assert 0 < found["lower_bound_ms"] <= found["step_time_ms"]["planned"]
    assert found["gap"] == pytest.approx(found["step_time_ms"]["planned"] / found["lower_bound_ms"] - 1)
    assert found["d"] * sum(len(s["devices"]) for s in found["stages"]) <= 4
    assert found["microbatch"] * found["microbatches"] * found["d"] >= 16
    assert {"weights", "optimizer", "activations", "buffers"} == set(found["stages"][0]["memory_bytes"])
    text = on_cluster(tmp_path, "--batch", "16").out
    assert "binds" in text and "stages x devices" in text


def test_stages_hold_the_tensors_between_them(tmp_path):
    found = json.loads(on_cluster(tmp_path, "--batch", "16", "--fixed", "p=3,t=1,d=1,microbatch=2", "--json").out)
    tensor = 2 * 32 * 64 * 2  # samples, tokens, width, bytes
    assert [s["memory_bytes"]["buffers"] for s in found["stages"]] == [tensor, 2 * tensor, tensor]
    one = json.loads(on_cluster(tmp_path, "--batch", "16", "--fixed", "p=1,t=1,d=1", "--json").out)
    assert one["stages"][0]["memory_bytes"]["buffers"] == 0


def test_fixed_plans_are_no_better_and_as_asked(tmp_path):
    free = json.loads(on_cluster(tmp_path, "--batch", "16", "--json").out)
    assert free["gap"] < 0.5
    for fixed in ("p=2,t=1,d=2", "t=2,p=1", "p=3,microbatch=2,recompute=full"):
        ended = on_cluster(tmp_path, "--batch", "16", "--fixed", fixed, "--json")
        assert ended.code == 0, ended.err
        found = json.loads(ended.out)
        for key, value in (item.split("=") for item in fixed.split(",")):
            assert key == "recompute" or found[key] == int(value)
        assert found["step_time_ms"]["planned"] >= free["step_time_ms"]["planned"] * (1 - 1e-9)


LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 6}
LLAMA |= {"num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 500, "max_position_embeddings": 32, "tie_word_embeddings": False}


# b s (10 h + (4 a d + 4 k d + 4 F) / t) + 5 a b s^2 / t for each layer and microbatch in flight; gated: 8 F.
@pytest.mark.parametrize(
    "config, parameters, inside",
    [(CONFIG, 12 * 64 * 64 + 13 * 64, 8 * 64 + 4 * 256), (LLAMA, 2 * 64 * 64 + 2 * 64 * 16 + 3 * 64 * 176 + 2 * 64, 4 * 64 + 4 * 16 + 8 * 176)],
)
@pytest.mark.parametrize("t, optimizer, held", [(1, "adam", 16), (2, "adam", 16), (1, "sgd", 8)])
def test_memory_by_the_closed_form(tmp_path, config, parameters, inside, t, optimizer, held):
    fixed = f"p=2,t={t},d=1,microbatch=2,recompute=none"
    ended = on_cluster(tmp_path, "--batch", "16", "--fixed", fixed, "--optimizer", optimizer, "--json", config=config)
    assert ended.code == 0, ended.err
    stages = json.loads(ended.out)["stages"]
    heads = config.get("n_head") or config["num_attention_heads"]
    kept = 2 * 32 * (10 * 64 + inside / t + 5 * heads * 32 / t)
    # formula = layers x (held + in flight x kept), with whole layers in each stage
    counts = [(s["memory_formula_bytes"] / (held * parameters / t + flight * kept)) for s, flight in zip(stages, (2, 1))]
    assert sum(counts) == pytest.approx(6) and all(c == pytest.approx(round(c)) for c in counts)


def test_tied_weights_are_held_once(tmp_path):
    weights = {}
    for tied in (True, False):
        config = LLAMA | {"tie_word_embeddings": tied, "vocab_size": 50_000}
        for p in (1, 2):
            found = json.loads(on_cluster(tmp_path, "--batch", "16", "--fixed", f"p={p},t=1,d=1", "--json", config=config).out)
            weights[tied, p] = sum(s["memory_bytes"]["weights"] for s in found["stages"])
            assert any("copies" in note for note in found["notes"]) == (tied and p == 2)
    # two bytes of weight, two of gradient
    assert weights[False, 1] == weights[False, 2] == weights[True, 2] == weights[True, 1] + 4 * 50_000 * 64


def test_where_there_is_no_closed_form_a_note_says_why(tmp_path):
    config = LLAMA | {"model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "num_local_experts": 4, "num_experts_per_tok": 2}
    found = json.loads(on_cluster(tmp_path, "--batch", "16", "--json", config=config).out)
    assert {s["memory_formula_bytes"] for s in found["stages"]} == {None}
    assert any("experts" in note for note in found["notes"])


REFUSED = {
    "no batch": ((), {}, "--batch 0: expected"),
    "counts that differ": (("--batch", "8"), {"cluster": CLUSTER.replace("count: 4}]", "count: 6}]")}, "multiply to 4, the groups have 6"),
    "a topology": (("--batch", "8"), {"cluster": CLUSTER.replace("all_to_all", "star")}, "'topology' must be one of"),
    "a key": (("--batch", "8"), {"cluster": CLUSTER + "colour: red\n"}, "colour"),
    "a device": (("--batch", "8"), {"cluster": CLUSTER.replace("A100 SXM4 80GB", "B9000")}, "B9000"),
    "no groups": (("--batch", "8"), {"cluster": NETWORK}, "'groups' is to be a list"),
    "fixed words": (("--batch", "8", "--fixed", "q=3"), {}, "--fixed q=3"),
    "a microbatch": (("--batch", "8", "--fixed", "microbatch=3"), {}, "does not divide a batch of 8"),
    "an architecture": (("--batch", "8"), {"config": CONFIG | {"model_type": "gpt99"}}, "gpt99"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_placed_is_refused_in_one_line(tmp_path, name):
    arguments, changed, message = REFUSED[name]
    ended = on_cluster(tmp_path, *arguments, "--json", **changed)
    assert ended.code == 1 and ended.out == "" and message in ended.err, ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_the_space_of_phaze_is_listed():
    ended = smeaton("search", "--model", "phaze", "--list", "--json")
    found = json.loads(ended.out)
    assert found["space"] == len(found["points"]) == 29360
    first = found["points"][0]
    assert list(first) == ["n_tc", "n_vc", "width", "depth", "buffer_mb", "area_um2"]
    order = [tuple(p[key] for key in first if key != "area_um2") for p in found["points"]]
    assert order == sorted(order, reverse=True)
    assert max(p["area_um2"] for p in found["points"]) <= 278826676.312 * (1 + 5e-8)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "needs a MODEL"),
        (["config.json", "--devices", "8", "--phaze-defect", "10"], "1 to 8 and 11 to 14"),
        (["config.json", "--space", "x.yaml"], "its template's"),
        (["config.json", "--microbatch", "3", "--batch", "8"], "divides a batch of 8"),
    ],
)
def test_bad_searches_of_phaze(tmp_path, arguments, message):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    ended = smeaton("search", *[tmp_path / a if a == "config.json" else a for a in arguments], "--model", "phaze")
    assert ended.code == 1 and message in ended.err
