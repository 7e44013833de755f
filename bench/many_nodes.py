#!/usr/bin/env python3
"""bench/many_nodes.py [NODES ...]: seconds from a file of many small nodes to emitted C++ (all stages but the
C++ compiler), for chains of MatMul+Relu, of elementwise nodes, and of transposes and views. Each step of the
table doubles the nodes; "growth" is the exponent between two rows: 1 is in proportion to the nodes, 2 their
square."""

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

PROGRAM = Path(__file__).resolve().parent.parent / "build" / "smeaton"
DEFAULT = [375, 750, 1500, 3000]


def save_model(nodes, shape, weights, path):
    last = nodes[-1].output[0]
    port = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "chain", [port("x")], [port(last)], weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def matmul_relu(count, path):
    rng = np.random.default_rng(0)
    nodes, weights, last = [], [], "x"
    for i in range(count // 2):
        weights.append(numpy_helper.from_array(rng.standard_normal((16, 16), np.float32) / 4, f"w{i}"))
        nodes.append(helper.make_node("MatMul", [last, f"w{i}"], [f"m{i}"]))
        nodes.append(helper.make_node("Relu", [f"m{i}"], [f"r{i}"]))
        last = f"r{i}"
    save_model(nodes, [4, 16], weights, path)


def elementwise(count, path):
    operators = ["Tanh", "Sigmoid", "Neg", "Abs"]
    names = ["x"] + [f"e{i}" for i in range(count)]
    nodes = [helper.make_node(operators[i % 4], [names[i]], [names[i + 1]]) for i in range(count)]
    save_model(nodes, [64], [], path)


def views(count, path):
    shape = numpy_helper.from_array(np.array([4, 16]), "shape")
    nodes, last = [], "x"
    for i in range(count // 4):
        nodes.append(helper.make_node("Transpose", [last], [f"t{i}"], perm=[1, 0]))
        nodes.append(helper.make_node("Reshape", [f"t{i}", "shape"], [f"v{i}"]))
        nodes.append(helper.make_node("Softmax", [f"v{i}"], [f"s{i}"]))
        nodes.append(helper.make_node("Add", [f"s{i}", last], [f"a{i}"]))
        last = f"a{i}"
    save_model(nodes, [4, 16], [shape], path)


def seconds(path):
    """Of this process's CPU, so that neighbours on the machine count little."""
    before = os.times()
    subprocess.run(
        [PROGRAM, "run", path, "--stop-after", "emit"], check=True, stdout=subprocess.DEVNULL, timeout=600
    )
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nodes", nargs="*", type=int, default=DEFAULT)
    counts = parser.parse_args().nodes
    start = time.perf_counter()
    print(f"{'chain':14}{'nodes':>8}{'seconds':>10}{'growth':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for make in (matmul_relu, elementwise, views):
            before = None
            for count in counts:
                path = Path(folder) / "chain.onnx"
                make(count, path)
                took = seconds(path)
                growth = math.log(took / before[1]) / math.log(count / before[0]) if before else float("nan")
                print(f"{make.__name__:14}{count:8}{took:10.2f}{growth:9.2f}", flush=True)
                before = (count, took)
    print(f"{time.perf_counter() - start:.0f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
