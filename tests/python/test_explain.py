"""What the rewrite rules did: run --explain."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, model, node, smeaton, tensor  # noqa: E402

BLOCKS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """blocks.onnx: inverted residuals as in MobileNetV2, then a mean over the pixels; y.npy, its output."""
    path = tmp_path_factory.mktemp("explain")
    rng = np.random.default_rng(5)
    nodes, weights, x = [], [], "x"

    def conv(x, name, shape, clip, **attributes):
        weights.append(tensor(f"{name}_w", (rng.standard_normal(shape) * 0.2).astype(np.float32)))
        nodes.append(node("Conv", [x, f"{name}_w"], [name], name, **attributes))
        if clip:
            nodes.append(node("Clip", [name, "low", "high"], [f"{name}_c"], f"{name}_clip"))
        return f"{name}_c" if clip else name

    for b in range(BLOCKS):
        e = conv(x, f"expand{b}", (48, 16, 1, 1), True)
        d = conv(e, f"depth{b}", (48, 1, 3, 3), True, group=48, pads=[1, 1, 1, 1])
        p = conv(d, f"project{b}", (16, 48, 1, 1), False)
        nodes.append(node("Add", [x, p], [f"sum{b}"], f"add{b}"))
        x = f"sum{b}"
    last = conv(x, "last", (64, 16, 1, 1), True)
    nodes.append(node("GlobalAveragePool", [last], ["y"], "mean"))
    weights += [tensor("low", np.float32(0)), tensor("high", np.float32(6))]
    graph = model(nodes, {"x": (F32, [1, 16, 14, 14])}, {"y": (F32, [1, 64, 1, 1])}, weights)
    onnx.save(graph, str(path / "blocks.onnx"))
    ended = smeaton("run", "blocks.onnx", "--output-dir", ".", cwd=path)
    assert ended.code == 0, ended.err
    return path


def test_the_rules_fit_two_screens(folder):
    ended = smeaton("run", "blocks.onnx", "--explain", cwd=folder)
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert len(lines) <= 100 and max(map(len, lines)) <= 100
    rules = {line.split()[0] for line in lines if line}
    assert {"merge-loops", "channels-last", "border", "tile-contraction", "claim-resident"} <= rules


def test_gains_add_up_and_each_application_is_listed_on_request(folder):
    ended = smeaton("run", "blocks.onnx", "--explain=all", "--json", cwd=folder)
    assert ended.code == 0, ended.err
    rewrites = json.loads(ended.out)["rewrites"]
    count = 0
    for part in rewrites["parts"]:
        for level, after in part["after"]["bytes"].items():
            gained = sum(rule["change"]["bytes"][level] for rule in part["rules"])
            assert gained == after - part["before"]["bytes"][level]
        gained_us = sum(rule["change"]["us"] for rule in part["rules"])
        assert abs(gained_us - (part["after"]["us"] - part["before"]["us"])) < 1e-6 * part["before"]["us"]
        count += sum(rule["taken"] + rule["refused"] for rule in part["rules"])
    assert count == len(rewrites["applications"])
    (refused,) = [a for a in rewrites["applications"] if a["refused"]]
    assert refused["rule"] == "merge-loops" and refused["what"].startswith("mean into last")
    assert "price would rise" in refused["refused"]
    text = smeaton("run", "blocks.onnx", "--explain=all", cwd=folder).out
    assert "merge-loops: mean into last" in text and f"refused: {refused['refused']}" in text


@pytest.mark.parametrize("rule", ["merge-loops", "tile-contraction", "vectorize"])
def test_a_skipped_rule_leaves_the_outputs(folder, rule):
    ended = smeaton("run", "blocks.onnx", "--skip", rule, "--explain", "--check", "y.npy", cwd=folder)
    assert ended.code == 0, ended.err
    assert not any(line.startswith(rule + " ") for line in ended.out.splitlines())


def test_another_word_is_refused(folder):
    ended = smeaton("run", "blocks.onnx", "--explain=some", cwd=folder)
    assert ended.code == 1 and "rules" in ended.err and "all" in ended.err
